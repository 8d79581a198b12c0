from collections.abc import Callable

from bus.mqtt.inbox import ReceivedMessage
from bus.mqtt.presence import Presence
from bus.topics import Topics
from cli.commands.site_state import SiteState

NEEDED = ("gateway", "sessions", "caller")


class Retained:
    """A connection that hands over what is retained."""

    topics = Topics()

    def __init__(self, *presences: Presence, offline: tuple[Presence, ...] = ()) -> None:
        self._messages = [
            ReceivedMessage(topic, payload, retained=True)
            for presence in presences
            for topic, payload in presence.online(self.topics)
        ] + [
            ReceivedMessage(topic, payload, retained=True)
            for presence in offline
            for topic, payload in presence.offline(self.topics)
        ]

    def subscribe(self, topic_filter: str, handle: Callable[[ReceivedMessage], None]) -> None:
        if topic_filter == self.topics.processes():
            for message in self._messages:
                handle(message)


def _state(retained: Retained) -> SiteState:
    state = SiteState(NEEDED)
    state.follow(retained)  # type: ignore[arg-type]
    return state


def test_a_site_of_several_machines_is_shown_by_machine() -> None:
    here = [Presence(f"{role}-a", machine="a") for role in NEEDED]
    there = [Presence(f"{role}-b", machine="b") for role in NEEDED]
    acting = [Presence("sessions", machine="b"), Presence("caller-1of2", machine="a")]

    state = _state(Retained(*here, *there, *acting))

    assert state.lines()[1:3] == [
        "machine a    caller, gateway, sessions; acts as caller-1of2",
        "machine b    caller, gateway, sessions; acts as sessions",
    ]
    assert state.as_json()["machines"]["b"]["acts"] == ["sessions"]
    assert not state.fails


def test_a_machine_that_is_lost_is_named() -> None:
    gone = tuple(Presence(f"{role}-b", machine="b") for role in NEEDED)

    assert "machine b    offline" in _state(Retained(offline=gone)).lines()


def test_a_process_that_only_stands_by_does_not_serve_the_site() -> None:
    standing_by = Presence("sessions-a", machine="a")

    state = _state(Retained(standing_by, Presence("gateway-a", machine="a")))

    assert state.fails
    assert "not running: sessions" in state.lines()[0]


def test_a_site_of_one_machine_names_none() -> None:
    state = _state(Retained(*(Presence(role) for role in NEEDED)))

    assert not any(line.startswith("machine") for line in state.lines())
