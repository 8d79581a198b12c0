from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.app import app
from cli.demo.mosquitto import free_port
from cli.site.files import add_user_account, make_site
from cli.site.settings import Settings
from consumers.users import User, Users


@pytest.fixture
def staffed(tmp_path: Path) -> Settings:
    """A site with four users who have their broker accounts, and no broker."""
    settings = make_site(
        tmp_path / "office", {"broker": {"port": free_port()}, "site": {"language": "en"}}
    )
    with Users(settings.database) as users:
        for login in ("0010", "0011", "0012", "0013"):
            users.add(User(login=login))
            add_user_account(settings, login)
    return settings


@pytest.fixture
def run(staffed: Settings) -> Callable[..., Result]:
    """Type a command of the staffed site."""
    return lambda *words: CliRunner().invoke(app, ["--config", str(staffed.file), *words])
