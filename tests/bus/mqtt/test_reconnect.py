from bus.mqtt.reconnect import ReconnectPolicy


def test_attempts_come_ever_later_and_at_once_again_after_a_long_life() -> None:
    reconnect = ReconnectPolicy()
    pauses = []
    for _ in range(12):
        reconnect.ended(0.1, connected=False)
        pauses.append(reconnect.pause())

    assert pauses[0] <= 1.0
    assert 15.0 <= pauses[-1] <= 30.0
    reconnect.ended(3_600.0, connected=True)
    assert reconnect.pause() <= 1.0


def test_three_short_lives_in_a_row_are_a_duel() -> None:
    reconnect = ReconnectPolicy()
    for lived, connected in ((1.0, True), (1.0, True), (60.0, True), (1.0, True), (1.0, True)):
        reconnect.ended(lived, connected=connected)
        assert not reconnect.client_id_conflict

    reconnect.ended(1.0, connected=True)
    assert reconnect.client_id_conflict


def test_a_broker_that_lets_nobody_in_is_no_duel() -> None:
    reconnect = ReconnectPolicy()
    for _ in range(10):
        reconnect.ended(0.1, connected=False)

    assert not reconnect.client_id_conflict
