import base64
from collections.abc import Iterator

import pytest

from starface.simulator import Simulator
from tests.starface.simulator.fixtures import PlainClient


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def anna(simulator: Simulator) -> Iterator[PlainClient]:
    with PlainClient(simulator) as anna:
        anna.log_in("v30")
        yield anna


def test_a_redirect_has_the_members_of_the_vendor_and_is_changed(anna: PlainClient) -> None:
    [always] = anna.v30("redirect.getRedirectSettings", "ALWAYS", "", "", "")
    assert {
        *("enabled", "timeout", "calledNumber", "destination", "destinationType"),
        *("lastDestinationNumber", "lastDestinationMailbox", "mailboxes", "groupRedirect"),
    } <= always.keys()

    change = {"id": always["id"], "enabled": True, "destination": "12"}
    anna.v30("redirect.setRedirectSetting", change)

    [always] = anna.v22("redirect.getRedirectSettings", "ALWAYS", "", "", "")
    assert (always["enabled"], always["lastDestinationNumber"]) == (True, "12")
    assert anna.v30("userState.getUserState")["redirectAlwaysActive"] is True


def test_a_number_to_show_is_chosen(anna: PlainClient) -> None:
    own, group = anna.v30("phone.getAvailableDisplayNumbers")
    assert (own["number"], group["number"]) == ("11", "20")
    assert anna.v30("phone.getDisplayNumberId") == own["id"]

    anna.v30("phone.setDisplayNumberId", group["id"])

    assert anna.v30("phone.getDisplayNumberId") == group["id"]


def test_a_picture_is_kept_and_known_by_its_hash(anna: PlainClient) -> None:
    assert anna.v30("userState.getUserState")["avatarHash"] == ""

    anna.v30("userState.setAvatarImageFile", base64.b64encode(b"png").decode())

    assert base64.b64decode(anna.v30("userState.getAvatarImage")) == b"png"
    assert anna.v30("userState.getUserState")["avatarHash"]


def test_keys_are_found_by_name_and_the_search_comes_back(anna: PlainClient) -> None:
    answer = anna.v30("functionKey.searchFunctionKeys", "roth", "s1")

    assert answer["searchId"] == "s1"
    assert [key["name"] for key in answer["functionKeys"]] == ["Clara Roth"]


def test_a_message_in_the_mailbox_is_listed_moved_and_deleted(
    simulator: Simulator, anna: PlainClient
) -> None:
    call = simulator.ring("0011", "+41441234567", "Muster AG")
    with simulator.pbx.lock:
        simulator.pbx.divert(call, "0011")

    [box] = anna.v30("voicemailList.getMailboxes")
    [entry] = anna.v30("voicemailList.getVoicemailList")
    assert (entry["callDescription"], entry["mailboxId"]) == ("Muster AG", box["id"])
    assert base64.b64decode(anna.v30("voicemailList.getVoicemailFile", entry["id"]))

    anna.v30("voicemailList.moveVoicemailListEntry", entry["id"], "OLD")
    assert anna.v30("voicemailList.getVoicemailList", "INBOX") == []
    anna.v30("voicemailList.deleteVoicemailListEntry", entry["id"])
    assert anna.v30("voicemailList.getVoicemailList") == []
