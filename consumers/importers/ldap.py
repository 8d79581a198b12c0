"""Contacts from LDAP or Active Directory, page by page over TLS."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr

from bus.numbers import NumberProfile
from consumers.changes import Change
from consumers.importers import mapping as columns
from consumers.importers.mapping import ContactColumns, Flag, NumberColumn
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.rows import Rows

try:
    with warnings.catch_warnings():
        # ldap3 2.9.1 asks pyasn1 for two names by their old spelling.
        warnings.simplefilter("ignore", DeprecationWarning)
        import ldap3
        from ldap3.core.exceptions import LDAPException
except ImportError:
    ldap3 = None

_PAGE = 500  # entries in one answer
_CONNECT, _READ = 10, 60  # seconds
_DISABLED = 2  # the bit of userAccountControl

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
_ASKED = {one for names in _FIRST_OF.values() for one in names} | {
    "userAccountControl",
    "objectClass",
}
_OURS = {*_FIRST_OF, "entryActive", "entryKind"}


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
    plain = server.url.lower().startswith("ldap://") and not server.start_tls
    if plain and server.password.get_secret_value():
        raise SourceUnreadable("the password would go over the net in plain text; use TLS")
    tls = ldap3.Tls(
        validate=ssl.CERT_REQUIRED if server.verify else ssl.CERT_NONE,
        ca_certs_file=server.ca_file,
    )
    try:
        connection = ldap3.Connection(
            ldap3.Server(server.url, tls=tls, connect_timeout=_CONNECT, get_info=ldap3.NONE),
            user=server.user or None,
            password=server.password.get_secret_value() or None,
            receive_timeout=_READ,
            read_only=True,
            check_names=False,
            raise_exceptions=True,
        )
        connection.open()
        if server.url.lower().startswith("ldap://") and server.start_tls:
            connection.start_tls()
        connection.bind()
    except LDAPException as error:
        raise SourceUnreadable(f"{server.url}: {_reason(error)}") from error
    return connection


def ldap_records(
    connection: Any,
    server: LdapServer,
    mapping: columns.Mapping,
    profile: NumberProfile,
    report: Report,
) -> Iterator[Change]:
    """Give the records of all entries that the filter finds."""
    _need_ldap3()
    rows = Rows(mapping, profile, report)
    wanted = mapping.columns()
    try:
        entries = connection.extend.standard.paged_search(
            server.base,
            server.filter,
            attributes=sorted(_ASKED | (wanted - _OURS)),
            paged_size=_PAGE,
            generator=True,
        )
        for entry in entries:
            if entry.get("type") == "searchResEntry":
                yield from rows.records(_row(entry, wanted), entry["dn"])
    except LDAPException as error:
        raise SourceUnreadable(f"{server.url}: {_reason(error)}") from error


def _row(entry: Mapping[str, Any], wanted: Iterable[str]) -> dict[str, str]:
    told = {name.casefold(): _texts(value) for name, value in entry["attributes"].items()}
    row = {name: "\n".join(told.get(name.casefold(), ())) for name in wanted}
    for ours, names in _FIRST_OF.items():
        row[ours] = next((told[one.casefold()][0] for one in names if told.get(one.casefold())), "")
    row["entryKey"] = row["entryKey"] or entry["dn"]
    control = told.get("useraccountcontrol") or ["0"]
    row["entryActive"] = "0" if control[0].isdigit() and int(control[0]) & _DISABLED else "1"
    classes = {one.casefold() for one in told.get("objectclass", ())}
    row["entryKind"] = "company" if "organization" in classes else "person"
    return row


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [told for one in values if one is not None and (told := _text(one))]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            told = value.decode("utf-8")
        except UnicodeDecodeError:
            return value.hex()
        return told if told.isprintable() else value.hex()
    return str(value).strip()


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def _need_ldap3() -> None:
    if ldap3 is None:
        raise SourceUnreadable("LDAP needs starface2mqtt[importers] to be installed")
