"""One writer per format for the demo handbook, and the parser they share."""
