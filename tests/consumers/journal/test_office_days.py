"""Whole days of an office, made up: what its people would say of each call is what is recorded.

An exchange of a few lines plays calls and writes down, by its own rules and before any event is
made, who answered, who missed, who handed over. Then everything that goes wrong between a PBX and
us is done to its events.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bus.events import CallData, Party
from tests.consumers.journal.call_events import inside, said
from tests.consumers.journal.test_consumer import Office

USERS = ("0011", "0012", "0013")
_DAY = 50.0  # seconds between the beginnings of two calls of one day

Truth = tuple[str, str | None, str | None]  # result, who answered, who handed over


@dataclass
class Exchange:
    """Plays calls at made-up times; each dialect has words and gaps of its own."""

    dice: random.Random
    dialect: str
    events: list[CallData] = field(default_factory=list)
    truth: dict[tuple[str, str], Truth] = field(default_factory=dict)
    at: float = 0.0
    calls: int = 0

    def say(self, user: str, state: Any, call_id: str, party: Party, **more: Any) -> None:
        """Report a state to a user, as far as the dialect knows of it."""
        own = inside(user.removeprefix("00"))
        more["caller"], more["called"] = party, own
        if more.get("direction") == "out":
            more["caller"], more["called"] = own, party
        if state == "ringing" and self.dialect != "v20" and self.dice.random() < 0.5:
            self.events.append(said(user, "incoming", self.at, call_id, **more))
        if self.dialect == "v30":
            more["pbx_at"] = self.at
        self.events.append(said(user, state, self.at, call_id, **more))

    def wait(self, least: float = 4.0, most: float = 9.0) -> None:
        """Let time pass."""
        self.at += self.dice.uniform(least, most)

    def new(self) -> tuple[str, Party]:
        """Return a new call's id and who rings from outside."""
        self.calls += 1
        number = f"+4144{self.calls:07}"
        return f"call-{self.calls}", Party(number=f"00{number[1:]}", e164=number, kind="external")

    def pick(self, count: int = 1) -> list[str]:
        """Return some of the users."""
        return self.dice.sample(USERS, count)

    def hold(self, user: str, call_id: str, party: Party) -> None:
        """Perhaps park a call and fetch it back: it is no other call for that."""
        for state in ("held", "connected") if self.dice.random() < 0.4 else ():
            self.wait()
            self.say(user, state, call_id, party, direction="in")


def direct(pbx: Exchange) -> None:
    """Ring one user, who answers or does not; the id may change between."""
    [user], (call_id, client) = pbx.pick(), pbx.new()
    answers = pbx.dice.random() < 0.6
    pbx.truth[user, call_id] = ("answered", user, None) if answers else ("missed", None, None)
    pbx.say(user, "ringing", call_id, client)
    pbx.wait()
    now = call_id
    if answers:
        if pbx.dice.random() < 0.4:
            now = f"{call_id}-changed"
            pbx.say(user, "other", now, client, previous_call_id=call_id)
        pbx.say(user, "connected", now, client)
        pbx.hold(user, now, client)
        pbx.wait()
    pbx.say(user, "ended", now, client)


def group(pbx: Exchange) -> None:
    """Ring everybody; one answers, or nobody."""
    call_id, client = pbx.new()
    taker = pbx.dice.choice([*USERS, None])
    for user in USERS:
        if taker is None:
            pbx.truth[user, call_id] = ("missed", None, None)
        else:
            result = "answered" if user == taker else "answered-elsewhere"
            pbx.truth[user, call_id] = (result, taker, None)
        pbx.say(user, "ringing", call_id, client, group="7")
    pbx.wait()
    if taker is not None:
        pbx.say(taker, "connected", call_id, client, group="7")
        for user in USERS:
            if user != taker:
                pbx.at += 0.05
                pbx.say(user, "ended", call_id, client, group="7")
        pbx.hold(taker, call_id, client)
        pbx.wait()
    for user in USERS if taker is None else (taker,):
        pbx.say(user, "ended", call_id, client, group="7")


def placed(pbx: Exchange) -> None:
    """Have a user ring somebody outside, who answers or does not."""
    [user], (call_id, client) = pbx.pick(), pbx.new()
    answers = pbx.dice.random() < 0.6
    pbx.truth[user, call_id] = ("answered", user, None) if answers else ("not-reached", None, None)
    for state in ("dialing", "ringback", "connected" if answers else "ended"):
        pbx.say(user, state, call_id, client, direction="out")
        pbx.wait()
    if answers:
        pbx.say(user, "ended", call_id, client, direction="out")


def handed_over(pbx: Exchange) -> None:
    """Hand a call over without a word, talking or still ringing; the colleague may answer it."""
    (first, second), (call_id, client) = pbx.pick(2), pbx.new()
    talks, answers = pbx.dice.random() < 0.5, pbx.dice.random() < 0.6
    taker = second if answers else None
    result = "answered-elsewhere" if answers else "missed"
    pbx.truth[first, call_id] = ("answered", first, None) if talks else (result, taker, None)
    giver = first if talks else None
    pbx.truth[second, call_id] = ("answered" if answers else "missed", taker, giver)
    pbx.say(first, "ringing", call_id, client)
    pbx.wait()
    if talks:
        pbx.say(first, "connected", call_id, client)
        pbx.wait()
    pbx.say(first, "ended", call_id, client)
    pbx.at += 0.3
    pbx.say(second, "ringing", call_id, client)
    now = call_id
    if pbx.dice.random() < 0.4:
        now = f"{call_id}-changed"
        pbx.say(second, "other", now, client, previous_call_id=call_id)
    pbx.wait()
    if answers:
        pbx.say(second, "connected", now, client)
        pbx.wait()
    pbx.say(second, "ended", now, client)


