"""The few answers of WebDAV that are read here, safe from hostile XML."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from consumers.importers.sources.xml_text import readable

DAV, CARDDAV = "DAV: ", "urn:ietf:params:xml:ns:carddav "
LOST = "\ufffd"  # stands for a sign that is no text
_DEEPEST = 50


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
    """Reads a multistatus answer."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._path: list[str] = []
        self._texts: list[str] = []
        self._resource = Resource()
        self._ready: list[Resource] = []

    def read(self, octets: bytes) -> list[Resource]:
        """Return the resources of a whole answer."""
        try:
            self._parser.Parse(readable(octets, LOST), True)
        except expat.ExpatError as error:
            raise AnswerRefused(f"no XML: {error}") from error
        return self._ready

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
