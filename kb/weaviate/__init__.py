"""Weaviate: the server that `kb up --store weaviate` runs."""
