"""A small law office to try everything out with; nobody in it exists."""

from pathlib import Path

from bus.numbers.number import NumberProfile
from consumers.directory.changes import Changes
from consumers.importers.mapping import Mapping, read_mapping
from consumers.importers.report import Report
from consumers.importers.sources.csv_file import csv_records

CONTACTS = Path(__file__).with_name("contacts.csv")
MAPPING = Path(__file__).with_name("mapping.toml")
SOURCE = "sample"
_PRIORITY = -1000  # behind all real sources, whenever they come


def default_mapping() -> Mapping:
    """Return the mapping for files with the headings of our own export."""
    return read_mapping(MAPPING)


def sample(profile: NumberProfile, report: Report | None = None) -> Changes:
    """Return the contacts, dossiers and matters of the sample office."""
    mapping = default_mapping()
    records = csv_records(CONTACTS, mapping, profile, report or Report())
    return Changes(SOURCE, records, _PRIORITY, complete=mapping.kinds)
