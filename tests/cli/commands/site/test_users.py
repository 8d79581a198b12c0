from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bus.settings import read_accounts
from cli.app import app
from cli.site.files import make_site, seal
from cli.site.settings import Settings
from consumers.users import Users
from starface.callback import read_path
from starface.failures import LoginRefused
from starface.simulator import DEFAULT_USERS, Simulator

ANNA = DEFAULT_USERS[0]


@pytest.fixture(scope="module")
def pbx() -> Iterator[Simulator]:
    with Simulator() as pbx:
        yield pbx


@pytest.fixture
def site(tmp_path: Path, pbx: Simulator) -> Settings:
    fields = {"host": "127.0.0.1", "port": pbx.port, "scheme": "http"}
    return make_site(tmp_path / "site", {"starface": fields, "site": {"language": "en"}})


def _run(site: Settings, *words: str, password: str = ANNA.password) -> Result:
    return CliRunner().invoke(
        app, ["--config", str(site.file), *words], env={"STARFACE_PASSWORD": password}
    )


def _add(site: Settings, *more: str, password: str = ANNA.password) -> Result:
    return _run(site, "user", "add", ANNA.login, *more, password=password)


def test_an_added_user_can_log_in_and_has_a_broker_account(site: Settings) -> None:
    added = _add(site, "--name", ANNA.name)

    assert added.exit_code == 0, added.output
    with Users(site.database, seal(site)) as users:
        assert users.get(ANNA.login).name == ANNA.name
        credential = users.credential(ANNA.login)
    assert credential is not None
    assert ANNA.login in read_accounts(site.broker.accounts_file)
    assert ANNA.password not in added.output


def test_the_broker_account_is_reported_as_the_broker_knows_it(site: Settings) -> None:
    added = _run(site, "user", "add", "jörg", "--no-check")

    assert "account is j%C3%B6rg," in added.output
    assert "j%C3%B6rg" in read_accounts(site.broker.accounts_file)


def test_a_wrong_password_adds_nobody(site: Settings) -> None:
    added = _add(site, password="wrong")

    assert isinstance(added.exception, LoginRefused)
    with Users(site.database) as users:
        assert users.all() == []
    assert ANNA.login not in read_accounts(site.broker.accounts_file)


def test_an_extension_that_differs_is_refused(site: Settings) -> None:
    added = _add(site, "--extension", "11")

    assert "must be exactly the same" in str(added.exception)


def test_a_pbx_that_does_not_answer_is_named_and_the_user_added_unchecked(site: Settings) -> None:
    text = site.file.read_text()
    site.file.write_text(text.replace(f"port = {site.starface.port}", "port = 1"))

    added = _add(site)

    assert added.exit_code == 0, added.output
    assert "Not checked. 127.0.0.1:1" in added.output


def test_what_a_user_chose_is_changed_and_listed(site: Settings) -> None:
    _add(site)

    changed = _run(site, "user", "set", ANNA.login, "--action", "business-card",
                   "--trigger", "ringing", "--trigger", "outgoing", "--no-autostart")  # fmt: skip

    assert changed.exit_code == 0, changed.output
    with Users(site.database) as users:
        assert users.get(ANNA.login).triggers == ("ringing", "outgoing")
    assert "off\t0011\tbusiness-card" in _run(site, "user", "list").output


@pytest.mark.parametrize(
    ("result", "allowed"),
    [
        ("sneezing", "ringing, connected, ended, outgoing, party-change, click"),
        ("connected=sneeze", "matter-or-dossier, dossier, business-card, none"),
        ("connected=", "matter-or-dossier, dossier, business-card, none"),
    ],
)
def test_a_trigger_or_action_there_is_none_of_is_refused(
    site: Settings, result: str, allowed: str
) -> None:
    _add(site)
    refused = _run(site, "user", "set", ANNA.login, "--trigger", result)

    assert refused.exit_code != 0
    assert allowed in str(refused.exception)