def attended(pbx: Exchange) -> None:
    """Answer, ask a colleague in a second call, put the two together."""
    (first, second), (call_id, client) = pbx.pick(2), pbx.new()
    asked = f"{call_id}-asked"
    colleague, self_ = inside(second.removeprefix("00")), inside(first.removeprefix("00"))
    pbx.truth[first, call_id] = ("answered", first, None)
    pbx.truth[first, asked] = ("answered", first, None)
    pbx.truth[second, asked] = ("answered", second, first)
    pbx.say(first, "ringing", call_id, client)
    pbx.wait()
    pbx.say(first, "connected", call_id, client)
    pbx.wait()
    pbx.say(first, "dialing", asked, colleague, direction="out")
    pbx.say(second, "ringing", asked, self_, direction="internal")
    pbx.wait()
    pbx.say(second, "connected", asked, self_, direction="internal")
    pbx.say(first, "connected", asked, colleague, direction="out")
    pbx.wait()
    pbx.say(first, "ended", asked, colleague, direction="out")
    pbx.say(first, "ended", call_id, client)
    now: dict[str, Any] = {"call_id": asked}
    if pbx.dice.random() < 0.5:  # what is left is the first call
        now = {"call_id": call_id, "previous_call_id": asked}
    pbx.say(second, "connected", party=client, **now)
    pbx.wait()
    pbx.say(second, "ended", now["call_id"], client)


_PLAYS: tuple[Callable[[Exchange], None], ...] = (
    direct, group, placed, handed_over, handed_over, attended,
)  # fmt: skip


def day(seed: int, calls: int) -> Exchange:
    """Return an exchange after some calls, which may overlap."""
    dice = random.Random(seed)
    pbx = Exchange(dice, dice.choice(("v20", "v22", "v30")))
    for number in range(calls):
        pbx.at = number * dice.choice((1.0, _DAY))
        dice.choice(_PLAYS)(pbx)
    return pbx


def _records(office: Office) -> dict[tuple[str, str], Truth]:
    return {
        (one.user, one.call_id): (one.result, one.answered_by, one.handed_over_by)
        for one in office.all()
    }


def _repeated(pbx: Exchange, events: list[CallData]) -> list[CallData]:
    for each in pbx.dice.sample(events, len(events) // 3):
        events.insert(pbx.dice.randrange(events.index(each), len(events)) + 1, each)
    return events


def _reordered(pbx: Exchange, events: list[CallData]) -> list[CallData]:
    """Let each event come up to eight places late."""
    late = {id(one): place + pbx.dice.randrange(8) for place, one in enumerate(events)}
    return sorted(events, key=lambda one: late[id(one)])


def _without_some_ends(pbx: Exchange, events: list[CallData]) -> list[CallData]:
    """Lose the ends of some calls of a user: the PBX is asked about them then."""
    ends = [one for one in events if one.state == "ended"]
    lost = pbx.dice.sample(ends, len(ends) // 3)
    return [one for one in events if one not in lost]


_TROUBLES = {
    "nothing": (), "repeats": (_repeated,), "order": (_reordered,), "ends": (_without_some_ends,),
    "everything": (_without_some_ends, _repeated, _reordered),
}  # fmt: skip


def _play(folder: Path, seed: int, trouble: str) -> None:
    pbx = day(seed, 12)
    events = sorted(pbx.events, key=lambda one: one.received_at)
    for change in _TROUBLES[trouble]:
        events = change(pbx, events)
    folder.mkdir()
    office = Office(folder)
    office.pbx.listed = ()
    for one in events:
        if trouble == "everything" and pbx.dice.random() < 0.05:
            office.restart()
        office.report(one)
        if pbx.dice.random() < 0.1:
            office.journal.tick()
    office.wait(200)
    recorded = _records(office)
    office.store.close()
    expected = dict(pbx.truth)
    assert {key: recorded.get(key) for key in expected} == expected, (seed, trouble, pbx.dialect)
    assert recorded.keys() == expected.keys(), (seed, trouble, pbx.dialect)


@pytest.mark.parametrize("trouble", _TROUBLES)
def test_what_people_would_say_of_a_day_is_recorded(tmp_path: Path, trouble: str) -> None:
    for seed in range(4):
        _play(tmp_path / str(seed), seed, trouble)


@pytest.mark.long
@pytest.mark.timeout(280)
@pytest.mark.parametrize("trouble", _TROUBLES)
def test_what_people_would_say_of_a_hundred_days_is_recorded(tmp_path: Path, trouble: str) -> None:
    for seed in range(100, 200):
        _play(tmp_path / str(seed), seed, trouble)
