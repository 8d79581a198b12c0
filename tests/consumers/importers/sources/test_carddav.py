import base64
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from bus.numbers.number import NumberProfile
from consumers.directory.changes import ContactRecord
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.sources.carddav import CardDavServer, carddav_records
from tests.certificates import make, serving

Read = Callable[..., list[ContactRecord]]

CARDS = {
    f"/dav/anna/book/{n}.vcf": f"BEGIN:VCARD\nVERSION:3.0\nUID:{n}\nFN:Contact & Co {n}\n"
    f"TEL:044 123 {n // 100:02d} {n % 100:02d}\nEND:VCARD\n"
    for n in range(250)
}
PRINCIPAL = "<d:current-user-principal><d:href>/dav/anna/</d:href></d:current-user-principal>"
HOME = "<c:addressbook-home-set><d:href>/dav/anna/home/</d:href></c:addressbook-home-set>"
BOOK = "<d:resourcetype><d:collection/><c:addressbook/></d:resourcetype>"
FOLDER = "<d:resourcetype><d:collection/></d:resourcetype>"


def multistatus(*resources: tuple[str, str]) -> str:
    reported = "".join(
        f"<d:response><d:href>{href}</d:href><d:propstat><d:prop>{props}</d:prop>"
        "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
        for href, props in resources
    )
    return (
        '<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" '
        f'xmlns:c="urn:ietf:params:xml:ns:carddav">{reported}</d:multistatus>'
    )


class AddressBooks(BaseHTTPRequestHandler):
    """A small CardDAV server with one book."""

    protocol_version = "HTTP/1.1"
    password = "anna:secret"
    asked: ClassVar[list[int]] = []
    broken: ClassVar[dict[tuple[str, str], tuple[int, str]]] = {}
    redirected: ClassVar[dict[str, str]] = {}
    names: ClassVar[set[str]] = set()  # under which it was asked

    def do_PROPFIND(self) -> None:
        self._answer(self._propfind)

    def do_REPORT(self) -> None:
        self._answer(self._report)

    def log_message(self, *_: object) -> None:
        pass

    def _propfind(self, body: str) -> str | None:
        if self.path in self.redirected:
            self._redirected(self.redirected[self.path])
            return None
        if self.path == "/dav/anna/book/" and self.headers["Depth"] == "1":
            cards = [(href, "<d:getetag>1</d:getetag><d:resourcetype/>") for href in CARDS]
            return multistatus(("/dav/anna/book/", BOOK), *cards)
        reported = {
            "/": FOLDER,
            "/dav/": PRINCIPAL,
            "/dav/anna/": HOME,
            "/dav/anna/book/": BOOK,
        }
        if self.path == "/dav/anna/home/":
            return multistatus(("/dav/anna/home/", FOLDER), ("/dav/anna/book/", BOOK))
        return multistatus((self.path, reported[self.path]))

    def _report(self, body: str) -> str:
        hrefs = re.findall("<d:href>(.*?)</d:href>", body)
        self.asked.append(len(hrefs))
        return multistatus(
            *[
                (href, f"<c:address-data>{CARDS[href].replace('&', '&amp;')}</c:address-data>")
                for href in hrefs
            ]
        )

    def _answer(self, answer: Callable[[str], str | None]) -> None:
        self.names.add(self.headers["Host"].partition(":")[0])
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        wanted = "Basic " + base64.b64encode(self.password.encode()).decode()
        if self.headers["Authorization"] != wanted:
            return self._send(401, "")
        status, reported = self.broken.get((self.command, self.path), (None, None))
        if status is None:
            reported = answer(body)
            status = 207
        if reported is not None:
            self._send(status, reported)
        return None

    def _redirected(self, where: str) -> None:
        self.send_response(301)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, status: int, given: str) -> None:
        octets = given.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)


@pytest.fixture
def handler() -> type[AddressBooks]:
    class Books(AddressBooks):
        asked: ClassVar[list[int]] = []
        broken: ClassVar[dict[tuple[str, str], tuple[int, str]]] = {}
        redirected: ClassVar[dict[str, str]] = {"/.well-known/carddav": "/dav/"}
        names: ClassVar[set[str]] = set()

    return Books


