from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cli.commands.site import application
from cli.site.context import CommandFailed
from consumers.users import User, Users
from panel.applications import Applications

app = typer.Typer(pretty_exceptions_enable=False)
app.add_typer(application.app, name="application")


@app.callback()
def _config(context: typer.Context, config: Path) -> None:
    context.obj = {"config": config}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "starface2mqtt.toml"
    path.write_text('[site]\nlanguage = "en"\n')
    with Users(tmp_path / "data" / "starface2mqtt.db") as users:
        users.add(User(login="0011"))
        users.add(User(login="0012"))
    return path


def _run(site: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [str(site), "application", *words])


def test_an_added_application_gets_a_token_for_its_users(site: Path) -> None:
    result = _run(site, "add", "crm", "--users", "0011, 0012")

    token = result.stdout.strip()
    found = Applications(site.parent / "data" / "applications.db").find(token)
    assert found is not None
    assert (found.name, found.users) == ("crm", ("0011", "0012"))


def test_the_list_shows_no_token(site: Path) -> None:
    token = _run(site, "add", "crm", "--users", "0011").stdout.strip()

    shown = _run(site, "list").output

    assert shown.split()[::2] == ["crm", "0011"]
    assert token not in shown


def test_a_removed_application_has_no_right_any_more(site: Path) -> None:
    token = _run(site, "add", "crm", "--users", "0011").stdout.strip()

    assert _run(site, "remove", "crm").exit_code == 0
    assert Applications(site.parent / "data" / "applications.db").find(token) is None


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (["add", "crm", "--users", "0011,0099"], "no user 0099"),
        (["add", "crm", "--users", ","], "at least one user"),
        (["add", "c\x1brm", "--users", "0011"], "printable"),
        (["remove", "crm"], "no application 'crm'"),
    ],
)
def test_a_mistake_is_named(site: Path, words: list[str], reported: str) -> None:
    result = _run(site, *words)

    assert isinstance(result.exception, CommandFailed)
    assert reported in str(result.exception)


def test_a_name_is_given_once(site: Path) -> None:
    _run(site, "add", "crm", "--users", "0011")

    result = _run(site, "add", "crm", "--users", "0012")

    assert isinstance(result.exception, CommandFailed)
