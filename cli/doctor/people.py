"""Checks of users and contacts."""

from collections.abc import Iterator
from datetime import UTC, datetime

from cli.doctor.findings import Finding, fail, ok, warn
from cli.doctor.snapshot import Snapshot
from cli.site.settings import Settings
from consumers.directory.directory import Directory
from consumers.users import Users

_OLD = 7  # days


def users(settings: Settings, found: Snapshot) -> Iterator[Finding]:
    """Check each user: the state, and the broken link with what to do."""
    with Users(settings.database) as known:
        everybody = known.all()
    if not everybody:
        yield fail("users", "there is no user", "starface2mqtt user add LOGIN")
    for user in everybody:
        state = found.users.get(user.login)
        if user.extension != user.login and not settings.starface.extension_may_differ:
            yield fail(
                f"user {user.login}", f"the extension {user.extension} differs from the login",
                f"starface2mqtt user set {user.login} --extension {user.login}, "
                "or set [starface] extension_may_differ = true",
            )  # fmt: skip
        elif not found.online("sessions") or state is None:
            yield warn(f"user {user.login}", "the state is unknown", "start the processes")
        elif state.state == "failing":
            sentence = state.sentence.en if state.sentence else ""
            yield fail(f"user {user.login}", f"failing: {state.code}", sentence)
        elif state.state == "inactive":
            yield warn(f"user {user.login}", "switched off", f"starface2mqtt on {user.login}")
        else:
            yield ok(f"user {user.login}", "active")


def contacts(settings: Settings) -> Iterator[Finding]:
    """Check that contacts exist, and when each source was read last."""
    with Directory(settings.database) as directory:
        sources = directory.sources()
    if not sources:
        yield warn(
            "contacts", "there are none: nobody who calls can be known",
            "starface2mqtt contacts import csv FILE --source NAME --dry-run",
        )  # fmt: skip
    for source in sources:
        days = (datetime.now(UTC) - source.imported_at).days if source.imported_at else None
        text = f"{source.name}: {source.contacts:,} contacts, {source.numbers:,} numbers"
        if source.contacts and not source.numbers:
            yield warn(
                "contacts", f"{text}: nobody of it can be found by a number",
                "contacts import … --refused FILE lists why",
            )  # fmt: skip
        elif days is not None and days > _OLD:
            yield warn("contacts", f"{text}, read {days} days ago", "run its import again")
        else:
            yield ok("contacts", text)
