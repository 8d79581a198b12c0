"""What proves a user to the PBX, derived once from the password, which is then forgotten.

The token is a password equivalent: who has it can log in. With Active Directory it even holds the
password, readable; that variant is for sites whose PBX knows no other.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

Kind = Literal["sha512", "md5", "ad", "oauth"]


@dataclass(frozen=True)
class Credential:
    """The token of one user; with OAuth the refresh token."""

    kind: Kind
    secret: SecretStr


def derive(kind: Literal["sha512", "md5", "ad"], login: str, password: str) -> Credential:
    """Derive the token of a login from its password."""
    return Credential(kind, SecretStr(_TOKEN[kind](login, password)))


def rest_secret(login: str, nonce: str, password: str, *, directory: bool = False) -> str:
    """Return the secret of a REST login; `directory` is the PBX's loginType ActiveDirectory."""
    if directory:
        return base64.b64encode(f"{login}{nonce}{password}".encode()).decode()
    return f"{login}:{_sha512(login + nonce + _sha512(password))}"


def _sha512(text: str) -> str:
    return hashlib.sha512(text.encode()).hexdigest()


def _token_sha512(login: str, password: str) -> str:
    return f"{login}:{_sha512(f'{login}*{_sha512(password)}')}"


def _token_md5(login: str, password: str) -> str:
    return hashlib.md5(f"{login}*{password}".encode(), usedforsecurity=False).hexdigest()


def _token_directory(login: str, password: str) -> str:
    return base64.b64encode(f"{login}*{password}".encode()).decode()


_TOKEN = {"sha512": _token_sha512, "md5": _token_md5, "ad": _token_directory}
