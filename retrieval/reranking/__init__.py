"""Models that read question and passage together, and say how well the one answers the other."""
