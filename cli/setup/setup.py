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
from pydantic import ValidationError

from bus.mqtt.inbox import why
from bus.settings import SettingsRefused
from cli.setup.dialog import WrongAnswer
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
    lang: Annotated[
        str | None, typer.Option(help="de, en, fr or it; default: the terminal's.")
    ] = None,
) -> None:
    """Set up a site step by step; begun again it continues where it stopped."""
    from cli.setup.dialog import Dialog
    from cli.setup.service import PACKAGED
    from cli.site.languages import chosen_language, terminal_language

    config: Path | None = (context.find_root().obj or {}).get("config")
    if config is not None:
        folder = config.parent
    elif folder is None:
        folder = PACKAGED if PACKAGED.is_dir() else Path()
    dialog = Dialog(chosen_language(lang) if lang else terminal_language(), answers)
    settings = _site(dialog, folder.resolve())
    if lang:  # else the one of the site, which may have been there before
        dialog.language = chosen_language(lang)
    context.find_root().obj = {"config": settings.file}
    settings, login = _user(dialog, settings)
    _broker(dialog, settings, login)
    _processes(dialog, settings)
    _contacts(dialog, context, settings)
    settings, begun = _opening(dialog, settings)
    _test_call(dialog, settings, login, begun)
    dialog.title("done")
    dialog.say("done")


def _site(dialog: Dialog, folder: Path) -> Settings:
    from cli.setup.draft import draft, port_number
    from cli.setup.service import BROKER_PORT, DATA, is_packaged
    from cli.site.files import make_site
    from cli.site.settings import FILE, read

    if (folder / FILE).exists():
        settings = read(folder / FILE)
        dialog.language = settings.site.language
        dialog.say("continues", path=settings.file)
        return settings
    values = draft(dialog)
    if is_packaged(folder):
        values["site"]["data_folder"] = str(DATA)
        values["broker"] = {"port": BROKER_PORT}
    else:
        values["broker"] = {"port": int(dialog.ask("broker_port", "1883", check=port_number))}
    settings = make_site(folder, values)
    dialog.say("written", path=settings.file)
    return settings


def _user(dialog: Dialog, settings: Settings) -> tuple[Settings, str]:
    """Return the login of the first user, and the settings that know the extension.

    He comes before the broker starts, which so knows his accounts from the beginning.
    """
    from cli.commands.site.extensions import make_known
    from cli.commands.site.users import added_user
    from cli.site.settings import read
    from consumers.sessions.faults import code_of, detail_of
    from consumers.users import Users
    from starface.failures import PbxFailure
    from texts import pick

    dialog.title("user")
    with Users(settings.database) as users:
        known = [user.login for user in users.all()]
    if known:
        dialog.say("user-known", users=", ".join(known[:5]))
        return settings, known[0]
    while True:
        login = dialog.ask("login")
        name = dialog.ask("name", "")
        password = os.environ.get("STARFACE_PASSWORD") or dialog.ask("password", hidden=True)
        try:
            account, broker_password = added_user(settings, login, password, {"name": name or None})
        except PbxFailure as error:
            if not dialog.by_person:
                raise
            sentence = detail_of(code_of(error, "login"))
            dialog.show(pick(sentence, dialog.language) if sentence else str(error))
        except (SettingsRefused, ValidationError) as error:
            if not dialog.by_person:
                raise
            dialog.show(why(error) if isinstance(error, ValidationError) else str(error))
        else:
            dialog.say("user", login=login, account=account, password=broker_password)
            make_known(settings, [login])
            return read(settings.file), login


def _broker(dialog: Dialog, settings: Settings, login: str) -> None:
    from cli.doctor.network import broker_accounts
    from cli.setup.service import enable, is_packaged
    from cli.site.broker_configuration import FILE
    from cli.site.files import broker_folder

    dialog.title("broker")
    if is_packaged(settings.folder):
        enable("starface2mqtt-broker.service", "starface2mqtt-broker-reload.path")
    else:
        dialog.say("broker-start", command=f"mosquitto -c {broker_folder(settings) / FILE}")

    def refused() -> str:
        if reason := _lets_us_in(settings):
            return reason
        found = next((each for each in broker_accounts(settings) if each.level == "fail"), None)
        return f"{found.text(dialog.language)}. {found.fix(dialog.language)}" if found else ""

    _until(dialog, refused)
    dialog.say("broker", port=settings.broker.port, login=login)


def _processes(dialog: Dialog, settings: Settings) -> None:
    from cli.doctor.snapshot import snapshot
    from cli.setup.service import enable, is_packaged

    dialog.title("processes")
    if is_packaged(settings.folder):
        enable("starface2mqtt.service")
    else:
        dialog.say("processes-start", command=f"starface2mqtt --config {settings.file} up")

    def missing() -> str:
        with _connected(settings) as connection:
            found = snapshot(connection)
        away = [name for name in ("gateway", "sessions", "dial") if not found.online(name)]
        return dialog.text("setup.failed.processes", names=", ".join(away)) if away else ""

    _until(dialog, missing)
    dialog.say("processes")


