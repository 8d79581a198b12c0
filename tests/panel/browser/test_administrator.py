"""What an administrator sees of the site, and never anybody's calls."""

import pytest
from playwright.sync_api import expect

from bus.mqtt.connection import Connection
from bus.mqtt.presence import Presence
from cli.site.files import seal
from consumers.users import Users
from tests.panel.browser.office import BERND, Office

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]


def test_an_administrator_has_the_site_examined_in_his_language(office: Office) -> None:
    settings = office.stage.settings
    with Users(settings.database, seal(settings)) as users:
        users.change(BERND.login, preferences={"admin": True})
    bernd = office.desk(BERND.login, locale="fr-CH")
    bernd.go("status")
    bernd.page.get_by_role("button", name="Vérifier maintenant").click()

    good = bernd.page.get_by_text("contrôles en ordre")
    expect(good).to_be_visible(timeout=60_000)
    good.click()
    expect(bernd.page.locator(".findings").last).to_contain_text("en marche : gateway")
    assert bernd.axe() == []
    bernd.close()


def test_an_administrator_sees_what_runs_on_which_machine(office: Office) -> None:
    settings = office.stage.settings
    with Users(settings.database, seal(settings)) as users:
        users.change(BERND.login, preferences={"admin": True})
    there = Presence("dial-number", machine="b")
    with Connection(settings.broker, "dial-number", presence=there, lasting=False) as connection:
        connection.wait_connected()
        bernd = office.desk(BERND.login, locale="en-GB")
        bernd.go("status")

        shown = bernd.page.get_by_role("region", name="Processes · machine b")
        expect(shown).to_contain_text("dial-number")
        expect(shown).not_to_contain_text("gateway")
        bernd.close()


def test_others_have_no_button_for_it(office: Office) -> None:
    anna = office.desk()
    anna.go("status")

    expect(anna.page.locator(".facts-list")).to_be_visible()
    expect(anna.page.locator("[data-key=doctor]")).to_have_count(0)
    anna.close()
