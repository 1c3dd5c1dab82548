"""A question put to a language model before it is searched: rewritten, taken apart, or imagined
answered."""
