"""Damage to one line or record changes no other: junk is put in anywhere, and all others stay."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bus.numbers.number import NumberProfile
from consumers.directory.changes import ContactRecord
from consumers.importers.mapping import Mapping
from consumers.importers.report import Report
from consumers.importers.sources.csv_file import csv_records
from consumers.importers.sources.vcard import vcard_records

ZURICH = NumberProfile(country="CH", area_code="44")
COLUMNS = Mapping.model_validate(
    {"contact": {"key": "Id", "name": "Name", "company": "Firma", "numbers": ["Telefon"]}}
)
NAMES = ["Jürg Müller", "Anna Beispiel", "Bärbel Häfner", "Łukasz Öz", "Zoë Grün", "Bo Li"]
CARDS = [
    f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{n}{n}\r\nFN:{name}\r\nORG:Grün\r\n äcker AG\r\n"
    f"TEL;TYPE=CELL:+4179555010{n}\r\nNOTE:a\r\n b\r\nEND:VCARD\r\n"
    for n, name in enumerate(NAMES)
]
ROWS = [
    f'{n}{n};"{name}";{"Grünäcker AG" if n % 2 else ""};044 555 01 0{n};"eine\r\nNotiz"\r\n'
    for n, name in enumerate(NAMES)
]
HEAD = "Id;Name;Firma;Telefon;Notiz\r\n"

junk = st.one_of(
    st.sampled_from(
        [
            b"BEGIN:VCARD", b"END:VCARD", b"END:VCARDBEGIN:VCARD", b"AGENT:", b"AGENT:BEGIN:VCARD",
            b"NOTE;ENCODING=QUOTED-PRINTABLE:x=", b"PHOTO;ENCODING=b:AAAA", b" folded", b"\tfolded",
            b'"', b'";"', b'x;"', b'"x;y;z', b';;;;;;', b"\xff\xfe", b"\xef\xbb\xbf", b"\0\0", b"=",
            b"Tel: 044 555 99 99", b"sep=,", b"\xc3", b"\x85", b"\xe2\x80\xa8", b'a"b"c;"d',
        ]
    ),
    st.binary(max_size=30).filter(lambda octets: b"\n" not in octets and b"\r" not in octets),
)  # fmt: skip
read_settings = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def contacts(path: Path, octets: bytes) -> dict[str, ContactRecord]:
    path.write_bytes(octets)
    if path.suffix == ".csv":
        records = list(csv_records(path, COLUMNS, ZURICH, Report()))
    else:
        records = list(vcard_records(path, ZURICH, Report()))
    found: dict[str, ContactRecord] = {}
    for record in records:
        assert isinstance(record, ContactRecord)
        found.setdefault(record.key, record._replace(read_from=b""))
    return found


@pytest.fixture(params=["cards.vcf", "rows.csv"])
def damaged(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int, int, bytes], None]:
    path = tmp_path / request.param
    records = [text.encode() for text in (CARDS if path.suffix == ".vcf" else ROWS)]
    head = b"" if path.suffix == ".vcf" else HEAD.encode()
    whole = contacts(path, head + b"".join(records))
    assert [record.name for record in whole.values()] == NAMES

    def check(place: int, line: int, octets: bytes) -> None:
        """Put a line into one record, or before it, and compare all others."""
        lines = records[place].splitlines(keepends=True)
        lines.insert(line % (len(lines) + 1), octets + b"\r\n")
        changed = [*records[:place], b"".join(lines), *records[place + 1 :]]
        found = contacts(path, head + b"".join(changed))
        others = {f"{n}{n}" for n in range(len(records))} - {f"{place}{place}"}
        assert {key: found.get(key) for key in others} == {key: whole[key] for key in others}

    return check


@read_settings
@given(place=st.integers(0, 5), line=st.integers(0, 9), octets=junk)
@example(place=2, line=0, octets=b'"')
@example(place=5, line=0, octets=b"BEGIN:VCARD")
@example(place=1, line=3, octets=b"END:VCARDBEGIN:VCARD")
def test_a_line_put_in_anywhere_changes_no_other_record(
    damaged: Callable[[int, int, bytes], None], place: int, line: int, octets: bytes
) -> None:
    damaged(place, line, octets)


@read_settings
@given(place=st.integers(0, 5), offset=st.integers(0, 200), octet=st.integers(0, 255))
def test_a_byte_that_is_changed_changes_no_other_record(
    tmp_path: Path, place: int, offset: int, octet: int
) -> None:
    path = tmp_path / "cards.vcf"
    records = [bytearray(card.encode()) for card in CARDS]
    whole = contacts(path, b"".join(records))
    offset %= len(records[place]) - 2  # the end of the line stays
    records[place][offset] = octet
    found = contacts(path, b"".join(records))
    others = {f"{n}{n}" for n in range(len(records))} - {f"{place}{place}"}

    assert {key: found.get(key) for key in others} == {key: whole[key] for key in others}
