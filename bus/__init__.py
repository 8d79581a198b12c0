"""The contract: what travels between the processes, where and how."""
