"""How well retrieval answers: questions with gold, metrics, runs, and whether two runs differ."""
