"""What every executor of a site can be set in the configuration: webhooks and commands."""

from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, model_validator

from bus.events import CONTENT_TYPE
from bus.settings import Section
from consumers.actions.url_templates import FOR_PROGRAMS, places

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_WINDOWS_SHELL = (".bat", ".cmd")
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]


class WebhookTarget(Section):
    """A program elsewhere that is notified by HTTP, signed with a secret."""

    name: Name = "webhook"
    url: str = Field(max_length=2000)
    secret: SecretStr | None = Field(default=None, min_length=16)
    timeout: float = Field(default=5.0, gt=0, le=60)  # seconds
    give_up_after: int = Field(default=600, ge=0, le=86_400)  # seconds of retries
    names: bool = True  # False: it gets ids and numbers, and no names
    plain_http: bool = False  # allowed without being asked for on this machine only

    @model_validator(mode="after")
    def _reachable_and_private(self) -> Self:
        split = urlsplit(self.url)
        if split.scheme not in ("http", "https") or not split.hostname or "@" in split.netloc:
            raise ValueError("url: an address such as https://app.example/calls, without password")
        if split.scheme == "http" and split.hostname not in _LOOPBACK and not self.plain_http:
            raise ValueError("url: https, or http with plain_http = true")
        if self.secret is None and self.signed:
            raise ValueError("secret: 16 characters or more, which the receiver knows too")
        return self

    @property
    def signed(self) -> bool:
        """Whether the receiver checks our signature."""
        return True

    @property
    def content_type(self) -> str:
        """What is sent."""
        return CONTENT_TYPE


class CommandTarget(Section):
    """A program on this machine, started with exactly these arguments and no shell."""

    PLACES: ClassVar[frozenset[str]] = FOR_PROGRAMS

    name: Name = "command"
    arguments: tuple[str, ...] = Field(min_length=1, max_length=64)
    timeout: float = Field(default=10.0, gt=0, le=600)  # seconds
    names: bool = True  # False: the placeholders that name somebody are empty

    @model_validator(mode="after")
    def _fixed_program(self) -> Self:
        program, *rest = self.arguments
        if "{" in program or not program:
            raise ValueError("arguments: the program itself must be written out")
        if program.lower().endswith(_WINDOWS_SHELL):
            raise ValueError("arguments: no .bat or .cmd, they pass everything through a shell")
        for argument in rest:
            places(argument, self.PLACES)
        return self
