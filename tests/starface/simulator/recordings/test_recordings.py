import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from starface.simulator.interface.http_port import HttpPort
from starface.simulator.recordings.pseudonyms import Pseudonyms
from starface.simulator.recordings.recorder import Recorder, create_recorder
from starface.simulator.recordings.recordings import RecordingUnreadable, read, send
from tests.starface.simulator.fixtures import PREFIX, TLS, TOKEN_0011, listening

CALL_ID = "c2b7d1f0-10a4-4a51-8a54-6f3d3b1d9e77"
RINGING = f"""<?xml version="1.0" encoding="UTF-8"?>
<methodCall>
  <methodName>ucp.v22.events.call.receiveCallState</methodName>
  <params><param><value><struct>
    <member><name>id</name><value><string>{CALL_ID}</string></value></member>
    <member><name>state</name><value>RINGING</value></member>
    <member><name>timestamp</name><value><dateTime.iso8601>20250314T09:15:21</dateTime.iso8601></value></member>
    <member><name>callerNumber</name><value><string>00491713920042</string></value></member>
    <member><name>callerName</name><value>Jörg Müller &amp; Söhne</value></member>
    <member><name>calledNumber</name><value><string>11</string></value></member>
    <member><name>calledName</name><value><string></string></value></member>
  </struct></value></param></params>
</methodCall>
"""
QUERY = {f"{PREFIX}user": "0011", f"{PREFIX}auth": TOKEN_0011}
PERSONAL = [CALL_ID, "1713920042", "Müller", "Jörg", "0011", TOKEN_0011[10:40], "geheimer-pfad"]


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[HttpPort]:
    app = create_recorder(Recorder(tmp_path, None, lambda path: None))
    with HttpPort(app, "127.0.0.1", 0, threads=2) as door:
        yield door


def post(door: HttpPort, body: bytes) -> httpx.Response:
    url = f"http://127.0.0.1:{door.port}/starface/geheimer-pfad"
    return httpx.post(
        url, params=QUERY, content=body, headers={"Content-Type": "text/xml"}, verify=TLS
    )


def test_a_recording_holds_nothing_personal(recorder: HttpPort, tmp_path: Path) -> None:
    assert b"<boolean>1</boolean>" in post(recorder, RINGING.encode()).content

    [path] = tmp_path.glob("*.json")
    reported = path.read_text()
    assert [each for each in PERSONAL if each in reported] == []
    assert path.name == "0001-receiveCallState.json"


def test_a_recording_keeps_the_spelling(recorder: HttpPort, tmp_path: Path) -> None:
    post(recorder, RINGING.encode())

    [reported] = read([*tmp_path.glob("*.json")])
    was, is_ = RINGING.splitlines(), reported.body.splitlines()
    assert len(is_) == len(was)
    assert [line for line in is_ if "state" in line] == [line for line in was if "state" in line]
    assert "<string>0049" in reported.body
    assert reported.headers["content-type"] == "text/xml"
    assert set(reported.query) == set(QUERY)
    assert len(reported.query[f"{PREFIX}auth"]) == len(TOKEN_0011)


def test_one_value_has_one_pseudonym() -> None:
    names = Pseudonyms()

    assert names.text("Anna Roth") == names.text("Anna Roth") != names.text("Anna Rath")
    assert names.text("Anna") != Pseudonyms().text("Anna")


@pytest.mark.parametrize(
    ("value", "kept"),
    [("", ""), ("+41441234567", "+41"), ("0041441234567", "0041"), ("0441234567", "0")],
)
def test_a_number_keeps_its_form(value: str, kept: str) -> None:
    reported = Pseudonyms().text(value)

    assert len(reported) == len(value)
    assert reported.startswith(kept)
    assert reported == value or value[len(kept) :] != reported[len(kept) :]


def test_markup_is_not_made_by_a_pseudonym() -> None:
    body = RINGING.replace("Söhne", "&lt;b&gt; 1")

    reported = Pseudonyms().body(body)
    assert reported.count("<") == body.count("<")
    assert "&lt;" in reported


@pytest.mark.parametrize(
    "given", ["<![CDATA[Anna Roth]]>", "<!-- Anna Roth -->x", "<ex:i8>00411234567</ex:i8>"]
)
def test_nothing_personal_hides_in_rare_markup(given: str) -> None:
    body = f"<methodCall><params><param><value>{given}</value></param></params></methodCall>"

    kept = Pseudonyms().body(body)
    assert [each for each in ("Anna", "Roth", "1234567") if each in kept] == []
    assert len(kept) == len(body)


def test_what_is_no_xml_rpc_loses_its_text() -> None:
    assert Pseudonyms().body('{"caller": "Anna 0441"}') == '{"xxxxxx": "xxxx 0000"}'


def test_an_old_encoding_is_kept(recorder: HttpPort, tmp_path: Path) -> None:
    body = RINGING.replace("UTF-8", "ISO-8859-1").encode("latin-1")
    post(recorder, body)

    [reported] = read([*tmp_path.glob("*.json")])
    assert reported.encoding == "latin-1"
    assert reported.body.encode(reported.encoding)


def test_a_recorder_in_the_way_passes_everything_on(tmp_path: Path) -> None:
    with listening() as receiver:
        receiver.status = 403
        app = create_recorder(
            Recorder(tmp_path, f"http://127.0.0.1:{receiver.port}", lambda path: None)
        )
        with HttpPort(app, "127.0.0.1", 0, threads=2) as door:
            assert post(door, RINGING.encode()).status_code == 403

        [received] = receiver.received
        assert received.call["callerNumber"] == "00491713920042"
        assert received.query[f"{PREFIX}user"] == ["0011"]
    [reported] = read([*tmp_path.glob("*.json")])
    assert reported.answer["status"] == 403


def test_a_receiver_that_is_away_is_a_bad_gateway(tmp_path: Path) -> None:
    app = create_recorder(Recorder(tmp_path, "http://127.0.0.1:1", lambda path: None))
    with HttpPort(app, "127.0.0.1", 0, threads=2) as door:
        assert post(door, RINGING.encode()).status_code == 502


def test_recordings_are_sent_again_to_whom_one_wants(recorder: HttpPort, tmp_path: Path) -> None:
    post(recorder, RINGING.encode())
    with listening() as receiver, httpx.Client(verify=TLS) as client:
        for event in read([*tmp_path.glob("*.json")]):
            url = f"http://127.0.0.1:{receiver.port}/starface/a/b/c"
            assert send(event, url, client, "0012") == 200

        [received] = receiver.received
        assert received.path == "/starface/a/b/c"
        assert received.query == {f"{PREFIX}user": ["0012"]}
        assert received.state == "RINGING"


@pytest.mark.parametrize("content", ["", "{}", json.dumps({"at": "now"})])
def test_a_file_that_is_no_recording_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "nonsense.json"
    path.write_text(content)

    with pytest.raises(RecordingUnreadable, match=r"nonsense\.json"):
        list(read([path]))
