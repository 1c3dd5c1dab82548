"""The catalog: who owns what and what happened to it, in PostgreSQL."""
