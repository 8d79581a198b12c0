from collections.abc import Callable

import pytest
from typer.testing import Result

from bus.access.roles import RightsRefused
from cli.site.context import CommandFailed

Run = Callable[..., Result]


def test_a_supervisor_sees_the_state_of_colleagues_unless_more_is_said(run: Run) -> None:
    run("group", "add", "Secretariat", "0011", "0012")

    least = run("supervisor", "add", "0010", "--group", "Secretariat")
    more = run("supervisor", "add", "0010", "--user", "0013", "--topics", "state,calls")

    assert least.stdout == "0010: group Secretariat: reads state\n"
    assert "0010: 0013: reads calls, state\n" in more.stdout
    assert run("supervisor", "list").stdout.split("  ")[-1].strip() == (
        "0013: reads calls, state; group Secretariat: reads state"
    )


def test_both_sides_see_it_in_what_is_shown_of_a_user(run: Run) -> None:
    run("group", "add", "Secretariat", "0011")
    run("supervisor", "add", "0010", "--group", "Secretariat")

    assert "supervises group Secretariat: reads state\n" in run("user", "show", "0010").stdout
    shown = run("user", "show", "0011").stdout
    assert "group      Secretariat\n" in shown
    assert "read by    0010: state\n" in shown
    assert "read by" not in run("user", "show", "0012").stdout


def test_it_is_taken_back_of_some_or_of_all(run: Run) -> None:
    run("supervisor", "add", "0010", "--user", "0011", "--user", "0012")

    assert (
        run("supervisor", "remove", "0010", "--user", "0011").stdout == "0010: 0012: reads state\n"
    )
    mistyped = run("supervisor", "remove", "0010", "--user", "0012", "--user", "0011")
    assert "no right was given for 0011" in str(mistyped.exception)
    assert "0012: reads state" in run("supervisor", "list").stdout
    assert run("supervisor", "remove", "0010").stdout == "0010: reads of no colleague\n"
    assert isinstance(run("supervisor", "remove", "0010").exception, RightsRefused)
    assert "supervises" not in run("user", "show", "0010").stdout


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (["0010"], "say of whom"),
        (["0099", "--user", "0011"], "no user 0099"),
        (["0010", "--user", "0099"], "no user 0099"),
        (["0010", "--group", "Partners"], "no group 'Partners'"),
        (["0010", "--user", "0011", "--topics", "everything"], "known are calls"),
        (["0010", "--user", "0011", "--topics", ""], "say what is read"),
    ],
)
def test_what_cannot_be_is_refused(run: Run, words: list[str], result: str) -> None:
    refused = run("supervisor", "add", *words)

    assert isinstance(refused.exception, CommandFailed | RightsRefused)
    assert result in str(refused.exception)
    assert run("supervisor", "list").stdout == ""
