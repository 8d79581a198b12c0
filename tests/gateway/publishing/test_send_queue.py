from hypothesis import given
from hypothesis import strategies as st

from gateway.eventlog.reader import Row
from gateway.publishing.send_queue import SendQueue


def _row(place: int, user: str = "a") -> Row:
    return Row(place, user, place, 0.0, 60, b"x")


def _lanes(*rows: Row) -> SendQueue:
    queue = SendQueue()
    queue.start(0, [], 0.0)
    for row in rows:
        queue.add(row, 0.0)
    return queue


def test_one_event_of_a_user_is_under_way_at_a_time() -> None:
    queue = _lanes(_row(1), _row(2), _row(3, "b"))

    first, second = queue.next(0.0), queue.next(0.0)

    assert [row and row.place for row in (first, second, queue.next(0.0))] == [1, 3, None]


def test_the_place_moves_only_over_what_is_settled() -> None:
    queue = _lanes(_row(1), _row(2, "b"), _row(3, "c"))
    one, two = queue.next(0.0), queue.next(0.0)
    assert one is not None
    assert two is not None

    queue.settle(two, 0.0)
    assert queue.watermark == 0
    queue.settle(one, 0.0)
    assert queue.watermark == 2


def test_a_refused_user_is_held_back_and_delays_nobody() -> None:
    queue = _lanes(_row(1), _row(2), _row(3, "b"))
    refused = queue.next(0.0)
    assert refused is not None

    assert [row.place for row in queue.refuse(refused, 10.0)] == [1, 2]

    other = queue.next(10.0)
    assert other is not None
    assert other.place == 3
    queue.settle(other, 10.0)
    assert queue.watermark == 3
    queue.wake(10.5)
    assert queue.next(10.5) is None


def test_a_refused_event_is_tried_again_in_order_after_a_second() -> None:
    queue = _lanes(_row(1), _row(2))
    queue.refuse(queue.next(0.0) or _row(0), 10.0)

    queue.wake(11.0)
    again = queue.next(11.0)

    assert again is not None
    assert again.place == 1
    assert queue.settle(again, 11.0)
    assert (queue.next(11.0) or _row(0)).place == 2


def test_pauses_grow_to_thirty_seconds_and_a_consumer_shortens_them() -> None:
    queue, now = _lanes(_row(1)), 0.0
    for _ in range(8):
        queue.wake(now)
        queue.refuse(queue.next(now) or _row(0), now)
        now += 31.0
    queue.wake(now - 5.0)
    assert queue.next(now - 5.0) is None

    queue.wake(now - 5.0, "a")
    assert queue.next(now - 5.0) is not None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("srb")), max_size=60))
def test_each_user_leaves_in_order_whatever_happens(steps: list[tuple[str, str]]) -> None:
    queue, now = SendQueue(), 0.0
    queue.start(0, [], 0.0)
    left: dict[str, list[int]] = {}
    for place, (user, _) in enumerate(steps, 1):
        queue.add(_row(place, user), now)
    fates = [fate for _, fate in steps]
    while queue.waiting or queue.refused():
        now += 31.0
        queue.wake(now)
        while (row := queue.next(now)) is not None:
            fate = fates.pop() if fates else "s"
            if fate == "s":
                queue.settle(row, now)
                left.setdefault(row.user, []).append(row.place)
            elif fate == "r":
                queue.refuse(row, now)
            else:
                queue.return_unsent(row)
    assert queue.watermark == len(steps)
    assert sum(map(len, left.values())) == len(steps)
    assert all(places == sorted(places) for places in left.values())


def test_payloads_can_be_read_again() -> None:
    queue = _lanes(_row(1), _row(2), _row(3, "b"))
    queue.forget_payloads()

    rows = [queue.next(0.0), queue.next(0.0)]
    assert [row and row.payload for row in rows] == [None, None]
