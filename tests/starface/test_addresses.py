import socket
import time

import pytest

from starface.addresses import Addresses
from starface.failures import PbxUnreachable


def soon() -> float:
    return time.monotonic() + 5


def test_an_address_is_found_and_leads_to_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        [(family, kind, protocol, address)] = Addresses(
            "127.0.0.1", listening.getsockname()[1]
        ).found(soon())

        with socket.socket(family, kind, protocol) as way:
            way.connect(address)


def test_addresses_are_kept_until_they_are_forgotten() -> None:
    addresses = Addresses("127.0.0.1", 80)

    first = addresses.found(soon())
    assert addresses.found(soon()) is first
    addresses.forget()
    assert addresses.found(soon()) is not first


@pytest.mark.parametrize("host", ["no-such-pbx.invalid", "a" * 64 + ".invalid", "x..y"])
def test_a_name_without_address_is_unreachable(host: str) -> None:
    with pytest.raises(PbxUnreachable, match="check host"):
        Addresses(host, 80).found(soon())
