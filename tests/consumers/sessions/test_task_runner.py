import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from consumers.sessions.missed_calls import KnownCalls
from consumers.sessions.resync_window import ResyncWindow
from consumers.sessions.schedule import Timetable
from consumers.sessions.session import Health, NextTask, UserSession
from consumers.sessions.site_health import Services
from consumers.sessions.task_runner import KnownUsers, TaskRunner
from consumers.sessions.tasks import Alive, Failed, OpenSession, Resynced
from consumers.sessions.user import UserContext
from consumers.users import User, Users
from runtime.secret_box import SecretBox
from starface.credential import Credential
from starface.settings import StarfaceSettings
from tests.consumers.sessions.fake_tasks import CALLBACK, TOKEN, FakeSession, FakeTasks

T = TypeVar("T")


@dataclass
class KeptTasks:
    """Tasks that are begun and reported when the test says so."""

    kept: list[tuple[Callable[[], Any], Callable[[Any], None]]] = field(default_factory=list)

    def submit(self, task: Callable[[], T], then: Callable[[T | None], None]) -> None:
        self.kept.append((task, then))

    def begin(self) -> None:
        """Do the tasks, and keep what comes of them."""
        results = [(task(), then) for task, then in self.kept]
        self.kept = [(lambda result=result: result, then) for result, then in results]  # type: ignore[misc]

    def finish(self) -> None:
        tasks, self.kept = self.kept, []
        for task, then in tasks:
            then(task())


@dataclass
class FakeCallback:
    """The way back from the PBX, which works."""

    failing: bool = False
    local: bool = False
    known: bool = True
    code: str | None = None


@dataclass
class FakePbxWatch:
    away: str | None = None


@dataclass
class FakeSite:
    """What holds for all users."""

    callback: FakeCallback = field(default_factory=FakeCallback)
    pbx: FakePbxWatch = field(default_factory=FakePbxWatch)
    serves: bool = False
    callback_good_at: float = 0.0
    faults: list[str] = field(default_factory=list)

    def served(self) -> None:
        self.serves = True

    def failed(self, code: str) -> None:
        self.faults.append(code)


@dataclass
class FakeStates:
    """What is shown of each user."""

    shown: dict[str, Health] = field(default_factory=dict)

    def show(self, user: str, health: Health, _since: object = None) -> None:
        self.shown[user] = health


