import contextlib
import gzip
import itertools
import logging
import resource
import socket
import struct
import time
import traceback
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from starface.failures import AnswerUnreadable, OutcomeUnknown, PbxFailure, PbxUnreachable
from starface.settings import StarfaceSettings
from starface.transport import HostAddresses, Transport
from starface.xmlrpc.reading import read_response, write_response
from tests.starface.packet_server import (
    BODY,
    QUERY,
    Script,
    Server,
    hold,
    http,
    post,
    settings_for,
    value,
)

Serve = Callable[..., Server]


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


# ---- nothing was sent


def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    settings = StarfaceSettings(host="127.0.0.1", scheme="http", port=free_port())

    with pytest.raises(PbxUnreachable, match="check that it runs"):
        Transport(settings).post(QUERY, BODY)


def test_without_a_descriptor_nothing_was_sent(serve: Serve) -> None:
    transport = Transport(settings_for(serve(value("first"))))
    transport.post(QUERY, BODY)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    try:
        with contextlib.ExitStack() as spare:
            with contextlib.suppress(OSError):
                while True:
                    spare.enter_context(Path("/dev/null").open())
            with pytest.raises(PbxUnreachable, match="Too many open files"):
                transport.post(QUERY, BODY)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_unknown_name_means_that_nothing_was_sent() -> None:
    settings = StarfaceSettings(host="no-such-pbx.invalid", scheme="http")

    with pytest.raises(PbxUnreachable, match="name server"):
        Transport(settings).post(QUERY, BODY)


def test_connecting_takes_no_longer_than_its_limit() -> None:
    with socket.socket() as full:  # a queue of connections nobody takes
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        settings = StarfaceSettings(host="127.0.0.1", scheme="http", port=port, connect_timeout=0.3)
        started = time.monotonic()

        with pytest.raises(PbxUnreachable):
            Transport(settings).post(QUERY, BODY)

        assert time.monotonic() - started < 4
        for one in waiting:
            one.close()


def test_a_server_without_tls_means_that_nothing_was_sent(serve: Serve) -> None:
    server = serve(value(True))

    with pytest.raises(PbxUnreachable, match="does not speak TLS"):
        post(server, scheme="https", verify="off")


# ---- sent, and then


def drip(way: socket.socket, _: bytes) -> None:
    way.settimeout(0.05)
    for byte in itertools.cycle(value("x" * 10)):
        way.sendall(bytes([byte]))
        try:
            if not way.recv(1):
                return
        except TimeoutError:
            continue


def drip_body(way: socket.socket, raw: bytes) -> None:
    way.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    drip(way, raw)


def drip_chunks(way: socket.socket, _: bytes) -> None:
    way.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    way.settimeout(0.05)
    while True:
        way.sendall(b"1\r\nx\r\n")
        try:
            if not way.recv(1):
                return
        except TimeoutError:
            continue


def repeat_100(way: socket.socket, _: bytes) -> None:
    while True:
        way.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


@pytest.mark.parametrize("script", [hold, drip, drip_body, drip_chunks])
def test_a_slow_answer_ends_at_its_limit_and_its_outcome_is_unknown(
    serve: Serve, script: Script
) -> None:
    server = serve(script)
    started = time.monotonic()

    with pytest.raises(OutcomeUnknown, match="did not answer in time"):
        post(server, read_timeout=0.4)

    assert 0.3 < time.monotonic() - started < 4
    assert len(server.requests) == 1


def test_an_endless_row_of_100_continue_ends(serve: Serve) -> None:
    started = time.monotonic()

    with pytest.raises(PbxFailure):
        post(serve(repeat_100), read_timeout=0.5)

    assert time.monotonic() - started < 4


def test_an_answer_that_is_late_but_in_time_is_read(serve: Serve) -> None:
    def later(way: socket.socket, raw: bytes) -> None:
        way.settimeout(0.3)
        with pytest.raises(TimeoutError):
            way.recv(1)
        way.sendall(value("late"))

    assert post(serve(later), read_timeout=5.0) == "late"


def close(_: socket.socket, __: bytes) -> None:
    """The server's `with` closes."""


def reset(way: socket.socket, _: bytes) -> None:
    way.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def cut_in_the_head(way: socket.socket, _: bytes) -> None:
    way.sendall(b"HTTP/1.1 200 OK\r\nContent-")


def cut_in_the_body(way: socket.socket, _: bytes) -> None:
    way.sendall(value("x" * 1000)[:-500])


def cut_in_a_chunk(way: socket.socket, _: bytes) -> None:
    way.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n<meth")


@pytest.mark.parametrize("script", [close, reset, cut_in_the_body, cut_in_a_chunk])
def test_a_cut_connection_leaves_the_outcome_unknown_after_exactly_one_request(
    serve: Serve, script: Script
) -> None:
    server = serve(script)

    for count in range(1, 51):
        with pytest.raises(OutcomeUnknown):
            post(server)
        assert len(server.requests) == count


def test_a_cut_in_the_head_is_never_taken_for_an_answer(serve: Serve) -> None:
    server = serve(cut_in_the_head)

    with pytest.raises(OutcomeUnknown):
        post(server)

    assert len(server.requests) == 1


# ---- answers beyond the limits


