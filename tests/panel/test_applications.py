import stat
from pathlib import Path

import pytest

from panel.applications import Applications, ApplicationTaken, ApplicationUnknown


@pytest.fixture
def applications(tmp_path: Path) -> Applications:
    return Applications(tmp_path / "applications.db")


def test_a_token_finds_its_application(applications: Applications) -> None:
    token = applications.add("crm", ["0012", "0011"])

    found = applications.find(token)
    assert found is not None
    assert (found.name, found.users) == ("crm", ("0011", "0012"))


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_wrong_token_finds_nothing(applications: Applications, token: str) -> None:
    applications.add("crm", ["0011"])

    assert applications.find(token) is None


def test_the_token_is_not_on_disk(applications: Applications, tmp_path: Path) -> None:
    token = applications.add("crm", ["0011"])

    assert token.encode() not in (tmp_path / "applications.db").read_bytes()


def test_only_the_owner_may_read_the_file(applications: Applications, tmp_path: Path) -> None:
    applications.add("crm", ["0011"])
    mode = stat.S_IMODE((tmp_path / "applications.db").stat().st_mode)

    assert mode == 0o600


def test_an_application_dials_only_for_its_users(applications: Applications) -> None:
    applications.add("crm", ["0011"])

    [crm] = applications.all()
    assert crm.may_dial_for("0011")
    assert not crm.may_dial_for("001")
    assert not crm.may_dial_for("+")


def test_a_name_is_given_once_and_free_after_removal(applications: Applications) -> None:
    applications.add("crm", ["0011"])
    with pytest.raises(ApplicationTaken):
        applications.add("crm", ["0012"])

    applications.remove("crm")
    applications.add("crm", ["0012"])

    assert [one.users for one in applications.all()] == [("0012",)]


def test_an_unknown_application_cannot_be_removed(applications: Applications) -> None:
    with pytest.raises(ApplicationUnknown):
        applications.remove("crm")
