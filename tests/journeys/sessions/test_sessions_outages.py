"""Scripted outages, each at a site of its own, all at the same time."""

import http.client
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from cli.demo.mosquitto import free_port
from consumers.users import User
from starface.client import StarfaceClient
from starface.credential import derive
from starface.request import Callback
from starface.simulator import SimulatedUser, Simulator
from starface.simulator.model.switches import Switches
from tests.conftest import wait_until
from tests.journeys.sessions.sessions_running import (
    OTHER_PROGRAM,
    Listener,
    Office,
    SessionsProcess,
    SessionsThread,
    Stage,
    open_stage,
    subscribed,
)

WITHIN = 15.0  # seconds after the PBX is back
_AT_ONCE = 8  # sites


@dataclass(frozen=True)
class Scene:
    """One site in which something goes wrong."""

    pbx: Simulator
    office: Office
    listener: Listener
    gateway_port: int
    people: tuple[SimulatedUser, SimulatedUser]

    @property
    def logins(self) -> tuple[str, str]:
        return self.people[0].login, self.people[1].login


Act = Callable[[Scene], None]


@dataclass(frozen=True)
class Outage:
    """What goes wrong, how it ends, and what the PBX is like besides."""

    name: str
    begins: Act
    ends: Act
    switches: dict[str, object] = field(default_factory=dict)
    calls_live_on: bool = True  # those that run when it begins
    seen: bool = True  # the icons show it
    apis: tuple[str, ...] = ("v30",)


def _nothing(_: Scene) -> None:
    """What has happened is over already."""


def _trouble(kind: str, *methods: str, times: int | None = None, **more: object) -> Act:
    def begin(scene: Scene) -> None:
        fields = {"trouble_methods": frozenset(methods), "trouble_times": times, **more}
        for name, value in fields.items():
            setattr(scene.pbx.switches, name, value)
        scene.pbx.switches.trouble = kind  # type: ignore[assignment]

    return begin


def _calm(scene: Scene) -> None:
    scene.pbx.switches.trouble = "none"


def _gone(scene: Scene) -> None:
    scene.pbx.outage(on=True)


def _silent(scene: Scene) -> None:
    scene.pbx.outage(on=True, kind="silent")


def _back(scene: Scene) -> None:
    scene.pbx.outage(on=False)


def _restart(scene: Scene) -> None:
    scene.pbx.restart()


def _crash(scene: Scene) -> None:
    scene.pbx.restart()
    scene.pbx.outage(on=True)


def _expire(scene: Scene) -> None:
    scene.pbx.expire()


def _expire_one(scene: Scene) -> None:
    scene.pbx.expire(scene.logins[0])


def _reset(scene: Scene) -> None:
    scene.pbx.reset()


def _deafen(scene: Scene) -> None:
    scene.pbx.deafen()


def _change_passwords(scene: Scene) -> None:
    for person in scene.people:
        scene.pbx.set_password(person.login, "another")


def _enter_passwords(scene: Scene) -> None:
    with scene.office.users() as users:
        for person in scene.people:
            users.add(User(login=person.login), derive("sha512", person.login, "another"))


def _other_program(scene: Scene, *, stays: bool) -> None:
    """Another program logs the users in for itself, and out again or not."""
    for person in scene.people:
        credential = derive("sha512", person.login, person.password)
        callback = Callback("http", "127.0.0.1", scene.gateway_port, OTHER_PROGRAM)
        client = StarfaceClient(scene.office.settings, person.login, credential, callback)
        client.login()
        if not stays:
            client.logout()


def _drop_logins(scene: Scene) -> None:
    _trouble("drop_after", "login")(scene)
    scene.pbx.expire()


def _forbid(scene: Scene) -> None:
    scene.pbx.switches.trouble_methods = frozenset({"subscribeEvents"})
    scene.pbx.switches.fault_text = "UcpNotConnectedException"
    scene.pbx.switches.trouble = "fault"
    scene.pbx.expire()


_BOTH = ("v22", "v30")
_ALL = ("v20", *_BOTH)

