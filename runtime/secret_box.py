"""Tokens at rest: sealed with a key that lies apart from the database."""

from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from runtime.configuration import SettingsRefused
from runtime.files import private


class SealBroken(SettingsRefused):
    """The sealed text was made with another key, or changed."""


class SecretBox:
    """Seals and opens secrets with one key."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    def close(self, secret: SecretStr) -> str:
        """Return the secret, sealed."""
        return self._fernet.encrypt(secret.get_secret_value().encode()).decode()

    def open(self, sealed: str) -> SecretStr:
        """Return what was sealed; raise SealBroken."""
        try:
            return SecretStr(self._fernet.decrypt(sealed.encode()).decode())
        except InvalidToken as error:
            raise SealBroken("a token cannot be opened with this site's seal key") from error

    def open_text(self, sealed: str) -> str:
        """Return what was sealed as a plain text; raise SealBroken."""
        return self.open(sealed).get_secret_value()


def new_key() -> bytes:
    """Return a fresh key."""
    return Fernet.generate_key()


def read_secret_box(path: Path) -> SecretBox:
    """Return the seal of a key file; raise SettingsRefused."""
    try:
        private(path)
        return SecretBox(path.read_bytes().strip())
    except FileNotFoundError as error:
        raise SettingsRefused(
            f"{path}: there is no seal key; make it with: starface2mqtt init"
        ) from error
    except (OSError, ValueError) as error:
        raise SettingsRefused(
            f"{path}: this is no key of 32 bytes: {error}; restore it from a backup"
        ) from error
