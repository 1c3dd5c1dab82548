"""Stores: where index versions live."""
