"""The addresses an office opens, with places for what is known about a call.

A caller chooses name and number, so a value can never become more than a value: scheme and host
stand in the template, and each value is percent-encoded as a whole. A value that is missing gives
no half address; where it may be missing the template says so: `{name?}`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated
from urllib.parse import quote, unquote, urlsplit

from pydantic import AfterValidator

from runtime.addresses import join_address

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
_PORTS = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443}
_HOST = re.compile(r"(?:[\w.-]{1,253}|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?|[0-9a-fA-F:.]{2,45}")
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
        listed = ", ".join(sorted(known))
        raise TemplateRefused(f"{{{unknown[0]}}} is no placeholder; known are {listed}")
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
    if split.scheme in _PORTS:
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
        filled = values.get(place[1], "").strip()
        if not filled and not place[2]:
            raise ValueMissing(place[1])
        return quote(filled, safe="", errors="replace")

    address = _PLACE.sub(value, template)
    if len(address) > LONGEST:
        raise AddressRefused("the address is too long")
    return address


def allowed(address: str, schemes: Iterable[str], hosts: Iterable[str]) -> str:
    """Return the address; raise AddressRefused unless scheme, host and port are allowed.

    A host without a port stands for the usual port of the scheme.
    """
    if len(address) > LONGEST or _UNFIT.search(address):
        raise AddressRefused("the address is too long or holds characters that do not belong there")
    try:
        split = urlsplit(address)
        host, port = (split.hostname or "").lower(), split.port
    except ValueError:
        raise AddressRefused("this is no address") from None
    if split.scheme in _NEVER or split.scheme not in {one.lower() for one in schemes}:
        raise AddressRefused(f"the scheme {split.scheme[:20]!r} is not allowed")
    if split.scheme in _PORTS:
        if not host or "@" in split.netloc:
            raise AddressRefused("the address names no host, or a password")
        usual = _PORTS[split.scheme]
        if _with_port(host, port, usual) not in {_completed(each, usual) for each in hosts}:
            raise AddressRefused("the host, or its port, is not allowed")
    named = unquote(f"{split.netloc}/{split.path}/{split.fragment}")
    if any(part in (".", "..") for part in re.split(r"[/\\]", named)):
        raise AddressRefused("the address leads to another folder than it names")
    return address


def _with_port(host: str, port: int | None, usual: int) -> str:
    return f"{host} {usual if port is None else port}"


def _completed(allowed_host: str, usual: int) -> str:
    """Return an allowed host, such as `files.example` or `[::1]:8443`, with its port."""
    host = allowed_host.lower()
    name = f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
    split = urlsplit(f"//{name}")
    return _with_port(split.hostname or "", split.port, usual)


def _is_host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("a host such as files.example, or with its port files.example:8443")
    _completed(value, 0)  # a port too great is refused here
    return value.lower()


Host = Annotated[str, AfterValidator(_is_host)]


def hosts_of(templates: Iterable[str]) -> frozenset[str]:
    """Return the hosts the templates name."""
    return frozenset(host for one in templates if one and (host := host_of(one)))


def host_of(template: str) -> str:
    """Return the host an address names, with its port unless that is the usual one, or nothing."""
    try:
        split = urlsplit(_PLACE.sub("0", template))
        host, port = (split.hostname or "").lower(), split.port
        if port is None or port == _PORTS.get(split.scheme):
            return host
        return join_address(host, port)
    except ValueError:
        raise TemplateRefused("this is no address") from None
