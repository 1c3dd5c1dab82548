"""Files to canonical text with block structure; hostile files are parsed in a child process."""
