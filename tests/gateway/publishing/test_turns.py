"""Whose newest number is announced, and when."""

from gateway.publishing.turns import AT_ONCE, BESIDE, Turns


def _announce(turns: Turns, now: float) -> list[str]:
    users = turns.next(now)
    for user in users:
        turns.announced(user)
    return users


def test_a_user_is_announced_after_a_second_of_quiet() -> None:
    turns = Turns()
    turns.changed("0011", 10.0)
    turns.changed("0011", 10.5)

    assert _announce(turns, 11.2) == []
    assert _announce(turns, 11.5) == ["0011"]
    assert _announce(turns, 99.0) == []


def test_a_user_who_is_never_quiet_waits_ten_seconds_and_no_more() -> None:
    turns = Turns()
    for tenth in range(100):
        turns.changed("0011", 10.0 + tenth / 10)

    assert _announce(turns, 19.9) == []
    assert _announce(turns, 20.0) == ["0011"]


def test_while_events_flow_few_are_announced_and_the_longest_waiting_first() -> None:
    turns = Turns()
    users = [f"{number:04}" for number in range(1000)]
    for user in users:
        turns.changed(user, 10.0)

    assert _announce(turns, 11.0) == users[:BESIDE]


def test_everybody_has_his_turn_while_events_flow() -> None:
    turns = Turns()
    users = {f"{number:04}" for number in range(200)}
    announced = set()
    for look in range(20):
        for user in users:
            turns.changed(user, 10.0 + look)
        announced |= set(_announce(turns, 30.0 + look))

    assert announced == users


def test_once_events_flow_no_more_the_others_are_announced_together() -> None:
    turns = Turns()
    users = [f"{number:04}" for number in range(150)]
    for user in users:
        turns.changed(user, 10.0)
    _announce(turns, 11.0)

    assert _announce(turns, 11.25) == users[BESIDE:]


def test_whom_the_broker_forgot_is_announced_at_once_even_while_events_flow() -> None:
    turns = Turns()
    users = [f"{number:04}" for number in range(AT_ONCE + 50)]
    for user in users:
        turns.changed(user, 10.0)
        turns.forgotten(user)

    assert turns.pause(10.0) == 0.0
    assert _announce(turns, 10.0) == users[:AT_ONCE]
    assert _announce(turns, 10.0) == users[AT_ONCE:]
    assert turns.pause(10.0) > 0.0


def test_at_the_end_nobody_is_left_out_due_or_not() -> None:
    turns = Turns()
    users = [f"{number:04}" for number in range(AT_ONCE + 50)]
    for user in users:
        turns.changed(user, 10.0)
    turns.forgotten("0007")

    left = turns.left()
    for user in left:
        turns.announced(user)

    assert len(left) == AT_ONCE
    assert left[0] == "0007"
    assert sorted(left + turns.left()) == users


def test_a_look_comes_when_the_first_is_due_but_not_all_the_time() -> None:
    turns = Turns()
    assert turns.pause(10.0) == 1.0

    turns.changed("0011", 10.0)
    assert turns.pause(10.25) == 0.75
    assert turns.pause(10.9) == 0.25
