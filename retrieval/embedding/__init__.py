"""Texts into vectors: the models we can run, where their weights come from, what runs them."""
