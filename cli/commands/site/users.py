"""`starface2mqtt user ...`: whose telephones take part."""

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.commands.completion import complete_groups, complete_logins
from cli.commands.json_output import Json, print_json
from cli.commands.site.rights import copy_them
from cli.site.context import CommandFailed, settings_of
from cli.site.languages import require_consent, say, text
from runtime.addresses import join_address
from runtime.configuration import read_text

if TYPE_CHECKING:
    from cli.site.settings import Settings
    from starface.credential import Credential
    from starface.settings import StarfaceSettings

app = typer.Typer(help="The users: add, change, list, remove.", no_args_is_help=True)

Action = Literal["matter-or-dossier", "dossier", "business-card", "none"]
Internal = Literal["ignore", "notify", "pop"]
Login = Annotated[
    str, typer.Argument(help="The user's STARFACE login ID.", autocompletion=complete_logins)
]
Password = Annotated[
    str,
    typer.Option(
        prompt=True,
        hide_input=True,
        envvar="STARFACE_PASSWORD",
        help="The STARFACE password; only a token derived from it is kept.",
    ),
]
Check = Annotated[bool, typer.Option(help="Try the password at the PBX first.")]


@app.command()
def add(
    context: typer.Context,
    login: Login,
    password: Password,
    name: Annotated[str | None, typer.Option(help="The user's name.")] = None,
    extension: Annotated[
        str | None, typer.Option(help="The extension; the login if left out.")
    ] = None,
    action: Annotated[Action | None, typer.Option(help="What opens on a call.")] = None,
    autostart: Annotated[bool | None, typer.Option(help="On from the start.")] = None,
    check: Check = True,
) -> None:
    """Add a user; of one who is known already, change only what is named."""
    from cli.commands.site.extensions import make_known
    from consumers.users import Users

    settings = settings_of(context)
    given = {"name": name, "extension": extension, "action": action, "autostart": autostart}
    account, broker_password = added_user(settings, login, password, given, check=check)
    say("command.user-added", login=login, account=account, password=broker_password)
    typer.echo(copy_them(settings))
    with Users(settings.database) as users:
        extensions = [each.extension for each in users.all()]
    for line in make_known(settings, extensions):
        typer.echo(line, err=True)


def added_user(
    settings: "Settings", login: str, password: str, given: dict[str, Any], *, check: bool = True
) -> tuple[str, str]:
    """Add or change a user whose password the PBX takes; return the broker account."""
    from bus.settings import SettingsRefused
    from cli.site.files import add_user_account, no_application, seal
    from consumers.users import User, Users

    no_application(settings, login)
    with Users(settings.database, seal(settings)) as users:
        known = users.find(login)
        user = User.model_validate(
            {
                **(known.model_dump() if known else {"login": login, "extension": login}),
                **{key: value for key, value in given.items() if value is not None},
            }
        )
        if user.extension != login and not settings.starface.extension_may_differ:
            raise SettingsRefused(
                text("command.user-differs", login=login, extension=user.extension)
            )
        users.add(user, _credential(settings.starface, login, password, check=check))
    return add_user_account(settings, login)


@app.command("password")
def change_password(
    context: typer.Context, login: Login, password: Password, check: Check = True
) -> None:
    """Replace a user's STARFACE password; everything else stays."""
    from cli.site.files import seal
    from consumers.users import Users

    settings = settings_of(context)
    with Users(settings.database, seal(settings)) as users:
        user = users.get(login)
        users.add(user, _credential(settings.starface, login, password, check=check))
    say("command.user-password", login=login)


