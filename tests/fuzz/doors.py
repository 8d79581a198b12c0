"""Where bytes of strangers come in: each door lets nothing out but the fault it promises."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import falcon.testing

from bus import events
from bus.events import Message
from bus.mqtt.inbox import Inbox, ReceivedMessage
from bus.mqtt.mqtt5_client import read_packet
from bus.numbers.number import NumberProfile
from gateway.admission import Admission, RateLimits
from gateway.app import create_app
from gateway.callbacks import CallbackValidity
from gateway.eventlog.counters import Counters
from gateway.eventlog.writer import EventLog
from gateway.source_addresses import SourceAddresses
from starface.callback import callback_path
from starface.xmlrpc.reading import (
    DateTime,
    Faulted,
    Unreadable,
    Value,
    read_call,
    read_response,
    write_call,
    write_fault,
    write_response,
)
from tests.conftest import ROOT
from tests.hostile_names import HOSTILE

LONGEST = 0.1  # seconds of processor time for one input
Door = Callable[[bytes], None]
_KEY = b"k" * 32
_KINDS = [
    kind for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, Message) and kind is not Message
]  # fmt: skip
_EXPECTED = {200, 400, 403, 413}


class TooSlow(AssertionError):
    """An input took longer than any may."""


def call(body: bytes) -> None:
    """Read what is said to be a method call."""
    with suppress(Unreadable):
        read_call(body)


def response(body: bytes) -> None:
    """Read what is said to be an answer of the PBX."""
    with suppress(Unreadable, Faulted):
        read_response(body)


def message(payload: bytes) -> None:
    """Read what is said to be a message, as each consumer does; what is read can be written."""
    for kind in _KINDS:
        Inbox().reader(kind, _written_again)(ReceivedMessage("starface/users/0011/calls", payload))


def packet(received: bytes) -> None:
    """Read what is said to come from the broker."""
    body = received[2:129]  # with the right length, so that more than that can be wrong
    for event in (received, received[:1] + bytes([len(body)]) + body):
        with suppress(IndexError, ValueError):
            read_packet(memoryview(event))


def _written_again(given: Message, _: ReceivedMessage) -> None:
    assert type(given).model_validate_json(given.encoded()) == given


class Callbacks:
    """The gateway's application with an event log of its own."""

    def __init__(self, folder: Path) -> None:
        log = EventLog(folder, "gateway", Counters(), lambda: None, greatest=4_000_000_000)
        door = Admission(_KEY, SourceAddresses(()), RateLimits(1e9, 1e9), CallbackValidity(folder))
        app = create_app(log, door, NumberProfile(country="CH", area_code="44"))
        self._client = falcon.testing.TestClient(app)
        self._path = callback_path("0011", _KEY)

    def notification(self, body: bytes) -> None:
        """Report a call by XML-RPC."""
        self._check(self._client.simulate_post(self._path, body=body, content_type="text/xml"))

    def form(self, body: bytes) -> None:
        """Report a call by the second dialect."""
        kind = "application/x-www-form-urlencoded"
        path = f"{self._path}/call"
        self._check(self._client.simulate_post(path, body=body, content_type=kind))

    @staticmethod
    def _check(answer: falcon.testing.Result) -> None:
        assert answer.status_code in _EXPECTED, answer.text
        if answer.status_code != 200:
            assert answer.text.count("\n") == 1


def doors(folder: Path) -> dict[str, Door]:
    """Return all doors by name."""
    callbacks = Callbacks(folder)
    return {
        "call": call,
        "response": response,
        "message": message,
        "packet": packet,
        "notification": callbacks.notification,
        "form": callbacks.form,
    }


def timed(door: Door, given: bytes) -> None:
    """Give an input to a door; raise TooSlow when it takes too long each time."""
    for _ in range(3):
        before = time.thread_time()
        door(given)
        if time.thread_time() - before < LONGEST:
            return
    raise TooSlow(f"{len(given)} bytes took more than {LONGEST} s")


