"""Which package a database's address needs, said before anything is asked."""

from __future__ import annotations

import sys

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
NOT_PLAIN = (
    "the address of the database is not understood; a user or password in it is written with its"
    " @ : / % # ? percent-encoded: %40 %3A %2F %25 %23 %3F"
)
_EXAMPLE = "as in postgresql+psycopg://user:password@host/database"
_SPELLED = {"postgres": "postgresql+psycopg", "mssql": "mssql+pyodbc", "mysql": "mysql+pymysql"}


def missing(error: ImportError) -> str:
    """Say what to install for a driver that cannot be imported."""
    module = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError):
        words = str(error).splitlines()[0][:200] if str(error) else "it cannot be loaded"
        return f"the driver of the database cannot be loaded: {words}{_library(str(error))}"
    package = _PACKAGES.get(module, module)
    instead = f", {_INSTEAD[module]}" if module in _INSTEAD else ""
    install = f"{sys.executable} -m pip install '{package}'"
    return f"the driver of the database is missing: {install}{instead}"


def unknown(url: str) -> str:
    """Say what is wrong with an address whose kind of database is not known; it is not repeated."""
    kind = url.partition("://")[0]
    if "://" not in url or not kind.replace("+", "").isalnum() or len(kind) > 40:
        return f"the address of the database is not understood, {_EXAMPLE}"
    name = kind.partition("+")[0]
    told = f"; try {_SPELLED[name]}://" if name in _SPELLED else ", or its dialect is not installed"
    return f"no database {kind} is known to SQLAlchemy{told}"


def _library(told: str) -> str:
    if "libpq" in told or "pq wrapper" in told:
        return "; pip install 'psycopg[binary]' brings it"
    if "odbc" in told:
        return "; install unixODBC and the database's ODBC driver"
    return ""
