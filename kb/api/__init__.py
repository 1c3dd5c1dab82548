"""The REST API: each endpoint reads the request, calls the service and renders the answer."""
