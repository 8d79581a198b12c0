import pytest
from pydantic import ValidationError

from panel.settings import PanelSettings


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:8090", ("127.0.0.1", 8090)),
        ("[::1]:8090", ("::1", 8090)),
        ("phone.test:80", ("phone.test", 80)),
    ],
)
def test_an_address_is_read(listen: str, address: tuple[str, int]) -> None:
    assert PanelSettings(listen=listen, trusted_proxy=("192.0.2.1",)).address == address


@pytest.mark.parametrize("listen", ["", "8090", "127.0.0.1", "127.0.0.1:0", "x:99999", "a b:80"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ValidationError, match=r"127\.0\.0\.1:8090"):
        PanelSettings(listen=listen)


def test_only_named_hosts_and_the_computers_own_are_answered() -> None:
    proxy = ("192.0.2.1",)
    names = PanelSettings(listen="192.0.2.7:8090", hosts=("Phone.Test",), trusted_proxy=proxy).names

    assert (
        "0.0.0.0" not in PanelSettings(listen="0.0.0.0:8090", trusted_proxy=proxy).names
    )  # any page could say it
    assert names == {"192.0.2.7", "localhost", "127.0.0.1", "::1", "phone.test"}


@pytest.mark.parametrize("listen", ["0.0.0.0:8090", "192.0.2.7:8090", "[::]:8090", "phone.test:80"])
def test_passwords_never_travel_without_tls(listen: str) -> None:
    with pytest.raises(ValidationError, match="certificate and private_key"):
        PanelSettings(listen=listen)


@pytest.mark.parametrize("listen", ["127.0.0.1:8090", "localhost:8090", "[::1]:8090"])
def test_this_machine_needs_no_tls(listen: str) -> None:
    assert PanelSettings(listen=listen).listen == listen


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="belong together"):
        PanelSettings(certificate="panel.pem")


@pytest.mark.parametrize("prefix", ["telephone", "/telephone/", "/a b", "//x"])
def test_a_prefix_is_a_path(prefix: str) -> None:
    with pytest.raises(ValidationError, match="/telephone"):
        PanelSettings(prefix=prefix)
