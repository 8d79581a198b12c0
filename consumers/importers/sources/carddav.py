"""Contacts from the address books of a CardDAV server; the password goes to no other provider."""

from __future__ import annotations

import ssl
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from xml.sax.saxutils import escape

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from bus.numbers.number import NumberProfile
from consumers.directory.changes import ContactRecord
from consumers.importers.raw_contact import ContactReader
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.sources.dav_hosts import is_host, may_ask
from consumers.importers.sources.vcard import contacts_of
from consumers.importers.sources.webdav import (
    CARDDAV,
    DAV,
    LOST,
    AnswerRefused,
    Multistatus,
    Resource,
)

_BATCH = 100  # cards in one answer
_LARGEST = 64 << 20  # bytes of one answer
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_REDIRECTS = 5
_BOOK = CARDDAV + "addressbook"
_NO_BOOK = (200, 404, 405, 501)  # what servers answer where there is nothing of the kind
_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
_SPACES = 'xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav"'


class NoAddressBook(AnswerRefused):
    """At this address are no address books, but perhaps elsewhere on the server."""


class CardDavServer(BaseModel):
    """Where the address books are: one of them, or the server, whose books are then found."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: str
    user: str = ""
    password: SecretStr = SecretStr("")
    ca_file: str | None = None
    allow_plain: bool = False  # for a server on this machine or in a safe network
    also_hosts: tuple[str, ...] = ()  # further servers the password may go to, by https

    @field_validator("also_hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not is_host(host):
                raise ValueError(
                    f"{host[:60]!r} is no server; as in dav.example.ch, *.example.ch, x.ch:8443"
                )
        return hosts


def carddav_records(
    server: CardDavServer, profile: NumberProfile, report: Report
) -> Iterator[ContactRecord]:
    """Return the contacts of all address books that are found at the server's address."""
    contacts, url = ContactReader(profile, report), httpx.URL(server.url)
    if url.scheme != "https" and not server.allow_plain:
        raise SourceUnreadable("the password would go over the net in plain text; use https")
    auth = _Login(server.user, server.password.get_secret_value()) if server.user else None
    try:
        context = ssl.create_default_context(cafile=server.ca_file)
    except OSError as error:  # of ssl too
        raise SourceUnreadable(f"{server.ca_file}: no certificates ({error.strerror})") from error
    try:
        with httpx.Client(auth=auth, timeout=_TIMEOUT, verify=context) as client:
            asked = _Server(client, url, server.also_hosts)
            books = asked.address_books()
            for book in books:
                try:
                    yield from _contacts(asked, book, contacts)
                except AnswerRefused as error:
                    others = ", ".join(str(other) for other in books if other != book)
                    by = f"; the others can be given by their addresses: {others}" if others else ""
                    raise AnswerRefused(f"the address book {book.path}: {error}{by}") from error
    except httpx.HTTPError as error:
        raise SourceUnreadable(f"{url.host}: {type(error).__name__}: {error}") from error
    except AnswerRefused as error:
        raise SourceUnreadable(f"{url.host}: {error}") from error


