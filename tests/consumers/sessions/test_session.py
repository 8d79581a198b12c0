import random
import re

import pytest

from consumers.sessions.faults import FAULTS, UNPROVEN, detail_of, sentence_of
from consumers.sessions.session import UNKNOWN, Health, NextTask, UserSession

KEEP_ALIVE = 30.0
REFUSED = [code for code, fault in FAULTS.items() if fault.retry == "never"]


@pytest.fixture
def session() -> UserSession:
    return UserSession(KEEP_ALIVE, random.Random(7))


@pytest.fixture
def active(session: UserSession) -> UserSession:
    session.switch_on()
    session.logged_in(0.0)
    return session


def test_a_user_who_is_switched_on_logs_in_at_once(session: UserSession) -> None:
    assert session.switch_on() == NextTask("login", 0.0)


def test_a_user_who_is_on_already_is_left_alone(active: UserSession) -> None:
    assert active.switch_on() is None


def test_only_a_user_who_is_switched_off_logs_out(active: UserSession) -> None:
    assert active.switch_off() == NextTask("logout")
    assert active.health(None, None) == Health("inactive")


def test_a_user_who_never_got_in_has_nothing_to_log_out_of(session: UserSession) -> None:
    session.switch_on()
    session.failed("pbx-unreachable")

    assert session.switch_off() == NextTask(None)


def test_the_session_is_kept_alive_within_the_interval(active: UserSession) -> None:
    steps = [active.alive(float(second)) for second in range(200)]

    assert all(step.task == "keep-alive" for step in steps)
    assert all(0.8 * KEEP_ALIVE <= step.after <= KEEP_ALIVE for step in steps)
    assert len({step.after for step in steps}) > 100


@pytest.mark.parametrize("code", REFUSED)
def test_a_refused_password_is_not_tried_again_by_itself(session: UserSession, code: str) -> None:
    session.switch_on()

    assert session.failed(code) == NextTask(None)
    assert session.pbx_back(1.0) is None
    assert session.pbx_away() is None
    wanted = Health("inactive" if code == "not-enrolled" else "failing", code)
    assert session.health(None, None) == wanted


@pytest.mark.parametrize("code", REFUSED)
def test_a_click_tries_a_refused_password_once_more(session: UserSession, code: str) -> None:
    session.switch_on()
    session.failed(code)

    assert session.switch_on() == NextTask("login", 0.0)
    assert session.failed(code) == NextTask(None)


def test_a_password_that_used_to_work_is_confirmed_once_before_it_is_given_up(
    active: UserSession,
) -> None:
    first = active.failed("login-refused")
    second = active.failed("login-refused")

    assert first.task == "login"
    assert 2.5 <= first.after <= 5.0
    assert second == NextTask(None)


def test_a_new_password_is_tried_at_once(active: UserSession) -> None:
    active.failed("login-refused")
    active.failed("login-refused")

    assert active.credential_changed() == NextTask("login", 0.0)


def test_a_login_page_is_asked_again_at_growing_intervals(session: UserSession) -> None:
    session.switch_on()
    pauses = [session.failed("login-unclear").after for _ in range(10)]

    assert pauses[0] <= 5.0
    assert 150.0 <= pauses[-1] <= 300.0


@pytest.mark.parametrize(
    ("code", "served", "worked"),
    [
        ("login-doubtful", False, False),
        ("login-unclear", True, False),
        ("login-unclear", False, True),
    ],
)
def test_a_login_in_doubt_is_tried_once_more_and_then_every_few_minutes(
    code: str, served: bool, worked: bool
) -> None:
    session = UserSession(30.0, random.Random(1), worked=worked)
    session.switch_on()

    steps = [session.failed(code, others_served=served) for _ in range(5)]

    assert all(step.task == "login" for step in steps)
    assert steps[0].after <= 5.0
    assert min(step.after for step in steps[1:]) >= 60.0
    health = session.health(None, None)
    assert health is not None
    assert (health.code, health.link) == ("login-doubtful", "login")


def test_the_pause_after_trouble_grows_and_stays_under_the_limit_of_a_return(
    session: UserSession,
) -> None:
    session.switch_on()
    pauses = [session.failed("pbx-silent").after for _ in range(12)]

    assert pauses[0] <= 0.6
    assert 4.0 <= pauses[-1] <= 8.0


def test_a_missing_right_is_asked_for_seldom(session: UserSession) -> None:
    session.switch_on()

    assert session.failed("subscription-refused").after >= 30.0


def test_a_lost_session_is_opened_again_at_once(active: UserSession) -> None:
    step = active.lost(100.0)

    assert step.task == "login"
    assert step.after <= 0.3
    assert active.health(None, None) == Health("failing", "session-lost")


