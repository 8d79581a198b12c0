"""A lease: of the machines that run the same process, the one that acts; the others stand by.

The process connected to the broker with the client id of the role (`dial`, `journal`, ...) has it:
a broker lets a client id in once, and throws the earlier connection out. The holder publishes a
heartbeat over that connection and acts only within a term of the last one the broker confirmed. A
taker waits until no heartbeat comes any more, connects, and waits for a term before it acts: by
then the term of a holder that was thrown out is over, as none of its heartbeats was confirmed
since. Each measures with its own clock, which also runs while the machine sleeps, and looks at it
right before each act. MQTT has no compare-and-set; this needs none, on any broker.

What may not be done twice is claimed over the holder's connection first: once the broker has
confirmed the claim, no other machine can have the lease without having received it.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, Self
from uuid import uuid4

from pydantic import ValidationError

from bus.events import Part
from bus.mqtt.connection import Connection, NetworkDead, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.mqtt.presence import Presence
from bus.mqtt.publication import LET_IN_WITHIN
from bus.settings import BrokerSettings, SettingsRefused
from runtime.bounded_dict import Recent

log = logging.getLogger(__name__)

_STEP = 0.1  # seconds between two looks of the lease's own thread
_KEPT = 60  # seconds the broker keeps a claim for a machine that is away; no act waits so long
_HUNG = 10.0  # seconds without a sign of the main thread: somebody else had better act


@dataclass(frozen=True)
class Timing:
    """How fast a lease changes hands, in seconds."""

    term: float = 3.5  # for which a confirmed heartbeat lets act
    beat: float = 1.0
    margin: float = 0.5  # by which clocks may run apart within a term
    silence: float = 3.0  # after which a holder is gone


class LeaseRecord(Part):
    """What is published of a lease: a heartbeat, or the claim of one act."""

    id: str
    machine: str
    key: str = ""


class _Term(NamedTuple):
    """From when until when the last confirmed heartbeat lets act."""

    holder: Connection
    begins: float
    ends: float


class Held(Protocol):
    """Whether this process may act, and whether an act is its own."""

    @property
    def held(self) -> bool:
        """Whether this process may act at this moment; asked right before each act."""

    @property
    def lost(self) -> bool:
        """Whether another machine has acted since this one held the lease."""

    @property
    def others_seen(self) -> bool:
        """Whether another machine has held the lease while this process ran."""

    def claim(self, key: str) -> bool:
        """Return whether an act is this process's alone to do; waits for the broker."""

    def claimed(self, key: str) -> bool:
        """Return whether an act was claimed, by any other machine."""


