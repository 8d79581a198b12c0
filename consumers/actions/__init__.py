"""What can be done about a call."""
