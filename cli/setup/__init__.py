"""`starface2mqtt setup`: from nothing to the first call, step by step, each checked."""
