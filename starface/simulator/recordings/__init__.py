"""Records and replays the traffic of a PBX, with pseudonyms."""
