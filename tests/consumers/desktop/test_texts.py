from typing import Any

import pytest

from bus.events import CallerData, Party, Reference
from consumers.desktop import texts as words

CLIENT = Party(number="0441234567", e164="+41441234567", name="claimed", kind="external")
OWN = Party(number="11", kind="internal")
MUSTER = Reference(kind="contact", id="9", title="Muster AG", company="Muster AG")
MATTER = Reference(kind="matter", id="4", reference="2026-017", title="Muster / Meier")


def _call(**more: Any) -> CallerData:
    fields: dict[str, Any] = {"caller": CLIENT, "called": OWN, "direction": "in"} | more
    return CallerData(user="0011", call_id="c-1", event_id="e", trigger="ringing", **fields)


@pytest.mark.parametrize(
    ("call", "title"),
    [
        (_call(contact=MUSTER), "Muster AG"),
        (_call(contact=MUSTER, quality="switchboard"), "Durchwahl von Muster AG"),
        (_call(), "claimed"),
        (_call(caller=Party(kind="withheld")), "Unterdrückte Nummer"),
        (_call(caller=OWN, called=CLIENT, direction="out"), "claimed"),
    ],
)
def test_the_title_says_who_it_is(call: CallerData, title: str) -> None:
    assert words.title(call, "de") == title


def test_a_discreet_title_names_nobody() -> None:
    for call in (_call(contact=MUSTER), _call(contact=MUSTER, outward=True)):
        assert "Muster" not in words.call(call, "de")
    assert words.call(_call(), "de") != words.call(_call(outward=True), "de")


def test_the_lines_say_number_line_and_what_opens_each_once() -> None:
    group = Party(number="20", name="Kanzlei", kind="internal")
    call = _call(contact=MUSTER, called=group, group="7", opened=MATTER)

    assert words.lines(call, "de") == ["+41441234567", "Kanzlei", "2026-017 Muster / Meier"]
    number_alone = _call(caller=Party(number="0441234567", e164="+41441234567", kind="external"))
    assert words.lines(number_alone, "de") == []


def test_several_are_in_question_until_one_is_chosen() -> None:
    both = tuple(Reference(kind="contact", id=name, title=name) for name in ("Hans", "Ida"))
    call = _call(candidates=both, quality="several", action="matter-or-dossier")

    assert [one.title for one in words.offers(call)] == ["Hans", "Ida"]
    assert "Hans, Ida" in words.lines(call, "de")[-1]
    chosen = call.model_copy(update={"contact": both[1]})
    assert [one.title for one in words.offers(chosen)] == ["Hans"]
    assert words.offers(call.model_copy(update={"action": "none"})) == []


def test_a_button_is_as_wide_as_desktops_show_it() -> None:
    long = MATTER.model_copy(update={"title": "Kündigung Mietvertrag Seestrasse"})

    assert words.label(MATTER) == "2026-017 Muster / Meier"
    assert words.label(long).endswith("…")
    assert len(words.label(long)) == 24
    assert words.label(MUSTER) == "Muster AG"
