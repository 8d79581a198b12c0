import json
import sqlite3
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path

import falcon.testing
import pytest

from bus.events import CallEvent
from gateway.admission import Admission, RateLimits
from gateway.app import create_app
from gateway.callbacks import CallbackValidity
from gateway.calls.notifications import ResolvedNotification
from gateway.eventlog.counters import Counters
from gateway.eventlog.file import NAME
from gateway.eventlog.writer import EventLog
from gateway.source_addresses import SourceAddresses
from starface.xmlrpc.reading import read_response, write_call
from tests.gateway.conftest import PROFILE, XML, post
from tests.gateway.running import KEY, call_state, path_of

Client = falcon.testing.TestClient


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[], list[CallEvent]]:
    def read() -> list[CallEvent]:
        with sqlite3.connect(tmp_path / NAME) as db:
            rows = db.execute("SELECT payload FROM events ORDER BY place").fetchall()
        db.close()
        return [CallEvent.model_validate_json(payload) for (payload,) in rows]

    return read


Kept = Callable[[], list[CallEvent]]


def test_a_notification_is_on_disk_when_it_is_answered(client: Client, kept: Kept) -> None:
    answer = post(client, path_of("0011"), call_state("c-1"))

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert read_response(answer.content) is True
    [event] = kept()
    assert event.data.user == "0011"
    assert event.data.pbx_state == "RINGING"
    assert event.data.pbx_time == "20250314T09:15:21"


@pytest.mark.parametrize("name", ["de.vertico.starface.user", "de_vertico_starface_user"])
@pytest.mark.parametrize(("user", "status"), [("0011", 200), ("0012", 403), ("", 200)])
def test_the_user_of_the_query_must_be_the_one_of_the_path(
    client: Client, kept: Kept, name: str, user: str, status: int
) -> None:
    answer = post(client, path_of("0011"), call_state("c-1"), query_string=f"{name}={user}")

    assert answer.status_code == status
    assert len(kept()) == (status == 200)


@pytest.mark.parametrize(
    ("opened_with", "given", "status"),
    [("0011:ab", "0011:ab", 200), ("0011:ab", "0011:ac", 403), (None, "anything", 200),
     ("0011:ab", "0011%3Aab", 200), ("0011:ab", "", 200)],
)  # fmt: skip
def test_a_given_token_must_be_the_one_of_the_login(
    client: Client, opened_with: str | None, given: str, status: int
) -> None:
    path = path_of("0011", opened_with)
    query = f"de.vertico.starface.auth={given}"

    assert post(client, path, call_state("c-1"), query_string=query).status_code == status


@pytest.mark.parametrize("login", ["0011", "jörg.müller", "a/b", "x" * 40])
def test_any_login_has_a_path(client: Client, kept: Kept, login: str) -> None:
    assert post(client, path_of(login), call_state("c-1")).status_code == 200

    assert kept()[0].data.user == login


def test_a_path_with_a_slash_at_its_end_is_the_same(client: Client) -> None:
    assert post(client, path_of("0011") + "/", call_state("c-1")).status_code == 200


@pytest.mark.parametrize(
    "kind",
    ["text/xml", "application/xml", "text/xml; charset=utf-8", "application/xml;charset=UTF-8",
     "TEXT/XML", "application/xmlrpc+xml", "application/octet-stream", "text/plain",
     "application/x-www-form-urlencoded", None],
)  # fmt: skip
def test_any_xml_content_type_is_accepted(client: Client, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}

    assert post(client, path_of("0011"), call_state("c"), headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "application/json"}, {"Content-Type": "multipart/form-data"},
     {"Content-Type": "text/xml", "Content-Encoding": "gzip"}],
)  # fmt: skip
def test_what_is_no_xml_is_415(client: Client, kept: Kept, headers: dict[str, str]) -> None:
    assert post(client, path_of("0011"), call_state("c"), headers=headers).status_code == 415
    assert kept() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"<methodCall/>", b"<methodCall><methodName>x.receiveCallState</methodName>"
     b"</methodCall>", write_call("x.receiveCallState", ["text"]),
     write_call("x.receiveCallState", [{}, {}]), call_state(""), call_state("a b"),
     call_state("c" * 129), call_state("c", callerNumber="1" * 257),
     b'<!DOCTYPE a [<!ENTITY b "c">]>' + call_state("c"), b"\xff\xfe\x00"],
)  # fmt: skip
def test_nonsense_is_400_with_one_line_and_nothing_is_kept(
    client: Client, kept: Kept, body: bytes
) -> None:
    answer = post(client, path_of("0011"), body)

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.count("\n") == 1
    assert kept() == []


