"""The dial process: places the calls that users request."""