@app.command("login")
def log_in(context: typer.Context, login: Login) -> None:
    """Log a user in, or add one, with this machine's browser where the PBX has OAuth."""
    from cli.site.files import add_user_account, no_application, seal
    from consumers.users import User, Users
    from starface.password_check import check_browser

    settings = settings_of(context)
    pbx = settings.starface
    if pbx.auth != "oauth" or pbx.oauth_client_id == "rest-client-headless":
        raise CommandFailed('set auth = "oauth" and oauth_client_id = "rest-client" in [starface]')
    no_application(settings, login)
    with Users(settings.database, seal(settings)) as users:
        known = users.find(login)
        user = known or User(login=login, extension=login)
        users.add(user, check_browser(pbx, login, _open_browser))
    say("command.user-logged-in", login=login)
    if not known:
        account, broker_password = add_user_account(settings, login)
        say("command.user-added", login=login, account=account, password=broker_password)
        typer.echo(copy_them(settings))


@app.command("list")
def list_users(context: typer.Context, as_json: Json = False) -> None:
    """List the users and what they chose."""
    from consumers.users import Users

    settings = settings_of(context)
    with Users(settings.database) as users:
        listed = users.all()
    if as_json:
        print_json([user.model_dump(mode="json") for user in listed])
        return
    for user in listed:
        look = "on" if user.on else "off"
        typer.echo(f"{user.login}\t{look}\t{user.extension}\t{user.action}\t{user.name}")


@app.command()
def show(context: typer.Context, login: Login, as_json: Json = False) -> None:
    """Show all that a user chose."""
    from cli.commands.site import preferences as wishes
    from cli.commands.site import rights
    from cli.site.files import read_roles
    from consumers.users import Users

    settings = settings_of(context)
    with Users(settings.database) as users:
        user = users.get(login)
    if as_json:
        print_json(user.model_dump(mode="json"))
        return
    shown = {
        "login": user.login, "name": user.name, "extension": user.extension,
        "phone": user.phone or "the first at STARFACE", "interface": "on" if user.on else "off",
        "action": user.action, "triggers": ", ".join(wishes.plan_shown(user)),
        "internal": user.internal,
    }  # fmt: skip
    for key, value in shown.items():
        typer.echo(f"{key:10} {value}".rstrip())
    for wish in wishes.shown(user.preferences, datetime.now().astimezone()):
        typer.echo(f"{'wish':10} {wish}")
    for word, line in rights.of_user(read_roles(settings), login):
        typer.echo(f"{word:10} {line}")


