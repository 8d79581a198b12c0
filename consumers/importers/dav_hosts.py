"""To which servers the password of an address book may go, wherever its answers lead.

The owner of a name decides about the names below it; who else belongs together, no rule knows
(`example.co.uk` and `other.co.uk` do not), so further servers have to be told.
"""

import ipaddress
import re
from collections.abc import Sequence

from httpx import URL

# Providers whose address books are on other servers than the one people are told to enter.
_PROVIDERS = (".icloud.com",)
_NAME = re.compile(r"(?:\*\.)?(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9_-]+)*\.?")


def is_host(told: str) -> bool:
    """Tell whether this names a server, or with `*.` all below a name of two parts or more."""
    name = told.strip().lower()
    if name.startswith("*.") and ("." not in name[2:] or _is_address(name[2:])):
        return False
    return _NAME.fullmatch(name) is not None or _is_address(name)


def may_ask(start: URL, url: URL, also: Sequence[str] = ()) -> bool:
    """Tell whether the password that was given for one address may go to another one."""
    if url.scheme != "https":
        return (url.scheme, url.host, url.port) == (start.scheme, start.host, start.port)
    host, given = _plain(url.host), _plain(start.host)
    if host == given:
        return True
    if url.port not in (None, start.port):
        return False
    below = not _is_address(given) and "." in given and host.endswith(f".{given}")
    provider = any(f".{given}".endswith(end) and host.endswith(end) for end in _PROVIDERS)
    return below or provider or any(_is_meant(host, one) for one in also)


def _is_meant(host: str, told: str) -> bool:
    name = _plain(told.strip())
    return host.endswith(name[1:]) if name.startswith("*.") else host == name


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