_NAMED = call_state("c", callerName="Müller")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/xml; charset=iso-8859-1", _NAMED.decode().encode("latin-1")),
        ("text/xml", _NAMED.decode().encode("latin-1")),
        ("text/xml; charset=utf-8", _NAMED.decode().encode("cp1252")),
        ("text/xml; charset=nonsense", _NAMED),
        ("text/xml", b"\r\n " + _NAMED),
        ("text/xml", b"\xef\xbb\xbf\n" + _NAMED),
        (
            "text/xml; charset=iso-8859-1",
            b'\n<?xml version="1.0" encoding="UTF-8"?>' + _NAMED.partition(b"?>")[2],
        ),
        (
            "text/xml; charset=utf-8",
            b"<?xml version='1.0' encoding='koi8-x'?>" + _NAMED.partition(b"?>")[2],
        ),
    ],
)
def test_declaration_then_header_then_evidence_say_how_a_body_is_encoded(
    client: Client, kept: Kept, kind: str, body: bytes
) -> None:
    answer = post(client, path_of("0011"), body, headers={"Content-Type": kind})

    assert answer.status_code == 200
    assert kept()[0].data.caller.name == "Müller"


def test_a_body_that_is_in_no_encoding_is_still_a_call(client: Client, kept: Kept) -> None:
    body = call_state("c", callerName="X").replace(b">X<", b">\x81\xfc<")

    assert post(client, path_of("0011"), body).status_code == 200
    assert kept()[0].data.caller.name == "\x81ü"


class _ExhaustedLog(EventLog):
    def append(self, resolved: ResolvedNotification) -> str:
        raise MemoryError


def test_without_memory_it_is_503(tmp_path: Path) -> None:
    events = _ExhaustedLog(tmp_path, "gateway", Counters(), lambda: None, greatest=100_000_000)
    door = Admission(KEY, SourceAddresses(()), RateLimits(10, 10), CallbackValidity(tmp_path))
    answer = post(Client(create_app(events, door, PROFILE)), path_of("0011"), call_state("c"))
    events.close()

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refusal_is_one_line_in_the_log_without_what_was_sent(
    client: Client, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    path = path_of("0011", "0011:secret-token")
    wrong = {400: "", 403: "de.vertico.starface.auth=planted-token", 404: ""}[status]
    body = call_state("c", callerNumber="1" * 257 + "0791234567", callerName="Planted Name")
    post(client, path + ("x" if status == 404 else ""), body, query_string=wrong)

    [line] = caplog.messages
    assert f"status={status}" in line
    for planted in ("planted-token", "Planted", "0791234567", path.split("/")[3], "secret"):
        assert planted not in line


@pytest.mark.parametrize("place", [2, 3, 4])
def test_a_path_of_another_site_is_404(client: Client, kept: Kept, place: int) -> None:
    parts = path_of("0011").split("/")
    parts[place] = path_of("0012").split("/")[place]

    assert post(client, "/".join(parts), call_state("c")).status_code == 404
    assert kept() == []


@pytest.mark.parametrize(
    "path", ["/metrics", "/healthz", "/admin", "/starface", "/starface/a/b/c", "/index.html"]
)
def test_nothing_else_lives_on_these_ports(client: Client, path: str) -> None:
    assert post(client, path, b"").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_callback_is_posted(client: Client, method: str) -> None:
    answer = client.simulate_request(method, path_of("0011"))

    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("method", "path", "status", "line"),
    [
        ("GET", path_of("0011"), 405, "expected here: POST, OPTIONS"),
        ("PUT", "/", 405, "expected here: GET, HEAD, OPTIONS"),
        ("BREW", "/", 400, "not a request that is served here"),
        ("GET", "/metrics", 404, "there is nothing here"),
        ("POST", path_of("0011"), 400, "no body, or one without Content-Length"),
    ],
    ids=["method", "method of the page", "unknown method", "place", "no body"],
)
def test_the_line_of_a_refusal_names_the_fault(
    client: Client, method: str, path: str, status: int, line: str
) -> None:
    environ = falcon.testing.create_environ(path=path, headers=XML) | {"REQUEST_METHOD": method}
    answer = falcon.testing.StartResponseMock()
    body = b"".join(client.app(environ, answer))

    assert str(answer.status).startswith(str(status))
    assert body.decode() == f"{line}\n"


