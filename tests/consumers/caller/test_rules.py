from datetime import datetime, timedelta
from typing import Any

import pytest

from bus.events import Party
from consumers.caller.calls import Call, CallStage, mark
from consumers.caller.rules import Context, Decision, evaluate
from consumers.caller.settings import CallerSettings, RuleSettings
from consumers.users import User

NOON = datetime.fromisoformat("2026-11-23T12:00:00+01:00")
ADA = Party(number="0441234567", e164="+41441234567", kind="external")


def _judge(
    user: dict[str, Any] | None = None,
    call: dict[str, Any] | None = None,
    trigger: Any = "ringing",
    settings: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
) -> Decision:
    return evaluate(
        User.model_validate({"login": "0011", **(user or {})}),
        Call(**{
            "user": "0011", "call_id": "c-1", "stage": CallStage.RINGING, "caller": ADA,
            "direction": "in", "received_at": NOON, **(call or {}),
        }),
        trigger,
        CallerSettings(**(settings or {})),
        Context(**{"now": NOON, **(context or {})}),
    )  # fmt: skip


def test_a_ringing_call_of_a_number_may_open() -> None:
    decision = _judge()

    assert decision.refusal is None
    assert decision.look_up
    assert decision.action == "matter-or-dossier"
    assert decision.rule == "user"


@pytest.mark.parametrize(
    ("because", "expected"),
    [
        ({"user": {"wanted": False}}, "interface-off"),
        ({"user": {"autostart": False}}, "interface-off"),
        ({"context": {"own_dialling": True}}, "own-dialling"),
        ({"call": {"elsewhere": True}}, "answered-elsewhere"),
        ({"call": {"stage": CallStage.ENDED}}, "ended"),
        ({"call": {"received_at": NOON - timedelta(seconds=36)}}, "too-old"),
        ({"call": {"replayed": True, "stage": CallStage.CONNECTED}}, "too-old"),
        ({"call": {"caller": Party(kind="withheld")}}, "withheld"),
        ({"call": {"caller": Party()}}, "no-number"),
        ({"call": {"caller": Party(number="*21#")}}, "no-number"),
        ({"call": {"caller": Party(number="12", kind="internal")}}, "internal-ignored"),
        ({"call": {"direction": "internal"}}, "internal-ignored"),
        ({"call": {"direction": "internal"}, "user": {"internal": "notify"}}, "internal-notified"),
        ({"user": {"triggers": ("connected",)}}, "opens-later"),
        ({"user": {"triggers": ("outgoing",)}}, "not-chosen"),
        ({"user": {"triggers": ()}}, "not-chosen"),
        ({"trigger": "outgoing"}, "not-chosen"),
        ({"user": {"preferences": {"do_not_disturb": True}}}, "do-not-disturb"),
        (
            {"user": {"preferences": {"do_not_disturb": "2026-11-23T13:00:00+01:00"}}},
            "do-not-disturb",
        ),
        ({"settings": {"quiet_hours": ("11:00-13:00",)}}, "quiet-hours"),
        ({"user": {"preferences": {"quiet_hours": "11:00-13:00"}}}, "quiet-hours"),
        ({"call": {"opened": frozenset({"ringing"})}}, "already-opened"),
        ({"context": {"pops_in_last_minute": 10}}, "too-many"),
        (
            {
                "trigger": "ended",
                "user": {"triggers": ("ended",)},
                "call": {"group": "Sales", "stage": CallStage.ENDED},
            },
            "not-answered-here",
        ),
    ],
)
def test_each_no_has_its_reason(because: dict[str, Any], expected: str) -> None:
    assert _judge(**because).refusal == expected


