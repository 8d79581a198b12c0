from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bus.numbers.private_numbers import PrivateNumbers
from cli.app import app
from cli.site.context import CommandFailed
from cli.site.files import make_site
from cli.site.settings import Settings
from consumers.users import User, Users

E164 = "+41445550180"
Run = Callable[..., Result]


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    settings = make_site(
        tmp_path / "site", {"site": {"language": "en", "area_code": "44", "internal_digits": 2}}
    )
    with Users(settings.database) as users:
        for login in ("0011", "0012"):
            users.add(User(login=login, extension=login))
    return settings


@pytest.fixture
def private(site: Settings) -> Run:
    def run(*words: str, said: str = "") -> Result:
        return CliRunner().invoke(app, ["--config", str(site.file), "private", *words], input=said)

    return run


def _holds(site: Settings, user: str, number: str) -> bool:
    return PrivateNumbers(site.site.data_folder, site.site_key()).holds(user, number)


def test_a_number_is_added_listed_and_removed(site: Settings, private: Run) -> None:
    assert private("add", "044 555 01 80", "--user", "0011").exit_code == 0
    assert _holds(site, "0011", E164)
    listed = private("list").output
    assert "0011\t…80\tsince" in listed
    assert "555" not in listed
    assert private("remove", "0041 44 555 01 80", "--user", "0011").exit_code == 0
    assert not _holds(site, "0011", E164)


def test_a_number_asked_for_is_not_echoed(site: Settings, private: Run) -> None:
    result = private("add", "--user", "0011", said="0445550180\n")

    assert _holds(site, "0011", E164)
    assert "5550180" not in result.output


def test_an_extension_may_be_private(site: Settings, private: Run) -> None:
    private("add", "17", "--user", "0011")

    assert _holds(site, "0011", "17")


def test_who_has_a_number_twice_is_reported(private: Run) -> None:
    private("add", E164, "--user", "0011")

    assert "already" in private("add", E164, "--user", "0011").output
    assert "It is private for 0011" in private("check", E164, "--user", "0011").output
    assert "not private for 0012" in private("check", E164, "--user", "0012").output


def test_only_a_known_users_telephone_number_is_taken(private: Run) -> None:
    assert private("add", E164, "--user", "0099").exit_code != 0
    assert isinstance(private("add", "Mamma", "--user", "0011").exception, CommandFailed)
    assert isinstance(private("remove", E164, "--user", "0011").exception, CommandFailed)


def test_a_removed_user_leaves_no_private_number(site: Settings, private: Run) -> None:
    private("add", E164, "--user", "0011")
    CliRunner().invoke(app, ["--config", str(site.file), "user", "remove", "0011"])

    assert private("list").output == ""
