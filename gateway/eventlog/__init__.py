"""Durable, numbered storage of call events."""
