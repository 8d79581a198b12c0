import pytest

from starface import methods


@pytest.mark.parametrize(
    "name",
    [
        "call.placeCallWithPhone",
        "call.hangupCall",
        "call.hold",
        "functionKey.pressKey",
        "connection.logout",
        "userState.setDoNotDisturbSetting",
        "call.conference",
    ],
)
def test_what_changes_something_may_not_come_twice(name: str) -> None:
    assert not methods.harmless(name)


@pytest.mark.parametrize("name", ["connection.keepAlive", "call.getCallIds", "connection.login"])
def test_what_only_asks_may_come_twice(name: str) -> None:
    assert methods.harmless(name)


@pytest.mark.parametrize(
    ("version", "first"),
    [
        ("10.0.2.6", "v30"),
        ("11.1", "v30"),
        ("9.0.1.4", "v22"),
        ("", "v22"),
        (None, "v22"),
        ("STARFACE", "v22"),
    ],
)
def test_the_version_of_the_pbx_decides_what_to_try_first(version: str | None, first: str) -> None:
    assert methods.candidates(version)[0] == first
