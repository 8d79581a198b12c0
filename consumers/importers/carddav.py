"""Contacts from the address books of a CardDAV server; the password goes to its host alone."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from xml.sax.saxutils import escape

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr

from bus.numbers import NumberProfile
from consumers.changes import ContactRecord
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.vcard import contacts_of
from consumers.importers.webdav import CARDDAV, DAV, AnswerRefused, Multistatus, Resource

_BATCH = 100  # cards in one answer
_LARGEST = 64 << 20  # bytes of one answer
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_REDIRECTS = 5
_BOOK = CARDDAV + "addressbook"
_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
_SPACES = 'xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav"'


class CardDavServer(BaseModel):
    """Where the address books are: one of them, or the server, whose books are then found."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: str
    user: str = ""
    password: SecretStr = SecretStr("")
    ca_file: str | None = None
    allow_plain: bool = False  # for a server on this machine or in a safe network


def carddav_records(
    server: CardDavServer, profile: NumberProfile, report: Report
) -> Iterator[ContactRecord]:
    """Give the contacts of all address books that are found at the server's address."""
    url = httpx.URL(server.url)
    if url.scheme != "https" and not server.allow_plain:
        raise SourceUnreadable("the password would go over the net in plain text; use https")
    auth = (server.user, server.password.get_secret_value()) if server.user else None
    context = ssl.create_default_context(cafile=server.ca_file)
    try:
        with httpx.Client(auth=auth, timeout=_TIMEOUT, verify=context) as client:
            asked = _Server(client, url)
            for book in asked.address_books():
                yield from _contacts(asked, book, profile, report)
    except httpx.HTTPError as error:
        raise SourceUnreadable(f"{url.host}: {type(error).__name__}: {error}") from error
    except AnswerRefused as error:
        raise SourceUnreadable(f"{url.host}: {error}") from error


def _contacts(
    server: _Server, book: httpx.URL, profile: NumberProfile, report: Report
) -> Iterator[ContactRecord]:
    hrefs = server.cards(book)
    report.total = (report.total or 0) + len(hrefs)
    for start in range(0, len(hrefs), _BATCH):
        for resource in server.read(book, hrefs[start : start + _BATCH]):
            report.done += 1
            if resource.card:
                lines = resource.card.splitlines()
                yield from contacts_of(lines, profile, report, f"{resource.href} ")
            elif " 404 " not in f"{resource.status} ":
                raise AnswerRefused(f"{resource.href} cannot be read ({resource.status})")


class _Server:
    """Asks one server, always the same host."""

    def __init__(self, client: httpx.Client, url: httpx.URL) -> None:
        self._client = client
        self._url = url

    def address_books(self) -> list[httpx.URL]:
        """Find the address books, as RFC 6764 has it; the address may be one itself."""
        here = self._about(self._url, "<d:resourcetype/><d:current-user-principal/>")
        if any(_BOOK in one.kinds for one in here):
            return [self._url]
        principal = _link(here, DAV + "current-user-principal")
        if principal is None:
            well_known = self._url.join("/.well-known/carddav")
            principal = _link(
                self._about(well_known, "<d:current-user-principal/>"),
                DAV + "current-user-principal",
            )
        home = principal and _link(
            self._about(self._on_host(principal), "<c:addressbook-home-set/>"),
            CARDDAV + "addressbook-home-set",
        )
        if not home:
            raise AnswerRefused("no address books are found; give the address of one")
        at_home = self._about(self._on_host(home), "<d:resourcetype/>", depth="1")
        books = [self._on_host(one.href) for one in at_home if _BOOK in one.kinds]
        if not books:
            raise AnswerRefused("this user has no address book there")
        return books

    def cards(self, book: httpx.URL) -> list[str]:
        """Give the addresses of all cards of a book."""
        found = self._about(book, "<d:getetag/><d:resourcetype/>", depth="1")
        return [one.href for one in found if not one.kinds and one.href]

    def read(self, book: httpx.URL, hrefs: list[str]) -> Iterator[Resource]:
        """Give the cards at some addresses."""
        wanted = "".join(f"<d:href>{escape(href)}</d:href>" for href in hrefs)
        body = (
            f"{_HEAD}<c:addressbook-multiget {_SPACES}><d:prop><d:getetag/><c:address-data/>"
            f"</d:prop>{wanted}</c:addressbook-multiget>"
        )
        return self._ask("REPORT", book, body, "1")

    def _about(self, url: httpx.URL, properties: str, depth: str = "0") -> list[Resource]:
        body = f"{_HEAD}<d:propfind {_SPACES}><d:prop>{properties}</d:prop></d:propfind>"
        return list(self._ask("PROPFIND", url, body, depth))

    def _ask(self, verb: str, url: httpx.URL, body: str, depth: str) -> Iterator[Resource]:
        headers = {"Depth": depth, "Content-Type": "application/xml; charset=utf-8"}
        for _ in range(_REDIRECTS):
            with self._client.stream(verb, url, content=body, headers=headers) as answer:
                if answer.has_redirect_location:
                    url = self._on_host(answer.headers["location"], url)
                    continue
                if answer.status_code != httpx.codes.MULTI_STATUS:
                    raise AnswerRefused(_status(verb, answer.status_code))
                yield from _resources(answer)
                return
        raise AnswerRefused("redirected without an end")

    def _on_host(self, address: str, base: httpx.URL | None = None) -> httpx.URL:
        url = (base or self._url).join(address)
        if (url.host, url.scheme) != (self._url.host, self._url.scheme):
            raise AnswerRefused(f"it leads to another server, {url.scheme}://{url.host}")
        return url


def _resources(answer: httpx.Response) -> Iterator[Resource]:
    reader, size = Multistatus(), 0
    for octets in answer.iter_bytes():
        size += len(octets)
        if size > _LARGEST:
            raise AnswerRefused(f"an answer of more than {_LARGEST >> 20} MiB")
        yield from reader.feed(octets)
    yield from reader.feed(b"", last=True)


def _link(resources: list[Resource], name: str) -> str | None:
    return next((one.links[name] for one in resources if name in one.links), None)


def _status(verb: str, status: int) -> str:
    if status in (401, 403):
        return "the server does not accept user and password"
    return f"the server answers {status} to {verb}; is this the address of an address book?"
