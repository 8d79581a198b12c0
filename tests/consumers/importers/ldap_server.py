"""A directory server of a few octets: it lets everybody in and sends every question elsewhere."""

import socket
import threading

_BIND, _SEARCH = 0x60, 0x63
_ACCEPTED = bytes.fromhex("0a0100 0400 0400")
_ELSEWHERE = bytes.fromhex("0a010a 0400 0400")


class Elsewhere:
    """Answers each search with a referral to another server, for all or for a part of it."""

    def __init__(self, other: str, *, in_part: bool = False) -> None:
        self._in_part = in_part
        self._other = other.encode()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"ldap://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more questions."""
        self._socket.close()

    def _serve(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return
        with connection:
            while asked := connection.recv(4096):
                body = asked[2:] if asked[1] < 0x80 else asked[2 + (asked[1] & 0x7F) :]
                number, kind = body[:3], body[3]
                if kind == _BIND:
                    connection.sendall(_message(number, 0x61, _ACCEPTED))
                elif kind == _SEARCH and self._in_part:
                    connection.sendall(_message(number, 0x73, _part(0x04, self._other)))
                    connection.sendall(_message(number, 0x65, _ACCEPTED))
                elif kind == _SEARCH:
                    reported = _ELSEWHERE + _part(0xA3, _part(0x04, self._other))
                    connection.sendall(_message(number, 0x65, reported))


def _message(number: bytes, kind: int, body: bytes) -> bytes:
    return _part(0x30, number + _part(kind, body))


def _part(kind: int, body: bytes) -> bytes:
    return bytes([kind, len(body)]) + body
