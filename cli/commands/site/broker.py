"""`starface2mqtt broker ...`: Mosquitto's accounts."""

import re
from typing import Annotated, Literal

import typer

from cli.commands.site.rights import copy_them
from cli.site.context import settings_of

_CLUSTERED = {
    "nats": "Copy accounts.conf beside nats-server.conf on each node, and reload each: "
    "nats-server --signal reload",
    "rabbitmq": "Copy definitions.json to each node, and import it on one: "
    "rabbitmqctl import_definitions /etc/rabbitmq/definitions.json",
}
app = typer.Typer(help="The broker's accounts and files.", no_args_is_help=True)


@app.command()
def account(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Such as gateway-2 or caller-2.")],
) -> None:
    """Make a broker account for a further process, or print one that exists."""
    from bus.access.accounts import process_rights
    from cli.site.files import add_accounts

    settings = settings_of(context)
    fits = re.fullmatch(r"[a-z]+(-[a-z0-9]{1,32})?", name)
    if not fits or process_rights(settings.broker.topics(), name) is None:
        raise typer.BadParameter(f"{name!r} is no process; accounts of users come by `user add`")
    typer.echo(f"{name}\t{add_accounts(settings, (name,))[name]}")
    typer.echo(copy_them(settings), err=True)


@app.command()
def files(
    context: typer.Context,
    kind: Annotated[
        Literal["mosquitto", "nats", "rabbitmq"],
        typer.Option("--for", help="The broker that reads them."),
    ] = "mosquitto",
) -> None:
    """Write the broker's files of accounts and rights again, with an account for each user.

    Those for NATS and RabbitMQ, once written, follow each change as those for Mosquitto do.
    """
    from bus.access.accounts import caller_account, user_account
    from cli.site.files import add_accounts, broker_folder, write_clustered_broker_files
    from consumers.users import Users

    settings = settings_of(context)
    with Users(settings.database) as users:
        logins = [user.login for user in users.all()]
    add_accounts(settings, (*map(user_account, logins), *map(caller_account, logins)))
    if kind == "mosquitto":
        typer.echo(str(broker_folder(settings)))
        typer.echo(copy_them(settings), err=True)
    else:
        typer.echo(str(write_clustered_broker_files(settings, kind)))
        typer.echo(_CLUSTERED[kind], err=True)
