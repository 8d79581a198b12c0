"""What holds for all users at once: whether the PBX answers, and whether it can call us back."""

import logging
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from bus.events import ProcessDetail
from bus.mqtt.inbox import Handler, ReceivedMessage
from bus.topics import ANY_USER, Topics
from consumers.sessions.callback_check import CallbackWatch, Proof
from consumers.sessions.faults import CERTIFICATE_ENDS, UNPROVEN
from consumers.sessions.schedule import PbxWatch, Timetable

log = logging.getLogger(__name__)
T = TypeVar("T")

CALLBACK, PBX = "\x00callback", "\x00pbx"  # turns that are no login's
_WITHOUT_GATEWAY: dict[str | None, str] = {  # what a check means when the bus knows no gateway
    None: "gateway-without-broker",
    UNPROVEN: "gateway-without-broker",
    CERTIFICATE_ENDS: "gateway-without-broker",
    "callback-unreachable": "gateway-offline",
}
_PAGE = "login-unclear"
_GONE = ("pbx-silent", "pbx-unreachable", "pbx-certificate")
_PAGE_PAUSE = 4.0  # seconds between two looks whether the login page is gone
_JUST_NOW = 5.0  # seconds; some keepAlive is answered every 3 s at least
_SILENCE = 4.0  # seconds without an answer, until the PBX itself is asked
_CALLBACK_EVERY = 5.0  # seconds
_NOBODY = 1.0  # seconds until it is looked again whether somebody is on


class SiteListener(Protocol):
    """The users, as far as the site concerns them."""

    def somebody(self) -> str | None:
        """Return any user who is on."""

    def show_all(self) -> None:
        """Show everybody's state again."""

    def resync_all(self) -> None:
        """Hand in what may have been missed, for everybody."""

    def pbx_went(self) -> None:
        """Let everybody wait for the PBX."""

    def pbx_back(self) -> None:
        """Let everybody log in again."""

    def page_gone(self) -> None:
        """Let those log in again who met a login page."""


class BrokerSubscriptions(Protocol):
    """What of a broker connection the site needs."""

    @property
    def topics(self) -> Topics:
        """The names of the topics."""

    def subscribe(self, topic_filter: str, handle: Handler) -> None:
        """Hand each message of a topic to `handle`."""


class Doing(Protocol):
    """Carries out tasks apart from the main thread."""

    def submit(self, task: Callable[[], T], then: Callable[[T | None], None]) -> None:
        """Have a task done, and its result handled in the main thread; None: it broke."""


class Probing(Protocol):
    """The tasks of the site."""

    def prove(self, user: str) -> Proof:
        """Check the callback address with a path of this user."""

    def probe(self) -> str | None:
        """Ask the PBX for a sign of life; None when it gives one, else what is wrong."""


@dataclass(frozen=True)
class Services:
    """What the parts of the process share."""

    timetable: Timetable
    workers: Doing
    probes: Doing  # never behind the users' tasks
    tasks: Probing
    dice: random.Random
    clock: Callable[[], float]


