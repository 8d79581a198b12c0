"""`starface2mqtt setup`: asks, writes, starts and checks, up to a call on your own telephone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.site.context import CommandFailed

if TYPE_CHECKING:
    from bus.mqtt.connection import Connection
    from bus.mqtt.inbox import ReceivedMessage
    from cli.setup.dialog import Dialog
    from cli.site.settings import Settings

_WAIT = 90.0  # seconds for a service to come up


def setup(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="Where the site's files go; default: /etc, or here.")
    ] = None,
    answers: Annotated[
        Path | None, typer.Option(help="TOML file with the answers; nobody is asked.")
    ] = None,
) -> None:
    """Set up a site step by step; begun again it continues where it stopped."""
    from cli.setup.dialog import Dialog
    from cli.setup.service import PACKAGED

    config: Path | None = (context.find_root().obj or {}).get("config")
    if config is not None:
        folder = config.parent
    elif folder is None:
        folder = PACKAGED if PACKAGED.is_dir() else Path()
    dialog = Dialog(answers)
    settings = _site(dialog, folder.resolve())
    context.find_root().obj = {"config": settings.file}
    _broker(dialog, settings)
    login = _user(dialog, context, settings)
    _processes(dialog, settings)
    _contacts(dialog, context, settings)
    settings, begun = _opening(dialog, settings)
    _test_call(dialog, settings, login, begun)
    dialog.title("Done")
    dialog.say(
        "Further users: starface2mqtt user add LOGIN. Everything at a glance: starface2mqtt "
        "status. When something is wrong: starface2mqtt doctor."
    )


def _site(dialog: Dialog, folder: Path) -> Settings:
    from cli.setup.draft import draft
    from cli.setup.service import BROKER_PORT, DATA, is_packaged
    from cli.site.files import make_site
    from cli.site.settings import FILE, read

    if (folder / FILE).exists():
        dialog.say(f"{folder / FILE} exists already; setup continues with it.")
        return read(folder / FILE)
    values = draft(dialog)
    if is_packaged(folder):
        values["site"]["data_folder"] = str(DATA)
        values["broker"] = {"port": BROKER_PORT}
    elif port := int(dialog.ask("broker_port", "Port of the broker", "1883")):
        values["broker"] = {"port": port}
    settings = make_site(folder, values)
    dialog.say(f"  written: {settings.file}, secrets, the broker's configuration and accounts")
    return settings


def _broker(dialog: Dialog, settings: Settings) -> None:
    from cli.setup.service import enable, is_packaged
    from cli.site.broker_configuration import FILE
    from cli.site.files import broker_folder

    dialog.title("Broker")
    if is_packaged(settings.folder):
        enable("starface2mqtt-broker.service", "starface2mqtt-broker-reload.path")
    else:
        dialog.say(f"  Run the broker: mosquitto -c {broker_folder(settings) / FILE}")
    _until(dialog, "the broker", lambda: _lets_us_in(settings))
    dialog.say(f"  the broker answers at port {settings.broker.port} and knows our accounts")


def _user(dialog: Dialog, context: typer.Context, settings: Settings) -> str:
    from cli.commands.site import users as user_commands
    from consumers.users import Users
    from starface.failures import PbxFailure

    dialog.title("First user")
    with Users(settings.database) as users:
        known = [user.login for user in users.all()]
    if known:
        dialog.say(f"  there is already {', '.join(known[:5])}")
        return known[0]
    while True:
        login = dialog.ask("login", "STARFACE login ID; it must be the extension exactly")
        name = dialog.ask("name", "The user's name", "")
        password = os.environ.get("STARFACE_PASSWORD") or dialog.ask(
            "password", "The STARFACE password (only a token derived from it is kept)", hidden=True
        )
        try:
            user_commands.add(context, login, password, name=name or None)
        except PbxFailure as error:
            if not dialog.by_person:
                raise
            dialog.say(f"  {error}")
        else:
            return login


def _processes(dialog: Dialog, settings: Settings) -> None:
    from cli.doctor.snapshot import snapshot
    from cli.setup.service import enable, is_packaged

    dialog.title("Processes")
    if is_packaged(settings.folder):
        enable("starface2mqtt.service")
    else:
        dialog.say(f"  Run them: starface2mqtt --config {settings.file} up")

    def online() -> str:
        with _connected(settings) as connection:
            found = snapshot(connection)
        missing = [name for name in ("gateway", "sessions", "dial") if not found.online(name)]
        return f"{', '.join(missing)} not running yet" if missing else ""

    _until(dialog, "the processes", online)
    dialog.say("  all processes run")


def _contacts(dialog: Dialog, context: typer.Context, settings: Settings) -> None:
    from cli.contacts import imports
    from consumers.directory.directory import Directory

    dialog.title("Contacts")
    with Directory(settings.database) as directory:
        sources = directory.sources()
    if sources:
        dialog.say(f"  there are already {', '.join(source.name for source in sources)}")
        return
    kind = dialog.choose("contacts", "A file of contacts", ("csv", "vcard", "none"), "none")
    if kind == "none":
        dialog.say(
            "  Later: starface2mqtt contacts import --help shows LDAP, CardDAV, SQL, STARFACE"
        )
        return
    while True:
        file = Path(dialog.ask("contacts_file", "The file", check=_a_file))
        source = dialog.ask("contacts_source", "A name for this source", kind)
        try:
            imports.import_file(context, file, source, dry_run=True)
            if dialog.confirm("contacts_import", "Import them?", default=True):
                imports.import_file(context, file, source)
        except CommandFailed as error:
            if not dialog.by_person:
                raise
            dialog.say(f"  {error}")
        else:
            return


def _opening(dialog: Dialog, settings: Settings) -> tuple[Settings, datetime | None]:
    """Return the settings with what opens, and when the processes were started again for it."""
    import tomlkit

    from cli.setup.service import is_packaged, restart
    from cli.site.settings import read
    from runtime.files import replace

    dialog.title("What opens")
    caller = settings.caller
    if caller.matter or caller.dossier or caller.card:
        dialog.say("  addresses are set already")
        return settings, None
    dialog.say(
        "  Addresses with {id}, as https://cases.example/matters/{id}; empty: nothing opens."
    )
    document = tomlkit.parse(settings.file.read_text(encoding="utf-8"))
    given = {}
    for name in ("matter", "dossier", "card"):
        if address := dialog.ask(f"opens_{name}", f"Address of a {name}", ""):
            given[name] = address
    if not given:
        return settings, None
    before = settings.file.read_text(encoding="utf-8")
    section = document.setdefault("caller", tomlkit.table())
    section.update(given)
    replace(settings.file, tomlkit.dumps(document))
    try:
        changed = read(settings.file)
        _preview(dialog, changed, given)
    except Exception:
        replace(settings.file, before)
        raise
    if not is_packaged(settings.folder):
        dialog.say("  Start the processes again, so that they know it.")
        return changed, None
    begun = datetime.now(UTC)
    restart("starface2mqtt.service")
    return changed, begun


def _preview(dialog: Dialog, settings: Settings, given: dict[str, str]) -> None:
    from consumers.actions.url_templates import fill
    from consumers.directory.directory import Directory

    with Directory(settings.database) as directory:
        contact = next(iter(directory.contacts()), None)
    if contact is None:
        return
    values = {"id": contact.key, "name": contact.name, "company": contact.company}
    if "card" in given:
        dialog.say(f"  as for {contact.name or contact.company}: {fill(given['card'], values)}")


def _test_call(dialog: Dialog, settings: Settings, login: str, begun: datetime | None) -> None:
    """Wait for a call, once the user is active after the restart that may have been."""
    from bus.events import CallerEvent
    from cli.commands.developers.event_lines import line

    dialog.title("Test call")
    seconds = int(dialog.ask("test_call", "Seconds to wait for a call (0: none)", "120"))
    if not seconds:
        return
    _until(dialog, f"the telephone of {login}", lambda: _not_active(settings, login, begun))
    dialog.say(f"  Ring the telephone of {login} now.")
    answers: list[CallerEvent] = []
    with _connected(settings) as connection:
        topics = connection.topics

        def show(received: ReceivedMessage) -> None:
            if text := line(received.topic, received.payload, topics):
                dialog.say(f"  {text}")
            if received.topic == topics.caller(login):
                answers.append(CallerEvent.model_validate_json(received.payload))

        connection.subscribe(topics.everything_of(login), show)
        limit = time.monotonic() + seconds
        while not answers and time.monotonic() < limit:
            connection.work(0.5)
    if answers:
        dialog.say("  The call came through every station. Why it opened what it did: "
                   f"starface2mqtt why {login}")  # fmt: skip
    else:
        raise CommandFailed(f"no call of {login} came within {seconds} s: starface2mqtt doctor")


@contextmanager
def _connected(settings: Settings) -> Iterator[Connection]:
    from bus.mqtt.connection import Connection
    from cli.commands.broker_account import cli_account

    with (
        cli_account(settings) as account,
        Connection(settings.broker, account, lasting=False) as connection,
    ):
        connection.wait_connected()
        yield connection


def _lets_us_in(settings: Settings) -> str:
    from bus.mqtt.inbox import BrokerUnavailable

    try:
        with _connected(settings):
            return ""
    except BrokerUnavailable as error:
        return str(error)


def _not_active(settings: Settings, login: str, begun: datetime | None) -> str:
    """Return why a user's calls would not be seen yet, empty if they are."""
    from cli.doctor.snapshot import snapshot

    with _connected(settings) as connection:
        found = snapshot(connection)
    state = found.users.get(login)
    if state is None or (begun is not None and found.said_at[login] < begun):
        return f"{login} is not logged in at STARFACE yet"
    if state.state != "active":
        return f"{login} is {state.state}: {state.sentence.en if state.sentence else state.code}"
    serving = [name for name in found.processes if name in ("caller", f"caller-for-{login}")]
    return "" if any(map(found.online, serving)) else "the caller process does not run yet"


def _a_file(text: str) -> str:
    if not Path(text).exists():
        raise ValueError(f"there is no file {text}")
    return text


def _until(dialog: Dialog, what: str, problem: Callable[[], str]) -> None:
    """Wait until something works; a person may try again, otherwise raise CommandFailed."""
    while True:
        limit = time.monotonic() + _WAIT
        while said := problem():
            if time.monotonic() > limit:
                break
            time.sleep(0.5)
        if not said:
            return
        if not dialog.by_person or not dialog.confirm("", f"  {said}. Try again?", default=True):
            raise CommandFailed(f"{what}: {said}")