def test_a_parameter_twice_is_refused(client: Client) -> None:
    query = "de.vertico.starface.user=0011&de.vertico.starface.user=0012"

    assert post(client, path_of("0011"), call_state("c"), query_string=query).status_code == 400


def test_a_body_larger_than_64_kib_is_413(client: Client) -> None:
    assert post(client, path_of("0011"), b" " * 65_536 + b"x").status_code == 413


def test_other_methods_are_answered_true_and_counted(
    client: Client, events: EventLog, kept: Kept
) -> None:
    answer = post(client, path_of("0011"), write_call("ucp.v22.events.fax.receiveFaxState", [{}]))

    assert read_response(answer.content) is True
    assert events.counts()["unneeded"] == 1
    assert kept() == []


def test_our_own_check_is_answered_and_is_no_notification(client: Client, events: EventLog) -> None:
    answer = post(client, path_of("0011"), write_call("starface2mqtt.callback.check"))

    assert read_response(answer.content) is True
    assert answer.headers["x-starface2mqtt"] == events.gateway
    assert events.totals()[1:] == (0, None)


def test_a_resync_is_marked_as_replayed(client: Client, kept: Kept) -> None:
    body = call_state("c").replace(b"ucp.v22.events.call", b"starface2mqtt.resync")
    post(client, path_of("0011"), body)
    post(client, path_of("0011"), call_state("d"))

    assert [event.data.replayed for event in kept()] == [True, False]


def test_a_reset_is_kept_until_it_is_reported(client: Client, tmp_path: Path) -> None:
    answer = post(client, path_of("0011"), write_call("ucp.v20.client.connection.reset"))

    assert read_response(answer.content) is True
    with sqlite3.connect(tmp_path / NAME) as db:
        assert db.execute("SELECT user FROM resets").fetchall() == [("0011",)]
    db.close()


def test_too_many_notifications_of_one_login_are_429(events: EventLog, tmp_path: Path) -> None:
    door = Admission(KEY, SourceAddresses(()), RateLimits(0.001, 3), CallbackValidity(tmp_path))
    client = Client(create_app(events, door, PROFILE))
    path = path_of("0011")

    codes = [post(client, path, call_state(f"c-{number}")).status_code for number in range(4)]

    assert codes == [200, 200, 200, 429]
    assert post(client, path_of("0012"), call_state("c")).status_code == 200


def test_who_guesses_paths_is_slowed_down_and_the_pbx_is_not(client: Client) -> None:
    codes = [post(client, "/starface/a/b/c", b"").status_code for _ in range(30)]

    assert codes[:20] == [404] * 20
    assert 429 in codes[20:]
    assert post(client, path_of("0011"), call_state("c")).status_code == 200


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [("10.0.0.7", None, 200), ("127.0.0.1", None, 403), ("127.0.0.1", "10.0.0.7", 403),
     ("10.9.9.9", "10.0.0.7", 200), ("10.9.9.9", "10.0.0.7, 192.0.2.1", 403),
     ("10.9.9.9", "192.0.2.1, 10.0.0.7", 200), ("10.9.9.9", None, 403),
     ("::ffff:10.0.0.7", None, 200)],
)  # fmt: skip
def test_only_listed_sources_are_answered_and_only_the_proxy_may_speak_for_others(
    events: EventLog, kept: Kept, tmp_path: Path, peer: str, forwarded: str | None, status: int
) -> None:
    sources = SourceAddresses([ip_network("10.0.0.0/24")], ip_address("10.9.9.9"))
    client = Client(
        create_app(
            events,
            Admission(KEY, sources, RateLimits(100, 100), CallbackValidity(tmp_path)),
            PROFILE,
        )
    )
    headers = XML | ({"X-Forwarded-For": forwarded} if forwarded else {})

    answer = post(client, path_of("0011"), call_state("c"), headers=headers, remote_addr=peer)

    assert answer.status_code == status
    assert len(kept()) == (status == 200)


