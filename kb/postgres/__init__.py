"""PostgreSQL: the server we bring along, and how the service connects to any."""