class _Login(httpx.Auth):
    """Logs in as the server wants it: Basic, or Digest as Baïkal's."""

    def __init__(self, user: str, password: str) -> None:
        self._basic = httpx.BasicAuth(user, password)
        self._digest = httpx.DigestAuth(user, password)
        self._is_digest = False

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send a request, and once more where the server wants Digest."""
        if not self._is_digest:
            answer = yield from _sent(self._basic.auth_flow(request))
            wanted = answer.headers.get("www-authenticate", "").lower()
            self._is_digest = answer.status_code == 401 and "digest" in wanted
            if not self._is_digest or "basic" in wanted:
                return
            del request.headers["authorization"]
        yield from self._digest.auth_flow(request)


def _sent(
    flow: Generator[httpx.Request, httpx.Response, None],
) -> Generator[httpx.Request, httpx.Response, httpx.Response]:
    """Send the one request of a flow and return its answer."""
    return (yield next(flow))


def _contacts(server: _Server, book: httpx.URL, contacts: ContactReader) -> Iterator[ContactRecord]:
    report = contacts.report
    hrefs = server.cards(book)
    report.total = (report.total or 0) + len(hrefs)
    for start in range(0, len(hrefs), _BATCH):
        wanted = hrefs[start : start + _BATCH]
        missing = len(wanted)
        for resource in server.read(book, wanted):
            report.done += 1
            missing -= 1
            if resource.card:
                card = resource.card.replace(LOST, "")
                if card != resource.card:
                    report.leave_out(resource.href, "a sign that is no text, left out")
                yield from contacts_of(card, contacts, f"{resource.href} ")
            elif " 404 " not in f"{resource.status} ":
                raise AnswerRefused(f"{resource.href} cannot be read ({resource.status})")
        if missing > 0:  # their contacts would disappear without a word
            raise AnswerRefused(f"{missing} cards of {book.path} were asked for and not given")


class _DavAnswer(NamedTuple):
    """What is known of some resources, and the address that answered in the end."""

    url: httpx.URL
    resources: list[Resource]

    def link(self, name: str) -> httpx.URL | None:
        """Return the address in the first property of this name."""
        found = (resource.links[name] for resource in self.resources if name in resource.links)
        link = next(found, None)
        return None if link is None else self.url.join(link)


class _Server:
    """Asks one server, and those to which it leads as far as the password may go there."""

    def __init__(self, client: httpx.Client, url: httpx.URL, also: Sequence[str]) -> None:
        self._client = client
        self._start = url
        self._also = also

    def address_books(self) -> list[httpx.URL]:
        """Find the address books, as RFC 6764 has it; the address may be one itself."""
        principal = self._principal()
        if isinstance(principal, _DavAnswer):
            return [principal.url]
        home = principal and self._about(principal, "<c:addressbook-home-set/>").link(
            CARDDAV + "addressbook-home-set"
        )
        if not home:
            raise AnswerRefused("no address books are found; give the address of one")
        at_home = self._about(home, "<d:resourcetype/>", depth="1")
        books = [
            at_home.url.join(resource.href)
            for resource in at_home.resources
            if _BOOK in resource.kinds
        ]
        if not books:
            raise AnswerRefused("this user has no address book there")
        return books

    def _principal(self) -> httpx.URL | _DavAnswer | None:
        """Return the address of the user, or the answer of an address book that needs none."""
        own = DAV + "current-user-principal"
        try:
            here = self._about(self._start, "<d:resourcetype/><d:current-user-principal/>")
        except NoAddressBook:  # where people look at pages, such as Nextcloud's
            here = _DavAnswer(self._start, [])
        if any(_BOOK in resource.kinds for resource in here.resources):
            return here
        well_known = here.url.join("/.well-known/carddav")
        return here.link(own) or self._about(well_known, "<d:current-user-principal/>").link(own)

    def cards(self, book: httpx.URL) -> list[str]:
        """Return the addresses of all cards of a book."""
        found = self._about(book, "<d:getetag/><d:resourcetype/>", depth="1").resources
        return [resource.href for resource in found if not resource.kinds and resource.href]

    def read(self, book: httpx.URL, hrefs: list[str]) -> list[Resource]:
        """Return the cards at some addresses."""
        wanted = "".join(f"<d:href>{escape(href)}</d:href>" for href in hrefs)
        body = (
            f"{_HEAD}<c:addressbook-multiget {_SPACES}><d:prop><d:getetag/><c:address-data/>"
            f"</d:prop>{wanted}</c:addressbook-multiget>"
        )
        with self._asked("REPORT", book, body, "1") as answer:
            return _resources(answer)

    def _about(self, url: httpx.URL, properties: str, depth: str = "0") -> _DavAnswer:
        body = f"{_HEAD}<d:propfind {_SPACES}><d:prop>{properties}</d:prop></d:propfind>"
        with self._asked("PROPFIND", url, body, depth) as answer:
            return _DavAnswer(answer.url, _resources(answer))

    @contextmanager
    def _asked(self, verb: str, url: httpx.URL, body: str, depth: str) -> Iterator[httpx.Response]:
        headers = {"Depth": depth, "Content-Type": "application/xml; charset=utf-8"}
        for _ in range(_REDIRECTS):
            self._refuse_elsewhere(url)
            with self._client.stream(verb, url, content=body, headers=headers) as answer:
                if answer.has_redirect_location:
                    url = url.join(answer.headers["location"])
                    continue
                _check(verb, answer.status_code)
                yield answer
                return
        raise AnswerRefused("redirected without an end")

    def _refuse_elsewhere(self, url: httpx.URL) -> None:
        if not may_ask(self._start, url, self._also):
            host = url.netloc.decode("ascii", "replace")  # with its port
            elsewhere = f"{url.scheme}://{host}"
            hint = f"; if the password may go there: --also-host {host}"
            raise AnswerRefused(
                f"it leads to another server, {elsewhere}{hint if url.scheme == 'https' else ''}"
            )


def _resources(answer: httpx.Response) -> list[Resource]:
    octets = bytearray()
    for piece in answer.iter_bytes():
        octets += piece
        if len(octets) > _LARGEST:
            raise AnswerRefused(f"an answer of more than {_LARGEST >> 20} MiB")
    return Multistatus().read(bytes(octets))


def _check(verb: str, status: int) -> None:
    if status == httpx.codes.MULTI_STATUS:
        return
    if status in (401, 403):
        raise AnswerRefused("the server does not accept user and password")
    answer = f"the server answers {status} to {verb}"
    if status in _NO_BOOK:
        raise NoAddressBook(f"{answer}; is this the address of an address book?")
    raise AnswerRefused(answer)
