"""What a notification means, and to which call it belongs."""
