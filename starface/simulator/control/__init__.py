"""Drives the stand-in: its facade, commands, views and client."""