@pytest.mark.parametrize(
    "because",
    [
        {"call": {"received_at": NOON - timedelta(seconds=34)}},
        {"call": {"received_at": NOON + timedelta(seconds=300)}},
        {"call": {"replayed": True}},
        {"user": {"preferences": {"do_not_disturb": "2026-11-23T11:00:00+01:00"}}},
        {"user": {"preferences": {"do_not_disturb": False}}},
        {"user": {"preferences": {"quiet_hours": []}}, "settings": {"quiet_hours": ("sat-mon",)}},
        {"user": {"preferences": {"quiet_hours": "nonsense", "delay": "x"}}},
        {"user": {"internal": "pop"}, "call": {"direction": "internal"}},
        {
            "trigger": "ended",
            "user": {"triggers": ("ended",)},
            "call": {"group": "Sales", "stage": CallStage.ENDED, "talked": True},
        },
        {"call": {"outward": True, "called": ADA}, "trigger": "outgoing",
         "user": {"triggers": ("outgoing",)}, "context": {"own_dialling": True}},
    ],
)  # fmt: skip
def test_nothing_else_is_refused(because: dict[str, Any]) -> None:
    assert _judge(**because).refusal is None


def test_who_calls_is_looked_up_even_where_nothing_opens() -> None:
    assert _judge(settings={"quiet_hours": ("11:00-13:00",)}).look_up


@pytest.mark.parametrize(
    "because",
    [
        {"user": {"wanted": False}},
        {"call": {"caller": Party(kind="withheld", number="")}},
        {"call": {"direction": "internal"}},
    ],
)
def test_some_calls_are_not_even_looked_up(because: dict[str, Any]) -> None:
    assert not _judge(**because).look_up


@pytest.mark.parametrize(
    ("rule", "applies"),
    [
        ({"groups": ("Sales",)}, True),
        ({"groups": ("Support",)}, False),
        ({"groups": ("hotline",)}, True),
        ({"groups": ("044 111",)}, True),
        ({"called": ("+41441111111",)}, True),
        ({"called": ("99",)}, False),
        ({"users": ("0011",)}, True),
        ({"users": ("0012",)}, False),
        ({"hours": "11:00-13:00"}, True),
        ({"hours": "sat-sun"}, False),
        ({}, True),
    ],
)
def test_a_rule_changes_the_action_of_the_calls_it_fits(
    rule: dict[str, Any], applies: bool
) -> None:
    decision = _judge(
        call={
            "group": "Sales",
            "called": Party(number="044 111", e164="+41441111111", name="Hotline"),
        },
        settings={"rules": (RuleSettings(name="r", action="business-card", **rule),)},
    )

    assert (decision.rule, decision.action) == (
        ("r", "business-card") if applies else ("user", "matter-or-dossier")
    )


def test_a_line_that_is_called_like_a_group_is_none() -> None:
    rules = (RuleSettings(name="r", action="none", groups=("Hotline",)),)
    called = Party(number="044 111", name="Hotline")

    assert _judge(call={"called": called}, settings={"rules": rules}).rule == "user"


@pytest.mark.parametrize(
    ("because", "expected"),
    [
        ({"call": {"stage": CallStage.ENDED, "received_at": NOON - timedelta(minutes=5)}}, None),
        ({"user": {"preferences": {"do_not_disturb": True}, "triggers": ("ended",)}}, None),
        ({"call": {"elsewhere": True, "opened": frozenset({"ringing", "chosen"})}}, None),
        ({"context": {"pops_in_last_minute": 10}}, "too-many"),
        ({"user": {"wanted": False}}, "interface-off"),
        ({"call": {"caller": Party(kind="withheld")}}, "withheld"),
    ],
)
def test_a_choice_is_meant_whenever_it_comes_but_not_too_often(
    because: dict[str, Any], expected: str | None
) -> None:
    assert _judge(trigger="chosen", **because).refusal == expected


