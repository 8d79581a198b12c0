"""The section [gateway] of the configuration."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    IPvAnyAddress,
    StringConstraints,
    model_validator,
)

from bus.settings import Section
from runtime.addresses import split_address

Network = IPv4Network | IPv6Network


def _network(value: object) -> Network:
    try:
        return ip_network(str(value))
    except ValueError as error:
        raise ValueError(
            f"a network, such as '192.0.2.0/24' or '2001:db8::/32' ({error})"
        ) from None


def _is_proxy(value: object) -> object:
    if value in ("", None):
        return None
    try:
        ip_address(str(value))
    except ValueError:
        raise ValueError("one address, such as '192.0.2.10'") from None
    return value


def _is_address(listen: str) -> str:
    split_address(listen)
    return listen


def _some(listen: tuple[str, ...]) -> tuple[str, ...]:
    if not listen:
        raise ValueError("at least one address, such as '0.0.0.0:8080'")
    return listen


def _is_address_or_off(listen: str) -> str:
    return listen and _is_address(listen)


Address = Annotated[str, AfterValidator(_is_address)]


class GatewaySettings(Section):
    """Where the gateway listens and what it believes."""

    listen: Annotated[tuple[Address, ...], AfterValidator(_some)] = (
        "0.0.0.0:8080",
        "0.0.0.0:8081",
    )
    account: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")] = "gateway"

    # TLS on the listeners of this port, once there is a certificate.
    tls_port: int = Field(default=8081, ge=1, le=65535)
    certificate: Path | None = None  # PEM with the chain; read again when it is renewed
    private_key: Path | None = None

    sources: tuple[
        Annotated[Network, BeforeValidator(_network)], ...
    ] = ()  # who may send notifications; empty: anybody with the path
    trusted_proxy: Annotated[IPvAnyAddress | None, BeforeValidator(_is_proxy)] = (
        None  # whose X-Forwarded-For is believed
    )
    rate: int = Field(default=100, ge=1)  # notifications per second and login at the PBX
    burst: int = Field(default=1_000, ge=1)  # notifications at once

    # Which library publishes; paho is slower and always used for MQTT 3.1.1.
    mqtt_client: Literal["mqtt5", "paho"] = "mqtt5"
    processes: int = Field(default=1, ge=1, le=16)
    keep_hours: float = Field(default=24, gt=0, le=168)  # how long events can be asked for again
    log_megabytes: int = Field(default=512, ge=1)  # greatest size of the event log

    # /healthz, /readyz and /metrics, for this machine only; "" switches it off.
    operations: Annotated[str, AfterValidator(_is_address_or_off)] = "127.0.0.1:9080"

    @model_validator(mode="after")
    def _a_key_for_the_certificate(self) -> Self:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key belong together")
        ports = {split_address(one)[1] for one in self.listen}
        if self.certificate is not None and self.tls_port not in ports:
            raise ValueError(f"tls_port {self.tls_port} is no port of listen, so nothing spoke TLS")
        return self
