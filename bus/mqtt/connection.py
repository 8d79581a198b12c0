"""The one connection of a process to the broker, whichever library speaks MQTT for it.

The client lives in one thread of ours: what it receives is only put into the inbox, and the main
thread works through it. So a handler may be slow, may publish and may use SQLite.
"""

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self, Unpack
from uuid import uuid4

from bus.events import CONTENT_TYPE, Message
from bus.mqtt.client import (
    IN_FLIGHT,
    UNSUPPORTED_VERSION,
    Client,
    ClientFactory,
    InboundPublish,
    Login,
    PublishQueueFull,
)
from bus.mqtt.inbox import (
    BrokerUnavailable,
    Handler,
    Inbox,
    M,
    OnDeadLetter,
    ReceivedMessage,
    Ticker,
)
from bus.mqtt.presence import Presence
from bus.mqtt.publication import (
    NO_SUBSCRIBERS,
    TIMEOUT,
    InFlight,
    Options,
    Publication,
    PublishRefused,
)
from bus.mqtt.reconnect import ReconnectPolicy
from bus.settings import BrokerSettings, SettingsRefused
from runtime.addresses import join_address

__all__ = [
    "IN_FLIGHT",
    "NO_SUBSCRIBERS",
    "Connection",
    "NetworkDead",
    "Publication",
    "PublishRefused",
    "SessionTaken",
]

log = logging.getLogger(__name__)

_FAILURE = 0x80  # and above: a reason code that refuses


class NetworkDead(Exception):
    """The thread that talks to the broker has ended, so the process must too."""


class SessionTaken(Exception):
    """Another process connected with the same broker account."""


