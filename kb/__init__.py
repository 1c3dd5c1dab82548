"""The service: HTTP API, catalog, jobs, command line, wiring."""

__version__ = "0.1.0"