class Unshared:
    """The lease of a site with one machine: always held, at no cost."""

    held = True
    lost = False
    others_seen = False

    def claim(self, key: str) -> bool:
        """Return whether an act is this process's alone to do."""
        return True

    def claimed(self, key: str) -> bool:
        """Return whether another machine claimed an act."""
        return False

    def on_change(self, report: Callable[[], None]) -> None:
        """Ignore who wants to know when the lease changes hands: it never does."""

    def on_claim(self, report: Callable[[str], None]) -> None:
        """Ignore who wants to know of other machines' claims: there are none."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Lease:
    """The lease of one role; use it in a `with` block, beside the process's own connection.

    What others claim, and that the lease has changed hands, is reported in the main thread.
    """

    def __init__(
        self,
        connection: Connection,
        settings: BrokerSettings,
        role: str,
        timing: Timing = Timing(),
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._role = role
        self._timing = timing
        self._machine = settings.machine or ""
        self._id = uuid4().hex
        self._claims: Recent[str, str] = Recent()
        self._seen = self._alive = self._asked = self._served = _clock()
        self._connected_since: float | None = None
        self._term: _Term | None = None
        self._marker = self._echoed = ""
        self._was_held = self._ever_held = False
        self.lost = self.others_seen = False
        self._report_change: list[Callable[[], None]] = []
        self._report_claim: list[Callable[[str], None]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        topics = connection.topics
        # Heartbeats of days would fill the queue of a machine that is away.
        connection.subscribe(topics.lease(role, "holder"), self._heartbeat_came, qos=0)
        connection.subscribe(topics.lease(role, "claims"), self._claim_came)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def held(self) -> bool:
        """Whether this process may act at this moment; asked right before each act."""
        term = self._term
        return (
            term is not None
            and term.begins <= _clock() < term.ends
            and self._echoed == self._marker
            and term.holder.connected
        )

    def claim(self, key: str) -> bool:
        """Return whether an act is this process's alone to do; waits for the broker.

        False too where that is not known: then nobody does it.
        """
        term = self._term
        if term is None or not self.held:
            return False
        try:
            self._publish(term.holder, "claims", key)
        except (BrokerUnavailable, PublishRefused) as error:
            log.warning("not claimed role=%s reason=%s", self._role, error)
            return False
        now = self._term
        return self.held and now is not None and now.holder is term.holder

    def claimed(self, key: str) -> bool:
        """Return whether an act was claimed, by any other machine."""
        return key in self._claims

    def on_change(self, report: Callable[[], None]) -> None:
        """Have it reported that the lease is held, or not held any more."""
        self._report_change.append(report)

    def on_claim(self, report: Callable[[str], None]) -> None:
        """Have each claim of another machine reported by its key."""
        self._report_claim.append(report)

    # -- what comes over the process's own connection, in the main thread ------------------

    def _heartbeat_came(self, received: ReceivedMessage) -> None:
        if not received.payload:
            self._seen = float("-inf")  # the holder has ended in an orderly way
        elif (record := _read(received)) is not None and record.id != self._id:
            self._seen = _clock()
            self.lost = self._ever_held
            self.others_seen |= not received.retained  # what is retained may be of a dead one

    def _claim_came(self, received: ReceivedMessage) -> None:
        record = _read(received)
        if record is None:
            return
        if record.id == self._id:
            if record.key == self._marker:
                self._echoed = record.key
            return
        self._claims[record.key] = record.machine
        for report in self._report_claim:
            report(record.key)

    def _note_alive(self) -> None:
        self._alive = _clock()

    def _note_change(self) -> None:
        for report in self._report_change:
            report()

    # -- the lease's own thread ------------------------------------------------------------

    def _run(self) -> None:
        patience = self._patience(before=False)
        while not self._stopping.wait(_STEP):
            self._look_after_main_thread()
            if not self._may_take(patience):
                continue
            held = False
            try:
                held = self._hold()
            except (BrokerUnavailable, PublishRefused, NetworkDead, SettingsRefused) as error:
                log.warning("lease not held role=%s reason=%s", self._role, error)
            finally:
                self._term = None
                self._show()
            self._seen = _clock()
            patience = self._patience(before=held)

    def _patience(self, *, before: bool) -> float:
        """Return the silence to wait for: shorter for who had it, never the same for two."""
        silence = self._timing.silence
        return silence * random.uniform(0.5, 0.6) if before else silence * random.uniform(1, 1.2)  # noqa: S311

    def _may_take(self, patience: float) -> bool:
        """Return whether no holder is to be seen, though one would be seen."""
        now = _clock()
        if not self._connection.connected:
            self._connected_since = None
        elif self._connected_since is None:
            self._connected_since = now
        since = self._connected_since
        watched = since is not None and now - since > self._timing.silence / 2
        return watched and now - self._seen > patience and now - self._alive < _HUNG

    def _hold(self) -> bool:
        """Hold the lease as long as it goes; return whether it was held at all."""
        presence = Presence(self._role, machine=self._machine)
        node = self._connection.node  # that one answers
        with Connection(
            node, self._role, presence=presence, lasting=False, reconnects=False
        ) as holder:
            holder.wait_connected(
                LET_IN_WITHIN,
                unless=lambda: self._stopping.is_set() or not self._connection.connected,
            )
            begins = _clock() + self._timing.term + self._timing.margin
            self._marker = uuid4().hex
            held = False
            while not self._stopping.is_set() and holder.connected and self._can_act():
                sent = _clock()
                self._publish(holder, "holder", retain=True)
                self._term = _Term(holder, begins, sent + self._timing.term)
                if self._echoed != self._marker:
                    self._publish(holder, "claims", self._marker)
                held |= self._show()
                while holder.connected and _clock() - sent < self._timing.beat:
                    self._look_after_main_thread()
                    holder.work(_STEP)
                    held |= self._show()
                    if self._stopping.is_set():
                        break
            self._term = None
            if holder.connected:
                holder.publish_raw(
                    self._connection.topics.lease(self._role, "holder"), b"", retain=True
                )
        return held

    def _look_after_main_thread(self) -> None:
        now = _clock()
        if now - self._asked >= self._timing.beat:
            self._asked = now
            self._connection.post(self._note_alive)
        if self._connection.connected:
            self._served = now

    def _can_act(self) -> bool:
        """Return whether the process itself works; else another machine had better act."""
        self._look_after_main_thread()  # a slow broker may have kept us from it for seconds
        if _clock() - self._alive > _HUNG:
            log.error("lease given up, as the process hangs role=%s", self._role)
            return False
        if _clock() - self._served > self._timing.silence:
            log.warning("lease given up, as the broker is not connected role=%s", self._role)
            return False
        return True

    def _publish(
        self, holder: Connection, what: Literal["holder", "claims"], key: str = "", *,
        retain: bool = False,
    ) -> None:  # fmt: skip
        record = LeaseRecord(id=self._id, machine=self._machine, key=key)
        topic, payload = self._connection.topics.lease(self._role, what), record.model_dump_json()
        sent = holder.send(topic, payload.encode(), retain=retain, expiry=_KEPT)
        sent.wait(self._timing.term)

    def _show(self) -> bool:
        held = self.held
        if held != self._was_held:
            self._was_held, self._ever_held = held, True
            log.info("lease %s role=%s", "held" if held else "not held any more", self._role)
            self._connection.post(self._note_change)
        return held


def lease_of(
    connection: Connection, settings: BrokerSettings, role: str, timing: Timing | None = None
) -> Lease | Unshared:
    """Return the lease of a role; where a site has one machine there is nothing to share."""
    if settings.machine is None:
        return Unshared()
    return Lease(connection, settings, role, timing or Timing())


def _read(received: ReceivedMessage) -> LeaseRecord | None:
    try:
        return LeaseRecord.model_validate_json(received.payload)
    except ValidationError:
        log.error("unreadable lease topic=%s", received.topic)
        return None


def _clock() -> float:
    """Return seconds that also pass while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
