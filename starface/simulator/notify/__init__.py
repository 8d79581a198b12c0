"""What the stand-in sends to the callback addresses."""
