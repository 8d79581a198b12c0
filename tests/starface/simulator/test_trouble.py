import gzip
import http.client
import time
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from starface.simulator import Simulator
from tests.starface.simulator.fixtures import TLS, PlainClient, Scene, anna_listens, wait_until

ALIVE = "ucp.v22.requests.connection.keepAlive"
PLACE = "ucp.v22.requests.call.placeCallWithPhone"


def raw(scene: Scene, method: str) -> tuple[http.client.HTTPResponse, bytes]:
    """Ask without decoding what is answered."""
    where = urlsplit(scene.simulator.url)
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=30)
    body = f"<methodCall><methodName>{method}</methodName></methodCall>"
    connection.request("POST", f"/xml-rpc?{urlencode(scene.anna.query)}", body)
    answer = connection.getresponse()
    document = answer.read()
    connection.close()
    return answer, document


@pytest.mark.parametrize(("trouble", "placed"), [("drop_before", 0), ("drop_after", 1)])
def test_a_connection_breaks_before_or_after_the_call_is_placed(trouble: str, placed: int) -> None:
    with anna_listens() as scene:
        scene.simulator.set(trouble=trouble, trouble_methods="placeCallWithPhone")

        with pytest.raises(httpx.TransportError):
            scene.anna.post(PLACE, "0441", "", "my-id")
        assert scene.simulator.requests[PLACE] == 1
        assert scene.simulator.placements == {"my-id": 1}
        assert len(scene.simulator.placed) == placed
        assert scene.anna.call(ALIVE) is True


@pytest.mark.parametrize(
    ("trouble", "status", "begin"),
    [
        ("html", 200, b"<!DOCTYPE html>"),
        ("status_502", 502, b"<!DOCTYPE html>"),
        ("redirect", 302, b"<!DOCTYPE html>"),
        ("huge", 200, b"<methodResponse>"),
    ],
)
def test_answers_may_be_something_else(trouble: str, status: int, begin: bytes) -> None:
    with anna_listens(trouble=trouble, trouble_methods="keepAlive") as scene:
        answer, document = raw(scene, ALIVE)

        assert answer.status == status
        assert document.startswith(begin)
        assert (len(document) > 10_000_000) == (trouble == "huge")
        assert (answer.headers["Location"] is not None) == (trouble == "redirect")


def test_an_answer_may_unpack_to_a_hundred_megabytes() -> None:
    with anna_listens(trouble="gzip_bomb", trouble_methods="keepAlive") as scene:
        answer, document = raw(scene, ALIVE)

        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(document) < 1_000_000
        assert len(gzip.decompress(document)) == 100 * 1024 * 1024


def test_half_a_document_is_no_document() -> None:
    with anna_listens(trouble="half", trouble_methods="keepAlive") as scene:
        _, document = raw(scene, ALIVE)

        assert document.startswith(b"<?xml")
        assert b"</methodResponse>" not in document


def test_an_answer_may_be_in_another_encoding_than_it_says() -> None:
    with anna_listens(trouble="latin1", trouble_methods="keepAlive") as scene:
        _, document = raw(scene, ALIVE)

        with pytest.raises(UnicodeDecodeError):
            document.decode()


def test_a_slow_answer_takes_its_time_and_acts() -> None:
    with anna_listens(slow_seconds=0.2) as scene:
        scene.simulator.set(trouble="slow", trouble_methods="placeCallWithPhone")
        began = time.monotonic()

        assert scene.anna.call(PLACE, "0441", "", "") != ""
        assert time.monotonic() - began >= 0.2


def test_an_answer_may_drip() -> None:
    with anna_listens(slow_seconds=0.001) as scene:
        scene.simulator.set(trouble="drip", trouble_methods="keepAlive")

        assert scene.anna.call(ALIVE) is True


def test_trouble_passes_after_so_many_requests() -> None:
    with anna_listens() as scene:
        scene.simulator.set(trouble="status_502", trouble_times=2)

        answers = [scene.anna.post(ALIVE).status_code for _ in range(3)]
        assert answers == [502, 502, 200]


def test_a_fault_has_the_code_and_text_that_are_set() -> None:
    with anna_listens() as scene:
        scene.simulator.set(trouble="fault", fault_code=17, fault_text="UciException")

        answer = scene.anna.post(ALIVE).text
        assert "<int>17</int>" in answer
        assert "UciException" in answer


def test_an_empty_body_is_a_bad_request() -> None:
    with Simulator() as simulator:
        assert httpx.post(f"{simulator.url}/xml-rpc", verify=TLS).status_code == 400


def test_a_refusing_pbx_is_back_on_its_port_with_its_sessions() -> None:
    with anna_listens() as scene:
        url = scene.simulator.url
        scene.simulator.outage(on=True)
        with pytest.raises(httpx.ConnectError):
            scene.anna.call(ALIVE)
        scene.simulator.outage(on=False)

        assert scene.simulator.url == url
        assert scene.anna.call(ALIVE) is True


def test_a_silent_pbx_takes_requests_and_does_not_answer() -> None:
    with anna_listens() as scene:
        scene.simulator.outage(on=True, kind="silent")
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{scene.simulator.url}/xml-rpc", content=b"x", timeout=0.3, verify=TLS)
        scene.simulator.outage(on=False)

        with PlainClient(scene.simulator, scene.received) as again:
            again.log_in()


def test_telephones_ring_during_an_outage_and_nobody_is_notified() -> None:
    with anna_listens("v30") as scene:
        scene.simulator.outage(on=True)
        scene.simulator.hang_up(scene.simulator.ring("0011", "+41441234567"))
        wait_until(scene.simulator.idle)
        scene.simulator.outage(on=False)

        assert scene.received.received == []
        assert {each.error for each in scene.simulator.notifications} == {"withheld: outage"}
        asked = ["", "", "", "", "", "startTime", "DESCENDING", 0, 10]
        assert scene.anna.v30("callList.getCallList", *asked)["totalCount"] == 1


def test_a_restart_may_take_a_while() -> None:
    with Simulator() as simulator, PlainClient(simulator) as anna:
        simulator.restart(down_for=0.3)
        with pytest.raises(httpx.ConnectError):
            anna.call(ALIVE)

        wait_until(lambda: answers(simulator))
        assert anna.call(ALIVE) is False


def answers(simulator: Simulator) -> bool:
    try:
        return httpx.get(simulator.url, verify=TLS).status_code == 404
    except httpx.ConnectError:
        return False
