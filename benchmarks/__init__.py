"""What the service is measured by: the quality of its rankings and the cost of its own code."""
