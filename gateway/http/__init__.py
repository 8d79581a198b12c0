"""The HTTP server: connections, batching, TLS."""