def test_two_programs_that_fight_for_a_session_are_named_and_slowed_down(
    active: UserSession,
) -> None:
    for moment in (1.0, 2.0, 3.0):
        active.lost(moment)
        active.logged_in(moment)

    step = active.lost(4.0)

    assert 4.0 <= step.after <= 8.0
    assert active.health(None, None) == Health("failing", "another-program")


def test_sessions_that_lived_long_are_no_fight(active: UserSession) -> None:
    for round_ in range(1, 8):
        step = active.lost(round_ * 4 * KEEP_ALIVE)
        active.logged_in(round_ * 4 * KEEP_ALIVE)

    assert step.after <= 0.3


def test_a_half_open_session_is_opened_again(active: UserSession) -> None:
    assert active.notifications_missing(50.0) == NextTask("login", 0.0)
    active.logged_in(51.0)


def test_after_one_call_that_was_not_reported_the_way_is_in_doubt(active: UserSession) -> None:
    active.notifications_missing(50.0)
    active.logged_in(51.0)

    doubtful = active.health(None, None)
    assert doubtful == Health("active", "notifications-doubtful")
    assert doubtful.detail is not None
    assert active.call_notified() is True
    assert active.health(None, None) == Health("active")


def test_a_pbx_that_stays_deaf_is_reported_until_a_call_arrives(active: UserSession) -> None:
    active.notifications_missing(50.0)
    active.logged_in(51.0)
    active.notifications_missing(86_400.0)
    active.logged_in(86_401.0)

    assert active.health(None, None) == Health("failing", "notifications-missing")
    assert active.call_notified() is True
    assert active.health(None, None) == Health("active")


def test_half_open_sessions_are_not_opened_again_all_the_time(active: UserSession) -> None:
    active.notifications_missing(50.0)
    active.logged_in(51.0)

    assert active.notifications_missing(60.0).task == "keep-alive"


def test_while_the_pbx_is_gone_nobody_asks_it(active: UserSession) -> None:
    assert active.pbx_away() == NextTask(None)
    assert active.health(None, "pbx-unreachable") == Health("failing", "pbx-unreachable")


def test_when_the_pbx_is_back_the_logins_are_spread() -> None:
    steps = []
    for seed in range(50):
        session = UserSession(KEEP_ALIVE, random.Random(seed))
        session.switch_on()
        session.pbx_away()
        steps.append(session.pbx_back(8.0))

    assert all(step is not None and step.task == "login" for step in steps)
    assert max(step.after for step in steps if step) - min(s.after for s in steps if s) > 4.0


def test_nothing_is_said_before_the_callback_is_proven(active: UserSession) -> None:
    assert active.health(UNKNOWN, None) is None


def test_a_broken_callback_is_never_blue(active: UserSession) -> None:
    health = active.health("callback-unreachable", None)

    assert health == Health("failing", "callback-unreachable")
    assert health.link == "callback"


def test_an_unproven_callback_is_blue_with_a_hint(active: UserSession) -> None:
    health = active.health(UNPROVEN, None)

    assert health == Health("active", UNPROVEN)
    assert health.link is None
    assert health.detail is not None


@pytest.mark.parametrize("code", FAULTS)
def test_every_fault_says_in_each_language_what_it_is(code: str) -> None:
    for sentence in (sentence_of(code), detail_of(code)):
        assert sentence is not None
        languages = (sentence.de, sentence.en, sentence.fr, sentence.it)
        assert len(set(languages)) == 4
        assert min(map(len, languages)) > 40


@pytest.mark.parametrize("code", FAULTS)
def test_a_user_reads_no_setting_and_no_command(code: str) -> None:
    sentence = sentence_of(code)

    assert sentence is not None
    for text in (sentence.de, sentence.en, sentence.fr, sentence.it):
        assert not re.search(r"\[|=|starface2mqtt|host\b|\bport\b|callback", text)


def test_a_missed_end_renews_the_session_but_seldom(active: UserSession) -> None:
    assert active.relogin(50.0) == NextTask("login", 0.0)
    active.logged_in(50.0)
    assert active.relogin(60.0) == NextTask("resync")
    assert active.relogin(120.0) == NextTask("login", 0.0)


def test_a_session_without_a_call_list_works_and_says_so(active: UserSession) -> None:
    active.has_call_list = False

    assert active.health(None, None) == Health("active", "no-call-list")
    assert active.health("callback-unproven", None) == Health("active", "callback-unproven")
    assert Health("active", "no-call-list").detail is not None


def test_who_is_listed_and_has_not_logged_in_yet_is_no_fault(session: UserSession) -> None:
    session.switch_on()

    assert session.failed("not-enrolled") == NextTask(None)
    health = session.health(None, None)
    assert health == Health("inactive", "not-enrolled")
    assert health.sentence is not None
    assert session.credential_changed() == NextTask("login", 0.0)
