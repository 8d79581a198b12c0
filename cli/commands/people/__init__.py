"""Commands for people: their calls and telephones."""
