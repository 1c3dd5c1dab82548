"""What we are compared with. The scripts here run in an environment of their own."""
