"""Whose telephone a command means when nobody says it."""

from typing import TYPE_CHECKING

from bus.access.accounts import login_of
from cli.site.context import CommandFailed
from cli.site.languages import text

if TYPE_CHECKING:
    from cli.site.settings import Settings


def login_meant(settings: "Settings", given: str | None, *, option: str = "--as") -> str:
    """Return the login given, else that of the broker account or the only user's; or fail."""
    from consumers.users import Users

    if given:
        return given
    if settings.broker.account:
        return login_of(settings.broker.account)
    with Users(settings.database) as users:
        logins = [user.login for user in users.all()]
    if len(logins) == 1:
        return logins[0]
    if not logins:
        raise CommandFailed(text("command.no-user-yet"))
    known = ", ".join(logins[:10])
    raise CommandFailed(text("command.whose-phone", option=option, known=known))
