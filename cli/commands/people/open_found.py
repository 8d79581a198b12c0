"""`starface2mqtt open`: open what a call is about, as a click on its notification does."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.completion import complete_logins
from cli.commands.login import login_meant
from cli.site.context import CommandFailed, settings_of

if TYPE_CHECKING:
    from cli.site.settings import Settings

_PATIENCE = 5.0  # seconds
_TICK = 0.1


def open_found(
    context: typer.Context,
    call_id: Annotated[
        str | None, typer.Argument(help="The call; default: the user's last one.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Login whose call it is.", autocompletion=complete_logins)
    ] = None,
) -> None:
    """Open the matter, dossier or card of a call, even where nothing opens by itself."""
    from bus.events import CallerEvent, ChoiceRequest, ChoiceRequestData, now
    from cli.commands.broker_account import command_connection
    from cli.commands.developers.event_lines import caller_line
    from consumers.users import Users

    settings = settings_of(context)
    login = login_meant(settings, user, option="--user")
    with Users(settings.database) as users:
        users.get(login)
    data = ChoiceRequestData(call_id=_meant(settings, login, call_id), kind="found")
    answers_so_far: list[CallerEvent] = []
    with command_connection(settings) as connection:
        request = ChoiceRequest(source=f"cli/{connection.account}", time=now(), data=data)
        connection.consume(
            connection.topics.caller(login),
            CallerEvent,
            lambda event, _: answers_so_far.append(event),
        )
        connection.wait_connected()
        connection.publish(connection.topics.choose(login), request)
        until = time.monotonic() + _PATIENCE
        while not (answers := [one for one in answers_so_far if one.data.event_id == request.id]):
            if time.monotonic() > until:
                raise CommandFailed(
                    f"nobody answered: the caller process is not running, or {login} is off; see:"
                    " starface2mqtt status"
                )
            connection.work(_TICK)
    typer.echo(caller_line(answers[0].data))


def _meant(settings: "Settings", login: str, call_id: str | None) -> str:
    from consumers.caller.trace_store import find

    stories = find(settings.site.data_folder, user=login, call_id=call_id)
    if stories:
        return stories[0].call_id
    if call_id is None:
        raise CommandFailed(f"no call of {login} is known")
    raise CommandFailed(f"{login} had no call {call_id}; see: starface2mqtt why --user {login}")
