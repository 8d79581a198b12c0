import json
import socket
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bus.numbers.number import NumberProfile
from consumers.directory.changes import ContactRecord
from consumers.importers.mapping import ContactColumns, Mapping, NumberColumn
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.sources.ldap import DEFAULT, LdapServer, connected, ldap_records, sentence
from tests.consumers.importers.ldap_server import Elsewhere

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3
    from ldap3.core import exceptions

INPUTS = Path(__file__).parent.with_name("inputs")
Entry = dict[str, str | bytes | list[str]]
Read = Callable[..., list[ContactRecord]]

SERVER = LdapServer(url="ldaps://dc.example", base="dc=example")
PEOPLE = "ou=people,dc=example"
ANNA: Entry = {
    "objectClass": ["top", "person", "user"],
    "cn": "meier",
    "displayName": "Anna Meier",
    "company": "Muster AG",
    "co": "Schweiz",
    "mail": "anna@example.ch",
    "telephoneNumber": "044 123 45 67",
    "otherTelephone": ["044 123 45 68", "044 123 45 69"],
    "mobile": "079 555 01 01",
    "facsimileTelephoneNumber": "044 123 45 60",
    "userAccountControl": "512",
    "entryUUID": "1234-anna",
}


@pytest.fixture
def connection() -> ldap3.Connection:
    server = ldap3.Server("mocked", get_info=ldap3.NONE)
    connection = ldap3.Connection(
        server, "cn=reader", "secret", client_strategy=ldap3.MOCK_SYNC, raise_exceptions=True
    )
    connection.strategy.add_entry("cn=reader", {"userPassword": "secret", "sn": "reader"})
    connection.bind()
    return connection


@pytest.fixture
def read(connection: ldap3.Connection, swiss: NumberProfile, report: Report) -> Read:
    def read(*entries: Entry, mapping: Mapping = DEFAULT) -> list[ContactRecord]:
        for number, entry in enumerate(entries):
            connection.strategy.add_entry(f"cn={number},{PEOPLE}", entry)
        records = list(ldap_records(connection, SERVER, mapping, swiss, report))
        contacts = [one for one in records if isinstance(one, ContactRecord)]
        assert contacts == records
        return contacts

    return read


def test_an_entry_of_active_directory_is_a_contact(read: Read) -> None:
    [contact] = read(ANNA)

    assert (contact.name, contact.company, contact.country) == ("Anna Meier", "Muster AG", "CH")
    assert (contact.kind, contact.email, contact.active) == ("person", "anna@example.ch", True)
    assert contact.key == "1234-anna"
    assert [(one.e164, one.label) for one in contact.numbers] == [
        ("+41441234567", "work"),
        ("+41441234568", "work"),
        ("+41441234569", "work"),
        ("+41795550101", "mobile"),
        ("+41441234560", "fax"),
    ]


def test_a_disabled_account_is_inactive(read: Read) -> None:
    [contact] = read(ANNA | {"userAccountControl": "514"})

    assert contact.active is False


def test_an_entry_without_an_id_is_known_by_its_place(read: Read) -> None:
    [contact] = read({key: value for key, value in ANNA.items() if key != "entryUUID"})

    assert contact.key == f"cn=0,{PEOPLE}"


def test_the_id_of_active_directory_is_written_as_it_shows_it(read: Read) -> None:
    octets = bytes.fromhex("30 ee ef 9b dc 5a 14 86 c0 98 7a f9 97 98 a6 07")

    [contact] = read(ANNA | {"objectGUID": octets})

    assert contact.key == "9befee30-5adc-8614-c098-7af99798a607"


def test_an_id_whose_octets_are_letters_is_an_id_all_the_same(read: Read) -> None:
    [contact] = read(ANNA | {"objectGUID": b"ABCDEFGHIJKLMNOP"})

    assert contact.key == "44434241-4645-4847-494a-4b4c4d4e4f50"


