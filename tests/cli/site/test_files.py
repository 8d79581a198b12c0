from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from bus.settings import SettingsRefused, read_accounts
from cli.run.work import WORK
from cli.site.files import add_user_account, broker_folder, make_site, remove_user_accounts, seal


def test_a_new_site_has_all_it_needs_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    settings = make_site(tmp_path / "site", {"site": {"language": "en", "country": "DE"}})

    assert settings.site.country == "DE"
    assert len(settings.site_key()) >= 32
    assert seal(settings) is not None
    files = [path for path in (tmp_path / "site").rglob("*") if path.is_file()]
    assert files
    assert {path.stat().st_mode & 0o077 for path in files} == {0}


def test_a_site_is_never_overwritten(tmp_path: Path) -> None:
    make_site(tmp_path, {"site": {"language": "en"}})
    key = (tmp_path / "secrets" / "site.key").read_bytes()

    with pytest.raises(SettingsRefused, match="nothing was changed"):
        make_site(tmp_path, {"site": {"language": "en"}})

    assert (tmp_path / "secrets" / "site.key").read_bytes() == key


def test_two_sites_share_no_secret(tmp_path: Path) -> None:
    one, two = (
        make_site(tmp_path / "1", {"site": {"language": "en"}}),
        make_site(tmp_path / "2", {"site": {"language": "en"}}),
    )

    assert one.site_key() != two.site_key()
    first, second = (read_accounts(each.broker.accounts_file) for each in (one, two))
    assert not set(first.values()) & set(second.values())


def test_a_new_site_has_broker_accounts_for_what_runs_and_nothing_else(tmp_path: Path) -> None:
    accounts = read_accounts(make_site(tmp_path, {"site": {"language": "en"}}).broker.accounts_file)

    on_the_bus = set(WORK) - {"directory"} | {"dial-number"}  # a second session of dial
    assert {name for name in accounts if not name.startswith("cli-")} == on_the_bus


def test_a_users_account_comes_and_goes_with_the_user(tmp_path: Path) -> None:
    settings = make_site(tmp_path, {"site": {"language": "en"}})
    acl = broker_folder(settings) / "acl"

    password = add_user_account(settings, "anna/ü")[1]
    assert read_accounts(settings.broker.accounts_file)["anna%2F%C3%BC"] == password
    assert "user anna%2F%C3%BC\n" in acl.read_text()
    assert "user caller-for-anna%2F%C3%BC\n" in acl.read_text()

    remove_user_accounts(settings, ["anna/ü"])
    assert "anna" not in acl.read_text()


def test_secrets_others_may_read_are_refused(tmp_path: Path) -> None:
    settings = make_site(tmp_path, {"site": {"language": "en"}})
    settings.broker.accounts_file.chmod(0o644)

    with pytest.raises(SettingsRefused, match="chmod 600"):
        read_accounts(settings.broker.accounts_file)


def test_accounts_made_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    settings = make_site(tmp_path, {"site": {"language": "en"}})
    logins = [f"00{number}" for number in range(20, 36)]

    with ThreadPoolExecutor(6) as pool:
        made = dict(zip(logins, pool.map(partial(add_user_account, settings), logins), strict=True))

    kept = read_accounts(settings.broker.accounts_file)
    assert {login: (login, kept[login]) for login in logins} == made


def test_a_site_with_a_mistake_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="country"):
        make_site(tmp_path / "site", {"site": {"language": "en", "country": "XX"}})

    assert list((tmp_path / "site").iterdir()) == []
    assert (
        make_site(tmp_path / "site", {"site": {"language": "en", "country": "DE"}}).site.country
        == "DE"
    )