@pytest.mark.parametrize(
    ("user", "rule", "trigger", "expected"),
    [
        ({}, None, "ringing", "matter-or-dossier"),
        ({"actions": {"connected": "dossier"}}, None, "connected", "dossier"),
        ({"actions": {"connected": "dossier"}}, None, "ringing", "matter-or-dossier"),
        ({"actions": {"connected": "dossier"}}, {"action": "none"}, "connected", "none"),
        ({}, {"actions": {"connected": "dossier"}}, "connected", "dossier"),
        ({}, {"action": "none", "actions": {"connected": "dossier"}}, "ringing", "none"),
        ({}, {"actions": {"connected": "dossier"}}, "ringing", "matter-or-dossier"),
        ({"triggers": ("ringing", "click"), "actions": {"click": "dossier"}}, None, "chosen",
         "dossier"),
        ({"actions": {"ringing": "business-card"}}, None, "chosen", "business-card"),
    ],
)  # fmt: skip
def test_a_trigger_has_the_action_of_the_rule_then_of_the_user(
    user: dict[str, Any], rule: dict[str, Any] | None, trigger: str, expected: str
) -> None:
    rules = (RuleSettings(name="r", **rule),) if rule is not None else ()
    call = {"answered": frozenset({"ringing"})}

    assert _judge(user, call, trigger, {"rules": rules}).action == expected


@pytest.mark.parametrize(
    ("triggers", "trigger", "refusal", "on_click"),
    [
        (("click",), "ringing", "opens-on-click", None),
        (("click",), "party-change", "opens-on-click", None),
        (("click",), "outgoing", "not-chosen", None),
        (("ended", "click"), "ringing", "opens-on-click", None),
        (("ringing", "click"), "ringing", None, "dossier"),
        (("ringing",), "ringing", None, None),
    ],
)
def test_what_opens_on_a_click_opens_not_by_itself(
    triggers: tuple[str, ...], trigger: str, refusal: str | None, on_click: str | None
) -> None:
    decision = _judge({"triggers": triggers, "actions": {"click": "dossier"}}, trigger=trigger)

    assert (decision.refusal, decision.on_click) == (refusal, on_click)
    assert refusal != "opens-on-click" or decision.action == "dossier"


@pytest.mark.parametrize(
    ("wished", "settings", "expected"),
    [
        ({"preferences": {"do_not_disturb": True}}, {}, "do-not-disturb"),
        ({}, {"quiet_hours": ("11:00-13:00",)}, "quiet-hours"),
    ],
)
@pytest.mark.parametrize(
    ("user", "call", "trigger"),
    [
        ({"triggers": ("connected",)}, {}, "ringing"),
        ({"triggers": ("outgoing",)}, {}, "ringing"),
        ({}, {"caller": Party(kind="withheld")}, "ringing"),
        ({}, {"caller": Party(number="*21", kind="unknown")}, "ringing"),
        ({"internal": "notify"}, {"direction": "internal"}, "ringing"),
        ({"internal": "ignore"}, {"direction": "internal"}, "ringing"),
        ({"triggers": ("connected",)}, {}, "party-change"),
        ({"triggers": ("ended",)}, {"stage": CallStage.ENDED, "group": "Sales"}, "ended"),
        ({}, {"outward": True, "called": ADA}, "outgoing"),
    ],
)
def test_whatever_else_speaks_against_it_nothing_is_shown_to_who_wants_peace(
    wished: dict[str, Any],
    settings: dict[str, Any],
    expected: str,
    user: dict[str, Any],
    call: dict[str, Any],
    trigger: str,
) -> None:
    assert _judge({**user, **wished}, call, trigger, settings).refusal == expected


def test_a_user_who_is_off_is_reported_as_such_though_not_to_be_disturbed() -> None:
    user = {"wanted": False, "preferences": {"do_not_disturb": True}}

    assert _judge(user).refusal == "interface-off"


def test_who_does_not_want_to_be_disturbed_sees_nothing_to_click() -> None:
    user = {"triggers": ("click",), "preferences": {"do_not_disturb": True}}

    assert _judge(user).refusal == "do-not-disturb"


def test_a_change_of_party_is_refused_for_a_party_that_had_its_opening() -> None:
    call = Call(user="0011", call_id="c-1", caller=ADA)
    user = {"triggers": ("party-change",)}

    assert _judge(user, trigger="party-change").refusal is None
    opened = {"opened": frozenset({mark(call, "party-change")})}
    assert _judge(user, opened, "party-change").refusal == "already-opened"


def test_the_first_rule_that_fits_counts() -> None:
    rules = (RuleSettings(name="a", action="none"), RuleSettings(name="b", action="dossier"))

    assert _judge(settings={"rules": rules}).action == "none"
