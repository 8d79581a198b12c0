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
    assert PanelSettings(listen=listen).address == address


@pytest.mark.parametrize("listen", ["", "8090", "127.0.0.1", "127.0.0.1:0", "x:99999", "a b:80"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ValidationError, match=r"127\.0\.0\.1:8090"):
        PanelSettings(listen=listen)


def test_only_told_names_and_the_computers_own_are_answered() -> None:
    names = PanelSettings(listen="192.0.2.7:8090", hosts=("Phone.Test",)).names

    assert "0.0.0.0" not in PanelSettings(listen="0.0.0.0:8090").names  # any page could say it
    assert names == {"192.0.2.7", "localhost", "127.0.0.1", "::1", "phone.test"}