class Scene:
    """A runner with everything around it, and a time that only moves when asked to."""

    def __init__(self, folder: Path, users: Users) -> None:
        self.now = 1000.0
        self.tasks, self.workers = FakeTasks(), KeptTasks()
        self.site, self.states = FakeSite(), FakeStates()
        self.users = users
        self.window = ResyncWindow(folder / "sessions.db", clock=lambda: self.now)
        self.contexts: dict[str, UserContext] = {}
        self.calls_expected = True
        self.timetable = Timetable()
        services = Services(
            self.timetable, self.workers, KeptTasks(), cast("Any", self.tasks), random.Random(1),
            lambda: self.now,
        )  # fmt: skip
        self.runner = TaskRunner(
            services, cast("Any", self.tasks), cast("Any", self.site),
            KnownUsers(self.users, self.contexts, self.window, cast("Any", self.states)),
            StarfaceSettings(host="pbx"), lambda: self.calls_expected,
        )  # fmt: skip

    def add(self, login: str = "0011", **changes: Any) -> UserContext:
        self.users.add(User(login=login, extension=login, **changes), TOKEN)
        session = UserSession(30.0, random.Random(1))
        context = UserContext(self.users.get(login), session, KnownCalls(10.0))
        self.contexts[login] = context
        return context

    def switched_on(self, login: str = "0011") -> UserContext:
        context = self.add(login)
        self.runner.plan(context, context.session.switch_on())
        return context

    def active(self, login: str = "0011") -> UserContext:
        context = self.switched_on(login)
        self.pass_time(1.0)
        assert context.session.stage == "active"
        return context

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and do what is due and what comes of it."""
        limit = self.now + seconds
        while self.now < limit:
            self.now += 0.1
            self.take_due()
            self.workers.finish()

    def take_due(self) -> None:
        while (login := self.timetable.pop(self.now)) is not None:
            self.runner.take(self.contexts[login])

    def state(self, login: str = "0011") -> tuple[str, str | None]:
        return self.states.shown[login].state, self.states.shown[login].code


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Users(tmp_path / "users.db", SecretBox(Fernet.generate_key())) as users:
        scene = Scene(tmp_path, users)
        yield scene
        scene.window.close()


def test_a_user_who_is_on_is_logged_in_and_kept(scene: Scene) -> None:
    scene.active()
    scene.pass_time(31)

    assert scene.tasks.asked == ["login 0011", "keep-alive"]
    assert scene.state() == ("active", None)
    assert scene.window.get("0011") is not None


def test_a_session_the_pbx_does_not_know_any_more_is_opened_again(scene: Scene) -> None:
    scene.active()
    scene.tasks.alive = Alive(known=False)
    scene.pass_time(31)
    scene.tasks.alive = Alive(known=True, calls=[])
    scene.pass_time(2)

    assert scene.tasks.asked == ["login 0011", "keep-alive", "login 0011"]
    assert scene.state() == ("active", None)


def test_a_failure_is_shown_and_tried_again(scene: Scene) -> None:
    scene.tasks.opened = Failed("pbx-silent")
    scene.switched_on()
    scene.pass_time(0.2)
    assert scene.state() == ("failing", "pbx-silent")
    assert scene.site.faults[0] == "pbx-silent"

    scene.tasks.opened = FakeTasks().opened
    scene.pass_time(10)

    assert scene.state() == ("active", None)


def test_a_task_that_breaks_is_a_failure_and_not_the_end(scene: Scene) -> None:
    scene.tasks.alive = cast("Any", None)
    scene.active()
    scene.pass_time(31)

    assert scene.tasks.asked[:2] == ["login 0011", "keep-alive"]
    assert "pbx-unreadable" in scene.site.faults


def test_the_result_of_what_was_begun_before_a_click_off_opens_nothing(scene: Scene) -> None:
    context = scene.switched_on()
    scene.take_due()
    scene.runner.plan(context, context.session.switch_off())
    scene.now += 1
    scene.take_due()

    scene.workers.finish()
    scene.pass_time(1)

    assert context.session.stage == "off"
    assert context.pbx is None


def test_a_session_that_opens_after_the_click_off_is_closed_again(scene: Scene) -> None:
    context = scene.switched_on()
    scene.take_due()
    scene.workers.begin()  # the login has reached the PBX
    scene.runner.plan(context, context.session.switch_off())
    scene.pass_time(1)

    assert scene.tasks.asked == ["login 0011", "logout"]
    assert context.pbx is None


def test_only_so_many_log_in_at_a_time_and_all_get_their_turn(scene: Scene) -> None:
    logins = [f"{number:04}" for number in range(20)]
    for login in logins:
        scene.switched_on(login)
    for _ in range(20):
        scene.now += 0.1
        scene.take_due()
    assert len(scene.workers.kept) == 8

    scene.pass_time(2)

    assert sorted(scene.tasks.asked) == [f"login {login}" for login in logins]
    assert {scene.state(login) for login in logins} == {("active", None)}


def test_a_refresh_token_that_was_renewed_is_kept_though_the_login_failed(scene: Scene) -> None:
    old = Credential("oauth", SecretStr("old"))
    new = Credential("oauth", SecretStr("new"))
    context = scene.add()
    scene.users.keep_credential("0011", old)
    scene.tasks.opened = Failed("pbx-silent", credential=new)
    scene.runner.plan(context, context.session.switch_on())
    scene.pass_time(0.2)

    assert scene.users.credential("0011") == new


def test_a_user_whose_extension_differs_is_not_logged_in(scene: Scene) -> None:
    context = scene.add()
    context.user = context.user.model_copy(update={"extension": "12"})
    scene.runner.plan(context, context.session.switch_on())
    scene.pass_time(1)

    assert scene.tasks.asked == []
    assert scene.state() == ("failing", "extension-differs")


def test_what_was_not_handed_in_is_handed_in_with_the_session_that_is_open(scene: Scene) -> None:
    scene.tasks.opened = OpenSession(
        cast("Any", FakeSession()), CALLBACK, Resynced(done=False, listed=True)
    )
    context = scene.switched_on()
    scene.pass_time(2)

    assert scene.tasks.asked[:2] == ["login 0011", "resync"]
    assert not context.resync_owed


def test_calls_the_pbx_has_and_did_not_report_lead_to_a_new_login(scene: Scene) -> None:
    scene.active()
    scene.tasks.alive = Alive(known=True, calls=["c-1"])
    scene.pass_time(60)

    assert scene.tasks.asked.count("login 0011") == 2


def test_nothing_is_concluded_from_calls_while_none_can_be_expected(scene: Scene) -> None:
    scene.active()
    scene.calls_expected = False
    scene.tasks.alive = Alive(known=True, calls=["c-1"])
    scene.pass_time(60)

    assert scene.tasks.asked.count("login 0011") == 1


def test_a_click_off_ends_the_session_at_the_pbx(scene: Scene) -> None:
    context = scene.active()
    scene.runner.plan(context, context.session.switch_off())
    scene.runner.show(context)
    scene.pass_time(1)

    assert scene.tasks.asked == ["login 0011", "logout"]
    assert scene.state() == ("inactive", None)


def test_while_the_pbx_is_away_a_failure_plans_no_login(scene: Scene) -> None:
    context = scene.active()
    scene.site.pbx.away = "pbx-unreachable"
    scene.tasks.alive = Failed("pbx-unreachable")
    scene.pass_time(60)

    assert scene.tasks.asked == ["login 0011", "keep-alive"]
    assert scene.state() == ("failing", "pbx-unreachable")
    scene.site.pbx.away = None
    scene.runner.plan(context, NextTask("login"))
    scene.pass_time(1)
    assert scene.state() == ("active", None)
