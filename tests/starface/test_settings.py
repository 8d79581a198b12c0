import pytest
from pydantic import ValidationError

from starface.settings import StarfaceSettings, callback_host


def test_the_port_follows_the_scheme_unless_it_is_set() -> None:
    assert StarfaceSettings(host="pbx").pbx_port == 443
    assert StarfaceSettings(host="pbx", scheme="http").pbx_port == 80
    assert StarfaceSettings(host="pbx", port=8443).pbx_port == 8443


def test_an_ipv6_address_stands_in_brackets_in_an_origin_only() -> None:
    settings = StarfaceSettings(host="[2001:db8::1]")

    assert settings.host == "2001:db8::1"
    assert settings.origin == "https://[2001:db8::1]:443"


@pytest.mark.parametrize("host", ["https://pbx", "pbx:443", "pbx/xml-rpc", "a b", "pbx\r\nX: y"])
def test_a_host_is_a_name_or_an_address_and_nothing_else(host: str) -> None:
    with pytest.raises(ValidationError, match="without http://"):
        StarfaceSettings(host=host)


def test_a_pinned_certificate_needs_its_fingerprint() -> None:
    with pytest.raises(ValidationError, match="needs the fingerprint"):
        StarfaceSettings(host="pbx", verify="pinned")
    with pytest.raises(ValidationError, match="64 hexadecimal digits"):
        StarfaceSettings(host="pbx", verify="pinned", fingerprint="abc")


def test_a_fingerprint_may_be_written_with_colons() -> None:
    settings = StarfaceSettings(host="pbx", verify="pinned", fingerprint=":".join(["AB"] * 32))

    assert settings.fingerprint == "ab" * 32


def test_a_misspelt_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="hots"):
        StarfaceSettings.model_validate({"hots": "pbx"})


def test_the_client_secret_is_not_shown() -> None:
    settings = StarfaceSettings.model_validate({"oauth_client_secret": "s3cret-value"})

    assert "s3cret-value" not in repr(settings)


def test_a_pbx_in_the_lan_reaches_us_at_the_address_we_reach_it_from() -> None:
    assert callback_host(StarfaceSettings(host="127.0.0.1")) == "127.0.0.1"


def test_a_pbx_in_the_cloud_reaches_us_at_the_office() -> None:
    settings = StarfaceSettings(location="cloud", host="pbx", external_address="203.0.113.7")

    assert callback_host(settings) == "203.0.113.7"


def test_a_pbx_in_the_cloud_needs_the_address_of_the_office() -> None:
    with pytest.raises(ValidationError, match="external_address"):
        StarfaceSettings(location="cloud", host="pbx")


def test_a_set_callback_host_counts_before_everything() -> None:
    settings = StarfaceSettings(location="cloud", host="pbx", callback_host="cti.example.net")

    assert callback_host(settings) == "cti.example.net"