def test_a_log_that_cannot_be_written_is_503_and_recovers(
    client: Client, tmp_path: Path, kept: Kept
) -> None:
    other = sqlite3.connect(tmp_path / NAME, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    path = path_of("0011")

    answer = post(client, path, call_state("c-1"))

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    other.execute("ROLLBACK")
    other.close()
    assert post(client, path, call_state("c-2")).status_code == 200
    assert [event.data.call_id for event in kept()] == ["c-2"]


# -- the second dialect -------------------------------------------------------------------


def test_a_call_reported_by_url_is_one_call(client: Client, kept: Kept) -> None:
    path = f"{path_of('0011')}/call"
    for event in ("ringing", "answered", "ended"):
        query = {"event": event, "number": "0041441234567", "name": "Grace", "user": "0011"}
        assert client.simulate_get(path, params=query).status_code == 200

    reported = kept()
    assert [event.data.state for event in reported] == ["ringing", "connected", "ended"]
    assert len({event.data.call_id for event in reported}) == 1
    assert {event.data.direction for event in reported} == {"in"}
    assert reported[0].data.caller.e164 == "+41441234567"
    assert reported[0].data.called.kind == "unknown"


@pytest.mark.parametrize("given", ["+12125550123", "%2B12125550123", "0012125550123"])
def test_a_plus_in_a_url_is_a_plus(client: Client, kept: Kept, given: str) -> None:
    query = f"event=ringing&number={given}"

    client.simulate_get(f"{path_of('0011')}/call", query_string=query)

    [event] = kept()
    assert event.data.caller.number == given.replace("%2B", "+")
    assert event.data.caller.e164 == "+12125550123"


def test_a_call_reported_by_form_is_accepted(client: Client, kept: Kept) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"event=Outgoing&number=044%20123%2045%2067"

    answer = post(client, f"{path_of('0011')}/call", body, headers=headers)

    assert answer.status_code == 200
    [event] = kept()
    assert (event.data.state, event.data.direction) == ("dialing", "out")
    assert event.data.called.e164 == "+41441234567"


@pytest.mark.parametrize(
    ("query", "status"),
    [("event=ringing&user=0012", 403), ("event=exploded", 400), ("", 400),
     ("event=ringing&event=ended", 400), ("event=ringing&number=" + "1" * 257, 400)],
)  # fmt: skip
def test_nonsense_reported_by_url_is_refused(
    client: Client, kept: Kept, query: str, status: int
) -> None:
    answer = client.simulate_get(f"{path_of('0011')}/call", query_string=query)

    assert answer.status_code == status
    assert kept() == []


def test_a_call_reported_in_both_dialects_is_one_call(client: Client, kept: Kept) -> None:
    path, url = path_of("0011"), f"{path_of('0011')}/call"
    query = {"event": "ringing", "number": "+41 44 123 45 67"}

    client.simulate_get(url, params=query)
    post(client, path, call_state("c-1"))
    client.simulate_get(url, params=query | {"event": "answered"})
    post(client, path, call_state("c-1", "HANGUP"))
    client.simulate_get(url, params=query | {"event": "ended"})

    made, first, *rest = kept()
    assert first.data.call_id == "c-1"
    assert first.data.previous_call_id == made.data.call_id
    assert {event.data.call_id for event in rest} == {"c-1"}
    assert {event.data.previous_call_id for event in rest} == {None}


def test_a_url_after_the_notification_joins_its_call(client: Client, kept: Kept) -> None:
    post(client, path_of("0011"), call_state("c-1"))
    query = {"event": "ringing", "number": "044 123 45 67"}
    client.simulate_get(f"{path_of('0011')}/call", params=query)
    client.simulate_get(f"{path_of('0012')}/call", params=query)

    assert [event.data.call_id == "c-1" for event in kept()] == [True, True, False]


def test_the_event_is_what_the_contract_says(client: Client, kept: Kept) -> None:
    post(client, path_of("0011"), call_state("c-1", groupID="Verkauf"))

    [event] = kept()
    document = json.loads(event.encoded())
    assert document["type"] == "starface.call.ringing.v1"
    assert document["source"].startswith("gateway/gateway-")
    assert document["specversion"] == "1.0"
    assert document["datacontenttype"] == "application/json"
    assert document["data"]["group"] == "Verkauf"
    assert document["data"]["caller"] == {
        "number": "0041441234567", "e164": "+41441234567", "name": "Grace Hopper",
        "kind": "external",
    }  # fmt: skip
