from hypothesis import given
from hypothesis import strategies as st

from gateway.eventlog.reader import Row
from gateway.publishing.send_queue import Lanes


def _row(place: int, user: str = "a") -> Row:
    return Row(place, user, place, 0.0, 60, b"x")


def _lanes(*rows: Row) -> Lanes:
    lanes = Lanes()
    lanes.start(0, [], 0.0)
    for row in rows:
        lanes.add(row, 0.0)
    return lanes


def test_one_event_of_a_user_is_under_way_at_a_time() -> None:
    lanes = _lanes(_row(1), _row(2), _row(3, "b"))

    first, second = lanes.next(0.0), lanes.next(0.0)

    assert [row and row.place for row in (first, second, lanes.next(0.0))] == [1, 3, None]


def test_the_place_moves_only_over_what_is_settled() -> None:
    lanes = _lanes(_row(1), _row(2, "b"), _row(3, "c"))
    one, two = lanes.next(0.0), lanes.next(0.0)
    assert one is not None
    assert two is not None

    lanes.settle(two, 0.0)
    assert lanes.upto == 0
    lanes.settle(one, 0.0)
    assert lanes.upto == 2


def test_a_refused_user_is_held_back_and_delays_nobody() -> None:
    lanes = _lanes(_row(1), _row(2), _row(3, "b"))
    refused = lanes.next(0.0)
    assert refused is not None

    assert [row.place for row in lanes.refuse(refused, 10.0)] == [1, 2]

    other = lanes.next(10.0)
    assert other is not None
    assert other.place == 3
    lanes.settle(other, 10.0)
    assert lanes.upto == 3
    lanes.wake(10.5)
    assert lanes.next(10.5) is None


def test_a_refused_event_is_tried_again_in_order_after_a_second() -> None:
    lanes = _lanes(_row(1), _row(2))
    lanes.refuse(lanes.next(0.0) or _row(0), 10.0)

    lanes.wake(11.0)
    again = lanes.next(11.0)

    assert again is not None
    assert again.place == 1
    assert lanes.settle(again, 11.0)
    assert (lanes.next(11.0) or _row(0)).place == 2


def test_pauses_grow_to_thirty_seconds_and_a_consumer_shortens_them() -> None:
    lanes, now = _lanes(_row(1)), 0.0
    for _ in range(8):
        lanes.wake(now)
        lanes.refuse(lanes.next(now) or _row(0), now)
        now += 31.0
    lanes.wake(now - 5.0)
    assert lanes.next(now - 5.0) is None

    lanes.wake(now - 5.0, "a")
    assert lanes.next(now - 5.0) is not None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("srb")), max_size=60))
def test_each_user_leaves_in_order_whatever_happens(steps: list[tuple[str, str]]) -> None:
    lanes, now = Lanes(), 0.0
    lanes.start(0, [], 0.0)
    left: dict[str, list[int]] = {}
    for place, (user, _) in enumerate(steps, 1):
        lanes.add(_row(place, user), now)
    fates = [fate for _, fate in steps]
    while lanes.waiting or lanes.refused():
        now += 31.0
        lanes.wake(now)
        while (row := lanes.next(now)) is not None:
            fate = fates.pop() if fates else "s"
            if fate == "s":
                lanes.settle(row, now)
                left.setdefault(row.user, []).append(row.place)
            elif fate == "r":
                lanes.refuse(row, now)
            else:
                lanes.return_unsent(row)
    assert lanes.upto == len(steps)
    assert sum(map(len, left.values())) == len(steps)
    assert all(places == sorted(places) for places in left.values())


def test_payloads_can_be_read_again() -> None:
    lanes = _lanes(_row(1), _row(2), _row(3, "b"))
    lanes.forget_payloads()

    rows = [lanes.next(0.0), lanes.next(0.0)]
    assert [row and row.payload for row in rows] == [None, None]
