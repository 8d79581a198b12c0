import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.dial.placing import CallPlacer
from consumers.users import User
from starface.client import StarfaceClient
from starface.credential import derive
from starface.settings import StarfaceSettings
from tests.consumers.cutting_pbx import CuttingPbx
from tests.consumers.dial_desk import Desk

FORBIDDEN = [
    # emergency, in every dress
    "112", "117", "118", "144", "110", "911", "1414", "0112", "00112", "+41 112", "+41 144",
    "0041 117", "tel:112", "1 1 2", "(112)", "0-1-1-2", "+49 110", "044 112",
    # premium and shared cost
    "0900 123 456", "0901 123 456", "0906 123 456", "+41 900 123 456", "0041900123456",
    "090 0 123 456", "tel:0900123456", "+49 900 1 234567", "+49 137 1234567", "+49 180 5 123456",
    "+43 900 123456", "+1 900 555 1234", "1811", "1818", "+49 11833",
    # satellites and world-wide numbers
    "+870 773 111 222", "+881 6 1234 5678", "+882 16 1234 5678", "+883 5100 1234567",
    "+878 10 1234567", "+888 1234 5678", "+979 1 2345 6789", "00870773111222", "008816 12345678",
    # other countries
    "+53 7 123 4567", "+252 61 234 5678", "+7 495 123 4567", "+1 876 555 1234", "+44 20 7946 0958",
    "+371 67 123 456", "+216 71 123 456", "+232 22 123456", "+675 123 4567", "+33 1 23 45 67 89",
    # carriers, codes, letters
    "01070 044 123 45 67", "10741 0441234567", "*21*0441234567#", "*#06#", "#31#0441234567",
    "**61*0441234567#", "044*1234567", "0441234567#", "＊21＊0441234567＃", "0800-FLOWERS",
    # several numbers, injections
    "0441234567;0449999999", "0441234567,,,,123", "0441234567 or 0449999999", "0441234567p123",
    "0441234567/0449999999", "'; DROP TABLE requests; --", '"0441234567"',
    "<string>0441234567</string>", "0441234567&x=1", "$(reboot)", "`reboot`", "sip:eve@evil.test",
    "0441234567\x00", "0441234567\r\n0900123456", "0441234567\u202e", "044 123 45 67 \u0007",
    # nothing
    "", " ", "0", "00", "+", "-", "()", "anonymous", "Herr Müller", "1" * 33, "+41" + "4" * 250,
]  # fmt: skip


@pytest.fixture
def pbx() -> Iterator[CuttingPbx]:
    pbx = CuttingPbx("none")
    yield pbx
    pbx.close()


@pytest.fixture
def desk(tmp_path: Path, pbx: CuttingPbx) -> Desk:
    desk = Desk(tmp_path, per_minute=1000, per_hour=1000, site_per_hour=1000)
    with desk.users() as users:
        users.add(User(login="0011", extension="11"), derive("sha512", "0011", "Geheim#2024"))
    settings = StarfaceSettings(host="127.0.0.1", port=pbx.port, scheme="http")
    placing = CallPlacer(desk.users, functools.partial(StarfaceClient, settings))
    desk.pbx.outcome = placing.place
    return desk


def test_no_forbidden_number_reaches_the_pbx(desk: Desk, pbx: CuttingPbx) -> None:
    for number in FORBIDDEN:
        desk.dial(number)

    assert pbx.numbers == []
    assert [result.data.state for _, result, _ in desk.bus.published] == ["refused"] * len(
        FORBIDDEN
    )
    assert len(desk.book.audit(limit=1000)) == len(FORBIDDEN)
    assert len(FORBIDDEN) >= 60


def test_an_allowed_number_after_them_does(desk: Desk, pbx: CuttingPbx) -> None:
    desk.dial("112")
    desk.dial("044 123 45 67")

    assert pbx.numbers == ["0441234567"]


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("044 123 45 67", "0441234567"),
        ("+41 (0)44 123 45 67", "0441234567"),
        ("123 45 67", "0441234567"),
        ("079 123 45 67", "0791234567"),
        ("0800 123 456", "0800123456"),
        ("+49 30 23125123", "00493023125123"),
        ("0049 30 23125123", "00493023125123"),
        ("+43 1 58858-0", "00431588580"),
        ("tel:+41-44-123-45-67", "0441234567"),
        ("callto:0441234567", "0441234567"),
        ("044\u00a0123\u200945\u201167", "0441234567"),
        ("12", "12"),
    ],
)
def test_an_allowed_number_is_dialled_in_the_form_of_the_pbx(
    desk: Desk, pbx: CuttingPbx, written: str, dialled: str
) -> None:
    desk.dial(written)

    assert pbx.numbers == [dialled]
