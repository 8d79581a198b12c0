"""Which numbers of a contact count, and how they are read."""
