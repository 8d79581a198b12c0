from datetime import UTC, datetime, timedelta

import pytest

from bus.mqtt.inbox import ReceivedMessage
from bus.panel_events import Access, AccessData
from bus.topics import Topics
from panel.login import AccessList, LoginCookies

KEY = b"k" * 32
TOPICS = Topics()


def access(user: str = "0011", since: datetime | None = None) -> ReceivedMessage:
    moment = since or datetime.now(UTC) - timedelta(seconds=1)
    data = AccessData(user=user, name="Anna", since=moment)
    return ReceivedMessage(TOPICS.access(user), Access(data=data).encoded(), retained=True)


@pytest.fixture
def known() -> AccessList:
    known = AccessList(TOPICS)
    known.receive(access())
    return known


def test_a_cookie_says_who_logged_in(known: AccessList) -> None:
    cookies = LoginCookies(KEY, known)

    visitor = cookies.read(cookies.issue("0011"))

    assert visitor is not None
    assert (visitor.user, visitor.access.name) == ("0011", "Anna")


@pytest.mark.parametrize("change", ["", "x", "eyJ1c2VyIjoiMDAxMSJ9.x.y"])
def test_a_forged_cookie_is_nobodys(known: AccessList, change: str) -> None:
    assert LoginCookies(KEY, known).read(change) is None


def test_a_cookie_of_another_key_is_nobodys(known: AccessList) -> None:
    cookie = LoginCookies(b"x" * 32, known).issue("0011")

    assert LoginCookies(KEY, known).read(cookie) is None


def test_a_logout_ends_every_earlier_login(known: AccessList) -> None:
    cookies = LoginCookies(KEY, known)
    cookie = cookies.issue("0011")

    known.receive(access(since=datetime.now(UTC) + timedelta(seconds=1)))

    assert cookies.read(cookie) is None


def test_a_user_who_is_removed_is_logged_out(known: AccessList) -> None:
    cookies = LoginCookies(KEY, known)
    cookie = cookies.issue("0011")
    changed: list[str] = []
    known.on_change = changed.append

    known.receive(ReceivedMessage(TOPICS.access("0011"), b"", retained=True))

    assert cookies.read(cookie) is None
    assert changed == ["0011"]


def test_an_entry_of_another_user_is_not_believed() -> None:
    known = AccessList(TOPICS)
    message = access("0012")

    known.receive(ReceivedMessage(TOPICS.access("0011"), message.payload, retained=True))

    assert known.find("0011") is None
    assert known.find("0012") is None
