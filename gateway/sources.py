"""Where a request really comes from, and whether that place may send notifications."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from gateway.settings import Network

Source = IPv4Address | IPv6Address


class Sources:
    """The addresses that are believed; a proxy's word counts only from its own address."""

    def __init__(self, allowed: Sequence[Network], proxy: Source | None = None) -> None:
        self._allowed = tuple(allowed)
        self._proxy = proxy

    def may_connect(self, peer: str) -> bool:
        """Tell whether an address may take up a connection; a proxy speaks for many."""
        source = _address(peer)
        return not self._allowed or self._proxy is not None or self.allow(source)

    def of(self, peer: str, forwarded_for: str | None) -> Source | None:
        """Return the address a request came from, None if it cannot be told."""
        source = _address(peer)
        if source is None or source != self._proxy:
            return source
        return _address((forwarded_for or "").rpartition(",")[2])

    def allow(self, source: Source | None) -> bool:
        """Tell whether notifications from this address are accepted."""
        if not self._allowed:
            return True
        return source is not None and any(source in network for network in self._allowed)


@lru_cache(maxsize=1024)
def _address(text: str) -> Source | None:
    text = text.strip()
    if text.startswith("[") or text.count(":") == 1:
        text = text.removeprefix("[").rpartition(":")[0].removesuffix("]") or text
    try:
        found = ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
