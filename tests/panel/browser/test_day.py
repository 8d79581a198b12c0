"""A day at the panel in one go, since an office takes seconds to open; details are in `long`."""

import re

import pytest
from playwright.sync_api import expect

from tests.panel.browser.office import BERND, FREI, MEIER, NOBODY, Desk, Office

expect.set_options(timeout=20_000)


@pytest.mark.timeout(180)
def test_a_day_at_the_panel(office: Office) -> None:
    visitor = office.visitor()
    assert visitor.axe() == []
    visitor.log_in("0011", "wrong")
    expect(visitor.page.get_by_role("alert")).to_contain_text("Login oder Passwort")
    visitor.close()

    anna = office.desk()
    _shows_who_calls_and_opens_the_matter(office, anna)
    _asks_who_is_meant_and_remembers(office, anna)
    _keeps_the_missed_call_until_it_is_handled(office, anna)
    _leaves_a_message_for_a_colleague(office, anna)
    _names_the_colleague_who_answered(office, anna)
    _finds_a_number_by_name(anna)
    _switches_off_and_on(anna)
    _is_right_after_a_reload(office, anna)
    for page in ("contacts", "colleagues", "settings", "status", ""):
        anna.go(page)
        anna.page.wait_for_timeout(300)
        assert anna.axe() == [], page
    anna.close()


def _shows_who_calls_and_opens_the_matter(office: Office, anna: Desk) -> None:
    call = office.ring(MEIER)

    card = anna.card(call)
    expect(card).to_contain_text("Anna Meier")
    expect(card).to_contain_text("Genau diese Nummer")
    expect(card.locator(".strip")).to_contain_text("Klingelt")
    anna.context.route(re.compile("https://cases.example/.*"), lambda route: route.fulfill(body=""))
    with anna.page.expect_popup() as opened:
        card.get_by_role("button", name="Scheidung Meier / Meier").click()
    opened.value.wait_for_url("https://cases.example/matters/M-1001")
    expect(card).to_be_visible()
    card.locator("summary").click()
    expect(card.locator(".trace")).to_contain_text("+41441234567")
    office.phones("answer", call_id=call)
    expect(card.locator(".strip")).to_contain_text("Im Gespräch")
    card.get_by_role("button", name="Notiz").click()
    anna.page.keyboard.type("Wartet auf den Entwurf")
    card.get_by_role("button", name="Speichern").click()
    office.phones("hangup", call_id=call)
    expect(card.locator(".strip")).to_contain_text("Beendet")
    anna.page.click("[data-tab=all]")
    expect(anna.row("Anna Meier")).to_contain_text("Wartet auf den Entwurf")
    opened.value.close()


def _asks_who_is_meant_and_remembers(office: Office, anna: Desk) -> None:
    call = office.ring(FREI)

    card = anna.card(call)
    expect(card).to_contain_text("Mehrere kommen in Frage")
    with anna.page.expect_popup() as opened:
        card.get_by_role("button", name="Ida Frei").click()
    expect(card.locator(".name")).to_contain_text("Ida Frei")
    opened.value.close()
    office.phones("hangup", call_id=call)
    expect(card).to_be_hidden()
    anna.go("contacts")
    expect(anna.page.locator(".list", has_text="Ida Frei")).to_be_visible()
    anna.page.get_by_role("button", name="Nicht mehr merken").click()
    expect(anna.page.get_by_role("button", name="Nicht mehr merken")).to_have_count(0)
    anna.go("")


def _finds_a_number_by_name(anna: Desk) -> None:
    field = anna.page.locator(".dial")
    field.locator("input").fill("Anna Meier")
    expect(field).to_contain_text("Geschäft")
    field.locator("input").fill("")


def _keeps_the_missed_call_until_it_is_handled(office: Office, anna: Desk) -> None:
    anna.page.click("[data-tab=open]")
    call = office.ring(NOBODY)
    expect(anna.card(call)).to_contain_text("Nicht in den Kontakten")
    office.phones("hangup", call_id=call)

    row = anna.page.locator(f'[data-record="{call}"]')
    expect(row).to_contain_text("Verpasst")
    expect(anna.page.locator("#who .count")).to_be_visible()
    row.get_by_role("button", name="Zurückrufen").click()
    outgoing = anna.page.locator(".card", has_text="+41\u00a044\u00a0555\u00a066\u00a077").first
    expect(outgoing.locator(".strip")).to_contain_text("Im Gespräch")
    outgoing.get_by_role("button", name="Auflegen").click()
    expect(row).to_be_hidden()


def _leaves_a_message_for_a_colleague(office: Office, anna: Desk) -> None:
    bernd = office.desk(BERND.login)
    anna.page.reload()
    anna.page.wait_for_selector(".switch.active")
    anna.page.click("[data-tab=all]")
    row = anna.row("Anna Meier")
    row.get_by_role("button", name="Nachricht").click()
    row.locator("select").select_option(label=BERND.name)
    row.locator("textarea").fill("Bittet um Rückruf vor 12 Uhr")
    row.get_by_role("button", name="Senden").click()

    message = bernd.row("Bittet um Rückruf vor 12 Uhr")
    expect(message).to_contain_text("Nachricht von Anna Beispiel")
    expect(anna.row("Bittet um Rückruf vor 12 Uhr")).to_have_count(0)  # it is not hers
    anna.page.click("[data-tab=sent]")
    sent = anna.row("Bittet um Rückruf vor 12 Uhr")
    expect(sent).to_contain_text("Nachricht an Bernd Muster")
    expect(sent).to_contain_text("Wartet")
    assert bernd.axe() == []
    message.get_by_role("button", name="Erledigt").click()
    expect(message).to_be_hidden()
    expect(sent).to_contain_text("Erledigt von Bernd Muster")
    bernd.close()


def _names_the_colleague_who_answered(office: Office, anna: Desk) -> None:
    call = office.ring(MEIER, group="7")
    expect(anna.card(call)).to_contain_text("Kanzlei")

    office.phones("answer", call_id=call, user=BERND.login)

    expect(anna.card(call).locator(".strip")).to_contain_text("Bernd Muster")
    office.phones("hangup", call_id=call)


def _switches_off_and_on(anna: Desk) -> None:
    switch = anna.page.locator("#switch")
    switch.click()
    expect(switch).to_have_text("Aus")
    expect(switch).to_have_attribute("aria-pressed", "false")
    switch.click()
    expect(switch).to_have_text("Aktiv")


def _is_right_after_a_reload(office: Office, anna: Desk) -> None:
    call = office.ring(MEIER)
    expect(anna.card(call)).to_be_visible()

    anna.page.reload()

    expect(anna.card(call)).to_contain_text("Anna Meier")
    office.phones("hangup", call_id=call)
    expect(anna.card(call)).to_be_hidden()