def _contacts(dialog: Dialog, context: typer.Context, settings: Settings) -> None:
    from cli.contacts import imports
    from consumers.directory.directory import Directory

    dialog.title("contacts")
    with Directory(settings.database) as directory:
        sources = directory.sources()
    if sources:
        dialog.say("contacts-known", sources=", ".join(source.name for source in sources))
        return
    kind = dialog.ask("contacts", "none", choices=("csv", "vcard", "none"))
    if kind == "none":
        dialog.say("contacts-later")
        return
    while True:
        file = Path(dialog.ask("contacts_file", check=_a_file))
        source = dialog.ask("contacts_source", kind)
        try:
            imports.import_file(context, file, source, dry_run=True)
            if dialog.confirm("contacts_import", default=True):
                imports.import_file(context, file, source)
        except CommandFailed as error:
            if not dialog.by_person:
                raise
            dialog.show(str(error))
        else:
            return


def _opening(dialog: Dialog, settings: Settings) -> tuple[Settings, datetime | None]:
    """Return the settings with what opens, and when the processes were started again for it."""
    from cli.setup.service import is_packaged, restart
    from cli.site.configuration_file import with_values
    from cli.site.settings import read
    from runtime.files import replace

    dialog.title("opens")
    caller = settings.caller
    if caller.matter or caller.dossier or caller.card:
        dialog.say("opens-known")
        return settings, None
    dialog.say("opens", example="https://cases.example/matters/{id}")
    given = {}
    for name in ("matter", "dossier", "card"):
        if address := dialog.ask(f"opens_{name}", "", check=_is_template):
            given[name] = address
    if not given:
        return settings, None
    before = settings.file.read_text(encoding="utf-8")
    replace(settings.file, with_values(before, {"caller": given}))
    try:
        changed = read(settings.file)
        _preview(dialog, changed, given)
    except Exception:
        replace(settings.file, before)
        raise
    if not is_packaged(settings.folder):
        dialog.say("restart")
        return changed, None
    begun = datetime.now(UTC)
    restart("starface2mqtt.service")
    return changed, begun


def _preview(dialog: Dialog, settings: Settings, given: dict[str, str]) -> None:
    from consumers.actions.url_templates import fill
    from consumers.directory.directory import Directory

    with Directory(settings.database) as directory:
        contact = next(iter(directory.contacts()), None)
    if contact is None or "card" not in given:
        return
    values = {"id": contact.key, "name": contact.name, "company": contact.company}
    address = fill(given["card"], values)
    dialog.say("preview", name=contact.name or contact.company, address=address)


def _test_call(dialog: Dialog, settings: Settings, login: str, begun: datetime | None) -> None:
    """Wait for a call, once the user is active after the restart that may have been."""
    from bus.events import CallerEvent
    from cli.commands.developers.event_lines import line

    dialog.title("call")
    seconds = int(dialog.ask("test_call", "120", check=_is_seconds))
    if not seconds:
        return
    _until(dialog, lambda: _not_active(dialog, settings, login, begun))
    dialog.say("ring", login=login)
    answers: list[CallerEvent] = []
    with _connected(settings) as connection:
        topics = connection.topics

        def show(received: ReceivedMessage) -> None:
            if text := line(received.topic, received.payload, topics):
                dialog.show(text)
            if received.topic == topics.caller(login):
                answers.append(CallerEvent.model_validate_json(received.payload))

        connection.subscribe(topics.everything_of(login), show)
        limit = time.monotonic() + seconds
        while not answers and time.monotonic() < limit:
            connection.work(0.5)
    if not answers:
        raise dialog.failed("call", login=login, seconds=seconds)
    dialog.say("came", login=login)


@contextmanager
def _connected(settings: Settings) -> Iterator[Connection]:
    from cli.commands.broker_account import command_connection

    with command_connection(settings) as connection:
        connection.wait_connected()
        yield connection


def _lets_us_in(settings: Settings) -> str:
    from bus.mqtt.inbox import BrokerUnavailable

    try:
        with _connected(settings):
            return ""
    except BrokerUnavailable as error:
        return str(error)


def _not_active(dialog: Dialog, settings: Settings, login: str, begun: datetime | None) -> str:
    """Return why a user's calls would not be seen yet, empty if they are."""
    from cli.doctor.snapshot import snapshot
    from texts import pick

    with _connected(settings) as connection:
        found = snapshot(connection)
    state = found.users.get(login)
    if state is None or (begun is not None and found.said_at[login] < begun):
        return dialog.text("setup.failed.not-logged-in", login=login)
    if state.state == "inactive":
        return dialog.text("setup.failed.inactive", login=login)
    if state.state == "failing":
        sentence = pick(state.detail, dialog.language) if state.detail else state.code
        return f"{login}: {sentence}"
    serving = [name for name in found.processes if name in ("caller", f"caller-for-{login}")]
    if any(map(found.online, serving)):
        return ""
    return dialog.text("setup.failed.processes", names="caller")


def _a_file(text: str) -> str:
    if not Path(text).is_file():
        raise WrongAnswer("file", path=text)
    return text


def _is_seconds(text: str) -> str:
    if not text.isdecimal():
        raise WrongAnswer("seconds")
    return text


def _is_template(text: str) -> str:
    from consumers.actions.url_templates import check

    if text:
        try:
            check(text, ("https",))
        except ValueError as error:
            raise WrongAnswer("address", reason=error) from error
    return text


def _until(dialog: Dialog, problem: Callable[[], str]) -> None:
    """Wait until something works; a person may try again, otherwise raise CommandFailed."""
    while True:
        limit = time.monotonic() + _WAIT
        while said := problem():
            if time.monotonic() > limit:
                break
            time.sleep(0.5)
        if not said:
            return
        if not dialog.by_person:
            raise CommandFailed(said)
        dialog.show(said)
        if not dialog.confirm("again", default=True):
            raise CommandFailed(said)
