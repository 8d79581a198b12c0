"""A running call held and forwarded from its card, at a PBX that offers it."""

from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.panel.browser.office import BERND, MEIER, Office

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]
expect.set_options(timeout=20_000)


def test_a_call_is_held_and_forwarded(tmp_path: Path) -> None:
    with sync_playwright() as playwright, Office(tmp_path, playwright, api="v30") as office:
        anna, bernd = office.desk(), office.desk(BERND.login)
        call = office.ring(MEIER)
        office.phones("answer", call_id=call)
        card = anna.card(call)

        card.get_by_role("button", name="Halten").click()
        expect(card.locator(".strip")).to_contain_text("Gehalten")
        expect(card).to_contain_text("Zurückgeholt wird am Telefon")
        expect(card.get_by_role("button", name="Halten")).to_have_count(0)
        card.get_by_role("button", name="Weitergeben").click()
        assert anna.axe() == []
        card.locator("form").get_by_role("button", name="Weitergeben").click()

        expect(bernd.card(call)).to_contain_text("Anna Meier")
        expect(bernd.card(call).locator(".strip")).to_contain_text("Klingelt")
        expect(card.locator(".strip")).to_contain_text("Beendet")
        office.phones("hangup", call_id=call)
        anna.close()
        bernd.close()
