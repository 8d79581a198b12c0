"""A question to the PBX and the reading of its answer, with what proves the user beside it."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, TypeVar, overload
from urllib.parse import quote

from starface import answers, methods
from starface.credential import Credential
from starface.failures import CallRefused, LoginRefused
from starface.oauth import AccessTokens
from starface.settings import Api, StarfaceSettings
from starface.transport import Transport
from starface.xmlrpc.reading import Unreadable, Value, Writable, write_call

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Callback:
    """Where the PBX finds us, as seen from the PBX."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def query(self) -> str:
        """The address as the PBX wants it beside each request."""
        return (
            f"&de.vertico.starface.callback.type={self.scheme}"
            f"&de.vertico.starface.callback.host={quote(self.host, safe=':')}"
            f"&de.vertico.starface.callback.port={self.port}"
            f"&de.vertico.starface.callback.path={quote(self.path, safe='/')}"
        )


@lru_cache(maxsize=8)
def _shared_transport(settings: StarfaceSettings) -> Transport:
    return Transport(settings)


class RpcRequest:
    """Asks for one user, in one version of the interface."""

    def __init__(
        self,
        settings: StarfaceSettings,
        login: str,
        credential: Credential,
        callback: Callback | None,
        transport: Transport | None,
    ) -> None:
        self.api: Api = "v22" if settings.api == "auto" else settings.api
        self._login = login
        self._credential = credential
        self._callback = callback.query if callback else ""
        self._transport = transport or _shared_transport(settings)
        self._access = AccessTokens(settings, credential) if credential.kind == "oauth" else None

    @property
    def credential(self) -> Credential:
        """The credential as it is now; with OAuth it changes when it is refreshed."""
        return self._access.credential if self._access else self._credential

    @property
    def clock_offset(self) -> timedelta | None:
        """By how much the PBX's clock is ahead of ours; None when it has not said."""
        return self._transport.clock_offset

    @overload
    def ask(self, name: str, *params: Writable, logging_in: bool = ...) -> Value: ...
    @overload
    def ask(
        self,
        name: str,
        *params: Writable,
        read: Callable[[Value], T],
        logging_in: bool = ...,
        api: Api | None = ...,
    ) -> T: ...
    def ask(
        self,
        name: str,
        *params: Writable,
        read: Callable[[Value], Any] | None = None,
        logging_in: bool = False,
        api: Api | None = None,
    ) -> Any:
        """Ask by the name of family and method, and read the answer with `read`.

        `api`: the version whose name the method has, where that is not the one the session has.
        """
        value = self._answered(methods.method(api or self.api, name), name, params, logging_in)
        if read is None:
            return value
        try:
            return read(value)
        except Unreadable as fault:
            raise answers.unreadable(fault) from None

    def _answered(
        self, method: str, name: str, params: Sequence[Writable], logging_in: bool
    ) -> Value:
        try:
            body = write_call(method, params)
        except ValueError:
            raise CallRefused("A number or name holds characters that cannot be sent.") from None
        try:
            return self._sent(name, body, logging_in)
        except LoginRefused:
            if self._access is None:
                raise
        # A refused access token is a plain no: nothing was done, so it may be asked again.
        self._access.renew()
        return self._sent(name, body, logging_in)

    def _sent(self, name: str, body: bytes, logging_in: bool) -> Value:
        query = self._proof() + self._callback
        started = time.monotonic()
        answer = self._transport.post(query, body, harmless=methods.harmless(name))
        spent = (time.monotonic() - started) * 1000
        log.debug("answered request=%s status=%d ms=%d", name, answer.status, spent)
        return answers.value(answer, logging_in=logging_in, by_jwt=self._access is not None)

    def _proof(self) -> str:
        if self._access:
            return f"de.vertico.starface.jwt={quote(self._access.current(), safe='')}"
        user = quote(self._login, safe="")
        token = quote(self._credential.secret.get_secret_value(), safe=":")
        return f"de.vertico.starface.user={user}&de.vertico.starface.auth={token}"