@app.command("import")
def import_users(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(help="A CSV file: login, name, extension, groups (with |); else STARFACE."),
    ] = None,
    administrator: Annotated[
        str, typer.Option("--as", help="Login ID of an administrator of STARFACE.")
    ] = "",
    remove_others: Annotated[
        bool, typer.Option("--remove", help="Also remove users who are not listed any more.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what changes.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Add and change users as STARFACE or a table lists them; shows what changes first.

    Nobody's password is needed: people log in to the panel themselves, once.
    """
    from cli.commands.site import user_import as importing
    from cli.commands.site.extensions import make_known
    from cli.site.files import read_roles
    from consumers.users import Users

    settings = settings_of(context)
    listed = (
        importing.from_table(file) if file else importing.listed_by_pbx(settings, administrator)
    )
    with Users(settings.database) as users:
        wanted = importing.plan(users, listed, may_differ=settings.starface.extension_may_differ)
        if file:  # those of STARFACE come by `group sync`
            wanted.joining = importing.joining(listed, wanted, read_roles(settings).groups)
        typer.echo("\n".join(wanted.lines()))
        leaving = wanted.gone if remove_others else []
        if dry_run or not (wanted.added or wanted.changed or wanted.joining or leaving):
            return
        if not yes:
            require_consent(text("command.change"))
        importing.apply(settings, users, wanted)
        extensions = [user.extension for user in users.all()]
    for line in make_known(settings, extensions):
        typer.echo(line, err=True)
    if leaving:
        _forget(settings, leaving, keep_records=False)
    typer.echo(copy_them(settings), err=True)


@app.command("set")
def change(
    context: typer.Context,
    login: Annotated[
        str | None,
        typer.Argument(help="The user's STARFACE login ID.", autocompletion=complete_logins),
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="All of a group.", autocompletion=complete_groups)
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="All users.")] = False,
    file: Annotated[
        Path | None, typer.Option("--file", help="Those in a file, a login a line.")
    ] = None,
    name: Annotated[str | None, typer.Option()] = None,
    phone: Annotated[str | None, typer.Option(help="Phone id for dialling, as SIP/11.")] = None,
    action: Annotated[Action | None, typer.Option()] = None,
    trigger: Annotated[
        list[str] | None,
        typer.Option(
            help="ringing, connected, ended, outgoing, party-change, click; with an action of its"
            " own as connected=dossier; repeatable."
        ),
    ] = None,
    internal: Annotated[Internal | None, typer.Option(help="What internal calls do.")] = None,
    autostart: Annotated[bool | None, typer.Option()] = None,
    do_not_disturb: Annotated[
        str | None, typer.Option(help="on, off, or until when: 30m, 2h, 18:00.")
    ] = None,
    quiet_hours: Annotated[
        list[str] | None,
        typer.Option(help="Instead of the office's: 18:00-07:00, sat-sun; repeatable; or office."),
    ] = None,
    delay: Annotated[
        str | None, typer.Option(help="Seconds before something opens; or office.")
    ] = None,
    admin: Annotated[
        bool | None,
        typer.Option("--admin/--no-admin", help="Sees the site's status in the panel, no calls."),
    ] = None,
) -> None:
    """Change what a user chose, or many; it holds for the next call."""
    from cli.commands.site import preferences as wishes
    from consumers.sessions.enrolment import ADMIN
    from consumers.users import User, Users

    changes: dict[str, Any] = {
        "name": name, "phone": phone, "action": action, "internal": internal,
        "autostart": autostart, **(wishes.plan(trigger) if trigger else {}),
    }  # fmt: skip
    settings = settings_of(context)
    chosen = _chosen(settings, login, group, everybody, file)
    if len(chosen) > 1 and (name is not None or phone is not None):
        raise CommandFailed("a name and a phone are one user's")
    user: User | None = None
    with Users(settings.database) as users:
        before = [users.get(each) for each in chosen]  # all are known, or nothing is changed
        for each in before:
            changes["preferences"] = wishes.changed(
                each.preferences, datetime.now().astimezone(), do_not_disturb, quiet_hours, delay
            )
            if admin is not None:
                changes["preferences"] = changes["preferences"] | {ADMIN: admin}
            given = {key: value for key, value in changes.items() if value is not None}
            user = users.change(each.login, **given)
    if login:
        say("command.user-changed", login=login)
    else:
        say("command.users-changed", count=len(chosen))
    if trigger and user is not None and wishes.misses_transfers(user):
        typer.echo("A client whom a colleague puts through may open nothing then; for that, name "
                   "--trigger party-change too.")  # fmt: skip


@app.command()
def logout(context: typer.Context, login: Login) -> None:
    """End a user's logins to the panel, in every browser, at once."""
    from consumers.sessions.enrolment import SINCE
    from consumers.users import Users

    with Users(settings_of(context).database) as users:
        preferences = users.get(login).preferences
        if SINCE in preferences:  # else there was never a login
            now = datetime.now().astimezone().isoformat()
            users.change(login, preferences=preferences | {SINCE: now})
    say("command.user-logged-out", login=login)


@app.command()
def remove(
    context: typer.Context,
    login: Login,
    keep_records: Annotated[
        bool, typer.Option("--keep-records", help="Keep his calls, where the office has to.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a user: token, choices, private numbers, broker account, the journal of his calls."""
    from consumers.journal import erasure as journal
    from consumers.users import Users

    settings = settings_of(context)
    with Users(settings.database) as users:
        users.get(login)
    records = 0 if keep_records else journal.records_of(settings.site.data_folder, login)
    if records and not yes:
        require_consent(text("command.erase-records", count=records, login=login))
    _forget(settings, [login], keep_records=keep_records)
    typer.echo(copy_them(settings), err=True)


@app.command()
def device(
    context: typer.Context,
    login: Login,
    name: Annotated[str, typer.Argument(help="What the device is called, as laptop.")],
) -> None:
    """Make a broker account for a further workstation of a user, or print one that exists."""
    from cli.site.files import add_device_account
    from consumers.users import Users

    if not re.fullmatch(r"(?!\d+$|cli-)[a-z0-9-]{1,32}", name):
        raise typer.BadParameter(
            "small letters, digits and - only, no number and not cli-", param_hint="name"
        )
    settings = settings_of(context)
    with Users(settings.database) as users:
        users.get(login)
    typer.echo("\t".join(add_device_account(settings, login, name)))
    typer.echo(copy_them(settings))


@app.command()
def link(context: typer.Context, login: Login) -> None:
    """Print the address for the PBX's desktop app or a module to request on a call."""
    from consumers.users import Users
    from starface.callback import callback_path
    from starface.settings import callback_host

    settings = settings_of(context)
    with Users(settings.database) as users:
        users.get(login)
    path = callback_path(login, settings.site_key(), is_link=True)
    host = join_address(callback_host(settings.starface), settings.starface.callback_port)
    typer.echo(
        f"{settings.starface.callback_scheme}://{host}{path}/call"
        f"?event=ringing&number=$(calleridCanonical)"
    )


def _open_browser(address: str) -> None:
    import webbrowser

    typer.echo(f"Log in with the browser at {address}")
    webbrowser.open(address)


def _forget(settings: "Settings", logins: list[str], *, keep_records: bool) -> None:
    from bus.numbers.private_numbers import forget_user
    from cli.site.files import remove_user_accounts
    from cli.site.former_user import forget_belongings
    from cli.site.progress import with_progress
    from consumers.journal import erasure as journal
    from consumers.users import Users

    folder = settings.site.data_folder
    with Users(settings.database) as users:
        for login in logins:
            users.remove(login)
    remove_user_accounts(settings, logins)
    for login in with_progress(logins, "users"):
        forget_user(folder, login)
        forget_belongings(settings, login)
        journal.forget_user(folder, login, keep_records=keep_records)
        say("command.user-removed", login=login)


def _chosen(
    settings: "Settings", login: str | None, group: str | None, everybody: bool, file: Path | None
) -> list[str]:
    """Return whose settings are meant; raise CommandFailed when that is not said, or twice."""
    from cli.site.files import read_roles
    from consumers.users import Users

    if sum(map(bool, (login, group, everybody, file))) != 1:
        raise CommandFailed(text("command.whose-settings"))
    if login:
        return [login]
    if group:
        return list(read_roles(settings).members(group))
    if file:
        return [line.strip() for line in read_text(file).splitlines() if line.strip()]
    with Users(settings.database) as users:
        return [user.login for user in users.all()]


def _credential(
    settings: "StarfaceSettings", login: str, password: str, *, check: bool
) -> "Credential":
    """Return what the user logs in with; without the PBX's word only where it can be computed."""
    from starface.credential import derive
    from starface.failures import PbxUnreachable
    from starface.password_check import check_password

    if check and settings.host:
        try:
            return check_password(settings, login, password)
        except PbxUnreachable as failure:
            said = f"{join_address(settings.host, settings.pbx_port)}: {failure}"
            if settings.auth in ("auto", "oauth"):
                raise CommandFailed(said) from failure
            say("command.user-unchecked", err=True, reason=said)
    if settings.auth == "auto" or settings.auth == "oauth":
        raise CommandFailed(
            f'with auth = "{settings.auth}" the PBX must be reachable; set host in [starface]'
        )
    return derive(settings.auth, login, password)
