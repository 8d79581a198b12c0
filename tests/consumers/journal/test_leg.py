import json

from consumers.journal.leg import LATE, Leg
from tests.consumers.journal.call_events import (
    BEGIN,
    CLIENT,
    OTHER,
    START,
    inside,
    outgoing,
    said,
)


def _leg(*events: object) -> Leg:
    leg = Leg("0011", own="11")
    for data in events:
        leg.learn(data, START)  # type: ignore[arg-type]
    return leg


def test_a_leg_is_the_same_after_it_was_kept() -> None:
    leg = _leg(
        said("0011", "ringing", 0, group="7", pbx_at=0),
        said("0011", "connected", 5, call_id="c-2", previous_call_id="c-1"),
    )
    leg.found = (START, {"company": "Muster AG"})

    assert Leg.from_dict(json.loads(json.dumps(leg.as_dict()))) == leg


def test_the_first_id_is_the_calls_whatever_order_they_come_in() -> None:
    changed = said("0011", "connected", 5, call_id="c-3", previous_call_id="c-2")
    earlier = said("0011", "other", 3, call_id="c-2", previous_call_id="c-1")

    assert _leg(changed, earlier).key == ("0011", "c-1")
    assert _leg(earlier, changed).ids == {"c-1", "c-2", "c-3"}


def test_an_outside_number_counts_before_an_extension_and_the_later_before_the_earlier() -> None:
    leg = _leg(
        said("0011", "ringing", 0, caller=inside("12")), said("0011", "connected", 5),
        said("0011", "connected", 9, caller=OTHER),
        said("0011", "connected", 12, caller=inside("12")),
    )  # fmt: skip

    assert leg.party == OTHER


def test_a_call_from_ones_own_extension_is_outward() -> None:
    assert _leg(outgoing("0011", "dialing", 0)).outward
    assert _leg(said("0011", "connected", 0, caller=inside("11"), called=CLIENT)).party == CLIENT
    assert not _leg(said("0011", "ringing", 0)).outward


def test_ringing_once_more_after_the_end_is_another_segment_unless_it_came_late() -> None:
    first = [said("0011", "ringing", 0), said("0011", "ended", 10)]

    again = _leg(*first, said("0011", "ringing", 10 + 2 * LATE), said("0011", "ended", 60))
    late = _leg(*first, said("0011", "ringing", 10 + LATE / 2))

    assert [segment.ended for segment in again.segments()] == [START + 10, START + 60]
    assert len(late.segments()) == 1
    assert late.over


def test_the_call_list_does_not_change_the_times_of_a_call_that_was_seen_as_it_happened() -> None:
    seen = [
        said("0011", "ringing", 0.4, pbx_at=0), said("0011", "connected", 9.4, pbx_at=9),
        said("0011", "ended", 40.4, pbx_at=40),
    ]  # fmt: skip
    listed = [
        said("0011", "connected", 90, pbx_at=0, replayed=True),
        said("0011", "ended", 90, pbx_at=40, replayed=True),
    ]

    assert _leg(*seen, *listed).segments() == _leg(*seen).segments()
    assert _leg(*listed, *seen).segments() == _leg(*seen).segments()


def test_the_call_list_completes_a_call_of_which_something_was_missed() -> None:
    ringing, connected, ended = (
        said("0011", "ringing", 0.4, pbx_at=0), said("0011", "connected", 9.4, pbx_at=9),
        said("0011", "ended", 40.4, pbx_at=40),
    )  # fmt: skip
    listed = [
        said("0011", "connected", 90, pbx_at=0, replayed=True),
        said("0011", "ended", 90, pbx_at=40, replayed=True),
    ]

    assert _leg(ringing, ended, *listed).answered
    assert _leg(ringing, connected, *listed).segments()[-1].ended == START + 40


def test_an_inferred_end_gives_way_to_the_real_one() -> None:
    leg = _leg(said("0011", "ringing", 0))
    leg.end_inferred(START + 40)
    assert leg.segments()[-1].inferred

    leg.learn(said("0011", "ended", 60), START)

    [segment] = leg.segments()
    assert (segment.ended, segment.inferred) == (START + 60, False)


def test_what_was_handed_in_later_has_the_time_of_the_pbx() -> None:
    leg = _leg(said("0011", "ended", 300, pbx_at=20, replayed=True))

    assert leg.segments()[0].ended == BEGIN.timestamp() + 20


def test_legs_of_one_call_are_merged_either_way() -> None:
    one, other = said("0011", "ringing", 0), said("0011", "connected", 5, call_id="c-2")
    forward, backward = _leg(one), _leg(other)
    forward.merge(_leg(other))
    backward.merge(_leg(one))

    assert forward.segments() == backward.segments()
    assert forward.party == backward.party
