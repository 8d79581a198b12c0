"""The stand-in's users, calls, sessions and behaviour."""
