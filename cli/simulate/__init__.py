"""Commands that run and drive the stand-in STARFACE."""
