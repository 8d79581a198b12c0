from datetime import datetime

import pytest

from consumers.preferences import HoursRefused, read_hours

MONDAY = "2026-11-23T"
SUNDAY = "2026-11-22T"


@pytest.mark.parametrize(
    ("hours", "moment", "holds"),
    [
        ("12:00-13:00", MONDAY + "12:00", True),
        ("12:00-13:00", MONDAY + "13:00", False),
        ("18:00-07:00", MONDAY + "23:30", True),
        ("18:00-07:00", MONDAY + "06:59", True),
        ("18:00-07:00", MONDAY + "07:00", False),
        ("mon-fri 18:00-07:00", MONDAY + "06:00", False),
        ("mon-fri 18:00-07:00", "2026-11-28T06:00", True),
        ("sat-sun", SUNDAY + "10:00", True),
        ("sat-sun", MONDAY + "10:00", False),
        ("fri-mon", MONDAY + "10:00", True),
        ("wed 00:00-12:00", "2026-11-25T11:00", True),
    ],
)
def test_hours_hold_on_their_days(hours: str, moment: str, holds: bool) -> None:
    assert read_hours(hours).hold(datetime.fromisoformat(moment)) is holds


@pytest.mark.parametrize("text", ["", " ", "25:00-26:00", "noon", "xyz 10:00-11:00", "10:00-10:00"])
def test_other_texts_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(HoursRefused):
        read_hours(text)
