"""Accounts of the broker, and what each may read and write."""