@pytest.fixture
def address(handler: type[AddressBooks]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def read(address: str, swiss: NumberProfile, report: Report) -> Read:
    def read(path: str = "/dav/anna/book/", **options: object) -> list[ContactRecord]:
        server = CardDavServer(
            url=address + path,
            **{"user": "anna", "password": "secret", "allow_plain": True} | options,
        )
        return list(carddav_records(server, swiss, report))

    return read


def test_all_cards_of_an_address_book_are_read_in_parts(
    read: Read, handler: type[AddressBooks]
) -> None:
    contacts = read()

    assert sorted(int(one.key) for one in contacts) == list(range(250))
    assert contacts[7].name == "Contact & Co 7"
    assert contacts[7].numbers[0].e164 == "+41441230007"
    assert handler.asked == [100, 100, 50]


def test_cards_that_are_asked_for_and_not_given_refuse_the_import(
    read: Read, handler: type[AddressBooks]
) -> None:
    handler.broken["REPORT", "/dav/anna/book/"] = (207, multistatus())

    with pytest.raises(SourceUnreadable, match="100 cards of /dav/anna/book/ were asked for"):
        read()


@pytest.mark.parametrize("path", ["/", "/dav/"])
def test_the_address_books_of_a_server_are_found(read: Read, path: str) -> None:
    assert len(read(path)) == 250


def test_a_wrong_password_is_reported_and_not_repeated(read: Read) -> None:
    with pytest.raises(SourceUnreadable, match="does not accept") as refused:
        read(password="wr0ng")

    assert "wr0ng" not in str(refused.value)


def test_a_password_does_not_travel_in_plain_text(read: Read) -> None:
    with pytest.raises(SourceUnreadable, match="plain text"):
        read(allow_plain=False)


def test_another_server_never_gets_the_password(read: Read, handler: type[AddressBooks]) -> None:
    moved = PRINCIPAL.replace("/dav/anna/", "http://evil.example/")
    handler.broken["PROPFIND", "/dav/"] = (207, multistatus(("/dav/", moved)))

    with pytest.raises(SourceUnreadable, match="another server"):
        read("/dav/")


@pytest.mark.parametrize(
    ("status", "given", "reason"),
    [
        (207, "<not-closed>", "no XML"),
        (207, '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
        (207, "<a>" * 100, "too deeply"),
        (500, "", "500 to REPORT"),
        (
            207,
            multistatus().replace(
                "</d:multi",
                "<d:response><d:href>/x</d:href><d:status>"
                "HTTP/1.1 503 Busy</d:status></d:response></d:multi",
            ),
            "cannot be read",
        ),
    ],
)
def test_a_broken_answer_refuses_the_whole_import(
    read: Read, handler: type[AddressBooks], status: int, given: str, reason: str
) -> None:
    handler.broken["REPORT", "/dav/anna/book/"] = (status, given)

    with pytest.raises(SourceUnreadable, match=reason):
        read()


def test_a_server_that_is_not_there_is_reported(
    swiss: NumberProfile, report: Report, address: str
) -> None:
    server = CardDavServer(url="http://127.0.0.1:1/", allow_plain=True)

    with pytest.raises(SourceUnreadable, match=r"127\.0\.0\.1"):
        list(carddav_records(server, swiss, report))


# several names of one provider


Two = tuple[str, str, Path]


@pytest.fixture
def provider(handler: type[AddressBooks], tmp_path: Path) -> Iterator[Two]:
    """Give a server under its two names, with the certificate that vouches for both."""
    vouching, key = make(tmp_path, "localhost", ["localhost", "127.0.0.1"], may_vouch=True)
    context = serving(vouching, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        port = server.server_port
        yield f"https://localhost:{port}", f"https://127.0.0.1:{port}", vouching
        server.shutdown()
        thread.join()


def books(
    provider: Two, profile: NumberProfile, report: Report, also: tuple[str, ...] = ()
) -> list[ContactRecord]:
    server = CardDavServer(
        url=f"{provider[0]}/",
        user="anna",
        password="secret",
        ca_file=str(provider[2]),
        also_hosts=also,
    )
    return list(carddav_records(server, profile, report))


def leads_to(handler: type[AddressBooks], other: str, by: str) -> None:
    """Have the server lead to its other name."""
    if by == "redirect":
        handler.redirected["/.well-known/carddav"] = f"{other}/dav/"
    elif by == "principal":
        reported = PRINCIPAL.replace("/dav/anna/", f"{other}/dav/anna/")
        handler.broken["PROPFIND", "/dav/"] = (207, multistatus(("/dav/", reported)))
    else:
        reported = HOME.replace("/dav/anna/home/", f"{other}/dav/anna/home/")
        handler.broken["PROPFIND", "/dav/anna/"] = (207, multistatus(("/dav/anna/", reported)))


@pytest.mark.parametrize("by", ["redirect", "principal", "home"])
def test_the_books_are_read_on_a_further_server_the_password_may_go_to(
    provider: Two, handler: type[AddressBooks], swiss: NumberProfile, report: Report, by: str
) -> None:
    leads_to(handler, provider[1], by)

    assert len(books(provider, swiss, report, also=("127.0.0.1",))) == 250
    assert handler.names == {"localhost", "127.0.0.1"}


@pytest.mark.parametrize("by", ["redirect", "principal", "home"])
def test_a_further_server_gets_no_request_unless_it_is_set(
    provider: Two, handler: type[AddressBooks], swiss: NumberProfile, report: Report, by: str
) -> None:
    leads_to(handler, provider[1], by)

    with pytest.raises(SourceUnreadable, match=r"another server.* --also-host 127\.0\.0\.1:\d"):
        books(provider, swiss, report)
    assert handler.names == {"localhost"}


def test_a_further_server_is_never_asked_in_plain_text(
    provider: Two, handler: type[AddressBooks], swiss: NumberProfile, report: Report
) -> None:
    leads_to(handler, provider[1].replace("https", "http"), "redirect")

    with pytest.raises(SourceUnreadable, match="another server, http://"):
        books(provider, swiss, report, also=("127.0.0.1",))
    assert handler.names == {"localhost"}


def test_an_address_that_is_a_page_for_people_leads_to_the_books(
    read: Read, handler: type[AddressBooks]
) -> None:
    handler.broken["PROPFIND", "/"] = (405, "")

    assert len(read("/")) == 250


def test_an_address_book_that_has_moved_is_read_where_it_is(
    read: Read, handler: type[AddressBooks]
) -> None:
    handler.redirected["/old/"] = "/dav/anna/book/"

    assert len(read("/old/")) == 250


def test_a_server_that_wants_digest_is_logged_in_at(
    handler: type[AddressBooks], read: Read
) -> None:
    logins: list[str] = []

    def answered(self: AddressBooks, answer: Callable[[str], str | None]) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        login = self.headers["Authorization"] or "none"
        logins.append(login.partition(" ")[0])
        if login.startswith('Digest username="anna"'):
            return self._send(207, str(answer(body)))
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Digest realm="b", nonce="n", qop="auth"')
        self.send_header("Content-Length", "0")
        return self.end_headers()

    handler._answer = answered  # type: ignore[method-assign]

    assert len(read()) == 250
    assert logins.count("Basic") == 1


def test_an_address_book_that_fails_is_named(handler: type[AddressBooks], read: Read) -> None:
    handler.broken["REPORT", "/dav/anna/book/"] = (500, "")

    with pytest.raises(
        SourceUnreadable, match=r"the address book /dav/anna/book/: .* 500 to REPORT$"
    ):
        read()


def test_a_sign_that_no_xml_may_hold_spoils_no_card(
    handler: type[AddressBooks], read: Read, report: Report
) -> None:
    cards = [
        "BEGIN:VCARD\nFN:Anna\nNOTE:a\x10b&#x1f;\nEND:VCARD\n",
        "BEGIN:VCARD\nFN:Bernd\nNOTE:one\u2028two\nTEL:079 555 01 02\nEND:VCARD\n",
    ]
    data = [f"<c:address-data>{card}</c:address-data>" for card in cards]
    answer = multistatus(*[(f"/{place}", text) for place, text in enumerate(data)] * 125)
    handler.broken["REPORT", "/dav/anna/book/"] = (207, answer)

    contacts = read()

    assert {contact.name for contact in contacts} == {"Anna", "Bernd"}
    assert {refusal.where for refusal in report.refusals} == {"/0"}