def test_each_trigger_may_have_an_action_of_its_own(site: Settings) -> None:
    _add(site)
    _run(site, "user", "set", ANNA.login, "--trigger", "ringing=business-card", "--trigger",
         "connected", "--trigger", "party-change")  # fmt: skip
    _run(site, "user", "set", ANNA.login, "--action", "dossier")

    shown = _run(site, "user", "show", ANNA.login).output
    assert "action     dossier" in shown
    assert "triggers   ringing=business-card, connected, party-change" in shown


@pytest.mark.parametrize(
    ("triggers", "hint"),
    [
        (["ringing"], True),
        (["connected"], True),
        (["outgoing"], False),
        (["ringing", "party-change"], False),
    ],
)
def test_leaving_out_the_change_of_party_is_explained(
    site: Settings, triggers: list[str], hint: bool
) -> None:
    _add(site)
    words = [word for one in triggers for word in ("--trigger", one)]

    assert ("party-change" in _run(site, "user", "set", ANNA.login, *words).output) == hint


@pytest.mark.parametrize(
    ("words", "wish"),
    [
        (["--do-not-disturb", "on"], "do not disturb"),
        (["--do-not-disturb", "2h"], "do not disturb until "),
        (["--do-not-disturb", "2199-01-01T12:00"], "do not disturb until 2199-01-01 12:00"),
        (["--quiet-hours", "18:00-07:00", "--quiet-hours", "sat-sun"],
         "quiet hours 18:00-07:00, sat-sun"),
        (["--delay", "1.5"], "delay 1.5 s"),
    ],
)  # fmt: skip
def test_what_a_user_wishes_is_kept_beside_other_wishes(
    site: Settings, words: list[str], wish: str
) -> None:
    _add(site)
    for event in (words, ["--action", "dossier"]):
        assert _run(site, "user", "set", ANNA.login, *event).exit_code == 0

    assert f"wish       {wish}" in _run(site, "user", "show", ANNA.login).output


def test_a_wish_is_taken_back(site: Settings) -> None:
    _add(site)
    _run(site, "user", "set", ANNA.login, "--do-not-disturb", "on", "--quiet-hours", "sat-sun",
         "--delay", "2")  # fmt: skip
    _run(site, "user", "set", ANNA.login, "--do-not-disturb", "off", "--quiet-hours", "office",
         "--delay", "office")  # fmt: skip

    with Users(site.database) as users:
        assert users.get(ANNA.login).preferences == {}
    assert "wish" not in _run(site, "user", "show", ANNA.login).output


@pytest.mark.parametrize(
    "words",
    [
        ["--do-not-disturb", "perhaps"],
        ["--do-not-disturb", "2020-01-01T12:00"],
        ["--quiet-hours", "at night"],
        ["--delay", "60"],
        ["--delay", "soon"],
    ],
)
def test_a_wish_that_cannot_be_read_is_refused_with_what_is_allowed(
    site: Settings, words: list[str]
) -> None:
    _add(site)
    refused = _run(site, "user", "set", ANNA.login, *words)

    assert refused.exit_code != 0
    assert words[0] in str(refused.exception)


def test_a_removed_user_is_gone_with_the_broker_account(site: Settings) -> None:
    _add(site)

    assert _run(site, "user", "remove", ANNA.login).exit_code == 0
    assert _run(site, "user", "list").output == ""
    assert ANNA.login not in read_accounts(site.broker.accounts_file)


def test_a_user_who_is_not_there_is_named_with_the_remedy(site: Settings) -> None:
    assert "user add 0099" in str(_run(site, "user", "remove", "0099").exception)


def test_a_further_device_gets_an_account_until_the_user_goes(site: Settings) -> None:
    _add(site)
    reported = [_run(site, "user", "device", ANNA.login, "laptop").output for _ in range(2)]

    assert reported[0] == reported[1]
    account, password = reported[0].splitlines()[0].split("\t")
    assert account == f"{ANNA.login}~laptop"
    assert read_accounts(site.broker.accounts_file)[account] == password
    _run(site, "user", "remove", ANNA.login)
    assert account not in read_accounts(site.broker.accounts_file)