class Connection:
    """A broker connection that comes back by itself; use it in a `with` block.

    `lasting`: the broker keeps our subscriptions and messages while we are away.
    `gives_way`: end, instead of coming back, when another process uses the same account.
    `reconnects`: come back at all, once it was connected.
    `clients`: the library that speaks MQTT; without, the one for the broker's version.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        account: str,
        *,
        presence: Presence | None = None,
        lasting: bool = True,
        gives_way: bool = False,
        reconnects: bool = True,
        dead_letter: Callable[[ReceivedMessage, str], None] | None = None,
        clients: ClientFactory | None = None,
    ) -> None:
        self.topics = settings.topics()
        self.stopping = threading.Event()
        self._settings = settings
        self._account, password = settings.credentials(account)
        self._login = Login(settings, self._account, password, lasting, presence)
        self._owner_id = uuid4().hex.encode()
        self._claimed_at: float | None = None
        self._accepted_at = 0.0
        self._connected_at: float | None = None
        self._clients = clients or client_for(settings)
        self._presence = presence
        self._lasting = lasting
        self._inbox = Inbox(dead_letter, self._reconnect)
        self._in_flight = InFlight()
        self._subscribing = threading.Lock()
        self._qos: dict[str, int] = {}
        self._subscribed = False  # what is wanted from now on must be said at once
        self._awaited: dict[int | None, str] = {}  # subscriptions before we are connected
        self._answered: dict[int | None, tuple[str, threading.Event]] = {}  # and later ones
        self._client: Client | None = None
        self._accepted = False  # a moment before we are connected: our topics are not confirmed yet
        self._connected = threading.Event()
        self._gives_way = gives_way
        self._reconnects = reconnects
        self._session_taken = False
        self._failed = False
        self._why = "not connected to the broker yet"
        self._after_connect: list[Callable[[], None]] = []
        self._republish: list[Callable[[], None]] = []
        self._repeat_at = math.inf
        self._network_ended = threading.Event()
        self._network = threading.Thread(target=self._run_network, name="mqtt", daemon=True)
        if presence is not None:
            self._inbox.route(self.topics.process(presence.name), self._correct_own_will)
        if gives_way:
            self._inbox.route(self.topics.owner(self._account), self._look_for_another_owner)
            self.after_connect(self._claim_account)

    def __enter__(self) -> Self:
        self._network.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._connected.is_set():
            self._publish_offline()
        self.stopping.set()
        client = self._client
        if client is not None:
            client.disconnect()
        self._network.join(TIMEOUT)

    @property
    def account(self) -> str:
        """The broker account, which is also the MQTT client id."""
        return self._account

    @property
    def connected(self) -> bool:
        """Whether the broker is connected and the network thread alive."""
        return self._connected.is_set() and not self._network_ended.is_set()

    @property
    def node(self) -> BrokerSettings:
        """How to reach the node of the broker that this connection is with."""
        return self._login.settings

    @property
    def why(self) -> str:
        """Why there is no connection, in one sentence with the fix."""
        return self._why

    def wait_connected(
        self, timeout: float = TIMEOUT, *, unless: Callable[[], bool] = lambda: False
    ) -> None:
        """Return once connected; raise BrokerUnavailable with the reason and the fix.

        A lasting connection gets the whole time, a person's command one attempt at each node.
        `unless`: what ends the waiting before.
        """
        limit = time.monotonic() + timeout
        while not self._connected.wait(0.05):
            if time.monotonic() > limit or (self._failed and not self._lasting) or unless():
                raise BrokerUnavailable(self._why)

    def after_connect(self, work: Callable[[], None]) -> None:
        """Have work done in the main thread after each connect."""
        self._after_connect.append(work)

    def describe(self, *, directory: str) -> None:
        """Publish what is new of this process in its detail."""
        if self._presence is not None:
            self._presence = replace(self._presence, directory=directory)
            self._publish_online()

    def republish(self, work: Callable[[], None]) -> None:
        """Have what is retained published in the main thread: after each connect, or more often.

        A broker that comes back may have lost it, and one of several nodes may have it on one.
        """
        self._republish.append(work)
        self.after_connect(work)

    def subscribe(
        self,
        topic_filter: str,
        handle: Handler,
        on_dead_letter: OnDeadLetter | None = None,
        *,
        qos: int = 1,
    ) -> None:
        """Hand each message of a topic to `handle` in the main thread, now and after reconnects.

        `on_dead_letter` gets a message that could not be handled, after it was kept. With QoS 0 the
        broker keeps nothing of the topic while we are away.
        """
        answered = threading.Event()
        with self._subscribing:
            self._inbox.route(topic_filter, handle, on_dead_letter)
            self._qos[topic_filter] = qos
            client = self._client
            if client is None or not self._subscribed:
                return  # it is said with all others as soon as there is a connection
            mid = client.subscribe(self.topics.to_wire(topic_filter), qos)
            self._answered[mid] = topic_filter, answered
        if not answered.wait(TIMEOUT):
            log.warning("subscription not confirmed topic=%s", topic_filter)

    def unsubscribe(self, topic_filter: str) -> None:
        """Unsubscribe from a topic."""
        with self._subscribing:
            self._inbox.unroute(topic_filter)
            client = self._client
            if client is not None and self._subscribed:
                client.unsubscribe(self.topics.to_wire(topic_filter))

    def consume(
        self,
        topic_filter: str,
        kind: type[M],
        handle: Callable[[M, ReceivedMessage], None],
        on_dead_letter: OnDeadLetter | None = None,
    ) -> None:
        """Hand each live message to `handle` as a model; retained or unreadable ones never."""
        self.subscribe(topic_filter, self._inbox.reader(kind, handle), on_dead_letter)

    def send(self, topic: str, payload: bytes, **options: Unpack[Options]) -> Publication:
        """Start to publish; raise BrokerUnavailable, and keep nothing, when not connected."""
        in_flight, client = self._in_flight, self._client
        if client is None or not self._accepted:
            raise BrokerUnavailable(self._why)
        if response_topic := options.get("response_topic"):
            options["response_topic"] = self.topics.to_wire(response_topic)
        # No lock of ours may be held here: a client may call us back holding its own.
        try:
            mid = client.publish(self.topics.to_wire(topic), payload, options)
        except PublishQueueFull as error:
            raise BrokerUnavailable(f"the message could not be sent: {error}") from error
        publication = Publication(topic)
        in_flight.add(mid, publication)
        return publication

    def together(self) -> contextlib.AbstractContextManager[None]:
        """Have what is sent in the block leave together; nothing of it is waited for there."""
        client = self._client
        return client.together() if client is not None else contextlib.nullcontext()

    def publish(self, topic: str, message: Message, *, retain: bool = False) -> int:
        """Publish and wait for the broker; raise BrokerUnavailable or PublishRefused."""
        return self.publish_raw(
            topic, message.encoded(), retain=retain, expiry=message.expiry(),
            content_type=CONTENT_TYPE,
        )  # fmt: skip

    def publish_raw(self, topic: str, payload: bytes, **options: Unpack[Options]) -> int:
        """Publish bytes and wait for the broker; raise BrokerUnavailable or PublishRefused."""
        return self.send(topic, payload, **options).wait()

    def post(self, work: Callable[[], None]) -> None:
        """Have work done in the main thread; may be called from any thread."""
        self._inbox.post(work)

    def post_later(self, seconds: float, work: Callable[[], None]) -> None:
        """Have work done in the main thread after some seconds, unless the process has ended."""
        timer = threading.Timer(seconds, self.post, [work])
        timer.daemon = True
        timer.start()

    def stop(self) -> None:
        """End `run`; what is in hand is finished first. Any thread may call it."""
        self.stopping.set()
        self._inbox.post(None)

    def run(self, tick: Callable[[], float] | None = None, soon: float = 0.5) -> None:
        """Work through what arrives until `stop`.

        `tick` returns the seconds until it wants to be called again if nothing happens; after a
        message, a connect or the loss of one it is called within `soon`. Raises NetworkDead and
        SessionTaken, upon which a process must end.
        """
        ticker = Ticker(tick)
        connected = self.connected
        while not self.stopping.is_set():
            if self._work_or_wake(ticker.due()) or self.connected != connected:
                connected = self.connected
                ticker.hasten(soon)

    def work(self, timeout: float) -> bool:
        """Handle one thing that arrived; False if nothing did. Raises as `run`."""
        until = time.monotonic() + timeout
        while not self._work_or_wake(max(0.0, until - time.monotonic())):
            if self.stopping.is_set() or time.monotonic() >= until:
                return False
        return True

    def _work_or_wake(self, timeout: float) -> bool:
        """Work, but return also when the connection came or went meanwhile."""
        if self._session_taken:
            raise SessionTaken(
                f"another process is connected as {self._account!r}; each process needs a broker "
                f"account of its own (starface2mqtt broker account NAME)"
            )
        if self._network_ended.is_set() and not self.stopping.is_set():
            raise NetworkDead("the thread that talks to the broker has ended")
        if time.monotonic() >= self._repeat_at:
            self._repeat_retained()
        return self._inbox.work(min(timeout, max(0.0, self._repeat_at - time.monotonic())))

    def _repeat_retained(self) -> None:
        self._repeat_at = time.monotonic() + self._settings.repeat_retained
        if self.connected:
            self._publish_online()
            for work in self._republish:
                self.post(work)

    def _publish_online(self) -> None:
        if self._presence is not None:
            for topic, payload in self._presence.online(self.topics):
                with contextlib.suppress(BrokerUnavailable):
                    self.send(topic, payload, retain=True)

    def _correct_own_will(self, received: ReceivedMessage) -> None:
        """Correct the will of an earlier connection that the broker sent after our birth."""
        if received.payload == b"offline" and self.connected:
            self._publish_online()

    def _claim_account(self) -> None:
        if self._claimed_at is None:  # later ones might hide the claim of another
            with contextlib.suppress(BrokerUnavailable, PublishRefused):
                self.publish_raw(self.topics.owner(self._account), self._owner_id, retain=True)
                self._claimed_at = time.monotonic()

    def _look_for_another_owner(self, received: ReceivedMessage) -> None:
        """Give way when another process has claimed the account since we did.

        A broker that closes a connection without a word, because another one was opened with the
        same account, looks like a bad line; this distinguishes the two.
        """
        claimed_before = self._claimed_at is not None and self._claimed_at < self._accepted_at
        another = received.retained and received.payload not in (b"", self._owner_id)
        if claimed_before and another and received.at >= self._accepted_at:
            self._session_taken = True

    def _publish_offline(self) -> None:
        if self._presence is None:
            return
        self._inbox.unroute(self.topics.process(self._presence.name))
        try:
            for topic, payload in self._presence.offline(self.topics):
                self.publish_raw(topic, payload, retain=True)
        except (BrokerUnavailable, PublishRefused) as error:
            log.warning("could not say goodbye reason=%s", error)

    # -- the network thread ---------------------------------------------------------------

    def _run_network(self) -> None:
        try:
            self._keep_connected()
        finally:
            self._network_ended.set()
            self._inbox.post(None)  # the main thread may be waiting

    def _keep_connected(self) -> None:
        reconnect = ReconnectPolicy(self._settings.addresses, self._account)
        while not self.stopping.is_set() and not self._session_taken:
            self._connected_at = None
            self._run_client(self._settings.at(reconnect.address))
            self._lost()
            began = self._connected_at
            reconnect.ended(None if began is None else time.monotonic() - began)
            self._failed = began is None and reconnect.tried_all
            if self._accepted_at and not self._reconnects:
                return
            if not self.stopping.is_set() and not self._session_taken:
                log.warning("not connected to the broker reason=%s", self._why)
                if reconnect.suspicious:
                    log.warning("is another process connected as well? account=%s", self._account)
                self.stopping.wait(reconnect.pause())

    def _reconnect(self) -> None:
        """Drop the connection: the broker then sends again what was not acknowledged."""
        self._connected_at = None  # that it ends soon says nothing of the connection
        client = self._client
        if client is not None:
            client.disconnect()

    def _run_client(self, settings: BrokerSettings) -> None:
        self._login = replace(self._login, settings=settings)
        try:
            _, password = settings.credentials(self._account)  # the file may be corrected by now
            self._login = replace(self._login, password=password)
        except SettingsRefused as error:
            log.warning("the broker accounts cannot be read again reason=%s", error)
        try:
            client = self._clients(self._login, self)
        except OSError as error:
            self._why = f"[broker] ca_file {settings.ca_file}: {error.strerror or error}"
            return
        broker = join_address(settings.host, settings.port)
        try:
            self._in_flight, self._client = InFlight(), client
            self._why = (
                f"{broker} does not answer as an MQTT {settings.version} "
                f"broker ([broker] version), or refuses account {self._account!r} without a word"
            )
            client.run()
        except OSError as error:
            self._why = (
                f"no broker at {broker} ({error.strerror or error}); "
                f"is Mosquitto running, and are [broker] host and port right?"
            )
        except Exception as error:  # a new client is better than a deaf process
            self._why = f"the MQTT client failed: {type(error).__name__}"
            log.exception("mqtt client failed")

    # -- callbacks of the client, in the network thread ---------------------------------

    def on_refused(self, client: Client, reason: str) -> None:
        """Note that the broker refused the account."""
        if reason == UNSUPPORTED_VERSION:
            self._why = 'the broker knows no MQTT 5; set [broker] version = "3.1.1"'
            return
        self._why = (
            f"the broker refused account {self._account!r} ({reason}); compare "
            f"{self._settings.accounts_file} with the broker's password file"
        )

    def on_connect(self, client: Client) -> None:
        """Note that the broker has accepted the connection."""
        self._accepted_at = time.monotonic()
        self._accepted = True  # what waited there may come before the answer to our subscriptions
        with self._subscribing:
            self._awaited = {
                client.subscribe(self.topics.to_wire(each), self._qos.get(each, 1)): each
                for each in self._inbox.filters()
            }
            self._subscribed = True
        if not self._awaited:
            self._ready(client)

    def on_subscribe(self, client: Client, mid: int, codes: Sequence[int]) -> None:
        """Note the answer to a subscription."""
        with self._subscribing:
            topic, answered = self._answered.pop(mid, (self._awaited.pop(mid, ""), None))
        if any(code >= _FAILURE for code in codes):
            log.error(
                "subscription refused account=%s topic=%s reason=0x%02x",
                self._account, topic, max(codes),
            )  # fmt: skip
        if answered is not None:
            answered.set()
        if not self._awaited and not self._connected.is_set():
            self._ready(client)

    def on_publish(self, client: Client, mid: int, code: int) -> None:
        """Note that a message was confirmed, and with which reason code."""
        self._in_flight.confirm(mid, code)

    def on_message(self, client: Client, message: InboundPublish) -> None:
        """Receive a message."""

        def acknowledge() -> bool:
            here = client is self._client
            if here and message.mid:
                client.acknowledge(message.mid)
            return here

        self._inbox.put(
            ReceivedMessage(
                topic=self.topics.from_wire(message.topic),
                payload=message.payload,
                retained=message.retained,
                redelivered=message.redelivered,
                response_topic=(
                    message.response_topic and self.topics.from_wire(message.response_topic)
                ),
                correlation=message.correlation,
                qos=1 if message.mid else 0,
                at=time.monotonic(),
                acknowledge=acknowledge,
            )
        )

    def on_disconnect(self, client: Client, reason: str, *, session_taken: bool) -> None:
        """Note the end of the connection; `session_taken`: another one uses the account now."""
        if self._connected.is_set():
            self._why = f"the connection to the broker ended ({reason})"
        if session_taken:
            log.error("another process connected with the same account=%s", self._account)
            self._session_taken = self._gives_way
        self._lost()

    def _ready(self, client: Client) -> None:
        self._why = "connected"
        self._connected_at = time.monotonic()
        if self._presence is not None:  # before anything else, and so before any `offline`
            for topic, payload in self._presence.online(self.topics):
                mid = client.publish(self.topics.to_wire(topic), payload, {"retain": True})
                self._in_flight.add(mid, Publication(topic))
        self._connected.set()
        log.info("connected to the broker account=%s", self._account)
        for work in self._after_connect:
            self.post(work)
        if self._settings.repeat_retained:
            self._repeat_at = time.monotonic() + self._settings.repeat_retained
        self._inbox.post(None)

    def _lost(self) -> None:
        self._connected.clear()
        self._inbox.post(None)
        self._subscribed = False
        self._client, self._accepted = None, False
        self._in_flight.end()
        for _, answered in list(self._answered.values()):
            answered.set()  # it is said again after the next connect
        self._answered.clear()


def client_for(settings: BrokerSettings) -> ClientFactory:
    """Return the library that speaks the broker's version of MQTT."""
    if settings.version == "5":
        with contextlib.suppress(ImportError):  # a workstation has no package of the server
            from bus.mqtt.mqtt5_client import CodecClient

            return CodecClient
    from bus.mqtt.paho_client import PahoClient  # costs memory, so only where it is needed

    return PahoClient