OUTAGES = (
    Outage("restart", _restart, _nothing, calls_live_on=False, apis=_BOTH),
    Outage("crash and away for a while", _crash, _back, calls_live_on=False),
    Outage("refuses connections", _gone, _back, apis=_BOTH),
    Outage("accepts connections and says nothing", _silent, _back, apis=_BOTH),
    Outage("sessions expired", _expire, _nothing, apis=_ALL),
    Outage("one session expired", _expire_one, _nothing),
    Outage("sessions reset with a word", _reset, _nothing, apis=_ALL),
    Outage("keepAlive faults", _trouble("fault", "keepAlive"), _calm),
    Outage("everything faults", _trouble("fault"), _calm, apis=_BOTH),
    Outage("faults that say not connected",
           _trouble("fault", "keepAlive", fault_text="UcpNotConnectedException"), _calm),
    Outage("one fault", _trouble("fault", "keepAlive", times=2), _nothing),
    Outage("slower than the limit", _trouble("slow", slow_seconds=2.0), _calm),
    Outage("drops before acting", _trouble("drop_before"), _calm),
    Outage("drops after acting", _trouble("drop_after"), _calm),
    Outage("drops the login's answer", _drop_logins, _calm),
    Outage("login page for everything", _trouble("html"), _calm),
    Outage("login page for a moment", _trouble("html", times=2), _nothing, seen=False),
    Outage("sent elsewhere", _trouble("redirect"), _calm),
    Outage("bad gateway", _trouble("status_502"), _calm),
    Outage("half an answer", _trouble("half"), _calm),
    Outage("ten megabytes", _trouble("huge"), _calm),
    Outage("compressed without end", _trouble("gzip_bomb"), _calm),
    Outage("dripping", _trouble("drip", slow_seconds=2.0), _calm),
    Outage("subscription fails", _forbid, _calm),
    Outage("passwords changed", _change_passwords, _enter_passwords, apis=_BOTH),
    Outage("passwords changed where a login page says so", _change_passwords, _enter_passwords,
           {"wrong_token": "html"}),
    Outage("another program logged out", partial(_other_program, stays=False), _nothing),
    Outage("another program took the session", partial(_other_program, stays=True), _nothing,
           apis=_BOTH),
    Outage("half open", _deafen, _nothing, apis=_BOTH),
    Outage("half open, drops failing callbacks", _deafen, _nothing, {"on_failure": "drop"}),
)  # fmt: skip


def _account(number: int, api: str) -> str:
    return f"sessions-{number}{api}"


SCRIPTS = [(number, api) for number, outage in enumerate(OUTAGES) for api in outage.apis]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with open_stage(tmp_path, [_account(*script) for script in SCRIPTS]) as opened:
        yield opened


def _act_out(stage: Stage, folder: Path, number: int, api: str) -> str:
    """Let one outage happen; return what went wrong, nothing if all went well."""
    outage = OUTAGES[number]
    people = (
        SimulatedUser(f"{api}-{number}-a", "Geheim#2024", "11", "Anna Beispiel"),
        SimulatedUser(f"{api}-{number}-b", "Muster!12", "12", "Bernd Muster"),
    )
    switches = Switches.model_validate(
        {"fault_text": "UcpCommunicationException", **outage.switches}
    )
    with Simulator(people, switches=switches) as pbx:
        office = Office(folder / f"{number}-{api}", people, pbx.port, stage.gateway.port, api=api)
        scene = Scene(pbx, office, stage.listener, stage.gateway.port, people)
        with SessionsThread(office, stage.broker, _account(number, api)):
            try:
                _play(scene, outage)
            except AssertionError as failure:
                codes = [stage.listener.codes(login)[-6:] for login in scene.logins]
                place = traceback.extract_tb(failure.__traceback__)[1].line
                return f"{outage.name} ({api}): {place} {codes}"
    return ""


def _play(scene: Scene, outage: Outage) -> None:
    pbx, listener, (anna, bernd) = scene.pbx, scene.listener, scene.logins
    wait_until(lambda: _well(scene), WITHIN)
    begun_before = pbx.ring(anna, "+41441110001", answered_after=0.0)
    wait_until(lambda: len(listener.received(anna, begun_before)) >= 2)

    outage.begins(scene)
    missed = pbx.ring(bernd, "+41441110002")
    pbx.hang_up(missed)
    running = pbx.ring(bernd, "+41441110003")
    if outage.calls_live_on:
        pbx.hang_up(begun_before)
    if outage.seen:
        wait_until(lambda: _seen(scene), WITHIN)
    outage.ends(scene)

    wait_until(lambda: _well(scene), WITHIN)
    after = pbx.ring(anna, "+41441110004")
    wait_until(lambda: any(not call.replayed for call in listener.received(anna, after)))
    wait_until(lambda: listener.received(bernd, running))
    wait_until(lambda: _ended(listener, anna, begun_before))
    wait_until(lambda: _ended(listener, bernd, missed))


