import pytest
from httpx import URL

from consumers.importers.sources.dav_hosts import is_host, may_ask


@pytest.mark.parametrize(
    ("start", "url", "also"),
    [
        ("https://dav.example.ch/", "https://dav.example.ch/x", ()),
        ("https://dav.example.ch/", "https://DAV.example.ch:443/x", ()),
        ("https://dav.example.ch:8443/", "https://dav.example.ch/x", ()),
        ("https://example.ch/", "https://cloud.example.ch/remote.php/dav", ()),
        ("https://example.ch:8443/", "https://cloud.example.ch:8443/", ()),
        ("https://contacts.icloud.com/", "https://p37-contacts.icloud.com:443/1/carddavhome/", ()),
        ("https://icloud.com/", "https://p37-contacts.icloud.com/", ()),
        ("https://dav.example.ch/", "https://books.example.org/", ("books.example.org",)),
        ("https://dav.example.ch/", "https://a.example.org/", ("*.example.org",)),
        ("https://dav.example.ch/", "https://b.example.org:8443/", ("b.example.org:8443",)),
        ("https://dav.example.ch/", "https://b.example.org/", ("b.example.org:443",)),
        ("https://dav.example.ch/", "https://b.example.org:8443/", ("*.example.org:8443",)),
        ("https://dav.example.ch/", "https://[::2]:8443/", ("[::2]:8443",)),
        ("https://dav.example.ch/", "https://[::2]/", ("[::2]",)),
        ("https://[::1]/", "https://[::1]/x", ()),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/x", ()),
        ("http://dav.example.ch/", "https://dav.example.ch/x", ()),
    ],
)
def test_the_password_goes_to_servers_of_the_same_owner_and_those_named(
    start: str, url: str, also: tuple[str, ...]
) -> None:
    assert may_ask(URL(start), URL(url), also)


@pytest.mark.parametrize(
    ("start", "url", "also"),
    [
        ("https://dav.example.ch/", "http://dav.example.ch/", ()),
        ("https://dav.example.ch/", "https://example.ch/", ()),
        ("https://dav.example.ch/", "https://evil.ch/", ()),
        ("https://example.ch/", "https://evilexample.ch/", ()),
        ("https://example.ch/", "https://example.ch.evil.ch/", ()),
        ("https://dav.example.ch/", "https://other.example.ch/", ()),
        ("https://example.ch/", "https://cloud.example.ch:8443/", ()),
        ("https://contacts.icloud.com/", "https://icloud.com.evil.ch/", ()),
        ("https://evilicloud.com/", "https://p37-contacts.icloud.com/", ()),
        ("https://dav.example.ch/", "https://p37-contacts.icloud.com/", ()),
        ("https://localhost/", "https://evil.localhost/", ()),
        ("https://10.0.0.1/", "https://x.10.0.0.1/", ()),
        ("https://dav.example.ch/", "https://example.org/", ("*.example.org",)),
        ("https://dav.example.ch/", "http://books.example.org/", ("books.example.org",)),
        ("https://dav.example.ch/", "https://b.example.org:8443/", ("b.example.org",)),
        ("https://dav.example.ch/", "https://b.example.org/", ("b.example.org:8443",)),
        ("https://dav.example.ch/", "https://b.example.org:8444/", ("b.example.org:8443",)),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8081/", ()),
    ],
)
def test_the_password_goes_nowhere_else(start: str, url: str, also: tuple[str, ...]) -> None:
    assert not may_ask(URL(start), URL(url), also)


@pytest.mark.parametrize(
    "given",
    ["dav.example.ch", "*.example.ch", "localhost", "10.0.0.1", "::1", "[::1]:8443", "a.ch:1"],
)
def test_a_server_is_named_by_its_host(given: str) -> None:
    assert is_host(given)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "*",
        "*.ch",
        "*.10.0.0.1",
        "https://dav.example.ch",
        "dav.example.ch/x",
        "a b",
        "*.*.ch",
        "a.ch:0",
        "a.ch:70000",
        "a.ch:x",
        ":8443",
    ],
)
def test_what_names_too_many_servers_or_none_is_refused(given: str) -> None:
    assert not is_host(given)
