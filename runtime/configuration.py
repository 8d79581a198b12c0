"""What every section of the configuration file is, and how one that cannot be used is refused."""

import codecs
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Section(BaseModel):
    """A table of the configuration file: a misspelt key is an error, not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SettingsRefused(Exception):
    """The configuration cannot be used; the message names file, key and fix."""


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a file; raise SettingsRefused."""
    try:
        return tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsRefused(
            f"{path}: this is not TOML: {error}; mend that place, or restore it from a backup"
        ) from error


def read_text(path: Path) -> str:
    """Return the text of a file as any editor saves it; raise SettingsRefused."""
    octets = path.read_bytes()
    try:
        return octets.decode("utf-16" if octets.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise SettingsRefused(
            f"{path}: line {line} holds a letter that is not UTF-8; save the file as UTF-8,"
            " or restore it from a backup"
        ) from error
