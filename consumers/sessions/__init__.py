"""The sessions process: logs users in at the PBX and keeps them subscribed."""