def hard(name: str) -> list[bytes]:
    """Return inputs that were made to hurt, and those that once got out of a door."""
    if name == "message":
        return [
            *(sign * 60_000 for sign in (b"[", b'{"a":', b"9", b'"')),
            *(b'{"type":' + event + b"}" for event in (b"9" * 60_000, b'"\\ud800"', b"1e99999")),
            b"\xff\xfe[\x00]\x00",
            b"",
        ]
    if name == "packet":
        return [b"\x30\x04\x00\x01\xff\x00", b"\x30\xff\xff\xff\x7f", b"\x40\x00", b"\x00", b""]
    if name == "form":
        return [b"a=b&" * 16_000, b"event=ringing&name=" + b"%00" * 20_000, b"&" * 65_536, b""]
    root = {"response": b"methodResponse"}.get(name, b"methodCall")
    return [
        b"<" + root + b">" + b"<params>" * 8_000,
        b"<" * 65_000,
        b"<" + root + b" " + b"".join(b"a%d='x' " % number for number in range(6_000)) + b"/>",
        b"<" + root + b">" + b"<!--" + b"-" * 60_000,
        b"<" + root + b">" + b"<![CDATA[" * 6_000,
        b"<?xml version='1.0' encoding='utf-16'?><" + root + b"/>",
        b"<!DOCTYPE a [<!ENTITY b '" + b"c" * 60_000 + b"'>]><a>&b;</a>",
        b"<a" * 20_000,
        b"",
    ]


def seeds(name: str) -> list[bytes]:
    """Return genuine inputs of a door, from which others are made."""
    if name == "message":
        found = sorted((ROOT / "docs" / "examples").glob("*.json"))
        return [json.dumps(json.loads(path.read_text())).encode() for path in found]
    if name == "packet":
        return _PACKETS
    if name == "form":
        return [_form(event, who) for event in ("ringing", "answered", "ended") for who in HOSTILE]
    if name == "response":
        reported: list[Value] = [
            True,
            "v22",
            ["a", "b"],
            {"state": "RINGING", "n": 1.5, "x": None, "raw": b"x"},
        ]
        return [*(write_response(value) for value in reported), write_fault(7, "no")]
    return [*_NOTIFICATIONS, *(_state(name=who) for who in HOSTILE if who.isprintable())]


def _form(event: str, name: str) -> bytes:
    return f"user=0011&event={event}&number=%2B41441234567&name={quote(name)}".encode()


def _state(family: str = "ucp.v22.events.call", **members: str) -> bytes:
    reported = {
        "id": "c-1", "state": "RINGING", "timestamp": DateTime("20250314T09:15:21"),
        "callerNumber": "0041441234567", "callerName": members.get("name", "Ada"),
        "calledNumber": "11", "calledName": "Anna", "groupId": "Verkauf", **members,
    }  # fmt: skip
    return write_call(f"{family}.receiveCallState", [reported])


_NOTIFICATIONS = [
    *(_state(f"ucp.{name}") for name in ("v20.client.communication.call", "v30.events.call")),
    *(_state(state=state) for state in ("INCOMING", "PROCEEDING", "CONNECTED", "HANGUP", "?")),
    write_call("ucp.v30.events.call.callChangesIdEvent", ["old", "new"]),
    write_call("ucp.v30.events.call.callChangesIdEvent", [{"oldCallId": "a", "newCallId": "b"}]),
    write_call("ucp.v20.client.connection.reset"),
    write_call("a.b", [1, -1, 1.5, True, None, b"raw", ["x", [["y"]]], {"a": {"b": {}}}]),
]

_PACKETS = [
    b"27\x00\x19starface/users/0011/calls\x00\x07\x17\x01\x01\x02\x00\x00\x00<"
    b"\x03\x00\x03a/b\x08\x00\x03r/t\t\x00\x01c{}",  # PUBLISH with all that it may have
    b"@\x02\x00\x07",  # PUBACK
    b"@\x04\x00\x07\x87\x00",  # PUBACK: not authorized
    b" \x03\x00\x00\x00",  # CONNACK
    b"\x90\x04\x00\x01\x00\x01",  # SUBACK
    b"\xe0\x02\x8e\x00",  # DISCONNECT: taken over
    b"\xd0\x00",  # PINGRESP
]
