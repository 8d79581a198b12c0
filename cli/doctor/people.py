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
        yield fail("users", "users-none")
        return
    active = 0
    for user in everybody:
        state = found.users.get(user.login)
        if user.extension != user.login and not settings.starface.extension_may_differ:
            yield fail("users", "users-differ", user=user.login, extension=user.extension)
        elif not found.online("sessions") or state is None:
            yield warn("users", "users-unknown", user=user.login)
        elif state.state == "failing":
            yield fail(
                "users", "users-failing", user=user.login, fault=state.code, sentence=state.sentence
            )
        elif state.state == "inactive":
            yield warn("users", "users-off", user=user.login)
        else:
            active += 1
    if active:
        yield ok("users", "users", count=active)


def contacts(settings: Settings) -> Iterator[Finding]:
    """Check that contacts exist, and when each source was read last."""
    with Directory(settings.database) as directory:
        sources = directory.sources()
    if not sources:
        yield warn("contacts", "contacts-none")
    for source in sources:
        days = (datetime.now(UTC) - source.imported_at).days if source.imported_at else 0
        counts = {"source": source.name, "contacts": f"{source.contacts:,}",
                  "numbers": f"{source.numbers:,}"}  # fmt: skip
        if source.contacts and not source.numbers:
            yield warn("contacts", "contacts-no-number", **counts)
        elif days > _OLD:
            yield warn("contacts", "contacts-old", days=days, **counts)
        else:
            yield ok("contacts", "contacts", **counts)
