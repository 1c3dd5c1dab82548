"""The index and everything that reads it."""
