"""The playground: notebooks that tune chunking and retrieval on one's own documents."""
