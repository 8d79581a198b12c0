"""The addresses an office opens, with places for what is known about a call.

A caller chooses name and number, so a value can never become more than a value: scheme and host
stand in the template, and each value is percent-encoded as a whole. A value that is missing gives
no half address; where it may be missing the template says so: `{name?}`.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlsplit

PLACEHOLDERS = frozenset(
    {
        "id", "reference", "title", "name", "company", "number", "e164", "called",
        "called_name", "group", "user", "call_id", "direction", "trigger", "action",
        "opens", "source",
    }
)  # fmt: skip
FOR_PROGRAMS = PLACEHOLDERS | {"url"}
LONGEST = 2048  # characters of an address
_PLACE = re.compile(r"\{([^{}?]*)(\??)\}")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,31}):", re.IGNORECASE)
_NEVER = frozenset({"javascript", "data", "vbscript", "file", "about", "blob", "view-source"})
_WITH_HOST = frozenset({"http", "https", "ftp", "ws", "wss"})
_UNFIT = re.compile(r"[\x00-\x20\x7f-\x9f\\\"<>^`{|}\u2028\u2029]")


class TemplateRefused(ValueError):
    """A template cannot be used; the sentence says why."""


class ValueMissing(Exception):
    """A template asks for something this call does not have; `name` is its placeholder."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class AddressRefused(Exception):
    """An address has a scheme or host that is not allowed, or is too long."""


def places(template: str, known: frozenset[str] = PLACEHOLDERS) -> tuple[str, ...]:
    """Return the names of the placeholders; raise TemplateRefused for an unknown one."""
    names = tuple(place[1] for place in _PLACE.finditer(template))
    unknown = sorted(set(names) - known)
    if unknown:
        told = ", ".join(sorted(known))
        raise TemplateRefused(f"{{{unknown[0]}}} is no placeholder; known are {told}")
    if "{" in _PLACE.sub("", template) or "}" in _PLACE.sub("", template):
        raise TemplateRefused("a brace without its partner")
    return names


def check(template: str, schemes: Iterable[str]) -> None:
    """Raise TemplateRefused unless the scheme is allowed and the host written out."""
    places(template)
    if _PLACE.match(template) or not _SCHEME.match(template):
        raise TemplateRefused("the scheme must be written out, such as https://")
    try:
        split = urlsplit(_PLACE.sub("0", template))
    except ValueError:
        raise TemplateRefused("this is no address") from None
    literal = _SCHEME.match(template)
    if literal is None or literal[1].lower() != split.scheme:
        raise TemplateRefused("the scheme must be written out, such as https://")
    if split.scheme in _WITH_HOST:
        _, slashes, rest = template.partition("://")
        if not slashes or "{" in rest.partition("/")[0]:
            raise TemplateRefused("the host must be written out, without placeholders")
    try:
        allowed(_PLACE.sub("0", template), schemes, [host_of(template)])
    except AddressRefused as error:
        raise TemplateRefused(str(error)) from None


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return the address; raise ValueMissing, never half an address."""

    def value(place: re.Match[str]) -> str:
        told = values.get(place[1], "").strip()
        if not told and not place[2]:
            raise ValueMissing(place[1])
        return quote(told, safe="", errors="replace")

    address = _PLACE.sub(value, template)
    if len(address) > LONGEST:
        raise AddressRefused("the address is too long")
    return address


def allowed(address: str, schemes: Iterable[str], hosts: Iterable[str]) -> str:
    """Return the address; raise AddressRefused unless scheme and host are allowed."""
    if len(address) > LONGEST or _UNFIT.search(address):
        raise AddressRefused("the address is too long or holds characters that do not belong there")
    try:
        split = urlsplit(address)
        host = (split.hostname or "").lower()
    except ValueError:
        raise AddressRefused("this is no address") from None
    if split.scheme in _NEVER or split.scheme not in {one.lower() for one in schemes}:
        raise AddressRefused(f"the scheme {split.scheme[:20]!r} is not allowed")
    if split.scheme in _WITH_HOST:
        if not host or "@" in split.netloc:
            raise AddressRefused("the address names no host, or a password")
        if host not in {one.lower() for one in hosts}:
            raise AddressRefused("the host is not allowed")
    return address


def hosts_of(templates: Iterable[str]) -> frozenset[str]:
    """Return the hosts the templates name."""
    return frozenset(host for one in templates if one and (host := host_of(one)))


def host_of(template: str) -> str:
    """Return the host an address names, or nothing."""
    try:
        return (urlsplit(_PLACE.sub("0", template)).hostname or "").lower()
    except ValueError:
        raise TemplateRefused("this is no address") from None
