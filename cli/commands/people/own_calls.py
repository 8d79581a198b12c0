"""`hangup`, `hold`, `forward` and `phones`: a user's own calls and telephones, asked at the PBX."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.completion import complete_logins
from cli.commands.json_output import Json, print_json
from cli.commands.login import login_meant
from cli.site.context import CommandFailed, settings_of
from cli.site.languages import say, text

if TYPE_CHECKING:
    from cli.site.settings import Settings
    from starface.client import StarfaceClient

CallId = Annotated[str | None, typer.Argument(help="The call; not needed when there is one only.")]
As = Annotated[
    str | None,
    typer.Option(
        "--as", help="Login ID of the user whose phone it is.", autocompletion=complete_logins
    ),
]


def hangup(context: typer.Context, call_id: CallId = None, login: As = None) -> None:
    """End one of your calls."""
    settings = settings_of(context)
    telephone = telephone_of(settings, login_meant(settings, login))
    found = own_call(telephone, call_id)
    if not telephone.hang_up(found):
        raise CommandFailed("STARFACE did not end the call; it may be over already")
    say("command.call.ended", call=found)


def hold(context: typer.Context, call_id: CallId = None, login: As = None) -> None:
    """Put one of your calls on hold, or take it again (interface v30)."""
    settings = settings_of(context)
    telephone = telephone_of(settings, login_meant(settings, login))
    found = own_call(telephone, call_id)
    telephone.hold(found)
    typer.echo(f"Asked STARFACE to hold or take again call {found}.")


def forward(
    context: typer.Context,
    extension: Annotated[str, typer.Argument(help="Extension of a colleague.")],
    call_id: Annotated[str | None, typer.Option("--call", help="The call.")] = None,
    login: As = None,
) -> None:
    """Hand one of your calls to a colleague, without asking there (interface v30)."""
    from consumers.dial.policy import Dialable, decide

    settings = settings_of(context)
    decision = decide(extension, settings.site.numbers, settings.dial.policy)
    if not isinstance(decision, Dialable) or decision.number.kind != "internal":
        raise CommandFailed("a call is forwarded only to an extension of this telephone system")
    telephone = telephone_of(settings, login_meant(settings, login))
    found = own_call(telephone, call_id)
    telephone.forward(found, decision.dialled)
    typer.echo(f"Asked STARFACE to forward call {found}.")


def phones(
    context: typer.Context,
    login: As = None,
    default: Annotated[
        str | None,
        typer.Option(help='Let this phone ring when dialling; "" leaves it to STARFACE.'),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show your telephones at STARFACE, and choose which one rings when you dial."""
    from consumers.users import Users

    settings = settings_of(context)
    meant = login_meant(settings, login)
    telephone = telephone_of(settings, meant)
    found = telephone.phones()
    if default and default not in found:
        raise CommandFailed(f"{default} is not one of your telephones: {', '.join(found)}")
    with Users(settings.database) as users:
        if default is not None:
            users.change(meant, phone=default)
        chosen = users.get(meant).phone
    if not found:
        raise CommandFailed("no telephone is registered at STARFACE for this user")
    primary = telephone.primary_phone()
    if as_json:
        rings = chosen or primary
        print_json([{"phone": each, "first": each == primary, "rings": each == rings}
                    for each in found])  # fmt: skip
        return
    for phone in found:
        marks = [mark for mark, one in (("first at STARFACE", primary), ("rings when dialling",
                 chosen or primary)) if one == phone]  # fmt: skip
        typer.echo(f"{phone:24} {', '.join(marks)}".rstrip())


def telephone_of(settings: "Settings", login: str) -> "StarfaceClient":
    """Return a user's conversation with the PBX; raise CommandFailed or UserUnknown."""
    from cli.site.files import seal
    from consumers.users import Users
    from starface.api_version import PbxClients

    with Users(settings.database, seal(settings)) as users:
        users.get(login)
        credential = users.credential(login)
    if credential is None:
        raise CommandFailed(text("command.no-password-known", login=login))
    return PbxClients(settings.starface)(login, credential)


def own_call(telephone: "StarfaceClient", call_id: str | None) -> str:
    """Return the call meant, which must be the user's own; raise CommandFailed."""
    running = telephone.call_ids()
    if call_id is not None:
        if call_id not in running:
            raise CommandFailed("this is not one of your running calls")
        return call_id
    if not running:
        raise CommandFailed("you have no running call")
    if len(running) > 1:
        raise CommandFailed(f"you have several calls, name one: {', '.join(running)}")
    return running[0]
