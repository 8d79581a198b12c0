"""Which column of a source means what; read from a TOML file, shared by CSV, SQL and LDAP."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Collection
from collections.abc import Mapping as Row
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from consumers.directory.changes import RecordKind
from consumers.importers.report import SourceUnreadable
from runtime.configuration import SettingsRefused, read_text

_HOLE = re.compile(r"\{([^{}]+)\}")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Flag(_Part):
    """True where a column has one of some values; without values where it says yes."""

    column: str
    values: tuple[str, ...] = ("1", "true", "yes", "y", "ja", "j", "wahr", "oui", "si", "sì", "x")
    otherwise: bool = False  # what an empty field means

    @field_validator("values")
    @classmethod
    def _folded(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(value.casefold() for value in values)

    def read(self, row: Row[str, str]) -> bool:
        """Return what the row says."""
        value = row.get(self.column, "").strip().casefold()
        return value in self.values if value else self.otherwise


class NumberColumn(_Part):
    """A column with telephone numbers."""

    column: str
    label: str = ""
    label_column: str = ""  # says the label in each row; where it is empty, `label` does
    switchboard: bool = False
    extension_digits: int = Field(default=0, ge=0, le=4)  # zeros that stand for the extension


class ContactColumns(_Part):
    """Where a contact is; a value is the name of a column or has names in braces."""

    key: str = ""
    name: str = ""
    company_when: Flag | None = None
    company: str = ""
    employer: str = ""
    country: str = ""
    email: str = ""
    url: str = ""
    active: Flag | None = None
    numbers: tuple[NumberColumn, ...] = ()

    @field_validator("numbers", mode="before")
    @classmethod
    def _short_form(cls, numbers: Any) -> Any:
        if not isinstance(numbers, list | tuple):
            return numbers
        return [{"column": column} if isinstance(column, str) else column for column in numbers]


class _Kept(_Part):
    """What dossiers and matters have in common."""

    key: str
    reference: str = ""
    title: str = ""
    url: str = ""
    used_by: str = ""
    used_on: str = ""


class DossierColumns(_Kept):
    """Where a dossier is; without `contact` it belongs to the contact of the same row."""

    contact: str = ""
    active: Flag | None = None


class MatterColumns(_Kept):
    """Where a matter is; without `dossier` it belongs to the dossier of the same row."""

    dossier: str = ""
    open: Flag | None = None


class FileFormat(_Part):
    """How a file is written; what is not said is detected."""

    encoding: str = ""
    delimiter: str = ""
    header: bool = True  # without one, columns are called #1, #2, …


class Mapping(_Part):
    """What each column of a source means."""

    file: FileFormat = FileFormat()
    date_format: str = ""  # as in "%d.%m.%Y"; ISO dates need none
    optional: bool = False  # columns which are missing count as empty
    contact: ContactColumns | None = None
    dossier: DossierColumns | None = None
    matter: MatterColumns | None = None

    @model_validator(mode="after")
    def _of_something(self) -> Mapping:
        if not (self.contact or self.dossier or self.matter):
            raise ValueError("it names no columns: write [contact], [dossier] or [matter]")
        return self

    @property
    def kinds(self) -> frozenset[RecordKind]:
        """Return the kinds of records this source has all of."""
        kinds: dict[RecordKind, object] = {
            "contact": self.contact,
            "dossier": self.dossier,
            "matter": self.matter,
        }
        return frozenset(kind for kind, columns in kinds.items() if columns is not None)

    def within(self, names: Collection[str]) -> Mapping:
        """Return the mapping without the columns that are not among some names.

        Of dossiers and matters it is the key without which nothing is left.
        """
        kept: dict[str, object] = {
            kind: None
            for kind, columns in (("dossier", self.dossier), ("matter", self.matter))
            if columns and "{" not in columns.key and columns.key not in names
        }
        if not self.contact:
            return self.model_copy(update=kept)
        fields = dict(self.contact)
        for field, value in fields.items():
            if isinstance(value, str) and "{" not in value and value not in names:
                fields[field] = ""
        fields["numbers"] = [each for each in self.contact.numbers if each.column in names]
        return self.model_copy(update=kept | {"contact": self.contact.model_copy(update=fields)})

    def columns(self) -> set[str]:
        """Return the names of all columns which are used."""
        used: set[str] = set()
        for part in (self.contact, self.dossier, self.matter):
            for value in dict(part or {}).values():
                if isinstance(value, str):
                    used |= set(_names(value))
                elif isinstance(value, Flag):
                    used.add(value.column)
                elif isinstance(value, tuple):
                    used |= {
                        name for column in value for name in (column.column, column.label_column)
                    }
        return used - {""}


def filled(template: str, row: Row[str, str]) -> str:
    """Return the field of a column, or a text with fields in its braces."""
    if "{" not in template:
        return row.get(template, "").strip() if template else ""
    text = _HOLE.sub(lambda hole: row.get(hole[1].strip(), "").strip(), template)
    return " ".join(text.split()).strip(" ,;-")


def read_mapping(path: Path) -> Mapping:
    """Read a mapping file; raise SourceUnreadable, which names file, key and fault."""
    try:
        return Mapping.model_validate(tomllib.loads(_composed(path)))
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SourceUnreadable(f"{path}: {error}") from error
    except SettingsRefused as error:
        raise SourceUnreadable(f"{error}") from error
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        reasons = "; ".join(
            ": ".join(filter(None, (_where(fault), fault["msg"]))) for fault in faults
        )
        raise SourceUnreadable(f"{path}: {reasons}") from error


def _composed(path: Path) -> str:
    """Return the text of a file; its names of columns are compared with composed ones."""
    return unicodedata.normalize("NFC", read_text(path))


def _where(fault: ErrorDetails) -> str:
    return ".".join(map(str, fault["loc"]))


def _names(value: str) -> list[str]:
    return [name.strip() for name in _HOLE.findall(value)] if "{" in value else [value]
