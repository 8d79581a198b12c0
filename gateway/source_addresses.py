"""Where a request really comes from, and whether that place may send notifications."""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from gateway.settings import Network

SourceAddress = IPv4Address | IPv6Address

_WITH_PORT = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[0-9.]+))(?::[0-9]{1,5})?")
_MAPPED = 96  # bits in front of an IPv4 address in IPv6


class SourceAddresses:
    """The addresses that are believed; a proxy's word counts only from its own address."""

    def __init__(self, allowed: Sequence[Network], proxy: SourceAddress | None = None) -> None:
        self._allowed = tuple(map(_unmapped, allowed))
        self._proxy = _address(str(proxy)) if proxy else None

    def may_connect(self, peer: str) -> bool:
        """Return whether an address may connect; a proxy speaks for many."""
        source = _address(peer)
        return not self._allowed or self._proxy is not None or self.allow(source)

    def of(self, peer: str, forwarded_for: str | None) -> SourceAddress | None:
        """Return the address a request came from, None if it is not known."""
        source = _address(peer)
        if self._proxy is None or source != self._proxy:
            return source
        return _address((forwarded_for or "").rpartition(",")[2])

    def allow(self, source: SourceAddress | None) -> bool:
        """Return whether notifications from this address are accepted."""
        if not self._allowed:
            return True
        return source is not None and any(source in network for network in self._allowed)


@lru_cache(maxsize=1024)
def _address(text: str) -> SourceAddress | None:
    match = _WITH_PORT.fullmatch(text.strip())
    try:
        found = ip_address(match["v6"] or match["v4"] if match else text.strip())
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _unmapped(network: Network) -> Network:
    """Return the IPv4 network that `::ffff:192.0.2.0/120` means, as its addresses come as IPv4."""
    if not isinstance(network, IPv6Network) or network.prefixlen < _MAPPED:
        return network
    mapped = network.network_address.ipv4_mapped
    return IPv4Network((mapped, network.prefixlen - _MAPPED)) if mapped else network
