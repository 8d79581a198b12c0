"""A call that changes hands: each party opens once."""

import pytest

from bus.events import Party
from consumers.caller.settings import CallerSettings
from consumers.directory.records import Match
from tests.consumers.caller.desk import ADA, CONTACT, GRACE, LAWYER, SECRETARY, Desk, prefers


def put_through(desk: Desk) -> None:
    """Have a colleague ask and then hand over a client, as STARFACE reports it."""
    inside = {"call_id": "c-2", "caller": SECRETARY, "called": LAWYER, "direction": "internal"}
    desk.report(**inside)
    desk.report("connected", **inside)
    desk.report("other", caller=Party(), direction="internal", previous_call_id="c-2")
    desk.report("connected", called=LAWYER)


@pytest.mark.parametrize(
    ("triggers", "opened"),
    [
        (("ringing", "party-change"), ["party-change"]),
        (("party-change",), ["party-change"]),
        (("connected", "party-change"), ["party-change"]),
        (("ringing",), []),
        (("ended",), []),
    ],
)
def test_a_client_who_is_put_through_opens_for_whom_wants_it(
    desk: Desk, triggers: tuple[str, ...], opened: list[str]
) -> None:
    prefers(desk, *triggers)
    put_through(desk)

    assert [one.trigger for one in desk.opened()] == opened
    assert desk.sent[-1].caller == ADA  # reported in any case
    assert desk.sent[-1].trigger == "party-change"


def test_a_colleague_who_may_pop_does_not_use_up_the_opening_of_the_client(desk: Desk) -> None:
    prefers(desk, "ringing", "party-change", internal="pop")
    desk.settings = CallerSettings(
        matter="https://files.example/m/{id}", internal="https://files.example/in/{number}"
    )
    desk.start()
    put_through(desk)

    assert [(one.trigger, one.opens) for one in desk.opened()] == [
        ("ringing", "card"), ("party-change", "matter"),
    ]  # fmt: skip


@pytest.mark.parametrize("triggers", [("ringing", "party-change"), ("connected", "party-change")])
def test_each_party_of_a_call_opens_once_though_it_comes_back(
    desk: Desk, triggers: tuple[str, ...]
) -> None:
    prefers(desk, *triggers)
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=CONTACT)
    desk.report()
    for party in (ADA, SECRETARY, ADA, GRACE, ADA, GRACE, GRACE, SECRETARY):
        desk.report("connected", caller=party)

    assert [one.caller for one in desk.opened()] == [ADA, GRACE]
    assert len(desk.programs.begun) == 2
    desk.start()  # a process that knows nothing of all this but the claims
    for party in (GRACE, ADA, GRACE):
        desk.report("connected", caller=party)
    assert len(desk.programs.begun) == 2


@pytest.mark.parametrize(
    ("triggers", "rings", "opened"),
    [
        (("ringing", "party-change"), True, "ringing"),
        (("ringing", "party-change"), False, "party-change"),
        (("ringing",), False, "ringing"),
        (("connected", "party-change"), True, "connected"),
        (("connected", "party-change"), False, "connected"),
        (("party-change",), True, "party-change"),
        (("party-change",), False, "party-change"),
    ],
)
def test_a_call_taken_from_a_colleague_opens_once(
    desk: Desk, triggers: tuple[str, ...], rings: bool, opened: str
) -> None:
    """Handed over without a word, it rings; picked up, it does not."""
    prefers(desk, *triggers)
    desk.report(user="0012")
    desk.report("connected", user="0012")
    desk.sent.clear()
    if rings:
        desk.report()
    desk.report("connected")
    desk.report("held")
    desk.report("connected")

    assert [one.trigger for one in desk.opened()] == [opened]


@pytest.mark.parametrize("new_id", [False, True])
@pytest.mark.parametrize(
    ("triggers", "given"),
    [
        (("connected",), [("ringing", "opens-later"), ("connected", "only-open-matter")]),
        (("ringing", "party-change"), [("ringing", "opened-before")]),
        (("party-change",), [("ringing", "not-chosen"), ("party-change", "only-open-matter")]),
    ],
)
def test_a_group_call_handed_over_later_is_reported_and_opens_once_for_its_party(
    desk: Desk, triggers: tuple[str, ...], given: list[tuple[str, str]], new_id: bool
) -> None:
    prefers(desk, *triggers)
    for user in ("0011", "0012"):
        desk.report(user=user, group="Sales")
    desk.report("connected", user="0012", group="Sales")
    desk.report("ended", group="Sales")
    desk.pass_time(60)
    before = len(desk.sent)
    more = {"call_id": "c-2", "previous_call_id": "c-1"} if new_id else {}
    for state in ("ringing", "ringing", "connected", "held"):
        desk.report(state, **more)

    assert [(one.trigger, one.reason) for one in desk.sent[before:]] == given
    begun = [one.data.user for one in desk.programs.begun]
    assert begun.count("0011") == 1
    desk.report("ended", **more)
    assert (desk.sent[-1].trigger, desk.sent[-1].reason) == ("closed", "ended")


