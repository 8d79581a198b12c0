"""A PBX made of packets, without any code of ours: it reads requests and cuts connections.

It counts what it is asked to place by the bytes it reads, so a client that asks twice is seen.
"""

import contextlib
import re
import socket
import struct
import threading
from collections import Counter
from typing import Literal

Cut = Literal["fin", "rst", "fin-acted", "rst-acted", "half", "silence", "none"]

_METHOD = re.compile(rb"<methodName>\s*([\w.]+)\s*</methodName>")
_STRING = re.compile(rb"<string>([^<]*)</string>|<string\s*/>")


class CuttingPbx:
    """Places calls and cuts the connection before the answer, as asked."""

    def __init__(self, cut: Cut) -> None:
        self.cut = cut
        self.placements: Counter[str] = Counter()  # requests, by the call id in them
        self.numbers: list[str] = []
        self.acted: set[str] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._stopped = threading.Event()
        self._ways: list[socket.socket] = []
        self._serving: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def close(self) -> None:
        self._stopped.set()
        for way in (self._listening, *self._ways):
            with contextlib.suppress(OSError):
                way.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in (self._accepting, *self._serving):
            thread.join(5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._stopped.is_set():
                way, _ = self._listening.accept()
                self._ways.append(way)
                thread = threading.Thread(target=self._serve, args=(way,))
                self._serving.append(thread)
                thread.start()

    def _serve(self, way: socket.socket) -> None:
        with contextlib.suppress(OSError), way:
            way.settimeout(5)
            while request := _read(way):  # also a second request on the same connection
                if not self._answer(way, request):
                    return

    def _answer(self, way: socket.socket, request: bytes) -> bool:
        method = _METHOD.search(request)
        words = [found.decode() for found in _STRING.findall(request)]
        name = method.group(1).rpartition(b".")[2] if method else b""
        if name == b"placeCallWithPhone":
            return self._place(way, words[0], words[2])
        if name == b"getCallState" and words[0] in self.acted:
            _send(way, _struct(words[0]))
        elif name == b"getPhoneIds":
            _send(way, b"<array><data><value><string>SIP/11</string></value></data></array>")
        else:
            _send(way, b"<struct></struct>")
        return True

    def _place(self, way: socket.socket, number: str, call_id: str) -> bool:
        self.placements[call_id] += 1
        self.numbers.append(number)
        if self.cut not in ("fin", "rst"):
            self.acted.add(call_id)
        if self.cut == "none":
            _send(way, f"<string>{call_id}</string>".encode())
            return True
        if self.cut == "half":
            way.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 200\r\n\r\n<?"
            )
        if self.cut == "silence":
            self._stopped.wait(3)
        if self.cut.startswith("rst"):
            way.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        way.close()
        return False


def _read(way: socket.socket) -> bytes:
    request = b""
    while b"</methodCall>" not in request:
        more = way.recv(65_536)
        if not more:
            return b""
        request += more
    return request


def _send(way: socket.socket, value: bytes) -> None:
    body = (
        b'<?xml version="1.0"?><methodResponse><params><param><value>' + value
        + b"</value></param></params></methodResponse>"
    )  # fmt: skip
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    way.sendall(head.encode() + body)


def _struct(call_id: str) -> bytes:
    members = {"id": call_id, "state": "PROCEEDING", "callerNumber": "11"}
    return (
        "<struct>"
        + "".join(
            f"<member><name>{name}</name><value><string>{reported}</string></value></member>"
            for name, reported in members.items()
        )
        + "</struct>"
    ).encode()
