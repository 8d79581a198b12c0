"""What the control door shows of the stand-in PBX, as plain data."""

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starface.simulator.control.simulator import Simulator


def phones(simulator: "Simulator") -> list[dict[str, Any]]:
    """Return the users, whether they are logged in, and their calls."""
    pbx = simulator.pbx
    with pbx.lock:
        logged_in = Counter(each.login for each in simulator.sessions)
        return [
            {
                "login": user.login,
                "name": user.name,
                "extension": user.extension,
                "sessions": logged_in[user.login],
                "do_not_disturb": user.login in pbx.do_not_disturb,
                "calls": [
                    {
                        "id": call.id,
                        "state": call.legs[user.login].state,
                        "outgoing": call.legs[user.login].outgoing,
                        "caller": call.legs[user.login].caller.number,
                        "caller_name": call.legs[user.login].caller.name,
                        "called": call.legs[user.login].called.number,
                    }
                    for call in pbx.calls_of(user.login)
                ],
            }
            for user in pbx.users.values()
        ]


def calls(simulator: "Simulator") -> list[dict[str, Any]]:
    """Return the running calls with the state of each participant."""
    with simulator.pbx.lock:
        return [
            {
                "id": call.id,
                "caller": call.caller.number,
                "called": call.called.number,
                "group": call.group,
                "users": {leg.login: leg.state for leg in call.legs.values()},
            }
            for call in simulator.pbx.calls.values()
        ]


def requests(simulator: "Simulator") -> dict[str, Any]:
    """Return how often each method was called, and each call placed."""
    return {
        "methods": dict(simulator.requests),
        "placements": dict(simulator.placements),
        "placed": [
            {
                "call_id": each.call_id,
                "user": each.login,
                "number": each.number,
                "phone": each.phone,
                "accepted": each.accepted,
                "at": each.at.isoformat(timespec="milliseconds"),
            }
            for each in simulator.placed
        ],
    }


def figures(simulator: "Simulator", since: int = 0) -> dict[str, Any]:
    """Return how many notifications were sent after the first so many, how answered, how fast."""
    log = list(simulator.notifications)[since:]
    answers = Counter(str(each.status) if each.status else each.error for each in log)
    seconds = sorted(each.seconds for each in log if each.status)
    return {
        "sent": len(log),
        "answers": dict(answers),
        "milliseconds": {
            name: round(seconds[int(share * (len(seconds) - 1))] * 1000, 1) if seconds else None
            for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        },
        "idle": simulator.idle(),
        "running_calls": len(simulator.pbx.calls),
        "sessions": len(simulator.sessions),
    }
