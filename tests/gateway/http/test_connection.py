import pytest
from waitress.adjustments import Adjustments

from gateway.http.connection import StrictParser

BODY = b"<methodCall/>"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
HEADS = [
    b"POST /a/b?user=11 HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n" + LENGTH,
    b"POST /a/b HTTP/1.0\r\nConnection: keep-alive\r\n" + LENGTH,
    b"GET http://pbx.example/a HTTP/1.1\r\nHost: pbx.example\r\n",
    b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n",
    b"POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + LENGTH,
    b"POST /a HTTP/1.1\r\n" + LENGTH,
    b"POST /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n" + LENGTH,
    b"POST /a HTTP/1.1\r\nHost: x\r\n" + LENGTH + b"Transfer-Encoding: chunked\r\n",
    b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n",
]


def _parsed(head: bytes, pieces: int = 1) -> StrictParser:
    parser = StrictParser(Adjustments(max_request_body_size=65_537))
    request = head + b"\r\n" + BODY
    size = -(-len(request) // pieces)
    for begin in range(0, len(request), size):
        piece = request[begin : begin + size]
        parser.received(piece[parser.received(piece) :])
    return parser


def _seen(parser: StrictParser) -> dict[str, object]:
    names = {name for kind in StrictParser.__mro__ for name in vars(kind)} | vars(parser).keys()
    names -= {"header_plus", "header_bytes_received"}  # depend on the pieces it came in
    kept = {name: getattr(parser, name) for name in names if not name.startswith("_")}
    error = parser.error and (parser.error.code, parser.error.body)
    body = parser.get_body_stream().read()
    plain = {name: value for name, value in kept.items() if isinstance(value, str | int | bytes)}
    return {**plain, "headers": dict(parser.headers), "error": error, "body": body}


@pytest.mark.parametrize("head", HEADS)
def test_the_same_head_is_read_the_same_every_time(head: bytes) -> None:
    first = _parsed(head)
    seen = _seen(first)
    first.headers["CHANGED"] = "by a task"

    for pieces in (1, 1, 3, 1):
        assert _seen(_parsed(head, pieces)) == seen
