"""A load generator in one process: many connections, one epoll loop, each answer timed."""

import argparse
import json
import select
import socket
import sys
import time

_READ = select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR


class Line:
    """One caller: asks, waits for the answer, asks again."""

    def __init__(self, port: int, keep: bool) -> None:
        self.port, self.keep = port, keep
        self.sock: socket.socket | None = None
        self.began = 0.0
        self.got = b""

    def ask(self, payload: bytes, poll: select.epoll, lines: dict[int, "Line"]) -> None:
        self.began = time.perf_counter()
        self.got = b""
        if self.sock is None:
            self.sock = socket.create_connection(("127.0.0.1", self.port), 5)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            lines[self.sock.fileno()] = self
            poll.register(self.sock.fileno(), _READ)
        self.sock.send(payload)

    def hear(self) -> bool:
        """Return whether the answer is complete."""
        assert self.sock is not None
        try:
            part = self.sock.recv(65_536)
        except OSError:
            part = b""
        self.got += part
        if not part:
            return True
        head, found, body = self.got.partition(b"\r\n\r\n")
        if not found:
            return False
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return len(body) >= int(line.split(b":")[1])
        return body.endswith(b"0\r\n\r\n")

    def end(self, poll: select.epoll, lines: dict[int, "Line"]) -> None:
        if self.sock is None:
            return
        closing = b"connection: close" in self.got[:400].lower() or not self.got
        if self.keep and not closing:
            return
        poll.unregister(self.sock.fileno())
        del lines[self.sock.fileno()]
        self.sock.close()
        self.sock = None


def load(
    port: int, paths: list[str], body: bytes, lines: int, seconds: float, keep: bool, rate: float
) -> dict[str, float]:
    """Ask for some seconds; `rate` limits the requests per second, 0 is flat out."""
    kind = "keep-alive" if keep else "close"
    payloads = [
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nConnection: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
        for path in paths
    ]
    poll, by_fd = select.epoll(), dict[int, Line]()
    idle = [Line(port, keep) for _ in range(lines)]
    took: list[float] = []
    failed = asked = under_way = 0
    began = time.perf_counter()
    while True:
        now = time.perf_counter()
        over = now - began >= seconds
        while idle and not over and (not rate or asked < (now - began) * rate):
            idle.pop().ask(payloads[asked % len(payloads)], poll, by_fd)
            asked += 1
            under_way += 1
        if over and not under_way:
            break
        for fd, _ in poll.poll(0.001 if rate else 1):
            line = by_fd.get(fd)
            if line is None or not line.hear():
                continue
            took.append(time.perf_counter() - line.began)
            failed += b" 200 " not in line.got[:16]
            line.end(poll, by_fd)
            idle.append(line)
            under_way -= 1
    spent = time.perf_counter() - began
    took.sort()
    return {
        "per_second": (len(took) - failed) / spent,
        "p50": took[len(took) // 2] * 1000,
        "p99": took[int(len(took) * 0.99)] * 1000,
        "count": len(took),
        "failed": failed,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--lines", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--rate", type=float, default=0)
    told = parser.parse_args()
    given = json.load(sys.stdin)
    figures = load(
        told.port, given["paths"], given["body"].encode(), told.lines, told.seconds, told.keep,
        told.rate,
    )  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
