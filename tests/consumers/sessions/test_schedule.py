import random

import pytest

from consumers.sessions.schedule import LOGINS_PER_SECOND, Pace, PbxWatch, Timetable


@pytest.fixture
def watch() -> PbxWatch:
    return PbxWatch(random.Random(1))


def test_who_is_due_first_comes_first() -> None:
    timetable = Timetable()
    timetable.set("b", 2.0)
    timetable.set("a", 1.0)

    assert timetable.pop(0.5) is None
    assert timetable.pop(3.0) == "a"
    assert timetable.pop(3.0) == "b"
    assert timetable.pop(3.0) is None


def test_a_new_due_time_replaces_the_old_one() -> None:
    timetable = Timetable()
    timetable.set("a", 1.0)
    timetable.set("a", 5.0)

    assert timetable.pop(2.0) is None
    assert timetable.next_in(2.0, 10.0) == 3.0
    assert timetable.pop(5.0) == "a"
    assert timetable.pop(9.0) is None


def test_who_is_dropped_has_no_turn() -> None:
    timetable = Timetable()
    timetable.set("a", 1.0)
    timetable.drop("a")

    assert timetable.pop(2.0) is None
    assert timetable.next_in(2.0, 10.0) == 10.0


def test_a_thousand_users_do_not_log_in_within_one_second() -> None:
    pace = Pace()
    moments = sorted(100.0 + pace.wait(100.0) for _ in range(1000))

    busiest = max(
        sum(1 for moment in moments if start <= moment < start + 1.0) for start in moments
    )
    assert busiest <= LOGINS_PER_SECOND + 1
    assert moments[-1] - moments[0] < 8.0


def test_who_comes_alone_does_not_wait() -> None:
    pace = Pace()

    assert [pace.wait(moment) for moment in (10.0, 11.0, 12.0)] == [0.0, 0.0, 0.0]


def test_a_refused_connection_means_the_pbx_is_gone(watch: PbxWatch) -> None:
    assert watch.bad("pbx-unreachable") is True
    assert watch.away == "pbx-unreachable"


def test_single_bad_answers_do_not(watch: PbxWatch) -> None:
    for _ in range(10):
        assert watch.bad("pbx-silent") is False
        assert watch.bad("pbx-unreadable") is False
        watch.good()

    assert watch.away is None


def test_several_bad_answers_are_a_reason_to_ask(watch: PbxWatch) -> None:
    found = [watch.bad("pbx-silent") for _ in range(3)]

    assert found == [False, False, True]
    assert watch.away is None
    assert watch.probed("pbx-silent") is True
    assert watch.away == "pbx-silent"


def test_a_pbx_that_answers_the_question_is_not_gone(watch: PbxWatch) -> None:
    for _ in range(3):
        watch.bad("pbx-unreadable")

    assert watch.probed(None) is False
    assert watch.away is None


def test_a_users_own_fault_says_nothing_of_the_pbx(watch: PbxWatch) -> None:
    assert not any(watch.bad("login-refused") for _ in range(20))


def test_a_pbx_that_is_gone_is_probed_often_enough_to_be_found_within_15_seconds(
    watch: PbxWatch,
) -> None:
    watch.bad("pbx-unreachable")
    pauses = []
    for _ in range(30):
        watch.probed("pbx-unreachable")
        pauses.append(watch.pause())

    assert max(pauses) <= 4.0
    assert watch.probed(None) is True
