"""Contacts from any SQL database by a query; the mapping names the query's columns."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from bus.numbers.number import NumberProfile
from consumers.directory.changes import Change
from consumers.importers.encodings import decoded
from consumers.importers.mapping import Mapping
from consumers.importers.report import Report, SourceUnreadable
from consumers.importers.rows import Rows
from consumers.importers.sources import sql_drivers

_BATCH = 1000  # rows held in memory
# A colon or per cent sign in the query is itself, and names no parameter, whatever the driver.
_AS_WRITTEN: dict[str, Any] = {"yield_per": _BATCH, "no_parameters": True}


def sql_records(
    url: str, query: str, mapping: Mapping, profile: NumberProfile, report: Report
) -> Iterator[Change]:
    """Give the records of a query; nothing is ever committed to the database.

    The address holds a password, so no error repeats it.
    """
    try:
        from sqlalchemy import create_engine, make_url
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
    except ImportError as error:
        raise SourceUnreadable(
            f"SQL needs SQLAlchemy: {sys.executable} -m pip install sqlalchemy"
        ) from error
    try:
        address = make_url(url)
        if "@" in (address.host or ""):  # the end of a password, which the driver would tell
            raise SourceUnreadable(sql_drivers.NOT_PLAIN)
        engine = create_engine(address)
    except (ArgumentError, NoSuchModuleError):
        raise SourceUnreadable(sql_drivers.unknown(url)) from None
    except ImportError as error:
        raise SourceUnreadable(sql_drivers.missing(error)) from error
    except ValueError:  # of the port, for which it takes a part of the password
        raise SourceUnreadable(sql_drivers.NOT_PLAIN) from None
    rows = Rows(mapping, profile, report)
    try:
        with engine.connect().execution_options(**_AS_WRITTEN) as connection:
            result = connection.exec_driver_sql(query)
            _check(list(result.keys()), mapping)
            for number, row in enumerate(result.mappings(), 1):
                values = {str(name): _text(value) for name, value in row.items()}
                yield from rows.records(values, f"row {number}")
    except SQLAlchemyError as error:
        raise SourceUnreadable(f"the database says: {_reason(error)}") from error
    finally:
        engine.dispose()


def _check(names: list[str], mapping: Mapping) -> None:
    """Refuse a query without the columns we look for, or with one of them twice."""
    wanted = mapping.columns()
    for name in sorted(wanted):
        if names.count(name) > 1:
            raise SourceUnreadable(
                f"the query gives the column {name!r} {names.count(name)} times; name them apart"
                " with AS"
            )
    missing = sorted(wanted - set(names))
    if missing and not mapping.optional:
        raise SourceUnreadable(
            f"the query gives no column {', '.join(missing)}; it gives {', '.join(names)}"
        )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a telephone number or a key that was taken for an amount
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return decoded(bytes(value))
    return str(value)


def _reason(error: Exception) -> str:
    """Give the driver's own words; SQLAlchemy's would repeat the query with its values."""
    told = getattr(error, "orig", None) or error
    return str(told).splitlines()[0][:300] if str(told) else type(told).__name__
