"""What a user wants: which triggers with which actions, to be left alone, quiet hours, a delay."""

import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, get_args

from cli.site.context import CommandFailed

if TYPE_CHECKING:
    from consumers.users import User

OFFICE = "office"  # the word for: as the office has it
_SPAN = re.compile(r"([1-9][0-9]{0,3})\s*(m|min|h)")
_LONGEST_DELAY = 20.0  # seconds


def changed(
    preferences: dict[str, Any],
    now: datetime,
    disturb: str | None,
    quiet: Sequence[str] | None,
    delay: str | None,
) -> dict[str, Any]:
    """Return a user's preferences with what was given; raise CommandFailed."""
    given = dict(preferences)
    if disturb is not None:
        given = with_peace(given, left_alone(disturb, now))
    if quiet:
        given["quiet_hours"] = None if OFFICE in quiet else _hours(quiet)
    if delay is not None:
        given["delay"] = None if delay == OFFICE else _seconds(delay)
    return {key: value for key, value in given.items() if value not in (None, False)}


def with_peace(preferences: dict[str, Any], wish: bool | str) -> dict[str, Any]:
    """Return a user's preferences with whether, or until when, nothing is to open."""
    others = {key: value for key, value in preferences.items() if key != "do_not_disturb"}
    return others | ({"do_not_disturb": wish} if wish else {})


def left_alone(given: str, now: datetime, option: str = "--do-not-disturb") -> bool | str:
    """Return whether, or until when, a user wants to be left alone; raise CommandFailed."""
    given = given.strip().lower()
    if given in ("on", "off"):
        return given == "on"
    end = _in_a_while(given, now) or _moment(given, now)
    return _end(end, now, f"{option}: on, off, 30m, 2h, 18:00 or 2026-12-24T12:00", option)


def ends_in(given: str, now: datetime, option: str) -> str:
    """Return the moment that is so far away; raise CommandFailed."""
    return _end(_in_a_while(given.strip().lower(), now), now, f"{option}: 30m or 2h", option)


def ends_at(given: str, now: datetime, option: str) -> str:
    """Return the moment that was given, the next of a time of day; raise CommandFailed."""
    end = _moment(given.strip().lower(), now)
    return _end(end, now, f"{option}: 18:00 or 2026-12-24T12:00", option)


def plan(given: Sequence[str]) -> dict[str, Any]:
    """Return triggers and their own actions, written as `ringing` or `connected=dossier`."""
    from bus.events import Action
    from consumers.preferences import Trigger

    actions: dict[str, str] = {}
    for one in given:
        trigger, given, action = one.strip().lower().partition("=")
        if trigger not in get_args(Trigger):
            raise CommandFailed(f"--trigger: one of {', '.join(get_args(Trigger))}")
        if given and action not in get_args(Action):
            raise CommandFailed(f"--trigger {trigger}=: one of {', '.join(get_args(Action))}")
        actions[trigger] = action
    own = {trigger: action for trigger, action in actions.items() if action}
    return {"triggers": tuple(actions), "actions": own}


def plan_shown(user: "User") -> list[str]:
    """Return triggers as they are written, such as `ringing` and `connected=dossier`."""
    return [
        f"{one}={user.actions[one]}" if one in user.actions else one for one in user.triggers
    ]  # fmt: skip


def misses_transfers(user: "User") -> bool:
    """Return whether calls open for a user, but perhaps not those that a colleague puts through."""
    opens = {"ringing", "connected"} & set(user.triggers)
    return bool(opens) and "party-change" not in user.triggers


def shown(preferences: dict[str, Any], now: datetime) -> list[str]:
    """Say in one line each what a user wants."""
    lines = []
    from consumers.users import User, UserPreferences

    wishes = UserPreferences.of(User(login="0", preferences=preferences))
    if isinstance(wishes.do_not_disturb, datetime):
        if now < wishes.do_not_disturb:
            lines.append(f"do not disturb until {wishes.do_not_disturb:%Y-%m-%d %H:%M}")
    elif wishes.do_not_disturb:
        lines.append("do not disturb")
    if wishes.quiet_hours is not None:
        hours = preferences["quiet_hours"]
        lines.append(f"quiet hours {', '.join(hours) if isinstance(hours, list) else hours}")
    if wishes.delay is not None:
        lines.append(f"delay {wishes.delay:g} s")
    return lines


def _end(end: datetime | None, now: datetime, allowed: str, option: str) -> str:
    if end is None:
        raise CommandFailed(allowed)
    if end <= now:
        raise CommandFailed(f"{option}: this moment is over")
    return end.isoformat(timespec="seconds")


def _in_a_while(given: str, now: datetime) -> datetime | None:
    span = _SPAN.fullmatch(given)
    if span is None:
        return None
    amount = timedelta(hours=1) if span[2] == "h" else timedelta(minutes=1)
    return (now + int(span[1]) * amount).astimezone()


def _moment(given: str, now: datetime) -> datetime | None:
    try:
        if len(given) != len("18:00"):
            return datetime.fromisoformat(given.upper()).astimezone()
        clock = time.fromisoformat(given)
    except ValueError:
        return None
    today = now.astimezone().date()
    days = (today, today + timedelta(days=1))  # a day may have 23 or 25 hours
    ends = [datetime.combine(day, clock).astimezone() for day in days]
    return ends[0] if ends[0] > now else ends[1]


def _hours(given: Sequence[str]) -> list[str]:
    from consumers.preferences import HoursRefused, read_hours

    try:
        for span in given:
            read_hours(span)
    except HoursRefused as error:
        raise CommandFailed(f"--quiet-hours: {error}, or {OFFICE}") from error
    return list(given)


def _seconds(given: str) -> float:
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_DELAY:
        raise CommandFailed(f"--delay: 0 to {_LONGEST_DELAY:g} seconds, or {OFFICE}")
    return seconds
