"""XML-RPC within limits: reading, values, writing."""