def _well(scene: Scene) -> bool:
    return all(
        scene.listener.state(login) == "active" and subscribed(scene.pbx, login)
        for login in scene.logins
    )


def _seen(scene: Scene) -> bool:
    return any(
        event.state == "failing"
        for login in scene.logins
        for event in list(scene.listener.states[login])
    )


def _ended(listener: Listener, login: str, call_id: str) -> bool:
    return any(call.state == "ended" for call in listener.received(login, call_id))


@pytest.mark.timeout(150)
def test_after_every_outage_everybody_is_active_and_no_call_of_it_is_missing(
    stage: Stage, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(_AT_ONCE) as stages:
        found = stages.map(lambda script: _act_out(stage, tmp_path, *script), SCRIPTS)
        failures = [failure for failure in found if failure]

    assert len(OUTAGES) >= 24
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("answer", ["401", "403", "html", "redirect"])
def test_a_wrong_password_is_tried_twice_and_then_hardly_ever_whatever_the_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    people = (
        SimulatedUser("good", "Geheim#2024", "11", "Anna Beispiel"),
        SimulatedUser("wrong", "Muster!12", "12", "Bernd Muster"),
    )
    switches = Switches.model_validate({"wrong_token": answer, "version_to_strangers": False})
    with (
        open_stage(tmp_path, ["sessions-0v22"]) as stage,
        Simulator(people, switches=switches) as pbx,
    ):
        office = Office(tmp_path / "office", people, pbx.port, stage.gateway.port)
        with office.users() as users:
            users.keep_credential("wrong", derive("sha512", "wrong", "another"))
        listener = stage.listener
        with SessionsThread(office, stage.broker, "sessions-0v22"):
            wait_until(lambda: listener.state("good") == "active", WITHIN)
            wait_until(lambda: listener.code("wrong") == "login-doubtful", WITHIN)
            wait_until(lambda: caplog.text.count("session failed user=wrong") == 2, WITHIN)
            kept = pbx.requests["ucp.v22.requests.connection.keepAlive"]
            wait_until(lambda: pbx.requests["ucp.v22.requests.connection.keepAlive"] > kept + 6)
            assert listener.code("wrong") == "login-doubtful"
            assert listener.state("good") == "active"
        assert caplog.text.count("session failed user=wrong") == 2


def test_an_outage_of_the_pbx_is_seen_by_machines(tmp_path: Path) -> None:
    person = SimulatedUser("0097", "Geheim#2024", "97", "Eva Neu")
    port = free_port()
    with open_stage(tmp_path, ["sessions"]) as stage, ExitStack() as stack:
        pbx = stack.enter_context(Simulator([person], port=port))
        office = Office(tmp_path / "office", [person], port, stage.gateway.port)
        running = SessionsProcess(office, stage.broker)
        running.start()
        try:
            wait_until(lambda: _operations(office, "/readyz")[0] == 200, WITHIN)
            wait_until(lambda: 'users{link="",process="sessions",state="active"} 1' in
                       _operations(office, "/metrics")[1], WITHIN)  # fmt: skip
            pbx.ring("0097", "+41441234567")
            wait_until(lambda: "last_call_timestamp_seconds{process=\"sessions\"} 1" in
                       _operations(office, "/metrics")[1], WITHIN)  # fmt: skip
            stack.close()  # the PBX goes

            wait_until(lambda: _operations(office, "/readyz")[0] == 503, WITHIN)
            assert "pbx-unreachable" in _operations(office, "/readyz")[1]
            wait_until(lambda: 'users{link="pbx",process="sessions",state="failing"} 1' in
                       _operations(office, "/metrics")[1], WITHIN)  # fmt: skip
            shown = _operations(office, "/metrics")[1]
            assert 'starface2mqtt_pbx_up{process="sessions"} 0' in shown
            assert 'starface2mqtt_processes_online{kind="gateway",process="sessions"} 1' in shown
            assert "0097" not in shown
        finally:
            running.stop()


def _operations(office: Office, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", office.operations_port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()
