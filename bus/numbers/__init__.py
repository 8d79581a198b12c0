"""How a telephone number is read, compared and shown."""
