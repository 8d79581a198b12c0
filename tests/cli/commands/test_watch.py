"""`watch`, `status`, `on` and `off` as a person types them, over a real broker."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.events import Sentence, UserState, UserStateData, now
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.mqtt.presence import Presence
from cli.site.settings import Settings
from tests.cli.broker_site import site_with_broker
from tests.conftest import wait_until

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Settings]:
    with site_with_broker(tmp_path / "site") as settings:
        yield settings


def _words(site: Settings, *words: str) -> list[str]:
    return [sys.executable, "-m", "cli", "--config", str(site.file), *words]


def _run(site: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _words(site, *words), capture_output=True, text=True, timeout=50, check=False
    )


def test_a_click_reaches_the_sessions_process(site: Settings) -> None:
    received: list[ReceivedMessage] = []
    with Connection(site.broker, "sessions", presence=Presence("sessions")) as sessions:
        sessions.subscribe("starface/users/+/set", received.append)
        sessions.wait_connected()

        done = _run(site, "off", "0011")

        wait_until(lambda: sessions.work(0.05) and received)
    assert done.returncode == 0
    assert (received[0].topic, received[0].payload) == ("starface/users/0011/set", b"off")


def test_a_click_that_nobody_receives_is_said_to_be_so(site: Settings) -> None:
    with Connection(site.broker, "sessions", presence=Presence("sessions")) as sessions:
        sessions.subscribe("starface/users/+/set", lambda _: None)
        sessions.wait_connected()

    done = _run(site, "on", "0011")

    assert done.returncode == 1
    assert done.stderr == (
        "starface2mqtt: nobody listens: the sessions process is not running; see:"
        " starface2mqtt status\n"
    )


def test_status_shows_processes_and_users_with_the_remedy(site: Settings) -> None:
    data = UserStateData(
        user="0011", state="failing", since=now(), detail=Sentence(de="", en="Log in again.")
    )
    with Connection(site.broker, "sessions", presence=Presence("sessions")) as sessions:
        sessions.wait_connected()
        sessions.publish("starface/users/0011/state", UserState(data=data), retain=True)
        done = _run(site, "status")
    shown = done.stdout

    assert done.returncode == 2
    assert shown.splitlines()[0] == "FAILING: 1 failing; not running: gateway"
    assert "sessions     online" in shown
    assert "user 0011     failing  Log in again." in shown


def test_status_says_in_its_first_line_that_all_is_well(site: Settings) -> None:
    with (
        Connection(site.broker, "sessions", presence=Presence("sessions")) as sessions,
        Connection(site.broker, "gateway", presence=Presence("gateway")) as gateway,
    ):
        gateway.wait_connected()
        sessions.wait_connected()
        for login, state in (("0011", "active"), ("0012", "inactive")):
            data = UserStateData.model_validate({"user": login, "state": state, "since": now()})
            topic = f"starface/users/{login}/state"
            sessions.publish(topic, UserState(data=data), retain=True)
        without = _run(site, "status")
        with Connection(site.broker, "caller", presence=Presence("caller")) as caller:
            caller.wait_connected()
            done = _run(site, "status")

    assert without.returncode == 2
    assert without.stdout.splitlines()[0] == ("FAILING: 1 inactive, 1 active; not running: caller")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "ok: 1 inactive, 1 active"


def test_what_a_process_cannot_do_fails_the_status_and_comes_first(site: Settings) -> None:
    faults = ("command 'crm': no such program",)
    with (
        Connection(site.broker, "sessions", presence=Presence("sessions")) as sessions,
        Connection(site.broker, "gateway", presence=Presence("gateway")) as gateway,
        Connection(site.broker, "caller", presence=Presence("caller", faults=faults)) as caller,
    ):
        for connection in (sessions, gateway, caller):
            connection.wait_connected()
        document = json.loads(_run(site, "status", "--json").stdout)

    assert document["fails"] is True
    assert document["faults"] == {"caller": list(faults)}


def test_machines_with_different_contacts_fail_the_status(site: Settings) -> None:
    first = Presence("caller", machine="a", directory="11")
    second = Presence("dial", machine="b", directory="11")
    with (
        Connection(site.broker, "caller", presence=first) as caller,
        Connection(site.broker, "dial", presence=second) as other,
    ):
        caller.wait_connected()
        other.wait_connected()
        same = json.loads(_run(site, "status", "--json").stdout)
        other.describe(directory="22")
        other.publish_raw(other.topics.owner(other.account), b"")  # comes after the detail
        shown = _run(site, "status").stdout

    assert same["differing_directories"] == []
    assert "contacts differ between caller, dial: import the same sources" in shown


def test_a_user_is_unknown_while_nobody_keeps_the_sessions(site: Settings) -> None:
    data = UserStateData(user="0011", state="active", since=now())
    with Connection(site.broker, "sessions", presence=Presence("sessions")) as sessions:
        sessions.wait_connected()
        sessions.publish("starface/users/0011/state", UserState(data=data), retain=True)

    shown = _run(site, "status").stdout

    assert "sessions     offline" in shown
    assert "user 0011     unknown" in shown
    document = json.loads(_run(site, "status", "--json").stdout)
    assert document["users"]["0011"]["state"] == "unknown"


def test_two_people_may_watch_at_once(site: Settings) -> None:
    watching = [
        subprocess.Popen(
            _words(site, "watch"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in watching:
        assert process.stderr is not None
        assert "Watching" in process.stderr.readline()
    data = UserStateData(user="0011", state="active", since=now())
    with Connection(site.broker, "sessions") as sessions:
        sessions.wait_connected()
        sessions.publish("starface/users/0011/state", UserState(data=data), retain=True)

    for process in watching:
        assert process.stdout is not None
        assert "0011     active" in process.stdout.readline()
        process.terminate()
        process.communicate(timeout=10)
        assert process.returncode == 0
