"""Sites of many countries, and the table of spellings."""

import csv
from pathlib import Path

from bus.numbers.profile import NumberProfile

ZURICH = NumberProfile(country="CH", area_code="44", sip_domains=("pbx.example",))
ZURICH_LINE = NumberProfile(country="CH", area_code="44", outside_line="0")
BERLIN = NumberProfile(country="DE", area_code="30")
BERLIN_LINE = NumberProfile(country="DE", area_code="30", outside_line="0")
GERMANY = NumberProfile(country="DE")
VIENNA = NumberProfile(country="AT", area_code="1")
VADUZ = NumberProfile(country="LI")
MILAN = NumberProfile(country="IT", area_code="02")
FRANCE = NumberProfile(country="FR")
LONDON = NumberProfile(country="GB", area_code="20")
NEW_YORK = NumberProfile(country="US", area_code="212")
SITES = {
    "CH": ZURICH,
    "CH0": ZURICH_LINE,
    "DE": BERLIN,
    "DE0": BERLIN_LINE,
    "DE-": GERMANY,
    "AT": VIENNA,
    "LI": VADUZ,
    "IT": MILAN,
    "FR": FRANCE,
    "GB": LONDON,
    "US": NEW_YORK,
    "MX": NumberProfile(country="MX", area_code="55"),
    "AR": NumberProfile(country="AR", area_code="11"),
    "BR": NumberProfile(country="BR", area_code="11"),
    "CN": NumberProfile(country="CN", area_code="10"),
    "IN": NumberProfile(country="IN", area_code="22"),
    "RU": NumberProfile(country="RU", area_code="495"),
}


def spellings() -> list[dict[str, str]]:
    path = Path(__file__).parent.parent / "numbers.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


SPELLINGS = spellings()
