import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bus.settings import read_accounts
from cli.app import app
from cli.site.files import add_user_account, make_site, remove_user_accounts
from cli.site.settings import Settings
from consumers.users import User, Users


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    settings = make_site(tmp_path / "site", {"site": {"language": "en"}})
    with Users(settings.database) as users:
        users.add(User(login="0011"))
    return settings


def _files(site: Settings, kind: str) -> str:
    done = CliRunner().invoke(app, ["--config", str(site.file), "broker", "files", "--for", kind])
    assert done.exit_code == 0, done.exception
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("nats", {"accounts.conf", "nats-server.conf"}),
        ("rabbitmq", {"definitions.json", "rabbitmq.conf"}),
    ],
)
def test_the_files_of_a_broker_of_several_nodes_hold_no_password(
    site: Settings, kind: str, names: set[str]
) -> None:
    folder = Path(_files(site, kind))

    files = {path.name: path for path in folder.iterdir()}
    assert set(files) == names
    assert {path.stat().st_mode & 0o077 for path in files.values()} == {0}
    written = "".join(path.read_text() for path in files.values())
    passwords = read_accounts(site.broker.accounts_file)
    assert "0011" in passwords
    assert not any(password in written for password in passwords.values())


def test_files_once_written_follow_each_change(site: Settings) -> None:
    folder = Path(_files(site, "rabbitmq"))
    add_user_account(site, "0012")

    assert "0012" in _rights(folder)

    remove_user_accounts(site, ["0012"])

    assert _rights(folder)["0012"]["write"] == "^$"


def test_a_configuration_that_was_filled_in_stays(site: Settings) -> None:
    conf = Path(_files(site, "nats")) / "nats-server.conf"
    conf.write_text("server_name: mine\n")

    _files(site, "nats")

    assert conf.read_text() == "server_name: mine\n"


def _rights(folder: Path) -> dict[str, Any]:
    written = json.loads((folder / "definitions.json").read_text())
    return {each["user"]: each for each in written["topic_permissions"]}
