"""Events in, things happen."""
