import pytest

from starface.simulator.model.redirects import Redirects


def test_a_user_has_three_redirects_and_none_is_on() -> None:
    redirects = Redirects().of("0011")

    assert [(each["id"], each["enabled"]) for each in redirects] == [
        ("0011-ALWAYS", False), ("0011-BUSY", False), ("0011-TIMEOUT", False),
    ]  # fmt: skip


def test_a_change_is_kept_for_this_user_and_kind_alone() -> None:
    redirects = Redirects()

    redirects.change("0011", {"id": "0011-BUSY", "enabled": True, "destination": "0441234567"})

    assert [each["enabled"] for each in redirects.of("0011")] == [False, True, False]
    assert not any(each["enabled"] for each in redirects.of("0012"))


def test_what_a_redirect_is_cannot_be_changed() -> None:
    redirects = Redirects()

    redirects.change("0011", {"id": "0011-BUSY", "type": "ALWAYS", "groupRedirect": True})

    busy = redirects.of("0011")[1]
    assert (busy["type"], busy["groupRedirect"]) == ("BUSY", False)


@pytest.mark.parametrize(
    ("kind", "last"),
    [("PHONENUMBER", "lastDestinationNumber"), ("MAILBOX", "lastDestinationMailbox")],
)
def test_the_last_destination_is_remembered_by_its_kind(kind: str, last: str) -> None:
    redirects = Redirects()

    redirects.change(
        "0011", {"id": "0011-ALWAYS", "destinationType": kind, "destination": "somewhere"}
    )

    always = redirects.of("0011")[0]
    names = ("lastDestinationNumber", "lastDestinationMailbox")
    assert [name for name in names if always[name] == "somewhere"] == [last]


def test_a_redirect_of_somebody_else_is_refused() -> None:
    with pytest.raises(ValueError, match="0012-BUSY"):
        Redirects().change("0011", {"id": "0012-BUSY", "enabled": True})
