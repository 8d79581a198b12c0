"""The caller process: who is calling, and what opens."""
