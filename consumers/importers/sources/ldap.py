"""Contacts from LDAP or Active Directory, page by page over TLS."""

from __future__ import annotations

import re
import ssl
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, SecretStr

from bus.numbers.number import NumberProfile
from consumers.directory.changes import Change
from consumers.importers import mapping as columns
from consumers.importers.contact_text import clean_lines
from consumers.importers.encodings import decoded
from consumers.importers.mapping import ContactColumns, Flag, NumberColumn
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.rows import RowReader, SourceRow

try:
    with warnings.catch_warnings():
        # ldap3 2.9.1 asks pyasn1 for two names by their old spelling.
        warnings.simplefilter("ignore", DeprecationWarning)
        import ldap3
        from ldap3.core.exceptions import LDAPException
        from ldap3.core.results import RESULT_REFERRAL
except ImportError:
    ldap3 = None

_PAGE = 500  # entries in one answer
_CONNECT, _READ = 10, 60  # seconds
_NAMED, _LONGEST_NAME = 3, 100  # of the servers that keep a part of the tree
_DISABLED = 2  # the bit of userAccountControl
_GUID, _GUID_OCTETS = "objectguid", 16

# Attributes of Active Directory and of OpenLDAP; whatever an entry has is taken.
DEFAULT = columns.Mapping(
    optional=True,
    contact=ContactColumns(
        key="entryKey",
        name="entryName",
        company="entryCompany",
        country="entryCountry",
        email="mail",
        url="wWWHomePage",
        company_when=Flag(column="entryKind", values=("company",)),
        active=Flag(column="entryActive", otherwise=True),
        numbers=(
            NumberColumn(column="telephoneNumber", label="work"),
            NumberColumn(column="otherTelephone", label="work"),
            NumberColumn(column="mobile", label="mobile"),
            NumberColumn(column="otherMobile", label="mobile"),
            NumberColumn(column="homePhone", label="home"),
            NumberColumn(column="otherHomePhone", label="home"),
            NumberColumn(column="ipPhone", label="work"),
            NumberColumn(column="facsimileTelephoneNumber", label="fax"),
        ),
    ),
)
_FIRST_OF = {  # columns of ours and the attributes they are taken from, the first that is filled
    "entryName": ("displayName", "cn", "name", "o"),
    "entryCompany": ("company", "o"),
    "entryCountry": ("c", "co"),
    "entryKey": ("objectGUID", "entryUUID"),
}
_ASKED = {name for names in _FIRST_OF.values() for name in names} | {
    "userAccountControl",
    "objectClass",
}
_OURS = {*_FIRST_OF, "entryActive", "entryKind"}

_SENTENCES = {  # by the name of ldap3's exception
    "LDAPInvalidCredentialsResult": "the server does not accept user and password",
    "LDAPInappropriateAuthenticationResult": "the server does not accept user and password",
    "LDAPNoSuchObjectResult": "there is nothing at {base} that this user may see; see --base and"
    " --user",
    "LDAPInvalidDNSyntaxResult": "the server does not understand --base {base}, or --user",
    "LDAPInvalidDnError": "{base} is no distinguished name; see --base",
    "LDAPInvalidFilterError": "--filter is not understood, as in (telephoneNumber=*)",
    "LDAPSizeLimitExceededResult": "the server gives no more entries; ask for fewer by --filter or"
    " --base, or have its limit raised",
    "LDAPOperationsErrorResult": "the server wants a log-in first, or cannot answer; see --user",
    "LDAPInsufficientAccessRightsResult": "this user may not read {base}",
    "LDAPStrongerAuthRequiredResult": "the server wants TLS: ldaps://, or without --plain",
    "LDAPConfidentialityRequiredResult": "the server wants TLS: ldaps://, or without --plain",
    "LDAPStartTLSError": "the server has no StartTLS; try ldaps://",
}
_UNTRUSTED = re.compile(r"certificate verify failed: (?P<why>[^(\\\"']*)")
_ELSEWHERE = re.compile(r"(?:certificate|hostname) .*doesn't match", re.I)
_WRAPPED = re.compile(r"^[(\"' ]+|[)\"', ]+$")


