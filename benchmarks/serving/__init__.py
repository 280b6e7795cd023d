"""Requests a second of the HTTP server."""
