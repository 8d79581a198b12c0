"""Commands that fill and look at the directory."""
