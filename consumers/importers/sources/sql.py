"""Contacts from any SQL database by a query; the mapping names the query's columns."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from bus.numbers.number import NumberProfile
from consumers.directory.changes import Change
from consumers.importers.encodings import decoded
from consumers.importers.mapping import Mapping
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.rows import RowReader, SourceRow, cell_text, check_columns

_BATCH = 1000  # rows held in memory
# A colon or per cent sign in the query is itself, and names no parameter, whatever the driver.
_AS_WRITTEN: dict[str, Any] = {"yield_per": _BATCH, "no_parameters": True}

_PACKAGES = {  # the module a driver is imported by, and the package that has it
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
    "cx_Oracle": "cx_Oracle",
}
_INSTEAD = {  # drivers that need a compiler, and an address that needs none
    "MySQLdb": "or begin the address with mysql+pymysql:// and: pip install pymysql",
    "psycopg2": "or begin it with postgresql+psycopg:// and: pip install 'psycopg[binary]'",
}
_NOT_PLAIN = (
    "the address of the database is not understood; a user or password in it is written with its"
    " @ : / % # ? percent-encoded: %40 %3A %2F %25 %23 %3F"
)
_EXAMPLE = "as in postgresql+psycopg://user:password@host/database"
_SPELLED = {"postgres": "postgresql+psycopg", "mssql": "mssql+pyodbc", "mysql": "mysql+pymysql"}


def sql_records(
    url: str, query: str, mapping: Mapping, profile: NumberProfile, report: Report
) -> Iterator[Change]:
    """Return the records of a query; nothing is ever committed to the database.

    The address holds a password, so no error repeats it.
    """
    try:
        from sqlalchemy import create_engine, event, make_url
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
    except ImportError as error:
        raise SourceUnreadable(
            f"SQL needs SQLAlchemy: {sys.executable} -m pip install sqlalchemy"
        ) from error
    try:
        address = make_url(url)
        if "@" in (address.host or ""):  # the end of a password, which the driver would show
            raise SourceUnreadable(_NOT_PLAIN)
        engine = create_engine(address)
        if engine.name == "sqlite":  # a text of it may have any encoding
            event.listen(engine, "connect", _decode_texts)
    except (ArgumentError, NoSuchModuleError):
        raise SourceUnreadable(unknown_database(url)) from None
    except ImportError as error:
        raise SourceUnreadable(missing_driver(error)) from error
    except ValueError:  # of the port, for which it takes a part of the password
        raise SourceUnreadable(_NOT_PLAIN) from None
    try:
        with engine.connect().execution_options(**_AS_WRITTEN) as connection:
            result = connection.exec_driver_sql(query)
            names = [str(name) for name in result.keys()]  # noqa: SIM118  (no dictionary)
            check_columns(mapping, names, "the query")
            yield from RowReader(mapping, names, profile, report).changes(
                SourceRow(f"row {number}", [cell_text(value) for value in row])
                for number, row in enumerate(result, 1)
            )
    except SQLAlchemyError as error:
        raise SourceUnreadable(f"the database says: {_reason(error)}") from error
    finally:
        engine.dispose()


def _decode_texts(connection: Any, _: object) -> None:
    connection.text_factory = decoded


def _reason(error: Exception) -> str:
    """Return the driver's own words; SQLAlchemy's would repeat the query with its values."""
    cause = getattr(error, "orig", None) or error
    return str(cause).splitlines()[0][:300] if str(cause) else type(cause).__name__


def missing_driver(error: ImportError) -> str:
    """Return what to install for a driver that cannot be imported."""
    module = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError):
        words = str(error).splitlines()[0][:200] if str(error) else "it cannot be loaded"
        return f"the driver of the database cannot be loaded: {words}{_library(str(error))}"
    package = _PACKAGES.get(module, module)
    instead = f", {_INSTEAD[module]}" if module in _INSTEAD else ""
    install = f"{sys.executable} -m pip install '{package}'"
    return f"the driver of the database is missing: {install}{instead}"


def unknown_database(url: str) -> str:
    """Return what is wrong with an address, which is not repeated."""
    kind = url.partition("://")[0]
    if "://" not in url or not kind.replace("+", "").isalnum() or len(kind) > 40:
        return f"the address of the database is not understood, {_EXAMPLE}"
    name = kind.partition("+")[0]
    advice = (
        f"; try {_SPELLED[name]}://" if name in _SPELLED else ", or its dialect is not installed"
    )
    return f"no database {kind} is known to SQLAlchemy{advice}"


def _library(words: str) -> str:
    if "libpq" in words or "pq wrapper" in words:
        return "; pip install 'psycopg[binary]' brings it"
    if "odbc" in words:
        return "; install unixODBC and the database's ODBC driver"
    return ""
