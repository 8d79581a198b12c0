"""Commands for developers of other programs."""
