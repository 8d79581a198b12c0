import pytest
from hypothesis import given
from hypothesis import strategies as st

from starface.callback import PathRefused, callback_path, read_path

KEY = b"k" * 32
TOKEN = "0011:" + "a" * 128


def _parts(path: str) -> tuple[str, str, str]:
    _, _, who, session, mac = path.split("/")
    return who, session, mac


@given(user=st.text(min_size=1, max_size=12))
def test_a_path_says_whose_it_is(user: str) -> None:
    path = callback_path(user, KEY, TOKEN)

    assert len(path) < 128
    assert path.replace("/", "").replace("-", "").replace("_", "").isalnum()
    assert read_path(*_parts(path), KEY).user == user


def test_two_logins_have_two_paths() -> None:
    assert callback_path("0011", KEY) != callback_path("0011", KEY)


def test_the_token_of_the_login_fits_and_no_other() -> None:
    proof = read_path(*_parts(callback_path("0011", KEY, TOKEN)), KEY)

    assert proof.fits(TOKEN, KEY)
    assert not proof.fits(TOKEN + "b", KEY)


def test_any_token_fits_a_session_opened_without_one() -> None:
    assert read_path(*_parts(callback_path("0011", KEY)), KEY).fits("anything", KEY)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_changed_path_is_refused(place: int) -> None:
    parts = list(_parts(callback_path("0011", KEY, TOKEN)))
    parts[place] = ("A" if parts[place][0] != "A" else "B") + parts[place][1:]
    who, session, mac = parts

    with pytest.raises(PathRefused):
        read_path(who, session, mac, KEY)


def test_the_path_of_another_user_is_refused() -> None:
    _, session, mac = _parts(callback_path("0011", KEY))
    who = _parts(callback_path("0012", KEY))[0]

    with pytest.raises(PathRefused):
        read_path(who, session, mac, KEY)


def test_a_proof_has_one_spelling() -> None:
    who, session, mac = _parts(callback_path("0011", KEY))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    def is_genuine(last: str) -> bool:
        try:
            return bool(read_path(who, session, mac[:-1] + last, KEY))
        except PathRefused:
            return False

    assert [last for last in alphabet if is_genuine(last)] == [mac[-1]]


@pytest.mark.parametrize("mac", ["", "=", "é", "a" * 500, "%2F"])
def test_a_path_that_is_no_base64_is_refused(mac: str) -> None:
    who, session, _ = _parts(callback_path("0011", KEY))

    with pytest.raises(PathRefused):
        read_path(who, session, mac, KEY)


def test_a_login_too_long_for_a_path_is_named() -> None:
    with pytest.raises(ValueError, match="48 bytes"):
        callback_path("x" * 49, KEY)