@pytest.mark.parametrize("words", [["0011", "My laptop"], ["0099", "laptop"]])
def test_a_device_of_nobody_or_without_a_name_gets_none(site: Settings, words: list[str]) -> None:
    _add(site)

    assert _run(site, "user", "device", *words).exit_code != 0


def test_the_link_for_the_desktop_app_proves_whose_it_is(site: Settings) -> None:
    _add(site)

    link = _run(site, "user", "link", ANNA.login).output

    assert link.startswith("http://127.0.0.1:8080/starface/")
    who, session, mac = link.split("/starface/")[1].split("/call?")[0].split("/")
    assert read_path(who, session, mac, site.site_key()).user == ANNA.login


def test_the_link_of_an_ipv6_address_has_brackets(tmp_path: Path) -> None:
    fields = {"host": "127.0.0.1", "scheme": "http", "callback_host": "::1"}
    site = make_site(tmp_path / "six", {"starface": fields, "site": {"language": "en"}})
    _run(site, "user", "add", ANNA.login, "--no-check")

    link = _run(site, "user", "link", ANNA.login).output

    assert link.startswith("http://[::1]:8080/starface/")


def test_a_new_password_keeps_what_the_user_chose(site: Settings) -> None:
    _add(site, "--name", "Anna")
    _run(site, "user", "set", ANNA.login, "--action", "business-card", "--phone", "SIP/11")
    with Users(site.database) as users:
        users.change(ANNA.login, wanted=False)

    changed = _run(site, "user", "password", ANNA.login)

    assert changed.exit_code == 0, changed.output
    with Users(site.database) as users:
        user = users.get(ANNA.login)
    assert (user.action, user.phone, user.name, user.on) == (
        "business-card", "SIP/11", "Anna", False,
    )  # fmt: skip


def test_a_user_added_again_keeps_what_is_not_named(site: Settings) -> None:
    _add(site, "--name", "Anna", "--action", "dossier")

    _add(site, "--name", "Anna Beispiel")

    with Users(site.database) as users:
        user = users.get(ANNA.login)
    assert (user.name, user.action) == ("Anna Beispiel", "dossier")


@pytest.mark.parametrize("name", ["caller-a:b", "caller-a b", "caller-A", "nobody", "caller-"])
def test_a_broker_account_that_is_no_process_is_refused(site: Settings, name: str) -> None:
    before = read_accounts(site.broker.accounts_file)

    assert _run(site, "broker", "account", name).exit_code != 0
    assert read_accounts(site.broker.accounts_file) == before


def test_a_further_process_gets_an_account_of_its_own(site: Settings) -> None:
    assert "caller-2\t" in _run(site, "broker", "account", "caller-2").output
    assert "caller-2" in read_accounts(site.broker.accounts_file)


def test_an_administrator_is_made_and_unmade(site: Settings) -> None:
    _add(site)

    assert _run(site, "user", "set", ANNA.login, "--admin").exit_code == 0
    with Users(site.database) as users:
        assert users.get(ANNA.login).preferences["admin"] is True
    _run(site, "user", "set", ANNA.login, "--no-admin")
    with Users(site.database) as users:
        assert not users.get(ANNA.login).preferences["admin"]


def test_a_logout_ends_the_logins_to_the_panel(site: Settings) -> None:
    _add(site)
    with Users(site.database) as users:
        users.change(ANNA.login, preferences={"panel_since": "2026-01-01T00:00:00+00:00"})

    assert _run(site, "user", "logout", ANNA.login).exit_code == 0

    with Users(site.database) as users:
        assert users.get(ANNA.login).preferences["panel_since"] > "2026-01-02"
