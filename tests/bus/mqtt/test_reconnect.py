from bus.mqtt.reconnect import Lives


def test_attempts_come_ever_later_and_at_once_again_after_a_long_life() -> None:
    lives = Lives()
    pauses = []
    for _ in range(12):
        lives.ended(0.1, connected=False)
        pauses.append(lives.pause())

    assert pauses[0] <= 1.0
    assert 15.0 <= pauses[-1] <= 30.0
    lives.ended(3_600.0, connected=True)
    assert lives.pause() <= 1.0


def test_three_short_lives_in_a_row_are_a_duel() -> None:
    lives = Lives()
    for lived, connected in ((1.0, True), (1.0, True), (60.0, True), (1.0, True), (1.0, True)):
        lives.ended(lived, connected=connected)
        assert not lives.duel

    lives.ended(1.0, connected=True)
    assert lives.duel


def test_a_broker_that_lets_nobody_in_is_no_duel() -> None:
    lives = Lives()
    for _ in range(10):
        lives.ended(0.1, connected=False)

    assert not lives.duel
