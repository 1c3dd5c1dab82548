"""Documents to chunks in the index: parsing, chunking, indexing."""