def test_what_is_not_utf_8_is_not_taken_for_another_writing(read: Read) -> None:
    [contact] = read(ANNA | {"entryUUID": b"\xe4\xf6\xfc"})

    assert contact.key == "e4f6fc"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Jürg Müller".encode("cp1252"), "Jürg Müller"),
        (b"Anna\x10 Meier\0", "Anna Meier"),
        (b"Anna\x1fMeier", "Anna Meier"),
        ("Άννα".encode(), "Άννα"),
    ],
)
def test_a_text_stays_one_for_a_sign_that_is_none(read: Read, value: bytes, name: str) -> None:
    [contact] = read(ANNA | {"displayName": value})

    assert contact.name == name


def test_a_company_is_not_its_own_employer(read: Read) -> None:
    muster = {"o": "Muster AG", "cn": "Muster AG", "telephoneNumber": "044 555 01 00"}
    [company] = read({"objectClass": ["organization"], **muster})

    assert (company.kind, company.name, company.company) == ("company", "Muster AG", "")


def test_an_account_whose_highest_bit_is_set_is_disabled_as_any_other(read: Read) -> None:
    [contact] = read(ANNA | {"userAccountControl": "-2147483646"})

    assert not contact.active


def test_a_name_comes_from_what_the_entry_has(read: Read) -> None:
    bare = {key: ANNA[key] for key in ("objectClass", "cn", "telephoneNumber")}

    assert [one.name for one in read(bare)] == ["meier"]


def test_an_organisation_is_a_company(read: Read, connection: ldap3.Connection) -> None:
    connection.strategy.add_entry(
        "o=Muster,dc=example", {"objectClass": ["organization"], "telephoneNumber": "0441234567"}
    )
    [contact] = read()

    assert (contact.kind, contact.name) == ("company", "Muster")


def test_entries_come_page_by_page(read: Read) -> None:
    many = [ANNA | {"entryUUID": str(number)} for number in range(1203)]

    assert len({one.key for one in read(*many)}) == 1203


def test_an_entry_without_a_telephone_is_not_asked_for(read: Read) -> None:
    assert read({"objectClass": ["person"], "cn": "printer"}) == []


def test_the_attributes_may_be_others(read: Read) -> None:
    mapping = Mapping(
        optional=True,
        contact=ContactColumns(
            key="employeeID",
            name="{givenName} {sn}",
            numbers=(NumberColumn(column="HOMEPHONE", label="home"),),
        ),
    )
    other = {"givenName": "Beat", "sn": "Huber", "employeeID": "7", "homePhone": "044 123 45 67"}
    [contact] = read(ANNA | other, mapping=mapping)

    assert (contact.key, contact.name) == ("7", "Beat Huber")
    assert [one.label for one in contact.numbers] == ["home"]


def test_a_number_that_is_none_is_reported_with_its_entry(read: Read, report: Report) -> None:
    read(ANNA | {"mobile": "ask the office"})

    [refusal] = report.refusals
    assert refusal.where == f"cn=0,{PEOPLE}"


def test_a_fault_of_the_server_refuses_the_import(read: Read, connection: ldap3.Connection) -> None:
    connection.unbind()

    with pytest.raises(SourceUnreadable, match=r"dc\.example"):
        read(ANNA)


def test_a_password_does_not_travel_in_plain_text() -> None:
    server = SERVER.model_copy(
        update={"url": "ldap://dc", "start_tls": False, "password": "s3cret"}
    )

    with pytest.raises(SourceUnreadable, match="plain text"):
        connected(LdapServer.model_validate(server.model_dump()))


@pytest.mark.parametrize("url", ["dc.example", "dc.example:636", "ldapi://dc", "http://dc.example"])
def test_an_address_that_does_not_say_how_is_refused_with_an_example(url: str) -> None:
    server = LdapServer(url=url, base="dc=example", user="cn=reader", password=SecretStr("s3cret"))

    with pytest.raises(SourceUnreadable, match="ldaps://"):
        connected(server)


