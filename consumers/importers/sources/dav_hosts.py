"""To which servers the password of an address book may go, wherever its answers lead.

The owner of a name decides about the names below it; who else belongs together, no rule knows
(`example.co.uk` and `other.co.uk` do not), so further servers have to be named.
"""

import ipaddress
import re
from collections.abc import Sequence

from httpx import URL

# Providers whose address books are on other servers than the one people have to enter.
_PROVIDERS = (".icloud.com",)
_HTTPS = 443
_NAME = re.compile(r"(?:\*\.)?(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9_-]+)*\.?")


def is_host(written: str) -> bool:
    """Return whether this names a server, or with `*.` all below a name of two parts or more.

    A port may stand behind it.
    """
    name, port = _parted(written)
    if name.startswith("*.") and ("." not in name[2:] or _is_address(name[2:])):
        return False
    if port is not None and not 0 < port < 1 << 16:
        return False
    return _NAME.fullmatch(name) is not None or _is_address(name)


def may_ask(start: URL, url: URL, also: Sequence[str] = ()) -> bool:
    """Return whether the password that was given for one address may go to another one."""
    if url.scheme != "https":
        return (url.scheme, url.host, url.port) == (start.scheme, start.host, start.port)
    host, given = _plain(url.host), _plain(start.host)
    if host == given or any(_is_meant(url, start, host) for host in also):
        return True
    if url.port not in (None, start.port):
        return False
    below = not _is_address(given) and "." in given and host.endswith(f".{given}")
    return below or any(f".{given}".endswith(end) and host.endswith(end) for end in _PROVIDERS)


def _is_meant(url: URL, start: URL, written: str) -> bool:
    """Return whether a server was named; without a port, where https is or the first server is."""
    name, port = _parted(written)
    host, name = _plain(url.host), _plain(name)
    if port is None and url.port not in (None, start.port):
        return False
    if port is not None and port != (url.port or _HTTPS):
        return False
    return host.endswith(name[1:]) if name.startswith("*.") else host == name


def _parted(written: str) -> tuple[str, int | None]:
    """Take off the port; an address of IPv6 has colons of its own."""
    name = written.strip().lower()
    head, _, port = name.rpartition(":")
    if not _is_address(name) and head and re.fullmatch(r"[0-9]{1,5}", port):
        return head.strip("[]"), int(port)
    return name.strip("[]") if _is_address(name) else name, None


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
