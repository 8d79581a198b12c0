"""From the event log to the broker, in order."""
