"""Our own client against the stand-in: the two were written apart from the same dossier."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from starface.client import StarfaceClient
from starface.credential import derive
from starface.failures import CallRefused, LoginRefused, OutcomeUnknown, PbxFailure
from starface.oauth import log_in
from starface.request import Callback
from starface.rest import NotThere, by_password, by_tokens
from starface.settings import StarfaceSettings
from starface.simulator import SimulatedContact, Simulator
from tests.starface.simulator.fixtures import Receiver, listening


@contextmanager
def anna(simulator: Simulator, receiver: Receiver, **changes: Any) -> Iterator[StarfaceClient]:
    settings = settings_of(simulator, **changes)
    kind = changes.get("auth", "sha512")
    callback = Callback("http", "127.0.0.1", receiver.port, "/x")
    yield StarfaceClient(settings, "0011", derive(kind, "0011", "Geheim#2024"), callback)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        simulator.switches.speed = 100
        yield simulator


@pytest.mark.parametrize("api", ["v20", "v22", "v30"])
@pytest.mark.parametrize("auth", ["sha512", "md5", "ad"])
def test_our_client_logs_in_receives_and_places_calls(
    simulator: Simulator, receiver: Receiver, api: str, auth: str
) -> None:
    with anna(simulator, receiver, api=api, auth=auth) as client:
        client.login()
        client.subscribe_calls()
        assert client.keep_alive()
        own_id = str(uuid.uuid4())
        assert client.place_call("0441234567", "", own_id) == own_id

        states = [each.state for each in receiver.wait_for(3)]
        assert states == ["OUTGOING" if api == "v30" else "PROCEEDING", "RINGBACK", "CONNECTED"]
        client.logout()
        assert not client.keep_alive()


def test_our_client_finds_what_a_user_has(simulator: Simulator, receiver: Receiver) -> None:
    with anna(simulator, receiver, api="v30") as client:
        client.login()
        assert client.server_version() == "9.0.1.4"
        assert client.phones() == [client.primary_phone()] == ["SIP/11"]
        assert [(each.id, each.name) for each in client.groups()] == [("7", "Kanzlei")]
        client.set_do_not_disturb(True)
        assert client.user_state().chat_presence == "DO_NOT_DISTURB"
        client.set_do_not_disturb(False)
        assert client.user_state().telephony_state == "AVAILABLE"
        bernd, clara = client.function_keys()
        assert (bernd.name, clara.type) == ("Bernd Muster", "BUSY_LAMP_FIELD")
        ringing = simulator.ring("0013")
        assert [each["id"] for each in client.calls_of_key(clara.id)] == [ringing]
        client.press_key(bernd.id)
        assert [each.number for each in simulator.placed] == ["12"]
        redirect, *_ = client.redirects()
        client.set_redirect(redirect | {"active": True, "destination": "12"})
        assert client.redirects()[0]["destination"] == "12"


def test_our_client_steers_and_finds_calls(simulator: Simulator, receiver: Receiver) -> None:
    began = datetime.now(UTC) - timedelta(minutes=1)
    with anna(simulator, receiver, api="v30") as client:
        client.login()
        simulator.hang_up(simulator.ring("0011", "+41441234567"))
        first, second = simulator.ring("0011"), simulator.ring("0011")
        simulator.answer(first)
        client.hold(first)
        parked = client.call_state(first)
        assert parked is not None
        assert parked.state == "PARKED"
        simulator.answer(second)
        client.conference([first, second])
        client.forward(second, "12")
        assert client.call_ids() == [first]
        assert client.hang_up(first)

        missed, *_ = [each for each in client.call_list(began) if each.result == "MISSED"]
        assert missed.caller_number == "0041441234567"
        assert len(client.call_list(began)) == 3


def settings_of(simulator: Simulator, **changes: Any) -> StarfaceSettings:
    fields = {"host": "127.0.0.1", "scheme": "http", "port": simulator.port}
    return StarfaceSettings.model_validate(fields | changes)


@pytest.mark.parametrize("login_type", ["Internal", "ActiveDirectory"])
@pytest.mark.parametrize(
    ("first", "below"), [(0, "empty"), (1, "first"), (1, "empty"), (1, "error")]
)
def test_our_client_reads_the_whole_address_book(login_type: str, first: int, below: str) -> None:
    contacts = [SimulatedContact(surname=f"Name {number}") for number in range(250)]
    with Simulator(contacts=contacts) as simulator:
        simulator.set(login_type=login_type, first_page=first, page_below_first=below)
        rest = by_password(settings_of(simulator), "0011", "Geheim#2024")

        found = [contact.first("SURNAME") for contact in rest.contacts()]
        assert sorted(found) == sorted(each.surname for each in contacts)
        assert rest.me().login == "0011"
        assert rest.server_version() == "9.0.1.4"
        assert [each.type for each in rest.accounts()] == ["USER", "USER", "USER", "GROUP"]
        assert [(each.name, each.id) for each in rest.groups()] == [("Kanzlei", "7")]


@pytest.mark.parametrize("guids", [False, True])
def test_our_client_writes_the_address_book(simulator: Simulator, guids: bool) -> None:
    simulator.set(guid_ids=guids)
    rest = by_password(settings_of(simulator), "0011", "Geheim#2024")
    scheme = rest.contact_scheme()
    folder = rest.add_tag("Mandanten")
    rest.rename_tag(folder.id, "Klienten")

    contact = rest.add_contact(scheme, {"SURNAME": "Meier", "FAX_NUMBER": "+41445206789"}, [folder])
    rest.change_contact(contact, scheme, {"SURNAME": "Maier"}, [folder])

    [found] = rest.contacts(tag_ids=(folder.id,))
    assert found.first("SURNAME") == "Maier"
    assert [tag.name for tag in rest.contact(contact).tags] == ["Klienten"]
    rest.remove_contact(contact)
    rest.remove_tag(folder.id)
    assert "Klienten" not in [tag.name for tag in rest.tags()]
    with pytest.raises(NotThere):
        rest.contact(contact)


def test_our_client_reads_folders_from_all_pages() -> None:
    tags = tuple(f"Folder {number:03}" for number in range(130))
    with Simulator(contacts=[SimulatedContact(surname="A", tags=tags)]) as simulator:
        rest = by_password(settings_of(simulator), "0011", "Geheim#2024")

        assert [tag.name for tag in rest.tags()] == list(tags)


def test_our_client_speaks_with_access_tokens(simulator: Simulator, receiver: Receiver) -> None:
    settings = settings_of(
        simulator, auth="oauth", api="v30", oauth_client_secret="simulator-secret"
    )
    tokens = log_in(settings, "0011", "Geheim#2024")
    callback = Callback("http", "127.0.0.1", receiver.port, "/x")
    client = StarfaceClient(settings, "0011", tokens.credential, callback)

    client.login()
    client.subscribe_calls()
    simulator.ring("0011", "+41441234567")
    assert receiver.wait_for(2)[1].state == "RINGING"
    assert by_tokens(settings, log_in(settings, "0011", "Geheim#2024")).me().login == "0011"


@pytest.mark.parametrize(
    "switches",
    [
        {"bare_values": True},
        {"layout": "spread"},
        {"chunked": True},
        {"void": "nil"},
        {"void": "string"},
        {"void": "empty"},
    ],
)
def test_our_client_reads_every_spelling(
    simulator: Simulator, receiver: Receiver, switches: dict[str, Any]
) -> None:
    simulator.set(**switches)
    with anna(simulator, receiver, api="v30") as client:
        client.login()
        client.subscribe_calls()
        call_id = client.place_call("0441234567")
        assert client.call_ids() == [call_id]
        state = client.call_state(call_id)
        assert state is not None
        assert state.called_number == "0441234567"
        assert state.called_name == ""
        assert client.hang_up(call_id)
        client.logout()
        assert not client.keep_alive()


@pytest.mark.parametrize("how", ["fault", "401", "403", "redirect", "html", "false"])
def test_our_client_knows_refused_credentials(
    simulator: Simulator, receiver: Receiver, how: str
) -> None:
    simulator.set(wrong_token=how)
    simulator.set_password("0011", "another")
    with anna(simulator, receiver) as client, pytest.raises(PbxFailure) as failure:
        client.login()
    assert how == "fault" or isinstance(failure.value, LoginRefused)


@pytest.mark.parametrize("trouble", ["drop_before", "drop_after"])
def test_our_client_places_no_call_twice(
    simulator: Simulator, receiver: Receiver, trouble: str
) -> None:
    with anna(simulator, receiver) as client:
        client.login()
        simulator.set(trouble=trouble, trouble_methods="placeCallWithPhone")
        with pytest.raises(OutcomeUnknown):
            client.place_call("0441234567", "", "own-id")
    assert simulator.placements == {"own-id": 1}


def test_our_client_knows_a_refused_call(simulator: Simulator, receiver: Receiver) -> None:
    with anna(simulator, receiver) as client:
        client.login()
        with pytest.raises(CallRefused):
            client.place_call("0441234567", "SIP/99", "own-id")


@pytest.mark.parametrize(
    "trouble",
    ["fault", "html", "status_502", "half", "huge", "gzip_bomb", "redirect", "drop_before"],
)
def test_our_client_has_a_name_for_every_trouble(
    simulator: Simulator, receiver: Receiver, trouble: str
) -> None:
    with anna(simulator, receiver) as client:
        client.login()
        simulator.set(trouble=trouble)
        with pytest.raises(PbxFailure):
            client.call_ids()
        simulator.set(trouble="none")
        assert client.call_ids() == []
