from bus.mqtt.reconnect import ReconnectPolicy


def _pause_after(*lives: float | None) -> float:
    reconnect = ReconnectPolicy([("broker", 1883)], "dial")
    for connected in lives:
        reconnect.ended(connected)
        pause = reconnect.pause()
    return pause


def test_attempts_come_ever_later() -> None:
    assert _pause_after(None) <= 1.0
    assert 2.0 <= _pause_after(*[None] * 12) <= 4.0


def test_a_healthy_minute_ends_the_long_pauses() -> None:
    assert _pause_after(*[None] * 12, 60.0) <= 1.0
    assert _pause_after(*[None] * 12, 59.0) >= 2.0


def test_a_line_that_flaps_is_tried_ever_later() -> None:
    assert _pause_after(*[2.0] * 12) >= 15.0


def test_three_connections_that_end_at_once_are_suspicious() -> None:
    reconnect = ReconnectPolicy([("broker", 1883)], "dial")
    for connected in (1.0, 1.0, 60.0, 1.0, 1.0):
        reconnect.ended(connected)
        assert not reconnect.suspicious

    reconnect.ended(1.0)
    assert reconnect.suspicious


def test_a_broker_that_lets_nobody_in_is_not_suspicious() -> None:
    reconnect = ReconnectPolicy([("broker", 1883)], "dial")
    for _ in range(10):
        reconnect.ended(None)

    assert not reconnect.suspicious


NODES = [("a", 1883), ("b", 1883), ("c", 1883)]


def test_the_next_node_is_tried_at_once_and_a_round_of_all_ends_in_a_pause() -> None:
    reconnect = ReconnectPolicy(NODES, "dial")
    tried, pauses = [], []
    for _ in range(6):
        tried.append(reconnect.address)
        reconnect.ended(None)
        pauses.append(reconnect.pause() > 0)

    assert set(tried[:3]) == set(NODES)
    assert tried[:3] == tried[3:]
    assert pauses == [False, False, True] * 2


def test_several_nodes_are_never_left_alone_for_long() -> None:
    reconnect = ReconnectPolicy(NODES, "dial")
    longest = 0.0
    for _ in range(60):
        reconnect.ended(None)
        longest = max(longest, reconnect.pause())

    assert 1.0 < longest <= 4.0


def test_after_a_healthy_connection_each_node_may_be_tried_without_a_pause() -> None:
    reconnect = ReconnectPolicy(NODES, "dial")
    for _ in range(2):
        reconnect.ended(None)
        reconnect.pause()
    reconnect.ended(60.0)

    assert reconnect.pause() == 0.0


def test_a_connection_that_ends_at_once_is_followed_by_a_pause() -> None:
    reconnect = ReconnectPolicy(NODES, "dial")
    reconnect.ended(1.0)

    assert reconnect.pause() > 0
    assert ReconnectPolicy(NODES, "dial").address != reconnect.address


def test_accounts_share_the_nodes() -> None:
    accounts = [f"caller-{number}" for number in range(30)]

    assert {ReconnectPolicy(NODES, account).address for account in accounts} == set(NODES)
