"""How the PBX is reached and how it reaches us: the section [starface]."""

import re
import socket
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from runtime.addresses import join_address

Api = Literal["v20", "v22", "v30"]

_BY_BROWSER = ("rest-client", "windows-app")  # programs of the PBX that log in with a browser
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|\[?[0-9A-Fa-f:.]{2,45}\]?")
_Port = Annotated[int, Field(ge=1, le=65535)]


class StarfaceSettings(BaseModel):
    """The section [starface]."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    location: Literal["local", "cloud"] = "local"
    host: str = Field(default="", max_length=255)
    scheme: Literal["http", "https"] = "https"
    port: _Port | None = None  # None: 80 or 443
    verify: Literal["on", "pinned", "off"] = "on"
    fingerprint: str = ""  # SHA-256 of the certificate, for verify = "pinned"
    external_address: str = Field(
        default="", max_length=255
    )  # the office's, for a PBX in the cloud
    callback_scheme: Literal["http", "https"] = "http"
    callback_port: _Port = 8080
    callback_host: str = Field(default="", max_length=255)  # empty: found by callback_host()
    api: Literal["auto", "v20", "v22", "v30"] = "v22"
    auth: Literal["auto", "sha512", "md5", "ad", "oauth"] = "sha512"
    oauth_client_id: str = Field(default="rest-client-headless", max_length=200)
    oauth_client_secret: SecretStr | None = None
    oauth_scope: str = Field(default="login", max_length=200)
    keep_alive: float = Field(default=30, gt=0, le=55)  # seconds; the PBX forgets us after about 60
    connect_timeout: float = Field(default=3.0, gt=0, le=30)  # seconds
    read_timeout: float = Field(default=5.0, gt=0, le=60)  # seconds, for the whole answer
    extension_may_differ: bool = False

    @field_validator("host", "external_address", "callback_host")
    @classmethod
    def _only_a_host(cls, host: str) -> str:
        if host and not _HOST.fullmatch(host):
            raise ValueError("a name or an address, without http:// and without a port")
        return host.strip("[]")

    @field_validator("fingerprint")
    @classmethod
    def _hexadecimal(cls, fingerprint: str) -> str:
        plain = fingerprint.replace(":", "").replace(" ", "").lower()
        if plain and not re.fullmatch("[0-9a-f]{64}", plain):
            raise ValueError("64 hexadecimal digits: the SHA-256 of the PBX's certificate")
        return plain

    @model_validator(mode="after")
    def _complete(self) -> "StarfaceSettings":
        if self.verify == "pinned" and not self.fingerprint:
            raise ValueError('verify = "pinned" needs the fingerprint of the certificate')
        if self.location == "cloud" and not (self.external_address or self.callback_host):
            raise ValueError('location = "cloud" needs external_address, the office\'s own address')
        return self

    @model_validator(mode="before")
    @classmethod
    def _scope_of_the_program(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("oauth_client_id") in _BY_BROWSER:
            return {"oauth_scope": "pbx-login"} | given
        return given

    @property
    def pbx_port(self) -> int:
        """The port of the PBX, as set or the usual one."""
        return self.port or (443 if self.scheme == "https" else 80)

    @property
    def origin(self) -> str:
        """Scheme, host and port of the PBX, as URLs begin."""
        return f"{self.scheme}://{join_address(self.host, self.pbx_port)}"


def callback_host(settings: StarfaceSettings) -> str:
    """Return the address under which the PBX reaches us.

    In the LAN it is our own address on the way to the PBX; no packet is sent to find it. Raises
    OSError when there is no way to the PBX.
    """
    if settings.callback_host:
        return settings.callback_host
    if settings.location == "cloud":
        return settings.external_address
    [(family, _, _, _, address), *_] = socket.getaddrinfo(
        settings.host, settings.pbx_port, type=socket.SOCK_DGRAM
    )
    with socket.socket(family, socket.SOCK_DGRAM) as connection:
        connection.connect(address)
        return str(connection.getsockname()[0])
