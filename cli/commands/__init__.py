"""Commands for people and their programs."""
