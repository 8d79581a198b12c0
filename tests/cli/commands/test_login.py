import pytest

from cli.commands.login import login_meant
from cli.site.context import CommandFailed
from cli.site.settings import Settings
from consumers.users import Users


def test_the_login_given_is_meant(staffed: Settings) -> None:
    assert login_meant(staffed, "0012") == "0012"


def test_where_several_could_be_meant_they_are_named_with_the_option(staffed: Settings) -> None:
    with pytest.raises(CommandFailed, match=r"--user LOGIN \(0010, 0011, 0012, 0013\)"):
        login_meant(staffed, None, option="--user")


def test_the_only_user_is_meant(staffed: Settings) -> None:
    with Users(staffed.database) as users:
        for login in ("0010", "0011", "0013"):
            users.remove(login)

    assert login_meant(staffed, None) == "0012"


def test_a_site_without_users_says_how_one_is_added(staffed: Settings) -> None:
    with Users(staffed.database) as users:
        for login in ("0010", "0011", "0012", "0013"):
            users.remove(login)

    with pytest.raises(CommandFailed, match="starface2mqtt user add LOGIN"):
        login_meant(staffed, None)


def test_who_uses_a_broker_account_of_his_own_is_meant_at_whatever_device(
    staffed: Settings,
) -> None:
    broker = staffed.broker.model_copy(update={"account": "anna%2Fb~2"})

    assert login_meant(staffed.model_copy(update={"broker": broker}), None) == "anna/b"
