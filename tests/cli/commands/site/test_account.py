from collections.abc import Callable

import pytest
from typer.testing import Result

from bus.access.roles import RightsRefused
from bus.settings import read_accounts
from cli.site.context import CommandFailed
from cli.site.files import broker_folder, no_application
from cli.site.settings import Settings

Run = Callable[..., Result]

CHAIN = ["topic read starface/info", "topic read starface/processes/+"]  # who can answer


def _rules(site: Settings, account: str) -> list[str]:
    """Return the broker's rules of one account, but what each account of a program may read."""
    acl = (broker_folder(site) / "acl").read_text()
    rules = acl.partition(f"user {account}\n")[2].partition("\n\n")[0].splitlines()
    return [rule for rule in rules if rule not in CHAIN]


def test_a_new_account_reads_what_was_named_and_its_password_is_shown_once(
    staffed: Settings, run: Run
) -> None:
    made = run("account", "add", "wallboard", "--user", "0011", "--user", "0012",
               "--topics", "calls,state")  # fmt: skip

    assert made.exit_code == 0, made.output
    password = read_accounts(staffed.broker.accounts_file)["wallboard"]
    assert made.stdout.splitlines() == [
        f"wallboard\t{password}",
        "wallboard: 0011: reads calls, state",
        "wallboard: 0012: reads calls, state",
    ]
    assert "Restart the broker" in made.stderr
    assert _rules(staffed, "wallboard") == [
        "topic read starface/users/0011/calls",
        "topic read starface/users/0011/state",
        "topic read starface/users/0012/calls",
        "topic read starface/users/0012/state",
        "topic read starface/processes/sessions",
    ]
    more = run("account", "add", "wallboard", "--user", "0013", "--topics", "state")
    assert password not in more.output + run("account", "list").output


def test_everybody_is_named_by_one_option_only(staffed: Settings, run: Run) -> None:
    run("account", "add", "journalist", "--all", "--topics", "caller")

    assert _rules(staffed, "journalist") == ["topic read starface/users/+/caller"]
    run("account", "remove", "journalist", "--all")
    assert _rules(staffed, "journalist") == []
    acl = (broker_folder(staffed) / "acl").read_text()
    assert acl.partition("user journalist\n")[2].splitlines()[:2] == CHAIN


