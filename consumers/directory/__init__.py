"""Contacts in SQLite: schema, import, queries, matching."""
