"""What an answer tells of user, call and record: for addresses, sentences and other programs."""

from datetime import datetime
from shlex import quote

from bus.events import Reference
from consumers.caller.calls import Call, Trigger
from consumers.caller.opening import label
from consumers.caller.rules import Decision
from consumers.directory.records import Contact, Dossier, Matter
from consumers.users import User

OFFERED = 20  # references in an event at most, so that it stays small


def values_of(
    user: User,
    call: Call,
    trigger: Trigger,
    decision: Decision,
    record: Matter | Dossier | Contact | None,
    contact: Contact | None,
) -> dict[str, str]:
    """Return what the placeholders of addresses and commands stand for."""
    party = decision.party
    shown = party.kind != "withheld"
    return {
        "id": record.key if record else "",
        "reference": "" if record is None or isinstance(record, Contact) else record.reference,
        "title": label(record) if record else "",
        "name": contact.name if contact else party.name if shown else "",
        "company": contact.company if contact else "",
        "number": party.number if shown else "",
        "e164": (party.e164 or "") if shown else "",
        "called": call.called.e164 or call.called.number,
        "called_name": "" if party == call.called else call.called.name,
        "group": call.group or "",
        "user": user.login,
        "call_id": call.call_id,
        "direction": call.direction,
        "trigger": trigger,
        "action": decision.action,
        "source": contact.source if contact else "",
    }


def reference(record: Matter | Dossier | Contact | None) -> Reference | None:
    """Return how others may show a record; the id is the directory's own."""
    if record is None:
        return None
    if isinstance(record, Contact):
        return Reference(
            kind="contact", id=str(record.id), key=record.key[:256] or None,
            title=record.name[:256],
            company=record.company[:256] or None,
        )  # fmt: skip
    return Reference(
        kind="matter" if isinstance(record, Matter) else "dossier", id=str(record.id),
        key=record.key[:256] or None,
        title=(record.title or record.key)[:256], reference=record.reference[:256] or None,
    )  # fmt: skip


def references(records: "tuple[object, ...] | list[Matter | Dossier]") -> list[Reference]:
    """Return records as others may show them, not too many."""
    found = [
        reference(one) for one in records[:OFFERED] if isinstance(one, Contact | Matter | Dossier)
    ]
    return [one for one in found if one is not None]


def who(user: User, trigger: Trigger) -> dict[str, str]:
    """Return what a sentence says of the user, and how a command names him and his triggers."""
    wanted = [*user.triggers] if trigger == "chosen" else [*user.triggers, trigger]
    actions = {str(one): str(action) for one, action in user.actions.items()}
    of_ringing = actions.get("ringing", actions.get("connected", ""))  # in place of that
    sooner = {"ringing": of_ringing} | {
        one: actions.get(one, "") for one in user.triggers if one not in ("ringing", "connected")
    }
    return {
        "user": user.name or user.login,
        "login": quote(user.login),
        "trigger": trigger,
        "triggers": ",".join(user.triggers),
        "plan": ",".join(f"{one}={user.action_on(one)}" for one in user.triggers),
        "options": " ".join(_option(one, actions.get(one, "")) for one in wanted),
        "sooner": " ".join(_option(one, action) for one, action in sooner.items()),
    }


def _option(trigger: str, action: str) -> str:
    return f"--trigger {trigger}={action}" if action else f"--trigger {trigger}"


def age(call: Call, now: datetime) -> int:
    """Return how many seconds ago the gateway was told."""
    return int((now - call.received_at).total_seconds()) if call.received_at else 0
