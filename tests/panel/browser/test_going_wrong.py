"""The panel while something fails: each link cut in turn, two tabs, another password."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from bus.access.roles import Right
from cli.site.files import changed_roles
from tests.conftest import wait_until
from tests.panel.browser.office import ANNA, BERND, FREI, MEIER, NOBODY, Desk, Office

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
expect.set_options(timeout=20_000)


@pytest.fixture
def anna(office: Office) -> Desk:
    return office.desk()


def _right_within(seconds: float, page: Page, look: str) -> None:
    expect(page.locator(f"#switch.{look}")).to_be_visible(timeout=seconds * 1000)


def test_a_card_is_right_again_after_the_panel_was_killed(office: Office, anna: Desk) -> None:
    stays, ends = office.ring(MEIER), office.ring(FREI)
    expect(anna.card(ends)).to_be_visible()

    office.kill("panel")
    office.phones("hangup", call_id=ends)

    expect(anna.card(ends)).to_be_hidden(timeout=20_000)
    expect(anna.card(stays)).to_have_count(1)
    expect(anna.card(stays).locator(".strip")).to_contain_text("Klingelt")
    office.phones("hangup", call_id=stays)
    expect(anna.card(stays)).to_be_hidden()
    anna.close()


def test_a_page_loaded_in_the_middle_of_a_call_shows_the_same_card(
    office: Office, anna: Desk
) -> None:
    call = office.ring("+41795550102")
    openings = anna.card(call).locator(".open b")
    expect(openings).to_have_count(3)  # two matters and their dossier
    before = openings.all_text_contents()

    anna.page.reload()
    expect(openings).to_have_text(before)
    second = anna.tab()

    expect(second.locator(f'[data-call="{call}"] .open b')).to_have_text(before)
    office.phones("hangup", call_id=call)
    anna.close()


def test_a_card_is_right_again_after_the_broker_was_killed(office: Office, anna: Desk) -> None:
    call = office.ring(MEIER)
    expect(anna.card(call)).to_be_visible()

    office.broker.kill()
    _right_within(10, anna.page, "failing")
    office.broker.start()

    _right_within(20, anna.page, "active")
    expect(anna.card(call)).to_have_count(1)
    expect(anna.card(call)).to_contain_text("Anna Meier")
    office.phones("hangup", call_id=call)
    expect(anna.card(call)).to_be_hidden()
    anna.close()


@pytest.mark.parametrize("name", ["broker", "pbx", "panel"])
def test_what_stands_still_is_said_within_ten_seconds(
    office: Office, anna: Desk, name: str
) -> None:
    with office.stopped(name):
        _right_within(10, anna.page, "failing")

    _right_within(20, anna.page, "active")
    anna.close()


def test_what_keeps_a_number_from_being_dialled_is_named(office: Office, anna: Desk) -> None:
    field = anna.page.get_by_role("combobox")
    with office.stopped("broker"):
        field.fill("044 333 44 55")
        field.press("Enter")

        toast = anna.page.locator(".toast")
        expect(toast).to_contain_text("Der Broker antwortet nicht", timeout=10_000)
        _right_within(10, anna.page, "failing")
        field.press("Enter")
        expect(toast).to_contain_text("Nicht gewählt: Der Broker ist nicht erreichbar")

    _right_within(20, anna.page, "active")
    anna.close()


def test_a_pbx_that_is_gone_is_said_and_back_again(office: Office, anna: Desk) -> None:
    office.phones("outage", on=True)
    _right_within(10, anna.page, "failing")
    alert = anna.page.get_by_role("alert")
    expect(alert).to_contain_text(re.compile(r"Seit \d\d:\d\d: Die Telefonanlage"))
    expect(alert).not_to_contain_text("[starface]")
    anna.go("status")
    anna.page.get_by_text("Für den Administrator").click()
    expect(anna.page.locator("details")).to_contain_text("[starface]")

    office.phones("outage", on=False)

    _right_within(30, anna.page, "active")
    expect(anna.page.get_by_role("alert")).to_have_count(0)
    anna.close()


@pytest.mark.parametrize("name", ["gateway", "sessions"])
def test_a_process_that_is_gone_is_named(office: Office, anna: Desk, name: str) -> None:
    with office.stopped(name):
        _right_within(15, anna.page, "failing")
        expect(anna.page.get_by_role("alert")).to_contain_text(name)

    _right_within(40, anna.page, "active")
    anna.close()


def test_of_two_tabs_one_opens_and_both_show(office: Office, anna: Desk) -> None:
    anna.context.route(re.compile("https://cases.example/.*"), lambda route: route.fulfill(body=""))
    anna.go("settings")
    anna.page.get_by_label("Akten von selbst öffnen").check()
    expect(anna.page.get_by_role("combobox", name="Von selbst öffnet")).to_have_value("panel")
    anna.page.reload()
    anna.page.wait_for_selector(".switch.active")
    second = anna.tab()
    second.wait_for_selector(".switch.active")
    pages = len(anna.context.pages)

    call = office.ring(MEIER)

    for page in (anna.page, second):
        expect(page.locator(f'[data-call="{call}"]')).to_contain_text("Anna Meier")
    wait_until(lambda: len(anna.context.pages) > pages or _blocked(anna, second))
    assert len(anna.context.pages) <= pages + 1
    office.phones("hangup", call_id=call)
    anna.page.close()
    later = office.ring(FREI)
    expect(second.locator(f'[data-call="{later}"]')).to_be_visible()
    office.phones("hangup", call_id=later)
    anna.close()


def _blocked(anna: Desk, second: Page) -> bool:
    return any(page.locator(".hint").count() for page in (anna.page, second))


def test_logging_out_ends_every_tab(office: Office, anna: Desk) -> None:
    second = anna.tab()
    second.wait_for_selector(".switch.active")

    anna.page.get_by_role("button", name="Abmelden").click()

    for page in (anna.page, second):
        expect(page.locator("input[name=password]")).to_be_visible()
    anna.close()


def test_another_password_is_put_right_by_logging_in(office: Office, anna: Desk) -> None:
    office.phones("password", user=ANNA.login, password="Neu#2026")
    office.phones("expire", user=ANNA.login)
    try:
        _right_within(40, anna.page, "failing")
        anna.page.get_by_role("button", name="Abmelden").click()
        anna.log_in(ANNA.login, "Neu#2026")

        _right_within(20, anna.page, "active")
        call = office.ring(MEIER)
        expect(anna.card(call)).to_be_visible()
        office.phones("hangup", call_id=call)
    finally:
        office.phones("password", user=ANNA.login, password=ANNA.password)
        office.visitor().log_in(ANNA.login, ANNA.password)
    anna.close()


def test_the_browsers_back_goes_back(office: Office, anna: Desk) -> None:
    anna.page.get_by_role("link", name="Kontakte").click()
    expect(anna.page.get_by_role("searchbox", name="Kontakte suchen")).to_be_visible()

    anna.page.go_back()

    expect(anna.page.locator("#calls")).to_be_visible()
    anna.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280, 3840])
@pytest.mark.parametrize("locale", ["de-CH", "fr-CH", "it-CH", "en-GB"])
def test_each_size_colour_and_language_is_whole(
    office: Office, scheme: str, width: int, locale: str
) -> None:
    desk = office.desk(locale=locale, color_scheme=scheme, viewport={"width": width, "height": 844})
    call = office.ring(MEIER)
    expect(desk.card(call)).to_contain_text("Anna Meier")

    for page in ("", "contacts", "colleagues", "settings", "status"):
        desk.go(page)
        desk.page.wait_for_timeout(200)
        wider = desk.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, page
        assert desk.axe() == [], page
    office.phones("hangup", call_id=call)
    desk.close()


def test_the_keyboard_is_enough_to_dial_by_name(office: Office, anna: Desk) -> None:
    anna.page.keyboard.press("Tab")
    anna.page.get_by_role("combobox").focus()
    anna.page.keyboard.type("Meier")
    expect(anna.page.get_by_role("option", name="Anna Meier").first).to_be_visible()

    anna.page.keyboard.press("ArrowDown")
    anna.page.keyboard.press("Enter")

    outgoing = anna.page.locator(".card", has_text="Anna Meier").first
    expect(outgoing.locator(".strip")).to_contain_text("Im Gespräch")
    outgoing.get_by_role("button", name="Auflegen").click()
    expect(outgoing.locator(".strip")).to_contain_text("Beendet")
    anna.close()


def test_an_own_contact_is_added_from_an_unknown_call(office: Office, anna: Desk) -> None:
    call = office.ring("+41445559988")
    add = anna.card(call).get_by_role("button", name="Kontakt anlegen")
    expect(add).to_have_count(1)  # the one of the office's own page
    office.phones("hangup", call_id=call)
    anna.page.locator(f'[data-record="{call}"]').get_by_role("link", name="Kontakt anlegen").click()
    anna.page.fill("input[name=name]", "Neue Mandantin")
    anna.page.get_by_role("button", name="Speichern").click()
    expect(anna.page.locator("article.sheet")).to_contain_text("Neue Mandantin")

    again = office.ring("+41445559988")

    expect(anna.card(again)).to_contain_text("Neue Mandantin")
    office.phones("hangup", call_id=again)
    anna.close()


def test_no_call_is_lost_while_somebody_logs_in_again(office: Office, anna: Desk) -> None:
    for _ in range(3):
        elsewhere = office.visitor()
        elsewhere.page.fill("input[name=username]", ANNA.login)
        elsewhere.page.fill("input[name=password]", ANNA.password)
        before, now = office.ring(MEIER), ""
        elsewhere.page.click("form .button")
        now = office.ring(FREI)
        elsewhere.page.wait_for_selector(".switch.active")
        for call in (before, now):
            expect(anna.card(call)).to_be_visible()
            office.phones("hangup", call_id=call)
            expect(anna.card(call)).to_be_hidden(timeout=30_000)
        elsewhere.close()
    anna.close()


def test_nobody_is_disturbed_while_writing_a_note(office: Office, anna: Desk) -> None:
    call = office.ring(MEIER)
    card = anna.card(call)
    card.get_by_role("button", name="Notiz").click()
    anna.page.keyboard.type("Erster ")

    others = [office.ring(number) for number in (FREI, NOBODY)]
    office.phones("answer", call_id=call)
    for other in others:
        expect(anna.card(other)).to_be_visible()
    expect(card.locator(".strip")).to_contain_text("Im Gespräch")
    anna.page.keyboard.type("Satz")

    expect(card.locator("textarea")).to_have_value("Erster Satz")
    expect(card.locator("textarea")).to_be_focused()
    for other in (call, *others):
        office.phones("hangup", call_id=other)
    card.get_by_role("button", name="Abbrechen").click()
    anna.close()


def test_a_notification_is_shown_while_the_window_is_behind(office: Office) -> None:
    desk = office.desk()
    desk.context.grant_permissions(["notifications"], origin=office.address.rstrip("/"))
    desk.page.evaluate("localStorage.setItem('notify', '1')")
    desk.page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    desk.page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
    call = office.ring(MEIER)
    shown = (
        "navigator.serviceWorker.getRegistration().then(one => one.getNotifications())"
        ".then(all => all.map(one => one.title + '|' + one.body))"
    )

    wait_until(lambda: desk.page.evaluate(shown))

    [notification] = desk.page.evaluate(shown)
    assert notification.startswith("Anna Meier|")
    office.phones("answer", call_id=call)
    office.phones("hangup", call_id=call)
    wait_until(lambda: desk.page.evaluate(shown) == [])
    desk.close()


def test_a_colleague_on_the_phone_is_seen(office: Office, anna: Desk) -> None:
    anna.go("colleagues")
    row = anna.page.locator('[data-login="0012"]')
    expect(row).to_contain_text("Frei")
    call = office.ring(MEIER, user="0012")
    expect(anna.card(call)).to_have_count(0)  # his calls are his own

    office.phones("answer", call_id=call)
    expect(row).to_contain_text("Am Telefon")
    expect(row).not_to_contain_text("Meier")
    office.phones("hangup", call_id=call)
    expect(row).to_contain_text("Frei")

    bernd = office.desk("0012")
    bernd.go("settings")
    bernd.page.get_by_role("button", name="1 Stunde").click()
    expect(row).to_contain_text("Nicht stören")
    expect(bernd.page.locator("#who")).to_contain_text("Nicht stören bis")
    bernd.page.get_by_role("button", name="Beenden").click()
    expect(row).to_contain_text("Frei")
    bernd.close()
    anna.close()


def test_a_message_being_written_stays_while_the_colleague_telephones(
    office: Office, anna: Desk
) -> None:
    anna.go("colleagues")
    row = anna.page.locator(f'[data-login="{BERND.login}"]')
    row.get_by_role("button", name="Nachricht").click()
    anna.page.keyboard.type("Bitte ")

    call = office.ring(MEIER, user=BERND.login)
    office.phones("answer", call_id=call)
    expect(row).to_contain_text("Am Telefon")
    anna.page.keyboard.type("melden")

    expect(row.locator("textarea")).to_have_value("Bitte melden")
    expect(row.locator("textarea")).to_be_focused()
    office.phones("hangup", call_id=call)
    row.get_by_role("button", name="Abbrechen").click()
    expect(row.locator("textarea")).to_have_count(0)
    anna.close()


def test_a_message_being_written_in_the_journal_stays_while_calls_come_in(
    office: Office, anna: Desk
) -> None:
    first = office.ring(MEIER)
    office.phones("hangup", call_id=first)
    row = anna.page.locator(f'[data-record="{first}"]')
    row.get_by_role("button", name="Nachricht").click()
    row.locator("textarea").focus()
    anna.page.keyboard.type("Bitte ")

    second = office.ring(FREI)
    office.phones("hangup", call_id=second)
    expect(anna.page.locator(f'[data-record="{second}"]')).to_be_visible()
    anna.page.keyboard.type("melden")

    expect(row.locator("textarea")).to_have_value("Bitte melden")
    anna.close()


def test_do_not_disturb_of_a_colleague_goes_at_its_end(office: Office, anna: Desk) -> None:
    anna.go("colleagues")
    row = anna.page.locator(f'[data-login="{BERND.login}"]')
    expect(row).to_contain_text("Frei")
    bernd = office.desk(BERND.login)

    end = (datetime.now(UTC) + timedelta(seconds=8)).isoformat(timespec="seconds")
    bernd.page.evaluate(
        "end => import('./js/net.js').then(net =>"
        " net.settings({action: 'change', changes: {do_not_disturb: end}}))",
        end,
    )
    bernd.close()

    expect(row).to_contain_text("Nicht stören")
    expect(row).to_contain_text("Frei")
    anna.close()


def test_a_handled_message_is_said_once_while_a_search_is_on(office: Office, anna: Desk) -> None:
    bernd = office.desk(BERND.login)
    anna.go("colleagues")
    to_bernd = anna.page.locator(f'[data-login="{BERND.login}"]')
    to_bernd.get_by_role("button", name="Nachricht").click()
    to_bernd.locator("textarea").fill("Akte liegt bereit")
    to_bernd.get_by_role("button", name="Senden").click()
    anna.go("")
    anna.page.get_by_role("searchbox").fill("Nothing of this name")
    expect(anna.page.locator("#calls")).to_contain_text("Nichts gefunden")
    anna.page.evaluate(
        "import('./js/store.js').then(store => { window.notes = [];"
        " store.on('record', record => window.notes.push(record.note)); })"
    )
    bernd.page.click("[data-tab=messages]")
    message = bernd.row("Akte liegt bereit")
    said = anna.page.locator(".toast", has_text="erledigt")

    message.get_by_role("button", name="Erledigt").click()
    expect(said).to_be_visible()
    said.evaluate("toast => toast.remove()")
    message.get_by_role("button", name="Notiz").click()
    bernd.page.keyboard.type("Abgeholt")
    message.get_by_role("button", name="Speichern").click()

    wait_until(lambda: "Abgeholt" in anna.page.evaluate("window.notes"))
    assert said.count() == 0
    bernd.close()
    anna.close()


def test_who_may_read_a_colleagues_calls_sees_them(office: Office, anna: Desk) -> None:
    anna.go("colleagues")
    row = anna.page.locator('[data-login="0012"]')
    expect(row).to_be_visible()
    expect(row.get_by_role("button", name="Anrufe", exact=True)).to_have_count(0)
    with changed_roles(office.stage.settings) as roles:
        roles.supervise("0011", Right(reads=("state", "records")), {"0012"}, ())
    call = office.ring(MEIER, user="0012")
    office.phones("hangup", call_id=call)
    anna.page.reload()

    row.get_by_role("button", name="Anrufe", exact=True).click()

    expect(row).to_contain_text("Verpasst")
    assert anna.axe() == []
    anna.close()


def test_a_number_of_another_page_waits_for_the_login_and_is_not_dialled(office: Office) -> None:
    visitor = office.visitor()
    visitor.page.goto(f"{office.address}dial?number=tel:%2B41443334455")
    expect(visitor.page.get_by_role("link", name="Token")).to_be_visible()

    visitor.log_in(ANNA.login)

    expect(visitor.page.get_by_role("combobox")).to_have_value("+41443334455")
    expect(visitor.page.locator(".card")).to_have_count(0)
    visitor.close()
