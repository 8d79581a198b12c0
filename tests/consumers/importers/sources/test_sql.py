import sqlite3
import traceback
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import ExecutionContext

from bus.numbers.number import NumberProfile
from consumers.directory.changes import Change, ContactRecord, UseRecord
from consumers.directory.records import DossierRecord, MatterRecord
from consumers.importers.mapping import Mapping
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.rows import cell_text
from consumers.importers.sources.sql import missing_driver, sql_records, unknown_database

Read = Callable[..., list[Change]]

QUERY = """
    SELECT p.nr, p.name, p.aktiv, p.tel, m.nr AS akte, m.titel, m.offen, m.sb, m.zuletzt
    FROM person p LEFT JOIN akte m ON m.person = p.nr ORDER BY p.nr"""
MAPPING = Mapping.model_validate(
    {
        "contact": {"key": "nr", "name": "name", "active": {"column": "aktiv"}, "numbers": ["tel"]},
        "dossier": {"key": "nr", "title": "name"},
        "matter": {
            "key": "akte",
            "title": "titel",
            "open": {"column": "offen"},
            "used_by": "sb",
            "used_on": "zuletzt",
        },
    }
)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "office.db"
    with sqlite3.connect(path) as made:
        made.executescript("""
            CREATE TABLE person (nr INTEGER, name TEXT, aktiv BOOLEAN, tel TEXT);
            CREATE TABLE akte (nr TEXT, person INTEGER, titel TEXT, offen INTEGER, sb TEXT,
                               zuletzt TIMESTAMP);
            INSERT INTO person VALUES (1, 'Anna Meier', 1, '044 123 45 67'),
                                      (2, 'Beat Huber', 0, NULL);
            INSERT INTO akte VALUES ('A1', 1, 'Scheidung', 1, 'anna', '2026-11-02');
        """)
    made.close()
    return path


@pytest.fixture
def read(database: Path, swiss: NumberProfile, report: Report) -> Read:
    def read(
        query: str = QUERY, mapping: Mapping = MAPPING, url: str | None = None
    ) -> list[Change]:
        return list(sql_records(url or f"sqlite:///{database}", query, mapping, swiss, report))

    return read


def test_the_rows_of_a_query_are_records(read: Read) -> None:
    records = read()

    contacts = [one for one in records if isinstance(one, ContactRecord)]
    assert [(one.key, one.name, one.active) for one in contacts] == [
        ("1", "Anna Meier", True),
        ("2", "Beat Huber", False),
    ]
    assert [one.e164 for one in contacts[0].numbers] == ["+41441234567"]
    assert [one.contact_key for one in records if isinstance(one, DossierRecord)] == ["1", "2"]
    [matter] = [one for one in records if isinstance(one, MatterRecord)]
    assert (matter.key, matter.dossier_key, matter.open) == ("A1", "1", True)
    [use] = [one for one in records if isinstance(one, UseRecord)]
    assert (use.user, use.on, use.at) == ("anna", date(2026, 11, 2), None)


def test_a_query_is_asked_as_it_is_written(read: Read) -> None:
    mapping = Mapping.model_validate({"contact": {"name": "name"}})
    [contact] = read("SELECT 'a:b %s ' || '100%' AS name", mapping)

    assert isinstance(contact, ContactRecord)
    assert contact.name == "a:b %s 100%"


def test_nothing_is_ever_written_to_the_database(read: Read, database: Path) -> None:
    with pytest.raises(SourceUnreadable):
        read("DELETE FROM person")

    with sqlite3.connect(database) as other:
        assert other.execute("SELECT count(*) FROM person").fetchone() == (2,)
    other.close()


def test_a_query_without_the_columns_is_refused_and_they_are_named(read: Read) -> None:
    with pytest.raises(SourceUnreadable, match=r"no column akte, .*it has nr, name"):
        read("SELECT nr, name FROM person")


def test_what_the_database_says_is_reported(read: Read) -> None:
    with pytest.raises(SourceUnreadable, match="no such table: nobody"):
        read("SELECT * FROM nobody")


@pytest.mark.parametrize(
    "url",
    [
        "nosuchdialect://anna:s3cret@host/db",
        "anna:s3cret",
        "oracle+cx_oracle://anna:s3cret@127.0.0.1/db",
    ],
)
def test_the_password_in_the_address_is_never_reported(read: Read, url: str) -> None:
    with pytest.raises(SourceUnreadable) as refused:
        read(url=url)

    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("password", ["ab@s3cret", "s3cret@x:y", "a@b:s3cret", "a/b@c:s3cret"])
