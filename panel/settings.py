"""The section [panel] of the configuration."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from bus.settings import Section

_LISTEN = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")


def _is_address(listen: str) -> str:
    found = _LISTEN.fullmatch(listen)
    if not found or not 0 < int(found["port"]) < 65536:
        raise ValueError("an address and a port, such as 127.0.0.1:8090 or [::1]:8090")
    return listen


class PanelSettings(Section):
    """Where the panel listens and under which names it answers."""

    listen: Annotated[str, AfterValidator(_is_address)] = "127.0.0.1:8090"
    hosts: tuple[str, ...] = ()  # further names in the browser's address line; others are refused
    patience: float = Field(default=12, gt=0, le=60)  # seconds to wait for what becomes of a dial

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def names(self) -> frozenset[str]:
        """The names under which a browser may ask, against rebinding of foreign names."""
        told = (self.address[0], "localhost", "127.0.0.1", "::1", *self.hosts)
        return frozenset(name.lower().strip("[]") for name in told) - {"0.0.0.0", "::"}