def test_an_account_writes_only_what_it_may(staffed: Settings, run: Run) -> None:
    run("account", "add", "home", "--user", "0011", "--topics", "dial/result", "--may", "dial,set")

    assert _rules(staffed, "home") == [
        "topic read starface/users/0011/dial/result",
        "topic write starface/users/0011/dial",
        "topic write starface/users/0011/dial/number",
        "topic write starface/users/0011/set",
    ]
    assert "0011: reads dial/result; may dial, set" in run("account", "list").stdout
    assert run("account", "show", "home").stdout.splitlines()[1:] == [
        "read   starface/users/0011/dial/result",
        "read   starface/info",
        "read   starface/processes/+",
        "write  starface/users/0011/dial",
        "write  starface/users/0011/dial/number",
        "write  starface/users/0011/set",
    ]


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["crm", "--topics", "calls"], "--user LOGIN"),
        (["crm", "--all"], "--topics calls,state"),
        (["crm", "--all", "--topics", "calls,secrets"], "secrets: known are calls"),
        (["crm", "--all", "--may", "replay,calls"], "calls: known are dial"),
        (["crm", "--user", "0099", "--topics", "calls"], "no user 0099"),
        (["crm", "--user", "+", "--topics", "calls"], "no user +"),
        (["crm", "--group", "Partners", "--topics", "calls"], "no group 'Partners'"),
        (["0011", "--all", "--topics", "calls"], "of a user or a process"),
        (["caller-2", "--all", "--topics", "calls"], "name of a process"),
        (["gateway", "--all", "--topics", "calls"], "name of a process"),
        (["a b", "--all", "--topics", "calls"], "letters, digits"),
        (["0011~laptop", "--all", "--topics", "calls"], "letters, digits"),
        (["a\nuser b", "--all", "--topics", "calls"], "letters, digits"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(
    staffed: Settings, run: Run, words: list[str], given: str
) -> None:
    before = {path: path.read_bytes() for path in broker_folder(staffed).iterdir()}

    refused = run("account", "add", *words)

    assert isinstance(refused.exception, CommandFailed | RightsRefused)
    assert given in str(refused.exception)
    assert {path: path.read_bytes() for path in broker_folder(staffed).iterdir()} == before


def test_a_user_cannot_take_the_name_of_an_application(staffed: Settings, run: Run) -> None:
    run("account", "add", "0014", "--all", "--topics", "state")
    password = read_accounts(staffed.broker.accounts_file)["0014"]

    added = run("user", "add", "0014", "--password", "x", "--no-check")

    assert isinstance(added.exception, RightsRefused)
    assert password not in added.output
    assert "0014" not in run("user", "list").stdout
    with pytest.raises(RightsRefused, match="another name"):
        no_application(staffed, "0014")
    no_application(staffed, "0015")


def test_a_new_password_makes_the_old_one_worthless(staffed: Settings, run: Run) -> None:
    run("account", "add", "crm", "--all", "--topics", "state")
    before = read_accounts(staffed.broker.accounts_file)["crm"]
    file = (broker_folder(staffed) / "passwords").read_text()

    result = run("account", "password", "crm").stdout.strip()

    account, _, password = result.partition("\t")
    accounts = read_accounts(staffed.broker.accounts_file)
    assert account != "crm"  # without a broker a program may still connect as this
    assert "crm" not in accounts
    assert accounts[account] == password != before
    assert "user crm\n" not in (broker_folder(staffed) / "acl").read_text()
    assert (broker_folder(staffed) / "passwords").read_text() != file


@pytest.mark.parametrize("words", [["--user", "0011"], ["--group", "Partners"], ["--all"]])
def test_a_right_that_was_not_given_is_not_said_to_be_taken(
    staffed: Settings, run: Run, words: list[str]
) -> None:
    run("group", "add", "Secretariat", "0011")
    run("account", "add", "crm", "--group", "Secretariat", "--topics", "calls")
    before = _rules(staffed, "crm")

    taken = run("account", "remove", "crm", *words)

    assert isinstance(taken.exception, RightsRefused)
    assert _rules(staffed, "crm") == before == ["topic read starface/users/0011/calls"]


def test_a_removed_account_is_gone_and_no_other_command_removes_a_user(
    staffed: Settings, run: Run
) -> None:
    run("account", "add", "crm", "--all", "--topics", "state")

    assert run("account", "remove", "crm").exit_code == 0

    assert "crm" not in read_accounts(staffed.broker.accounts_file)
    assert "crm" not in (broker_folder(staffed) / "acl").read_text()
    for command in ("remove", "show", "password"):
        assert isinstance(run("account", command, "0011").exception, RightsRefused)
    assert "0011" in read_accounts(staffed.broker.accounts_file)


def test_a_user_who_is_removed_is_in_nobodys_rules(staffed: Settings, run: Run) -> None:
    run("group", "add", "Secretariat", "0011", "0012")
    run("account", "add", "wallboard", "--user", "0011", "--group", "Secretariat",
        "--topics", "calls")  # fmt: skip
    run("supervisor", "add", "0010", "--user", "0011", "--group", "Secretariat")

    assert run("user", "remove", "0011").exit_code == 0

    assert "0011" not in (broker_folder(staffed) / "acl").read_text()
    assert _rules(staffed, "wallboard") == ["topic read starface/users/0012/calls"]
    assert run("group", "list").stdout.split() == ["Secretariat", "0012"]


def test_writing_the_files_again_keeps_the_rights(staffed: Settings, run: Run) -> None:
    run("account", "add", "wallboard", "--user", "0011", "--topics", "calls")
    before = (broker_folder(staffed) / "acl").read_text()

    run("broker", "files")

    assert (broker_folder(staffed) / "acl").read_text() == before
