from collections.abc import Callable

import pytest
from typer.testing import Result

from bus.access.roles import RightsRefused
from cli.site.context import CommandFailed
from cli.site.files import broker_folder
from cli.site.settings import Settings

Run = Callable[..., Result]


def test_a_group_is_made_grows_and_shrinks(run: Run) -> None:
    run("group", "add", "Secretariat", "0011")
    assert run("group", "add", "Secretariat", "0012", "0011").stdout == "Secretariat: 0011, 0012\n"
    assert run("group", "remove", "Secretariat", "0011").stdout == "Secretariat: 0012\n"
    assert run("group", "list").stdout.split() == ["Secretariat", "0012"]


def test_who_joins_later_is_in_the_brokers_rules(staffed: Settings, run: Run) -> None:
    run("group", "add", "Secretariat", "0011")
    run("account", "add", "wallboard", "--group", "Secretariat", "--topics", "calls")

    run("group", "add", "Secretariat", "0012")

    acl = (broker_folder(staffed) / "acl").read_text().partition("user wallboard\n")[2]
    assert acl.split("\n\n")[0].split()[:6] == [
        *("topic", "read", "starface/users/0011/calls"),
        *("topic", "read", "starface/users/0012/calls"),
    ]


def test_a_group_that_goes_says_whose_rights_end(run: Run) -> None:
    run("group", "add", "Secretariat", "0011")
    run("account", "add", "wallboard", "--group", "Secretariat", "--topics", "state")

    assert "have ended: wallboard" in run("group", "remove", "Secretariat").stdout
    assert run("account", "list").stdout.split() == ["wallboard", "no", "rights"]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["add", "Secretariat", "0099"], CommandFailed),
        (["add", "a\nb", "0011"], CommandFailed),
        (["remove", "Partners"], RightsRefused),
        (["remove", "Partners", "0011"], RightsRefused),
    ],
)
def test_what_cannot_be_is_refused(run: Run, words: list[str], kind: type[Exception]) -> None:
    assert isinstance(run("group", *words).exception, kind)
    assert run("group", "list").stdout == ""
