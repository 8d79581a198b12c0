"""Keeps a record of every finished call, the missed ones first, and notes about them."""