def test_certificates_that_are_not_there_are_named() -> None:
    server = SERVER.model_copy(update={"ca_file": "/nowhere/ca.pem"})

    with pytest.raises(SourceUnreadable, match=r"/nowhere/ca\.pem"):
        connected(server)


def test_a_server_that_sends_one_elsewhere_is_not_followed(
    swiss: NumberProfile, report: Report
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.5)
        leading = Elsewhere(f"ldap://127.0.0.1:{other.getsockname()[1]}/dc=example")
        server = LdapServer(url=leading.url, base="dc=example", start_tls=False)
        try:
            with pytest.raises(SourceUnreadable, match="kept by another server"):
                list(ldap_records(connected(server), server, DEFAULT, swiss, report))
        finally:
            leading.close()

        with pytest.raises(TimeoutError):
            other.accept()


def test_parts_that_other_servers_keep_are_reported(swiss: NumberProfile, report: Report) -> None:
    leading = Elsewhere("ldap://dc2.example/dc=part,dc=example", in_part=True)
    server = LdapServer(url=leading.url, base="dc=example", start_tls=False)
    try:
        records = list(ldap_records(connected(server), server, DEFAULT, swiss, report))
    finally:
        leading.close()

    assert records == []
    [refusal] = report.refusals
    assert refusal.where == "dc=example"
    assert "not followed (1): ldap://dc2.example/dc=part" in refusal.reason


def test_a_server_that_is_not_there_is_reported_without_the_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"ldaps://127.0.0.1:{free.getsockname()[1]}"
    server = LdapServer(url=url, base="dc=example", user="cn=reader", password="s3cret")

    with pytest.raises(SourceUnreadable, match=r"127\.0\.0\.1") as refused:
        connected(server)

    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("entry", json.loads((INPUTS / "ldap-entries.json").read_text("utf-8")))
def test_signs_nobody_sees_do_not_make_a_value_unreadable(
    read: Read, entry: dict[str, Any]
) -> None:
    [contact] = read({"entryUUID": "1", "objectClass": ["person"], **entry["attributes"]})

    assert contact.name == entry["name"].partition(" (")[0]
    assert [number.e164 for number in contact.numbers] == entry["numbers"]
    assert contact.company == entry.get("company", "")


def test_the_number_of_an_ip_telephone_is_read(read: Read) -> None:
    [contact] = read(ANNA | {"ipPhone": "044 123 45 65"})

    assert ("+41441234565", "work") in [(number.e164, number.label) for number in contact.numbers]


BASE = "dc=example,dc=ch"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (exceptions.LDAPInvalidCredentialsResult(49, "invalidCredentials"), "user and password"),
        (exceptions.LDAPNoSuchObjectResult(32, "noSuchObject"), f"nothing at {BASE}"),
        (exceptions.LDAPInvalidFilterError("invalid filter"), "--filter"),
        (exceptions.LDAPSizeLimitExceededResult(4, "sizeLimitExceeded"), "no more entries"),
        (exceptions.LDAPConfidentialityRequiredResult(13, "confidentialityRequired"), "TLS"),
        (exceptions.LDAPStartTLSError("startTLS failed - protocolError"), "ldaps://"),
        (exceptions.LDAPOperationsErrorResult(1, "operationsError"), "log-in first"),
        (
            exceptions.LDAPSocketOpenError(
                "('socket ssl wrapping error: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify"
                " failed: self-signed certificate (_ssl.c:1006)',)"
            ),
            "(self-signed certificate); an authority of your own: --ca-file",
        ),
        (
            exceptions.LDAPStartTLSError(
                "wrap socket error: certificate {'subject': 1} doesn't match any name in ['dc']"
            ),
            "another name",
        ),
        (exceptions.LDAPSocketReceiveError("('timed out',)"), "timed out"),
        (exceptions.LDAPUnknownResponseError(), "LDAPUnknownResponseError"),
    ],
)
def test_a_fault_says_what_to_do(error: Exception, words: str) -> None:
    reported = sentence(error, BASE)

    assert words in reported
    assert not reported.startswith("(")
    assert len(reported) <= 250
