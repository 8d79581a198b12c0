from pathlib import Path

from typer.testing import CliRunner

from bus.settings import read_accounts
from cli.app import app
from cli.site.files import make_site
from consumers.users import User, Users


def test_the_brokers_files_are_written_again_with_what_lacks(tmp_path: Path) -> None:
    settings = make_site(tmp_path, {"site": {"language": "en"}})
    with Users(settings.database) as users:
        users.add(User(login="anna/é"))

    result = CliRunner().invoke(app, ["--config", str(settings.file), "broker", "files"])

    assert result.exit_code == 0, result.output
    accounts = read_accounts(settings.broker.accounts_file)
    assert {"anna%2F%C3%A9", "caller-for-anna%2F%C3%A9"} < set(accounts)
