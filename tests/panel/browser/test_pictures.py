"""The pictures of docs/panel.md: taken with PANEL_PICTURES=docs/panel, and looked at."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.panel.browser.office import ANNA, BERND, FREI, MEIER, NOBODY, Desk, Office

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
expect.set_options(timeout=20_000)


def _busy_morning(office: Office, desk: Desk) -> list[str]:
    bernd = office.desk(BERND.login)
    bernd.go("")
    bernd.page.get_by_role("button", name="Neue Nachricht").click()
    sheet = bernd.page.locator("#new-message")
    sheet.locator("select").select_option(label=ANNA.name)
    sheet.locator("textarea").fill("Frau Zweit bittet um Rückruf vor 12 Uhr.")
    sheet.get_by_role("button", name="Senden").click()
    expect(sheet.locator("form")).to_have_count(0)
    bernd.close()
    for number in (NOBODY, "+41795550102", NOBODY):
        call = office.ring(number)
        expect(desk.card(call)).to_be_visible()
        office.phones("hangup", call_id=call)
        expect(desk.card(call)).to_be_hidden(timeout=30_000)
    talked = office.ring("+41445550217")
    expect(desk.card(talked)).to_be_visible()
    office.phones("answer", call_id=talked)
    expect(desk.card(talked).locator(".strip time")).to_be_visible()
    office.phones("hangup", call_id=talked)
    expect(desk.card(talked).locator(".strip .tool")).to_be_visible()
    desk.card(talked).locator(".strip .tool").click()
    running = [office.ring(MEIER)]
    expect(desk.card(running[0])).to_contain_text("Meier")
    return running


@pytest.mark.parametrize(("locale", "name"), [("de-CH", "de"), ("fr-CH", "fr")])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_busy_morning_is_shown(
    office: Office, tmp_path: Path, locale: str, name: str, width: int
) -> None:
    folder = Path(os.environ.get("PANEL_PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    office.desk(BERND.login).close()  # so that his name is known
    size = {"width": width, "height": 860}
    desk = office.desk(locale=locale, viewport=size)
    running = _busy_morning(office, desk)
    desk.page.locator("summary").first.click()
    expect(desk.page.locator(".trace li").first).to_contain_text(re.compile(r"\d\d:\d\d"))

    desk.page.screenshot(path=folder / f"{name}-{width}.png")
    if width == 1280:
        for page in ("contacts", "settings", "status"):
            desk.go(page)
            if page == "contacts":
                search = desk.page.get_by_role("searchbox")
                expect(search).to_be_focused()
                search.press_sequentially("er")
                expect(desk.page.locator(".view .row").first).to_be_visible()
            desk.page.wait_for_timeout(500)
            desk.page.screenshot(path=folder / f"{name}-{page}.png")
    for call in running:
        office.phones("hangup", call_id=call)
    more = office.ring(FREI)
    expect(desk.card(more)).to_be_visible()
    office.phones("hangup", call_id=more)
    desk.close()