class SiteHealth:
    """The PBX, the callback and the gateways, watched for everybody."""

    def __init__(self, services: Services, listener: SiteListener, keep_alive: float) -> None:
        self.callback = CallbackWatch(min(keep_alive, _CALLBACK_EVERY))
        self.pbx = PbxWatch(services.dice)
        self.callback_good_at = 0.0  # of the clock
        self._services = services
        self._listener = listener
        self._served_at = self._probed_at = -_JUST_NOW
        self._page = False  # somebody met a login page instead of an answer
        self._gateways: dict[str, tuple[str, bool]] = {}
        self._processes: dict[str, tuple[bool, int]] = {}  # whether online, how many faults

    def follow(self, connection: BrokerSubscriptions) -> None:
        """Follow which processes are online."""
        topics = connection.topics
        connection.subscribe(topics.process_detail(ANY_USER), self._on_process_detail)
        connection.subscribe(topics.process(ANY_USER), partial(self._on_process, connection))

    @property
    def serves(self) -> bool:
        """Whether the PBX has done something for somebody just now."""
        return self._services.clock() - self._served_at < _JUST_NOW

    def served(self) -> None:
        """Note that the PBX did something for somebody."""
        self._served_at = self._services.clock()
        self.pbx.good()

    def failed(self, code: str) -> None:
        """Note the failure of one user, which may be everybody's."""
        if code == _PAGE and not self._page:
            self._page = True
            self._soon(PBX)
        if self.pbx.bad(code):
            self._soon(PBX)
            if self.pbx.away:
                self._pbx_went()

    # ---- the PBX

    def probe_pbx(self) -> None:
        """Ask the PBX for a sign of life, unless it gives one to its users."""
        now = self._services.clock()
        if self._is_looking_after_silence():
            due = max(self._served_at, self._probed_at) + _SILENCE
            if now < due or self._listener.somebody() is None:
                self._services.timetable.set(PBX, max(due, now + _NOBODY))
                return
        self._services.probes.submit(
            lambda: (self._services.tasks.probe(),), partial(self._probed, now)
        )

    def _is_looking_after_silence(self) -> bool:
        """Whether nothing is known against the PBX."""
        return self.pbx.state == "there" and not self._page

    def _probed(self, began: float, found: tuple[str | None] | None) -> None:
        code = found[0] if found else "pbx-unreadable"
        self._probed_at = self._services.clock()
        if code == "pbx-unreadable" and self.serves:
            code = None  # to strangers it has nothing to say
        if self._is_looking_after_silence() and (code not in _GONE or self._served_at > began):
            code = None
        changed = self.pbx.probed(None if code == _PAGE else code)
        if self.pbx.away:
            self._services.timetable.set(PBX, self._services.clock() + self.pbx.pause())
            if changed:
                self._pbx_went()
        elif changed:
            log.info("the PBX is back")
            self._listener.pbx_back()
            self._soon(CALLBACK)
        if not self.pbx.away:
            self._services.timetable.set(PBX, self._probed_at + _SILENCE)
        if self._page and code == _PAGE:
            pause = _PAGE_PAUSE * self._services.dice.uniform(0.5, 1.0)
            self._services.timetable.set(PBX, self._services.clock() + pause)
        elif self._page and code is None:
            self._page = False
            self._listener.page_gone()

    def _pbx_went(self) -> None:
        log.warning("the PBX is gone code=%s", self.pbx.away)
        self._listener.pbx_went()

    # ---- the callback

    def check_callback(self) -> None:
        """Call ourselves at the address that the PBX was given."""
        clock, user = self._services.clock, self._listener.somebody()
        if user is None:
            self._services.timetable.set(CALLBACK, clock() + _NOBODY)
            return
        self._services.probes.submit(
            lambda: self._services.tasks.prove(user), partial(self._checked, clock())
        )

    def _checked(self, began: float, proof: Proof | None) -> None:
        watch = self.callback
        proof = proof or Proof("callback-unreachable")
        if self._all_gateways_gone():
            proof = Proof(_WITHOUT_GATEWAY.get(proof.code, proof.code), proof.local)
        before, known = watch.code, watch.known
        came_back = watch.found(proof)
        if not watch.failing:
            self.callback_good_at = began
        pause = watch.pause(self._services.dice.uniform)
        self._services.timetable.set(CALLBACK, self._services.clock() + pause)
        if watch.code != before or not known:
            log.info("callback checked code=%s", watch.code or "-")
            self._listener.show_all()
        if came_back or not known:
            self._listener.resync_all()

    # ---- the gateways

    def _on_process_detail(self, received: ReceivedMessage) -> None:
        try:
            detail = ProcessDetail.model_validate_json(received.payload).data
        except ValueError:
            return
        self._processes[detail.name] = (detail.state == "online", len(detail.faults))
        if not detail.name.startswith("gateway"):
            return
        before, current = (
            self._gateways.get(detail.name),
            (detail.start_id, detail.state == "online"),
        )
        self._gateways[detail.name] = current
        if before is not None and before != current:
            log.info("gateway is %s name=%s", detail.state, detail.name)
            self._soon(CALLBACK)
            if detail.state == "online":  # nobody took notifications before
                self._listener.resync_all()

    def processes(self) -> dict[str, Counter[str]]:
        """Return how many processes of each kind run, do not, and what they cannot do."""
        counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("processes_online", "processes_offline", "process_faults")
        }
        for name, (online, faults) in self._processes.items():
            kind = name.partition("-")[0]  # what follows may be a login
            counts["processes_online" if online else "processes_offline"][kind] += 1
            counts["process_faults"][kind] += faults if online else 0
        return counts

    def _on_process(self, connection: BrokerSubscriptions, received: ReceivedMessage) -> None:
        name = received.topic.rpartition("/")[2]
        if name in self._processes:
            self._processes[name] = (received.payload == b"online", self._processes[name][1])
        for name, (start_id, online) in self._gateways.items():
            gone = online and received.payload == b"offline"
            if gone and connection.topics.process(name) == received.topic:
                self._gateways[name] = (start_id, False)
                self._soon(CALLBACK)

    def _all_gateways_gone(self) -> bool:
        return bool(self._gateways) and not any(online for _, online in self._gateways.values())

    def _soon(self, key: str) -> None:
        self._services.timetable.set(key, self._services.clock())
