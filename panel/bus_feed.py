"""What the panel learns from the bus: retained states, and the events of those who look."""

import json
import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bus.access.accounts import LEASED
from bus.events import DialResult, now
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.panel_events import AccessData
from bus.topics import ANY_USER
from panel.login import AccessList
from panel.streams import Streams

log = logging.getLogger(__name__)

# Processes without which something does not work for a user; a caller may be one of several.
NEEDED = ("gateway", "sessions", "caller", "dial", "journal")
TALKING = ("connected", "held", "dialing", "ringback")  # states in which one is on the phone
_LOOK_EVERY = 10.0  # seconds; a loss brings a look of its own
_SETTLES_WITHIN = 1.5  # seconds


class BusFeed:
    """Hands each message to the streams of its user; what is retained is kept for new streams."""

    def __init__(
        self, connection: Connection, access: AccessList, streams: Streams, name: str = "panel"
    ) -> None:
        self._connection = connection
        self._name = name  # of this process; its own presence does not come back to it
        self._topics = connection.topics
        self._access = access
        self._streams = streams
        self._retained: dict[str, dict[str, str]] = {"state": {}, "missed": {}}
        self._online: dict[str, bool] = {}
        self._details: dict[str, dict[str, Any]] = {}
        self._busy: dict[str, set[str]] = {}
        self._settled_at: float | None = None
        self._was_connected = False
        self._links: tuple[dict[str, Any], datetime] = ({}, now())
        access.on_change = self._access_changed
        access.on_names = lambda names: streams.publish_to_all("people", names)

    def subscribe(self, on_dial_result: Callable[[DialResult, ReceivedMessage], None]) -> None:
        """Subscribe to what a browser may show."""
        topics, connection = self._topics, self._connection
        forward_result = self._forwarder("dial")

        def dial_result(result: DialResult, message: ReceivedMessage) -> None:
            on_dial_result(result, message)
            forward_result(message)

        connection.consume(topics.dial_result(ANY_USER), DialResult, dial_result)
        connection.subscribe(topics.caller(ANY_USER), self._forwarder("answer"))
        connection.subscribe(topics.records(ANY_USER), self._forwarder("record"))
        connection.subscribe(topics.calls(ANY_USER), self._call)
        connection.subscribe(topics.state(ANY_USER), self._keeper("state"))
        connection.subscribe(topics.missed(ANY_USER), self._keeper("missed"))
        connection.subscribe(topics.access(ANY_USER), self._access.receive)
        connection.subscribe(topics.processes(), self._process)
        connection.after_connect(self._connected)

    def tick(self) -> float:
        """Report to browsers when the broker is gone; return the seconds until the next look."""
        if self._was_connected and not self._connection.connected:
            self._was_connected = False
            self.announce_links()
        return _LOOK_EVERY

    @property
    def settled(self) -> bool:
        """Whether the broker has had time to send what it retains."""
        return self._settled_at is not None and time.monotonic() > self._settled_at

    def _connected(self) -> None:
        """Have each browser begin again with what is so now."""
        self._was_connected = True
        if self._settled_at is None:
            self._settled_at = time.monotonic() + _SETTLES_WITHIN
        self._streams.end_all()

    def state(self, user: str) -> str | None:
        """Return a user's last state as it was published."""
        return self._retained["state"].get(user)

    def missed(self, user: str) -> str | None:
        """Return a user's counts of missed calls as they were published."""
        return self._retained["missed"].get(user)

    def people(self) -> dict[str, str]:
        """Return the names of those who use the panel, by login."""
        return self._access.names()

    def is_busy(self, user: str) -> bool:
        """Return whether a user is known to be on the phone."""
        return bool(self._busy.get(user))

    def note_running(self, user: str, call_ids: set[str]) -> None:
        """Note the calls a user has, as the caller process knows them."""
        if call_ids:
            self._busy[user] = call_ids
        else:
            self._busy.pop(user, None)

    def links(self) -> dict[str, Any]:
        """Return whether the broker is connected, which processes are missing, and since when."""
        missing = [
            name for name in NEEDED
            if not any(
                on
                and (process == name or process.startswith(f"{name}-"))
                and not self._stands_by(process)
                for process, on in list(self._online.items())
            )
        ]  # fmt: skip
        connected = self._connection.connected
        links = {"broker": connected, "missing": missing if connected else []}
        if links != self._links[0]:
            self._links = (links, now())
        return links | {"since": self._links[1].isoformat()}

    def processes(self) -> list[dict[str, Any]]:
        """Return every process that was ever online, with its version, machine and since when."""
        return [
            {"name": name, "online": on, **self._details.get(name, {})}
            for name, on in sorted((self._online | {self._name: True}).items())
        ]

    def _stands_by(self, process: str) -> bool:
        """Return whether a process of one machine acts only under the name of its role."""
        machine = self._details.get(process, {}).get("machine")
        leased = process.partition("-")[0] in LEASED
        return leased and machine is not None and process.endswith(f"-{machine}")

    def _access_changed(self, user: str) -> None:
        """Have the user's browsers begin again; colleagues see whether he may be disturbed."""
        self._streams.end_streams_of(user)
        self._show_colleague(user)

    def announce_links(self) -> None:
        """Report to every browser what is reachable."""
        self._streams.publish_to_all("links", self.links())

    def _forwarder(self, name: str) -> Callable[[ReceivedMessage], None]:
        def forward(message: ReceivedMessage) -> None:
            user = self._topics.user_of(message.topic)
            if self._streams.follows(user) and not message.retained:
                self._streams.publish(user, name, one_line(message.payload))

        return forward

    def _keeper(self, name: str) -> Callable[[ReceivedMessage], None]:
        kept = self._retained[name]

        def keep(message: ReceivedMessage) -> None:
            user = self._topics.user_of(message.topic)
            if not message.payload:
                kept.pop(user, None)
                return
            kept[user] = one_line(message.payload)
            self._streams.publish(user, name, kept[user])
            if name == "state":
                self._show_colleague(user)

        return keep

    def _call(self, message: ReceivedMessage) -> None:
        user = self._topics.user_of(message.topic)
        if message.retained:
            return
        if self._streams.follows(user):
            self._streams.publish(user, "call", one_line(message.payload))
        if self._streams.is_watched(user):
            self._note_call(user, message.payload)
        else:
            self._busy.pop(user, None)  # asked for when somebody looks

    def _note_call(self, user: str, payload: bytes) -> None:
        data = json.loads(payload)["data"]
        calls = self._busy.get(user, set()) - {data["call_id"], data.get("previous_call_id")}
        if data["state"] in TALKING:
            calls |= {data["call_id"]}
        self.note_running(user, calls)
        self._show_colleague(user)

    def _show_colleague(self, user: str) -> None:
        self._streams.publish_to_watchers(user, "colleague", json.dumps(self.colleague(user)))

    def colleague(self, user: str) -> dict[str, Any]:
        """Return what a colleague may see of a user: on the phone, not to be disturbed, off."""
        state = json.loads(self._retained["state"].get(user, '{"data": {}}'))["data"]
        access = self._access.find(user)
        return {
            "login": user, "state": state.get("state", "unknown"), "busy": self.is_busy(user),
            "undisturbed": undisturbed(access) if access else False,
        }  # fmt: skip

    def _process(self, message: ReceivedMessage) -> None:
        rest = message.topic.removeprefix(self._topics.process(""))
        name, _, detail = rest.partition("/")
        if not message.payload:
            self._online.pop(name, None)
        elif detail:
            data = json.loads(message.payload)["data"]
            kept = ("since", "version", "machine")
            self._details[name] = {key: data[key] for key in kept if data.get(key)}
        else:
            self._online[name] = message.payload == b"online"
        self.announce_links()


def undisturbed(access: AccessData) -> bool | str:
    """Return until when a user is not to be disturbed, True for no end."""
    until = access.do_not_disturb
    return until if isinstance(until, bool) else until.isoformat()


def one_line(payload: bytes) -> str:
    """Return a JSON payload in one line, as a stream of events needs it."""
    text = payload.decode()
    return json.dumps(json.loads(text)) if "\n" in text or "\r" in text else text
