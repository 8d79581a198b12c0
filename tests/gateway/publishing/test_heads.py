"""Whose newest number is announced, and when."""

from gateway.publishing.heads import AT_ONCE, BESIDE, AnnouncementSchedule


def _announce(schedule: AnnouncementSchedule, now: float) -> list[str]:
    users = schedule.next(now)
    for user in users:
        schedule.announced(user)
    return users


def test_a_user_is_announced_after_a_second_of_quiet() -> None:
    schedule = AnnouncementSchedule()
    schedule.changed("0011", 10.0)
    schedule.changed("0011", 10.5)

    assert _announce(schedule, 11.2) == []
    assert _announce(schedule, 11.5) == ["0011"]
    assert _announce(schedule, 99.0) == []


def test_a_user_who_is_never_quiet_waits_ten_seconds_and_no_more() -> None:
    schedule = AnnouncementSchedule()
    for tenth in range(100):
        schedule.changed("0011", 10.0 + tenth / 10)

    assert _announce(schedule, 19.9) == []
    assert _announce(schedule, 20.0) == ["0011"]


def test_while_events_flow_few_are_announced_and_the_longest_waiting_first() -> None:
    schedule = AnnouncementSchedule()
    users = [f"{number:04}" for number in range(1000)]
    for user in users:
        schedule.changed(user, 10.0)

    assert _announce(schedule, 11.0) == users[:BESIDE]


def test_everybody_has_his_turn_while_events_flow() -> None:
    schedule = AnnouncementSchedule()
    users = {f"{number:04}" for number in range(200)}
    announced = set()
    for look in range(20):
        for user in users:
            schedule.changed(user, 10.0 + look)
        announced |= set(_announce(schedule, 30.0 + look))

    assert announced == users


def test_once_events_flow_no_more_the_others_are_announced_together() -> None:
    schedule = AnnouncementSchedule()
    users = [f"{number:04}" for number in range(150)]
    for user in users:
        schedule.changed(user, 10.0)
    _announce(schedule, 11.0)

    assert _announce(schedule, 11.25) == users[BESIDE:]


def test_whom_the_broker_forgot_is_announced_at_once_even_while_events_flow() -> None:
    schedule = AnnouncementSchedule()
    users = [f"{number:04}" for number in range(AT_ONCE + 50)]
    for user in users:
        schedule.changed(user, 10.0)
        schedule.forgotten(user)

    assert schedule.pause(10.0) == 0.0
    assert _announce(schedule, 10.0) == users[:AT_ONCE]
    assert _announce(schedule, 10.0) == users[AT_ONCE:]
    assert schedule.pause(10.0) > 0.0


def test_at_the_end_nobody_is_left_out_due_or_not() -> None:
    schedule = AnnouncementSchedule()
    users = [f"{number:04}" for number in range(AT_ONCE + 50)]
    for user in users:
        schedule.changed(user, 10.0)
    schedule.forgotten("0007")

    left = schedule.left()
    for user in left:
        schedule.announced(user)

    assert len(left) == AT_ONCE
    assert left[0] == "0007"
    assert sorted(left + schedule.left()) == users


def test_a_look_comes_when_the_first_is_due_but_not_all_the_time() -> None:
    schedule = AnnouncementSchedule()
    assert schedule.pause(10.0) == 1.0

    schedule.changed("0011", 10.0)
    assert schedule.pause(10.25) == 0.75
    assert schedule.pause(10.9) == 0.25