def test_a_gzip_bomb_is_refused_unopened(serve: Serve) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    server = serve(http(bomb, "200 OK", "text/xml", "Content-Encoding: gzip"))

    tracemalloc.start()
    with pytest.raises(AnswerUnreadable, match="compressed"):
        post(server)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 16_000_000


def test_ten_megabytes_are_refused_by_their_announcement(serve: Serve) -> None:
    with pytest.raises(AnswerUnreadable, match="larger than 1 MiB"):
        post(serve(http(b"x" * 10_000_000)))


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n",
        b"HTTP/1.1 200 OK\r\nX: ",
    ],
)
def test_ten_unannounced_megabytes_are_not_read(serve: Serve, head: bytes) -> None:
    def flood(way: socket.socket, _: bytes) -> None:
        way.sendall(head)
        for _piece in range(160):
            way.sendall(b"x" * 65_536)

    tracemalloc.start()
    with pytest.raises(AnswerUnreadable):
        post(serve(flood))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 16_000_000


def test_an_answer_of_just_1_mib_is_read(serve: Serve) -> None:
    text = "x" * (1024 * 1024 - len(write_response("")))

    assert post(serve(value(text))) == text


def test_an_answer_without_length_ends_with_the_connection(serve: Serve) -> None:
    body = value("x").partition(b"\r\n\r\n")[2]

    assert post(serve(b"HTTP/1.0 200 OK\r\n\r\n" + body)) == "x"


def test_a_chunked_answer_on_a_connection_left_open_is_read_at_once(serve: Serve) -> None:
    def chunked(way: socket.socket, raw: bytes) -> None:
        body = value("x").partition(b"\r\n\r\n")[2]
        way.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        way.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        hold(way, raw)

    assert post(serve(chunked)) == "x"


@pytest.mark.parametrize(
    "noise", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"\n"]
)
def test_another_protocol_is_no_answer(serve: Serve, noise: bytes) -> None:
    with pytest.raises((AnswerUnreadable, OutcomeUnknown)):
        post(serve(noise))


def test_a_redirect_is_not_followed(serve: Serve) -> None:
    other = serve(value(True))
    location = f"Location: http://127.0.0.1:{other.port}/xml-rpc"
    server = serve(http(b"", "302 Found", "text/html", location))

    answer = Transport(settings_for(server)).post(QUERY, BODY)

    assert answer.status == 302
    assert other.requests == []


# ---- connections


def test_harmless_requests_share_a_connection(serve: Serve) -> None:
    server = serve(value("x"), keeps=True)
    transport = Transport(settings_for(server))

    for _ in range(3):
        transport.post(QUERY, BODY, harmless=True)
    transport.close()

    assert len(server.requests) == 3
    assert server.connections == 1


def test_a_request_that_must_not_be_lost_has_its_own_connection(serve: Serve) -> None:
    server = serve(value("x"), keeps=True)
    transport = Transport(settings_for(server))

    transport.post(QUERY, BODY, harmless=True)
    transport.post(QUERY, BODY)
    transport.close()

    assert server.connections == 2
    assert [request.headers["connection"] for request in server.requests] == ["keep-alive", "close"]


@pytest.mark.parametrize("how", ["closed", "announced"])
def test_a_connection_that_is_no_good_any_more_is_not_used(serve: Serve, how: str) -> None:
    body = value("x").partition(b"\r\n\r\n")[2]

    def script(way: socket.socket, _: bytes) -> None:
        if how == "announced":
            way.sendall(http(body, "200 OK", "text/xml", "Connection: close"))
        else:
            way.sendall(value("x"))
            way.shutdown(socket.SHUT_RDWR)

    server = serve(script, keeps=True)
    transport = Transport(settings_for(server))

    for _ in range(20):
        assert read_response(transport.post(QUERY, BODY, harmless=True).body) == "x"
    transport.close()

    assert len(server.requests) in (20, 21)  # one may have been on its way when it closed


# ---- secrets


@pytest.mark.parametrize(
    "script", [close, reset, hold, drip, cut_in_the_head, repeat_100, http(b"x" * 2_000_000)]
)
def test_no_failure_and_no_log_line_holds_a_token_or_a_url(
    serve: Serve, script: Script | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    with pytest.raises(PbxFailure) as raised:
        post(serve(script), read_timeout=0.3)

    reported = "".join(traceback.format_exception(raised.value)) + caplog.text
    for secret in ("MARKER-TOKEN", "xml-rpc?", "http://", "127.0.0.1"):
        assert secret not in reported.replace(__file__, "")


def soon() -> float:
    return time.monotonic() + 5


def test_an_address_is_found_and_leads_to_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        [(family, kind, protocol, address)] = HostAddresses(
            "127.0.0.1", listening.getsockname()[1]
        ).found(soon())

        with socket.socket(family, kind, protocol) as way:
            way.connect(address)


def test_addresses_are_kept_until_they_are_forgotten() -> None:
    addresses = HostAddresses("127.0.0.1", 80)

    first = addresses.found(soon())
    assert addresses.found(soon()) is first
    addresses.forget()
    assert addresses.found(soon()) is not first


@pytest.mark.parametrize("host", ["no-such-pbx.invalid", "a" * 64 + ".invalid", "x..y"])
def test_a_name_without_address_is_unreachable(host: str) -> None:
    with pytest.raises(PbxUnreachable, match="check host"):
        HostAddresses(host, 80).found(soon())
