import pytest

from runtime.addresses import here, join_address, split_address


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("pbx.example", 443, "pbx.example:443"),
        ("192.0.2.7", None, "192.0.2.7"),
        ("::1", 8080, "[::1]:8080"),
        ("[::1]", 8080, "[::1]:8080"),
        ("2001:db8::7", None, "[2001:db8::7]"),
    ],
)
def test_an_address_is_written_with_the_brackets_of_ipv6(
    host: str, port: int | None, address: str
) -> None:
    assert join_address(host, port) == address


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("0.0.0.0:8080", ("0.0.0.0", 8080)),
        ("[::]:8080", ("::", 8080)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_an_address_is_taken_apart(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts
    assert split_address(join_address(*parts)) == parts


@pytest.mark.parametrize("address", ["", ":80", "host", "host:", "host:x", "host:65536", "::1:80"])
def test_what_is_no_address_with_a_port_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="an address and a port"):
        split_address(address)


@pytest.mark.parametrize(
    ("listens", "reached"), [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("192.0.2.7", "192.0.2.7")]
)
def test_what_listens_on_all_addresses_is_reached_at_that_of_this_machine(
    listens: str, reached: str
) -> None:
    assert here(listens) == reached