class LdapServer(BaseModel):
    """Where and how to ask."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: str  # ldaps://dc.example.ch or ldap://dc.example.ch with StartTLS
    base: str
    filter: str = "(|(telephoneNumber=*)(mobile=*)(homePhone=*))"
    user: str = ""  # DN, or name@domain at Active Directory
    password: SecretStr = SecretStr("")
    start_tls: bool = True
    verify: bool = True
    ca_file: str | None = None


def connected(server: LdapServer) -> Any:
    """Log in at the server; raise SourceUnreadable, which never holds the password."""
    _need_ldap3()
    scheme = server.url.lower().partition("://")[0]
    if scheme not in ("ldap", "ldaps"):  # ldap3 would take it, and leave TLS out
        raise SourceUnreadable(f"{server.url}: as in ldaps://dc.example.ch")
    upgraded = scheme == "ldap" and server.start_tls
    if scheme == "ldap" and not upgraded and server.password.get_secret_value():
        raise SourceUnreadable("the password would go over the net in plain text; use TLS")
    if server.ca_file and not Path(server.ca_file).is_file():
        raise SourceUnreadable(f"{server.ca_file}: there is no such file of certificates")
    try:
        tls = ldap3.Tls(
            validate=ssl.CERT_REQUIRED if server.verify else ssl.CERT_NONE,
            ca_certs_file=server.ca_file,
        )
        connection = ldap3.Connection(
            ldap3.Server(server.url, tls=tls, connect_timeout=_CONNECT, get_info=ldap3.NONE),
            user=server.user or None,
            password=server.password.get_secret_value() or None,
            receive_timeout=_READ,
            read_only=True,
            auto_referrals=False,  # ldap3 would send the password to any server that is named
            check_names=False,
            raise_exceptions=True,
        )
        connection.open()
        if upgraded:
            connection.start_tls()
        connection.bind()
    except LDAPException as error:
        raise SourceUnreadable(f"{server.url}: {sentence(error, server.base)}") from error
    return connection


def ldap_records(
    connection: Any,
    server: LdapServer,
    mapping: columns.Mapping,
    profile: NumberProfile,
    report: Report,
) -> Iterator[Change]:
    """Return the records of all entries that the filter finds."""
    _need_ldap3()
    wanted = mapping.columns()
    names = sorted({*wanted, *_OURS})
    elsewhere: list[str] = []
    try:
        entries = connection.extend.standard.paged_search(
            server.base,
            server.filter,
            attributes=sorted(_ASKED | (wanted - _OURS)),
            paged_size=_PAGE,
            generator=True,
        )
        yield from RowReader(mapping, names, profile, report).changes(
            _rows(entries, names, elsewhere)
        )
        if connection.result["result"] == RESULT_REFERRAL:  # for ldap3 that is no failure
            raise SourceUnreadable(
                f"{server.url}: {server.base} is kept by another server; ask that one"
            )
    except LDAPException as error:
        raise SourceUnreadable(f"{server.url}: {sentence(error, server.base)}") from error
    if elsewhere:
        report.rows += 1
        report.refuse_row(server.base, _not_asked(elsewhere))


def _rows(
    entries: Iterable[Mapping[str, Any]], names: Sequence[str], elsewhere: list[str]
) -> Iterator[SourceRow]:
    """Return the entries as rows, and note the servers that have further ones."""
    for entry in entries:
        if entry.get("type") == "searchResEntry":
            row = _row(entry, names)
            yield SourceRow(entry["dn"], [row[name] for name in names])
        elif entry.get("type") == "searchResRef":
            elsewhere += entry.get("uri") or ["?"]


def sentence(error: Exception, base: str) -> str:
    """Return what is wrong, and what to do about it where that is known."""
    message = str(error).splitlines()[0] if str(error) else ""
    if untrusted := _UNTRUSTED.search(message):
        why = untrusted["why"].strip()
        return f"its certificate is not trusted ({why}); an authority of your own: --ca-file"
    if _ELSEWHERE.search(message):
        return "its certificate is for another name; ask the server by that one"
    known = _SENTENCES.get(type(error).__name__)
    if known:
        return known.format(base=base)
    return _WRAPPED.sub("", message)[:200] or type(error).__name__


def _not_asked(elsewhere: list[str]) -> str:
    """Return which parts of the tree other servers keep; the password does not go there."""
    named = [server[:_LONGEST_NAME] for server in dict.fromkeys(elsewhere)]
    shown = ", ".join(named[:_NAMED]) + (", …" if len(named) > _NAMED else "")
    return f"referrals to other servers are not followed ({len(elsewhere)}): {shown}"


def _row(entry: Mapping[str, Any], wanted: Iterable[str]) -> dict[str, str]:
    values = {
        name.casefold(): _texts(name.casefold(), value)
        for name, value in entry["raw_attributes"].items()
    }
    row = {name: "\n".join(values.get(name.casefold(), ())) for name in wanted}
    for ours, names in _FIRST_OF.items():
        row[ours] = next(
            (values[name.casefold()][0] for name in names if values.get(name.casefold())), ""
        )
    row["entryKey"] = row["entryKey"] or entry["dn"]
    control = values.get("useraccountcontrol") or ["0"]
    flags = int(control[0]) if re.fullmatch(r"-?[0-9]+", control[0]) else 0
    row["entryActive"] = "0" if flags & _DISABLED else "1"
    classes = {name.casefold() for name in values.get("objectclass", ())}
    row["entryKind"] = "company" if "organization" in classes else "person"
    return row


def _texts(name: str, values: Iterable[bytes | str]) -> list[str]:
    return [text for value in values if (text := _text(name, value))]


def _text(name: str, value: bytes | str) -> str:
    """Return a value as text, or in hexadecimal digits where it is none."""
    if isinstance(value, str):
        return clean_lines(value)
    if name == _GUID and len(value) == _GUID_OCTETS:
        return str(UUID(bytes_le=value))  # as Active Directory itself shows it
    text = decoded(value)
    is_utf8 = text.encode() == value
    odd = sum(
        not (sign.isprintable() or sign.isspace()) or (sign > "\x7f" and not is_utf8)
        for sign in text
    )
    return value.hex() if odd * 3 > len(text) else clean_lines(text)


def _need_ldap3() -> None:
    if ldap3 is None:
        raise SourceUnreadable(f"LDAP needs ldap3: {sys.executable} -m pip install ldap3")
