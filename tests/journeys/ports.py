"""Free ports for processes that need several."""

import random
import socket
from contextlib import ExitStack


def free_range(count: int) -> int:
    """Return the first of `count` consecutive ports nobody listens on."""
    chance = random.Random()
    for _ in range(100):
        first = chance.randrange(20_000, 30_000)
        with ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    probe = probes.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports")
