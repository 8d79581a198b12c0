"""The few answers of WebDAV that are read here, safe from hostile XML."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

DAV, CARDDAV = "DAV: ", "urn:ietf:params:xml:ns:carddav "
LOST = "\ufffd"  # stands for a sign that is no text
_DEEPEST = 50
_NO_TEXT = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
    "|&#(?:[0-8]|1[124-9]|2[0-9]|3[01]|x0*(?:[0-8bcef]|1[0-9a-f]));",
    re.I,
)
_OTHER_ENCODING = re.compile(rb"\xff\xfe|\xfe\xff|<\?xml[^>]*encoding=.(?!utf-8)", re.I)


class AnswerRefused(Exception):
    """An answer is no XML, or more than what is read here."""


@dataclass
class Resource:
    """One resource of a multistatus answer."""

    href: str = ""
    kinds: set[str] = field(default_factory=set)
    card: str = ""
    links: dict[str, str] = field(default_factory=dict)  # property and the address in it
    status: str = ""


class Multistatus:
    """Reads a multistatus answer piece by piece."""

    def __init__(self) -> None:
        self._text_of = codecs.getincrementaldecoder("utf-8")("replace")
        self._declared: bool | None = None  # another encoding than UTF-8
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._path: list[str] = []
        self._texts: list[str] = []
        self._resource = Resource()
        self._ready: list[Resource] = []

    def feed(self, octets: bytes, *, last: bool = False) -> Iterator[Resource]:
        """Return the resources that are complete with these octets."""
        try:
            self._parser.Parse(self._readable(octets, last=last), last)
        except expat.ExpatError as error:
            raise AnswerRefused(f"no XML: {error}") from error
        ready, self._ready = self._ready, []
        yield from ready

    def _readable(self, octets: bytes, *, last: bool) -> str | bytes:
        """Return text without what XML forbids and address books hold: it ends no answer."""
        if self._declared is None and octets:
            self._declared = _OTHER_ENCODING.match(octets) is not None
        return octets if self._declared else _NO_TEXT.sub(LOST, self._text_of.decode(octets, last))

    def _refuse(self, *_: object) -> None:
        raise AnswerRefused("a document type is not accepted")

    def _start(self, name: str, _: object) -> None:
        self._path.append(name)
        if len(self._path) > _DEEPEST:
            raise AnswerRefused("elements nested too deeply")
        self._texts = []
        if name == DAV + "response":
            self._resource = Resource()
        elif len(self._path) > 1 and self._path[-2] == DAV + "resourcetype":
            self._resource.kinds.add(name)

    def _text(self, text: str) -> None:
        self._texts.append(text)

    def _end(self, name: str) -> None:
        self._path.pop()
        text = "".join(self._texts)
        self._texts = []
        within = self._path[-1] if self._path else ""
        if name == DAV + "href" and within == DAV + "response":
            self._resource.href = text.strip()
        elif name == DAV + "href":
            self._resource.links.setdefault(within, text.strip())
        elif name == CARDDAV + "address-data":
            self._resource.card = text
        elif name == DAV + "status" and within == DAV + "response":
            self._resource.status = text
        elif name == DAV + "response":
            self._ready.append(self._resource)
