"""The section [panel] of the configuration."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bus.settings import Section
from runtime.addresses import split_address

_LISTEN = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")


def _is_address(listen: str) -> str:
    found = _LISTEN.fullmatch(listen)
    if not found or not 0 < int(found["port"]) < 65536:
        raise ValueError("an address and a port, such as 127.0.0.1:8090 or [::1]:8090")
    return listen


def _is_prefix(prefix: str) -> str:
    if prefix and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", prefix):
        raise ValueError("a path such as /telephone, without a slash at its end")
    return prefix


def _is_network(network: str) -> str:
    ipaddress.ip_network(network, strict=False)
    return network


File = Annotated[Path | None, BeforeValidator(lambda path: path or None)]  # "": none
Enrolment = Literal["listed", "any PBX user", "off"]


class PanelSettings(Section):
    """Where the panel listens, under which names it answers, and who may log in."""

    listen: Annotated[str, AfterValidator(_is_address)] = "127.0.0.1:8090"
    hosts: tuple[str, ...] = ()  # further names in the browser's address line; others are refused
    patience: float = Field(default=12, gt=0, le=60)  # seconds to wait for what becomes of a dial

    certificate: File = None  # PEM, with the chain; then the panel speaks HTTPS by itself
    private_key: File = None
    trusted_proxy: tuple[Annotated[str, AfterValidator(_is_network)], ...] = ()
    prefix: Annotated[str, AfterValidator(_is_prefix)] = ""  # path at a proxy that passes it on
    enrolment: Enrolment = "listed"  # who may log in for the first time

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key belong together; give both or none")
        host = self.address[0]
        local = host == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)
        if not local and self.certificate is None and not self.trusted_proxy:
            raise ValueError(
                f'listen = "{self.listen}" would show passwords and callers to everybody on the '
                "way: give certificate and private_key (PEM files), or name the proxy that speaks "
                "TLS in trusted_proxy, or listen on 127.0.0.1"
            )
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        return split_address(self.listen)

    @property
    def names(self) -> frozenset[str]:
        """The names under which a browser may ask, against rebinding of foreign names."""
        names = (self.address[0], "localhost", "127.0.0.1", "::1", *self.hosts)
        return frozenset(name.lower().strip("[]") for name in names) - {"0.0.0.0", "::"}


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
