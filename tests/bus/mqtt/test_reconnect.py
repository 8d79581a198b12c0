from bus.mqtt.reconnect import ReconnectPolicy


def _pause_after(*lives: float | None) -> float:
    reconnect = ReconnectPolicy()
    for connected in lives:
        reconnect.ended(connected)
        pause = reconnect.pause()
    return pause


def test_attempts_come_ever_later() -> None:
    assert _pause_after(None) <= 1.0
    assert 15.0 <= _pause_after(*[None] * 12) <= 30.0


def test_a_healthy_minute_ends_the_long_pauses() -> None:
    assert _pause_after(*[None] * 12, 60.0) <= 1.0
    assert _pause_after(*[None] * 12, 59.0) >= 15.0


def test_a_line_that_flaps_is_tried_ever_later() -> None:
    assert _pause_after(*[2.0] * 12) >= 15.0


def test_three_connections_that_end_at_once_are_suspicious() -> None:
    reconnect = ReconnectPolicy()
    for connected in (1.0, 1.0, 60.0, 1.0, 1.0):
        reconnect.ended(connected)
        assert not reconnect.suspicious

    reconnect.ended(1.0)
    assert reconnect.suspicious


def test_a_broker_that_lets_nobody_in_is_not_suspicious() -> None:
    reconnect = ReconnectPolicy()
    for _ in range(10):
        reconnect.ended(None)

    assert not reconnect.suspicious
