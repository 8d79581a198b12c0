"""A client of MQTT 3.1.1 in its own words: any client id with any account, and no manners."""

import contextlib
import select
import socket
import struct
import time
from types import TracebackType
from typing import Self


class RawClient:
    """One connection; `accepted` says whether the broker let it in."""

    def __init__(
        self, port: int, client_id: str, account: str, password: str, *,
        clean: bool = True, will: tuple[str, bytes] | None = None,
    ) -> None:  # fmt: skip
        self._socket = socket.create_connection(("127.0.0.1", port), 5)
        self._received = b""
        flags = 0xC0 | (0x02 if clean else 0) | (0x2C if will else 0)  # the will: QoS 1, retained
        content = _text(client_id)
        if will:
            content += _text(will[0]) + struct.pack(">H", len(will[1])) + will[1]
        content += _text(account) + _text(password)
        self._send(0x10, b"\x00\x04MQTT\x04" + bytes([flags]) + b"\x00\x3c" + content)
        answer = self.packet(5)
        self.accepted = answer is not None and answer[0] == 0x20 and answer[1][1] == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()  # without a word: the broker publishes the will

    def subscribe(self, topic_filter: str) -> int | None:
        """Return the broker's answer to a subscription, None when it ends the connection."""
        self._send(0x82, b"\x00\x01" + _text(topic_filter) + b"\x01")
        answer = self.packet(5)
        return answer[1][2] if answer is not None and answer[0] == 0x90 else None

    def payloads(self, seconds: float) -> list[bytes]:
        """Return the payloads of what is published to us within a time."""
        found, limit = [], time.monotonic() + seconds
        while packet := self.packet(limit - time.monotonic()):
            kind, content = packet
            if kind & 0xF0 == 0x30:
                at = 2 + struct.unpack(">H", content[:2])[0] + (2 if kind & 0x06 else 0)
                found.append(content[at:])
        return found

    def packet(self, seconds: float) -> tuple[int, bytes] | None:
        """Return type and content of the next packet, None when none comes or all is over."""
        limit = time.monotonic() + seconds
        while True:
            if (packet := self._complete()) is not None:
                return packet
            if not select.select([self._socket], [], [], max(0.0, limit - time.monotonic()))[0]:
                return None
            with contextlib.suppress(ConnectionError):
                if data := self._socket.recv(65_536):
                    self._received += data
                    continue
            return None

    def _complete(self) -> tuple[int, bytes] | None:
        length = shift = 0
        for at, byte in enumerate(self._received[1:5], 2):
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                end = at + length
                if len(self._received) < end:
                    return None
                packet = self._received[0], self._received[at:end]
                self._received = self._received[end:]
                return packet
        return None

    def _send(self, kind: int, content: bytes) -> None:
        length, size = len(content), b""
        while True:
            length, digit = divmod(length, 128)
            size += bytes([digit | (0x80 if length else 0)])
            if not length:
                break
        self._socket.sendall(bytes([kind]) + size + content)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">H", len(encoded)) + encoded
