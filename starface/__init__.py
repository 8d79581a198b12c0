"""The PBX from our side."""
