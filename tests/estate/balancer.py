"""A balancer for the gateways, as an estate has one: connections go to those that are well."""

import http.client
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, NamedTuple, Self

from tests.estate.relay import Relay

_CHECK_EVERY = 0.5  # seconds
_CHECK_WITHIN = 1.0  # seconds
_FAILS = 2  # checks in a row after which a gateway gets nothing any more


class Gateway(NamedTuple):
    """The ports of a gateway: for the PBX, and for monitoring."""

    port: int
    operations: int


class Balancer(Relay):
    """Passes connections on to each gateway in turn that is ready, else to one that answers.

    One that does not answer loses its connections; one without a broker keeps events too.
    """

    def __init__(self, gateways: list[Gateway]) -> None:
        super().__init__(0)
        self._gateways = gateways
        self._fails = dict.fromkeys(gateways, 0)
        self._ready = set(gateways)
        self._turn = 0
        self._checks = [
            threading.Thread(target=self._check, args=(each,), daemon=True) for each in gateways
        ]

    def __enter__(self) -> Self:
        for check in self._checks:
            check.start()
        return super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        for check in self._checks:
            check.join()

    def _targets(self) -> Sequence[int]:
        self._turn += 1
        turn = self._turn % len(self._gateways)
        in_turn = self._gateways[turn:] + self._gateways[:turn]
        return [each.port for each in sorted(in_turn, key=self._rank)]

    def _rank(self, gateway: Gateway) -> tuple[bool, bool]:
        return self._fails[gateway] >= _FAILS, gateway not in self._ready

    def _check(self, gateway: Gateway) -> None:
        while not self._stopping.wait(_CHECK_EVERY):
            condition = _condition(gateway.operations)
            self._fails[gateway] = self._fails[gateway] + 1 if condition == "silent" else 0
            (self._ready.add if condition == "ready" else self._ready.discard)(gateway)
            if self._fails[gateway] == _FAILS:
                self._drop(gateway.port)


def _condition(port: int) -> Literal["ready", "alive", "silent"]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_CHECK_WITHIN)
    try:
        connection.request("GET", "/readyz")
        return "ready" if connection.getresponse().status == 200 else "alive"
    except (OSError, http.client.HTTPException):
        return "silent"
    finally:
        connection.close()
