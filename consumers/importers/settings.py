"""The section [directory] of the configuration."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from bus.settings import Section

_LISTEN = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")


def _is_address_or_off(listen: str) -> str:
    found = _LISTEN.fullmatch(listen)
    if listen and (not found or not 0 < int(found["port"]) < 65536):
        raise ValueError("an address and a port, such as 127.0.0.1:8091, or nothing")
    return listen


class DirectorySettings(Section):
    """Where applications may push changes of their contacts."""

    listen: Annotated[str, AfterValidator(_is_address_or_off)] = ""  # empty: nowhere
    token_file: Path = Path("secrets/directory.token")
    megabytes: int = Field(default=8, ge=1, le=256)  # greatest size of one push
