"""The connection to the broker: sessions, publishing, receiving, reconnecting."""
