"""MQTT 5 by the mqtt5 codec and a socket of our own.

paho needs some hundred microseconds of processor time for a message and its confirmation, this
a tenth (docs/performance.md). The codec knows MQTT 5 only and does no input or output.
"""

import contextlib
import re
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from itertools import count

import mqtt5

from bus.mqtt.client import (
    IN_FLIGHT,
    QUEUED,
    SESSION_TAKEN,
    UNSUPPORTED_VERSION,
    InboundPublish,
    Listener,
    Login,
    PublishQueueFull,
)
from bus.mqtt.publication import TIMEOUT, Options
from bus.topics import escaped

_ALL_AT_ONCE = 65_536  # bytes
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_IDS = 65_535
_PING_AFTER, _ANSWERED_WITHIN = 0.6, 0.55  # keep-alive intervals


class CodecClient:
    """One life at the broker, with the mqtt5 codec."""

    def __init__(self, login: Login, listener: Listener) -> None:
        self._login = login
        self._listener = listener
        self._tls = _context(login)
        self._lock = threading.Lock()  # for the socket, which never blocks, and all up to _ending
        self._socket: socket.socket | None = None
        self._unsent = bytearray()
        self._sent_at = self._pinged_at = 0.0  # monotonic
        self._ids = count()
        self._in_flight: set[int] = set()
        self._queued: deque[tuple[int, bytes]] = deque()
        self._ending = False
        self._gathered: bytearray | None = None
        self._greatest = IN_FLIGHT
        self._keep_alive = float(login.settings.keep_alive)
        self._received_bytes = bytearray()
        self._received_at = 0.0
        self._why = "closed by the broker"
        self._session_taken = False
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)

    def run(self) -> None:
        """Connect and stay until the connection is lost or ended; raise OSError."""
        with self._woken, self._waker, self._connected() as connected:
            answer = self._introduced(connected)
            if answer is None:
                return
            if answer.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
                self._listener.on_refused(self, _words(answer.reason_code))
                return
            self._greatest = min(IN_FLIGHT, answer.receive_max)
            if answer.server_keep_alive is not None:
                self._keep_alive = float(answer.server_keep_alive)
            connected.setblocking(False)
            self._sent_at = self._received_at = time.monotonic()
            self._socket = connected
            try:
                self._listener.on_connect(self)
                self._stay(connected)
            except OSError as error:
                self._why = error.strerror or str(error)
            except ValueError as error:  # from the codec
                self._why = f"not MQTT 5: {error}"
            finally:
                with self._lock:
                    self._socket = None
                self._listener.on_disconnect(self, self._why, session_taken=self._session_taken)

    def publish(self, topic: str, payload: bytes, options: Options) -> int:
        """Send a message with QoS 1; return the id of its confirmation; raise PublishQueueFull."""
        content_type = options.get("content_type")
        with self._lock:
            if self._socket is None or self._ending:
                raise PublishQueueFull("the connection has ended")
            if len(self._queued) >= QUEUED:
                raise PublishQueueFull("too many messages wait for their confirmation")
            mid = self._new_id()
            packet = mqtt5.PublishPacket(
                topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=mid,
                retain=options.get("retain", False),
                message_expiry_interval=options.get("expiry") or None,
                content_type=content_type,
                payload_format_indicator=1 if content_type else 0,
                correlation_data=options.get("correlation"),
                response_topic=options.get("response_topic"),
            ).write()  # fmt: skip
            if len(self._in_flight) < self._greatest:
                self._in_flight.add(mid)
                self._send(packet)
            else:
                self._queued.append((mid, packet))
        return mid

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Send what is published in the block by as few calls of the system as possible."""
        self._gathered = bytearray()
        try:
            yield
        finally:
            with self._lock:
                gathered, self._gathered = self._gathered, None
                if gathered:
                    self._send(gathered)

    def subscribe(self, topic_filter: str, qos: int = 1) -> int | None:
        """Ask for a topic; return the id of the answer."""
        wanted = mqtt5.TopicFilter(topic_filter, max_qos=mqtt5.QoS(qos), retain_as_published=False)
        with self._lock:
            mid = self._new_id()
            self._send(mqtt5.SubscribePacket(mid, [wanted]).write())
        return mid

    def unsubscribe(self, topic_filter: str) -> None:
        """Unsubscribe from a topic."""
        with self._lock:
            self._send(mqtt5.UnsubscribePacket(self._new_id(), [topic_filter]).write())

    def acknowledge(self, mid: int) -> None:
        """Acknowledge a message that has been handled."""
        with self._lock:
            self._send(mqtt5.PubAckPacket(mid).write())

    def disconnect(self) -> None:
        """End this life in an orderly way."""
        with self._lock:
            self._send(mqtt5.DisconnectPacket().write())
            self._ending = True
        self._wake()

    # -- the beginning ----------------------------------------------------------------------

    def _connected(self) -> socket.socket:
        settings = self._login.settings
        plain = socket.create_connection((settings.host, settings.port), TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is None:
            return plain
        try:
            return self._tls.wrap_socket(plain, server_hostname=settings.host)
        except BaseException:
            plain.close()
            raise

    def _introduced(self, connected: socket.socket) -> mqtt5.ConnAckPacket | None:
        """Return the broker's answer; None if it gives none that is MQTT 5."""
        login, settings = self._login, self._login.settings
        will = None
        if login.presence is not None:
            will = mqtt5.Will(
                login.will_topic(login.presence), payload=b"offline",
                qos=mqtt5.QoS.AT_LEAST_ONCE, retain=True,
                user_properties=[("start_id", login.presence.start_id)],
            )  # fmt: skip
        connected.sendall(
            mqtt5.ConnectPacket(
                escaped(login.account), username=login.account, password=login.password.encode(),
                clean_start=not login.lasting, will=will, keep_alive=settings.keep_alive,
                session_expiry_interval=settings.session_expiry if login.lasting else 0,
                receive_max=IN_FLIGHT,
            ).write()
        )  # fmt: skip
        while data := connected.recv(_ALL_AT_ONCE):
            self._received_bytes += data
            with contextlib.suppress(IndexError):  # more is to come
                try:
                    answer, length = read_packet(memoryview(self._received_bytes))
                except ValueError:  # a refusal in the words of MQTT 3.1.1
                    self._listener.on_refused(self, UNSUPPORTED_VERSION)
                    return None
                del self._received_bytes[:length]
                return answer if isinstance(answer, mqtt5.ConnAckPacket) else None
        return None

    # -- the life ---------------------------------------------------------------------------

    def _stay(self, connected: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            selector.register(connected, selectors.EVENT_READ)
            watched = selectors.EVENT_READ
            self._take_packets()
            while not (self._ending and not self._unsent):
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
                if wanted != watched:
                    selector.modify(connected, wanted)
                    watched = wanted
                ready = selector.select(self._until_ping())
                if not ready and self._is_silent():
                    raise TimeoutError("the broker is silent")
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(_ALL_AT_ONCE)
                if any(key.fileobj is connected for key, _ in ready) and not self._received():
                    return
                self._take_packets()

    def _received(self) -> bool:
        """Take in and send what there is; False once the broker has closed the connection."""
        with self._lock:
            self._flush()
            while self._socket is not None:
                try:
                    data = self._socket.recv(_ALL_AT_ONCE)
                except _LATER:
                    break
                if not data:
                    return False
                self._received_bytes += data
                self._received_at = time.monotonic()
                if self._tls is None and len(data) < _ALL_AT_ONCE:
                    break
        return True

    def _take_packets(self) -> None:
        """Work through the packets that are complete."""
        at = 0
        with memoryview(self._received_bytes) as received, contextlib.suppress(IndexError):
            while at < len(received):
                packet, length = read_packet(received[at:])  # IndexError: it is not complete
                at += length
                self._take(packet)
        del self._received_bytes[:at]

    def _take(self, packet: mqtt5.Packet) -> None:
        if isinstance(packet, mqtt5.PubAckPacket):
            self._confirmed(packet.packet_id)
            self._listener.on_publish(self, packet.packet_id, int(packet.reason_code))
        elif isinstance(packet, mqtt5.PublishPacket):
            message = InboundPublish(
                packet.topic, packet.payload, packet.retain, packet.response_topic,
                packet.correlation_data, packet.packet_id or 0, packet.duplicate,
            )  # fmt: skip
            self._listener.on_message(self, message)
        elif isinstance(packet, mqtt5.SubAckPacket):
            self._listener.on_subscribe(
                self, packet.packet_id, [int(code) for code in packet.reason_codes]
            )
        elif isinstance(packet, mqtt5.DisconnectPacket):
            self._why = _words(packet.reason_code)
            self._session_taken = int(packet.reason_code) == SESSION_TAKEN

    def _confirmed(self, mid: int) -> None:
        with self._lock:
            self._in_flight.discard(mid)
            if self._queued and len(self._in_flight) < self._greatest:
                following, packet = self._queued.popleft()
                self._in_flight.add(following)
                self._send(packet)

    def _until_ping(self) -> float | None:
        """Ask for a sign of life when it is time; return the seconds until the next look."""
        if not self._keep_alive:
            return None
        now = time.monotonic()
        due = min(self._sent_at, self._received_at) + _PING_AFTER * self._keep_alive
        if self._pinged_at <= self._received_at:
            if now < due:
                return due - now
            self._pinged_at = now
            with self._lock:
                self._send(mqtt5.PingReqPacket().write())
        return max(0.0, self._pinged_at + _ANSWERED_WITHIN * self._keep_alive - now)

    def _is_silent(self) -> bool:
        """Whether a ping was not answered in time."""
        patience = _ANSWERED_WITHIN * self._keep_alive
        waiting = self._pinged_at > self._received_at
        return waiting and time.monotonic() - self._pinged_at >= patience

    # -- with the lock held -----------------------------------------------------------------

    def _new_id(self) -> int:
        for number in self._ids:
            mid = number % _IDS + 1
            if mid not in self._in_flight:
                return mid
        raise AssertionError  # count() has no end

    def _send(self, packet: bytes | bytearray) -> None:
        if self._gathered is not None:
            self._gathered += packet
            return
        self._unsent += packet
        self._sent_at = time.monotonic()
        if self._socket is None:
            return
        self._flush()
        if self._unsent:
            self._wake()

    def _flush(self) -> None:
        """Send what the socket takes; a broken one is noticed by the thread of `live`."""
        while self._unsent and self._socket is not None:
            try:
                sent = self._socket.send(self._unsent)
            except _LATER:
                return
            except OSError:
                self._unsent.clear()
                self._ending = True
                self._why = "the connection broke"
                self._wake()
                return
            del self._unsent[:sent]

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"!")


def read_packet(received: memoryview) -> tuple[mqtt5.Packet, int]:
    """Return a packet and its length; raise IndexError for a part of one, ValueError for nonsense.

    The codec panics at a text that is not UTF-8, and its panic is not even an Exception.
    """
    try:
        return mqtt5.read(received)
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError("a text that is not UTF-8") from None


def _context(login: Login) -> ssl.SSLContext | None:
    if not login.settings.tls:
        return None
    return ssl.create_default_context(cafile=login.settings.ca_file)


def _words(reason: mqtt5.ConnAckReasonCode | mqtt5.DisconnectReasonCode) -> str:
    """Return a reason code as MQTT spells it; the codec's enumerations have no names."""
    return re.sub(r".*\.|:.*", "", repr(reason)).replace("_", " ").capitalize()