def test_an_ordinary_call_opens_nothing_where_only_a_change_of_party_does(desk: Desk) -> None:
    prefers(desk, "party-change")
    for state in ("incoming", "ringing", "connected", "ended"):
        desk.report(state)

    assert desk.opened() == []
    assert desk.sent[0].reason == "not-chosen"


def test_a_change_of_party_cut_off_by_a_crash_is_resumed_while_it_is_still_so(desk: Desk) -> None:
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=CONTACT)
    desk.report()
    desk.crash = True
    with pytest.raises(KeyboardInterrupt):
        desk.report("connected", caller=GRACE)
    desk.crash = False
    desk.start()
    desk.pass_time(1)
    desk.pass_time(1)

    assert [one.caller for one in desk.opened()] == [ADA, GRACE]
    assert desk.unfinished() == []


def test_a_change_of_party_that_waits_is_dropped_when_the_party_changes_again(desk: Desk) -> None:
    desk.report()
    desk.shelf.broken = True
    desk.report("connected", caller=GRACE)
    desk.shelf.broken = False
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=CONTACT)
    desk.report("connected", caller=SECRETARY)
    desk.pass_time(3)

    assert [one.caller for one in desk.opened()] == [ADA]


@pytest.mark.parametrize(
    ("actions", "opened"),
    [
        ({"party-change": "business-card"}, ["party-change", "connected"]),
        ({}, ["party-change"]),
    ],
)
def test_a_party_that_came_while_it_rang_opens_again_on_answering_only_for_another_action(
    desk: Desk, actions: dict[str, str], opened: list[str]
) -> None:
    prefers(desk, "connected", "party-change", actions=actions)
    desk.report(caller=SECRETARY, direction="internal")
    desk.report()
    desk.report("connected")

    assert [one.trigger for one in desk.opened()] == opened


def test_an_answer_reports_that_the_user_placed_an_internal_call(desk: Desk) -> None:
    inside = {"direction": "internal", "caller": LAWYER, "called": SECRETARY}
    desk.report("dialing", **inside)
    desk.report("connected", **inside | {"called": SECRETARY.model_copy(update={"name": "Bernd"})})
    desk.report(call_id="c-2", **inside | {"caller": SECRETARY, "called": LAWYER})

    assert {(one.call_id, one.outward) for one in desk.sent} == {("c-1", True), ("c-2", False)}


OUT = {"direction": "out", "caller": LAWYER}


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(
    ("triggers", "outward"),
    [
        (("connected", "party-change"), False),
        (("ringing", "connected", "party-change"), False),
        (("ringing", "party-change"), False),
        (("ringing", "party-change"), True),
        (("outgoing", "party-change"), True),
    ],
)
def test_the_next_party_opens_though_the_process_was_started_again_meanwhile(
    desk: Desk, triggers: tuple[str, ...], outward: bool, restart: bool
) -> None:
    prefers(desk, *triggers)
    desk.shelf.numbers[GRACE.e164 or ""] = Match(quality="exact", contact=CONTACT)
    side = "called" if outward else "caller"
    more = OUT if outward else {}
    for state in ("dialing" if outward else "ringing", "connected"):
        desk.report(state, **{**more, side: ADA})
    desk.pass_time(1)
    if restart:
        desk.start()
    before = len(desk.opened())
    desk.report("connected", **{**more, side: GRACE})
    desk.report("held", **{**more, side: GRACE})

    [opened] = desk.opened()[before:]
    assert (opened.called if outward else opened.caller) == GRACE


def test_who_was_dialled_before_a_restart_is_no_change_of_party(desk: Desk) -> None:
    for state in ("dialing", "connected"):
        desk.report(state, called=ADA, **OUT)
    desk.start()
    desk.report("held", called=ADA, **OUT)

    assert desk.opened() == []


@pytest.mark.parametrize("trigger", ["ringing", "connected", "party-change"])
def test_a_call_whose_answer_a_resync_handed_in_first_opens_once_it_is_reported(
    desk: Desk, trigger: str
) -> None:
    prefers(desk, trigger)
    desk.report("connected", replayed=True, pbx_time="20261123T12:00:00")
    assert [one.reason for one in desk.sent] == ["too-old"]

    for _ in range(2):
        desk.report("connected", pbx_time="20261123T12:00:00")

    assert [one.trigger for one in desk.opened()] == [trigger]
    assert len(desk.programs.begun) == 1
