"""In from the PBX: its notifications become events."""
