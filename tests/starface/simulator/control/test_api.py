import httpx
import pytest

from tests.starface.simulator.fixtures import TLS, Scene, anna_listens, wait_until


def do(scene: Scene, act: str, **given: object) -> httpx.Response:
    return httpx.post(f"{scene.simulator.control_url}/do/{act}", json=given, verify=TLS)


def see(scene: Scene, what: str) -> httpx.Response:
    return httpx.get(f"{scene.simulator.control_url}/{what}", verify=TLS)


def test_a_person_rings_answers_parks_and_hangs_up() -> None:
    with anna_listens("v30") as scene:
        call_id = do(scene, "ring", user="0011", caller_number="+41441234567").json()["call_id"]
        [phone, *_] = see(scene, "phones").json()
        assert (phone["login"], phone["sessions"]) == ("0011", 1)
        assert [(each["id"], each["state"]) for each in phone["calls"]] == [(call_id, "RINGING")]
        do(scene, "answer", call_id=call_id)
        do(scene, "hold", call_id=call_id, user="0011")
        do(scene, "hold", call_id=call_id, user="0011", on=False)
        [call] = see(scene, "calls").json()
        assert call["users"] == {"0011": "CONNECTED"}
        do(scene, "hangup", call_id=call_id)

        reported = ["INCOMING", "RINGING", "CONNECTED", "PARKED", "CONNECTED", "HANGUP"]
        assert scene.states(6) == reported
        wait_until(scene.simulator.idle)
        log = see(scene, "notifications?last=2").json()
        assert [(each["state"], each["status"]) for each in log] == [
            ("CONNECTED", 200),
            ("HANGUP", 200),
        ]
        assert see(scene, "figures").json()["answers"] == {"200": 6}


def test_a_person_lifts_the_own_phone() -> None:
    with anna_listens(lift_after=None) as scene:
        call_id = do(scene, "place", user="0011", number="0441").json()["call_id"]
        do(scene, "lift", call_id=call_id)

        assert scene.states(2) == ["PROCEEDING", "RINGBACK"]
        [placed] = see(scene, "requests").json()["placed"]
        assert (placed["call_id"], placed["accepted"]) == (call_id, True)


def test_a_scenario_begins_at_the_door() -> None:
    with anna_listens() as scene:
        answer = do(scene, "scenario", name="incoming-missed", user="0011", caller_number="")

        assert answer.json()["call_id"]
        assert scene.states(3) == ["INCOMING", "RINGING", "HANGUP"]
        assert "incoming-missed" in see(scene, "scenarios").json()


def test_a_load_rings_the_users_in_turn() -> None:
    with anna_listens() as scene:
        answer = do(scene, "load", users=2, rate=50, seconds=0.2)

        assert answer.json() == {"calls": 10}
        scene.received.wait_for(5 * 4)
        wait_until(lambda: see(scene, "figures").json()["idle"])
        assert see(scene, "figures").json()["sent"] == 20
        numbers = {each.call["callerNumber"] for each in scene.received.received} - {""}
        assert len(numbers) == 5


def test_switches_are_set_all_or_none() -> None:
    with anna_listens() as scene:
        assert do(scene, "set", values={"repeat": 3, "drop_states": "HANGUP"}).status_code == 200
        answer = do(scene, "set", values={"repeat": 2, "nothing": 1})

        assert (answer.status_code, "nothing" in answer.json()["description"]) == (400, True)
        reported = see(scene, "switches").json()
        assert (reported["repeat"], reported["drop_states"]) == (3, ["HANGUP"])


@pytest.mark.parametrize(
    ("act", "given", "sentence"),
    [
        ("ring", {"user": "0099"}, "no user 0099"),
        ("ring", {"group": "99"}, "no group 99"),
        ("answer", {"call_id": "x"}, "no running call x"),
        ("scenario", {"name": "x"}, "incoming-missed"),
        ("nothing", {}, "hangup"),
    ],
)
def test_what_is_not_there_is_said(act: str, given: dict[str, str], sentence: str) -> None:
    with anna_listens() as scene:
        answer = do(scene, act, **given)

        assert answer.status_code == 404
        assert sentence in answer.json()["description"]


def test_sessions_are_ended_reset_and_deafened_at_the_door() -> None:
    with anna_listens() as scene:
        do(scene, "deafen", user="0011")
        assert scene.simulator.sessions[0].silence == "half open"
        do(scene, "expire", user="0012")
        assert len(scene.simulator.sessions) == 1
        do(scene, "expire", user="0011")
        assert scene.simulator.sessions == []
        scene.anna.log_in()
        do(scene, "reset")
        assert scene.simulator.sessions == []
        scene.anna.log_in()
        do(scene, "restart")
        assert scene.simulator.sessions == []
        scene.anna.log_in()
        do(scene, "password", user="0011", password="new")
        assert scene.simulator.sessions == []


def test_a_right_is_taken_and_given_at_the_door() -> None:
    with anna_listens() as scene:
        do(scene, "allow", user="0011", on=False)
        assert scene.simulator.sessions == []
        assert scene.simulator.pbx.user("0011").allowed is False
        do(scene, "allow", user="0011", on=True)
        scene.anna.log_in()


def test_an_outage_begins_and_ends_at_the_door() -> None:
    with anna_listens() as scene:
        do(scene, "outage", on=True)
        with pytest.raises(httpx.ConnectError):
            httpx.get(scene.simulator.url, verify=TLS)
        do(scene, "outage", on=False)

        assert httpx.get(scene.simulator.url, verify=TLS).status_code == 404


def test_do_not_disturb_is_set_at_the_door() -> None:
    with anna_listens() as scene:
        do(scene, "do-not-disturb", user="0011", on=True)
        do(scene, "ring", user="0011")

        assert scene.states(2) == ["INCOMING", "HANGUP"]


@pytest.mark.parametrize("headers", [{"Content-Type": "text/plain"}, {"Host": "evil.test"}])
def test_foreign_pages_cannot_ring_telephones(headers: dict[str, str]) -> None:
    with anna_listens() as scene:
        url = f"{scene.simulator.control_url}/do/ring"
        fields = {"Content-Type": "application/json"} | headers
        answer = httpx.post(url, content=b'{"user": "0011"}', headers=fields, verify=TLS)

        assert answer.status_code in {403, 415}
        assert see(scene, "calls").json() == []


@pytest.mark.parametrize("host", ["192.0.2.7:8071", "[::1]:8071", "localhost:8071"])
def test_a_door_that_listens_on_another_address_is_asked_by_it(host: str) -> None:
    with anna_listens() as scene:
        url = f"{scene.simulator.control_url}/phones"

        assert httpx.get(url, headers={"Host": host}, verify=TLS).status_code == 200


def test_the_page_shows_what_it_gets_as_text_only() -> None:
    with anna_listens() as scene:
        page = see(scene, "")

        assert page.headers["Content-Type"].startswith("text/html")
        assert "<title>Stand-in STARFACE</title>" in page.text
        assert "innerHTML" not in page.text