def test_a_password_that_breaks_the_address_is_reported_without_it(
    read: Read, password: str
) -> None:
    with pytest.raises(SourceUnreadable, match="percent-encoded") as refused:
        read(url=f"postgresql+psycopg://anna:{password}@host/db")

    assert "s3cret" not in "".join(traceback.format_exception(refused.value))


def test_a_column_that_a_query_gives_twice_is_refused(read: Read) -> None:
    mapping = Mapping.model_validate({"contact": {"name": "name", "numbers": ["tel"]}})

    with pytest.raises(SourceUnreadable, match=r"'tel' stands there 2 times; name"):
        read("SELECT name, tel, '044 123 45 68' AS tel FROM person", mapping)


@pytest.mark.parametrize(
    ("given", "key", "e164"),
    [("41441234567.0", "7", "+41441234567"), ("441234567.0", "7", "")],
)
def test_a_number_kept_as_an_amount_is_a_whole_one(
    read: Read, given: str, key: str, e164: str
) -> None:
    mapping = Mapping.model_validate({"contact": {"key": "k", "name": "name", "numbers": ["tel"]}})

    [contact] = read(f"SELECT 7.0 AS k, 'Anna' AS name, {given} AS tel", mapping)

    assert isinstance(contact, ContactRecord)
    assert contact.key == key
    assert [one.e164 for one in contact.numbers] == ([e164] if e164 else [])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("41441234567.00"), "41441234567"),
        (Decimal("41441234567"), "41441234567"),
        (float("nan"), ""),
        (Decimal("NaN"), ""),
        (bytearray(b"Anna"), "Anna"),
        ("Müller".encode("cp1252"), "Müller"),
        (["044 123 45 67", "079 555 01 01"], "044 123 45 67\n079 555 01 01"),
    ],
)
def test_a_value_of_any_type_of_a_driver_is_a_text(value: object, text: str) -> None:
    assert cell_text(value) == text


def test_a_text_in_another_encoding_ends_no_import(read: Read) -> None:
    mapping = Mapping.model_validate({"contact": {"name": "name"}})

    contacts = read("SELECT CAST(x'4afc7267' AS TEXT) AS name UNION SELECT 'Anna'", mapping)

    assert {one.name for one in contacts if isinstance(one, ContactRecord)} == {"Jürg", "Anna"}


def test_no_driver_looks_for_parameters_in_a_query(read: Read) -> None:
    contexts: list[ExecutionContext] = []

    def asked(*given: Any) -> None:
        contexts.append(given[4])

    event.listen(Engine, "before_cursor_execute", asked)
    try:
        read()
    finally:
        event.remove(Engine, "before_cursor_execute", asked)

    assert [one.no_parameters for one in contexts] == [True]


def test_a_driver_that_is_missing_is_named_with_its_package(read: Read) -> None:
    with pytest.raises(SourceUnreadable, match="pip install 'pysqlcipher3'"):
        read(url="sqlite+pysqlcipher://:s3cret@/directory.db")


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("psycopg", "'psycopg[binary]'"),
        ("psycopg2", "'psycopg2-binary'"),
        ("pymysql", "'pymysql'"),
        ("MySQLdb", "'mysqlclient', or begin the address with mysql+pymysql://"),
        ("pyodbc", "'pyodbc'"),
        ("oracledb.thin", "'oracledb'"),
    ],
)
def test_a_missing_driver_is_named_by_the_package_to_install(module: str, package: str) -> None:
    error = ModuleNotFoundError(f"No module named '{module}'", name=module)

    assert f"pip install {package}" in missing_driver(error)


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("no pq wrapper available.", "psycopg[binary]"),
        ("libodbc.so.2: cannot open shared object file", "unixODBC"),
        ("libmariadb.so.3: cannot open shared object file", "libmariadb.so.3"),
    ],
)
def test_a_driver_whose_library_is_missing_says_which(words: str, advice: str) -> None:
    assert advice in missing_driver(ImportError(words))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgres://anna:s3cret@host/db", "try postgresql+psycopg://"),
        ("mysql+nosuch://anna:s3cret@host/db", "try mysql+pymysql://"),
        ("firebird://anna:s3cret@host/db", "its dialect is not installed"),
        ("anna:s3cret", "as in postgresql+psycopg://"),
        ("anna:s3cret@host://db", "as in postgresql+psycopg://"),
    ],
)
def test_an_address_that_is_not_known_is_reported_without_its_password(
    url: str, words: str
) -> None:
    assert words in unknown_database(url)
    assert "s3cret" not in unknown_database(url)
