"""Checks of users and contacts."""

from collections.abc import Iterator
from datetime import UTC, datetime

from cli.doctor.findings import Finding, fail, ok, some, warn
from cli.doctor.snapshot import Snapshot
from cli.site.settings import Settings
from consumers.directory.directory import Directory
from consumers.users import User, Users

_OLD = 7  # days


def users(settings: Settings, found: Snapshot) -> Iterator[Finding]:
    """Check each user: the state, and the broken link with what to do."""
    with Users(settings.database) as known:
        everybody = known.all()
    if not everybody:
        yield fail("users", "users-none")
        return
    alike: dict[Finding, list[str]] = {}
    for user in everybody:
        alike.setdefault(_state(user, settings, found), []).append(user.login)
    for finding, logins in alike.items():
        yield finding.of(user=logins[0], users=some(logins), count=len(logins))


def _state(user: User, settings: Settings, found: Snapshot) -> Finding:
    """Return how a user is, without the name: what many have in common is one line."""
    state = found.users.get(user.login)
    if user.extension != user.login and not settings.starface.extension_may_differ:
        return fail("users", "users-differ", extension=user.extension)
    if not found.online("sessions") or state is None:
        return warn("users", "users-unknown")
    if state.state == "failing":
        return fail("users", "users-failing", fault=state.code, sentence=state.detail)
    if state.state == "inactive":
        return warn("users", "users-off")
    if state.code:
        return warn("users", "users-note", fault=state.code, sentence=state.detail)
    return ok("users", "users")


def contacts(settings: Settings) -> Iterator[Finding]:
    """Check that contacts exist, and when each source was read last."""
    with Directory(settings.database) as directory:
        sources = directory.sources()
    if not sources:
        yield warn("contacts", "contacts-none")
    for source in sources:
        days = (datetime.now(UTC) - source.imported_at).days if source.imported_at else 0
        counts = {"source": source.name, "contacts": source.contacts,
                  "numbers": source.numbers}  # fmt: skip
        if source.contacts and not source.numbers:
            yield warn("contacts", "contacts-no-number", **counts)
        elif days > _OLD:
            yield warn("contacts", "contacts-old", days=days, **counts)
        else:
            yield ok("contacts", "contacts", **counts)
