"""`calls`: the journal in a terminal: who rang, what is missed, notes, and lists for billing."""

import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.completion import complete_logins
from cli.commands.login import login_meant
from cli.site.context import CommandFailed, settings_of
from cli.site.languages import say
from cli.site.languages import text as said
from cli.site.progress import with_progress

if TYPE_CHECKING:
    from bus.journal_events import CallRecordData, JournalAnswerData
    from cli.site.settings import Settings

Ask = Callable[..., "JournalAnswerData"]
User = Annotated[
    str | None, typer.Option(help="Login whose calls are meant.", autocompletion=complete_logins)
]
Missed = Annotated[bool, typer.Option("--missed", help="Only missed calls and messages.")]
Open = Annotated[bool, typer.Option("--open", help="Only what nobody has seen to yet.")]
Since = Annotated[str | None, typer.Option(help="From: 2026-11-01, 2026-11-01T14:00, 7d, 2h.")]
Until = Annotated[str | None, typer.Option(help="Before that time, written like --since.")]
Number = Annotated[str | None, typer.Option(help="Only this number, in any spelling.")]
Matter = Annotated[str | None, typer.Option(help="Only of this matter: its key or reference.")]
Contact = Annotated[str | None, typer.Option(help="Only of this contact: its key or id.")]
Text = Annotated[str | None, typer.Option(help="Only where these words occur.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
CallId = Annotated[str, typer.Argument(help="Id of the call, as `calls` shows it.")]

_WISHES = ("call-back", "calls-again", "urgent")
_WIDE = 180  # columns where nobody says how wide the terminal is
_PAGE = 200  # records asked for at once
_ARROWS = {"in": "←", "out": "→", "internal": "↔", "unknown": "·"}
_COLUMNS = (
    "started", "answered", "ended", "user", "direction", "number", "name", "contact", "company",
    "dossier", "matter", "group", "result", "ring_seconds", "talk_seconds", "answered_by",
    "handled_by", "note", "call_id",
)  # fmt: skip
app = typer.Typer(
    help="Look at finished calls, see to missed ones, write notes, export.",
    invoke_without_command=True,
)


@app.callback()
def calls(
    context: typer.Context,
    user: User = None,
    missed: Missed = False,
    is_open: Open = False,
    since: Since = None,
    until: Until = None,
    number: Number = None,
    matter: Matter = None,
    contact: Contact = None,
    text: Text = None,
    sent: Annotated[bool, typer.Option("--sent", help="Messages left for colleagues.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=5000, help="How many, newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """Look at finished calls, see to missed ones, write notes, export."""
    if context.invoked_subcommand is not None:
        return
    settings = settings_of(context)
    wanted = _wanted(missed, is_open, since, until, number, matter, contact, text) | {"sent": sent}
    with _journal(settings, user) as (ask, _):
        records = list(_take(_pages(ask, wanted), limit))
    if as_json:
        for record in records:
            typer.echo(record.model_dump_json())
    elif records:
        _show_table(records)
    else:
        say("command.calls.none", err=True)


@app.command()
def show(context: typer.Context, call_id: CallId, user: User = None, as_json: Json = False) -> None:
    """Show all that is known of one call."""
    settings = settings_of(context)
    with _journal(settings, user) as (ask, _):
        [record] = ask(action="get", call_id=call_id).records
    if as_json:
        typer.echo(record.model_dump_json(indent=2))
        return
    row = _row(record)
    for name in _COLUMNS:
        if row[name] not in ("", None):
            typer.echo(f"{name:13} {row[name]}")
    for note in record.notes:
        typer.echo(f"{'note':13} {_local(note.at)} {note.by or '-'}: {note.text}")
    if record.message:
        wishes = ", ".join(record.message.wishes)
        typer.echo(f"{'message':13} {record.message.by or '-'}: {record.message.text} {wishes}")


@app.command()
def handle(
    context: typer.Context,
    call_id: CallId,
    user: User = None,
    undo: Annotated[bool, typer.Option("--undo", help="It still waits.")] = False,
) -> None:
    """Mark a missed call or a message as seen to."""
    with _journal(settings_of(context), user) as (ask, _):
        [record] = ask(action="unhandle" if undo else "handle", call_id=call_id).records
    say("command.calls.waits" if record.open else "command.calls.handled")


@app.command()
def note(
    context: typer.Context,
    call_id: CallId,
    text: Annotated[str, typer.Argument(help="What to write down, up to 4,000 characters.")],
    user: User = None,
    handled: Annotated[bool, typer.Option("--handled", help="That settles it.")] = False,
) -> None:
    """Write a note about a call."""
    with _journal(settings_of(context), user) as (ask, _):
        ask(action="note", call_id=call_id, text=text, handled=handled)
    say("command.calls.noted")


@app.command()
def message(
    context: typer.Context,
    colleague: Annotated[
        str, typer.Argument(help="Login of who is to get it.", autocompletion=complete_logins)
    ],
    text: Annotated[str, typer.Argument(help="What it is about.")] = "",
    user: User = None,
    call_id: Annotated[str | None, typer.Option("--call", help="Id of the call.")] = None,
    number: Annotated[str | None, typer.Option(help="Number to call back.")] = None,
    name: Annotated[str | None, typer.Option(help="Who it was.")] = None,
    wish: Annotated[
        list[str] | None, typer.Option(help="call-back, calls-again or urgent; may be repeated.")
    ] = None,
) -> None:
    """Leave a message for a colleague: it waits in his list of missed calls."""
    if unknown := set(wish or ()) - set(_WISHES):
        raise typer.BadParameter(f"not {', '.join(unknown)}", param_hint="--wish")
    with _journal(settings_of(context), user) as (ask, _):
        ask(
            action="message", colleague=colleague, text=text or None, call_id=call_id,
            number=number, name=name, wishes=tuple(wish or ()),
        )  # fmt: skip
    say("command.calls.left", colleague=colleague)


@app.command()
def export(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="Where to; default: the terminal.")] = None,
    user: User = None,
    everybody: Annotated[bool, typer.Option("--all", help="The calls of every user.")] = False,
    missed: Missed = False,
    is_open: Open = False,
    since: Since = None,
    until: Until = None,
    number: Number = None,
    matter: Matter = None,
    contact: Contact = None,
    text: Text = None,
    as_json: Json = False,
) -> None:
    """Write calls as CSV or JSON, as for billing: --matter, --since."""
    settings = settings_of(context)
    wanted = _wanted(missed, is_open, since, until, number, matter, contact, text)
    with _journal(settings, user, everybody=everybody) as (ask, logins):
        records = (record for login in logins for record in _pages(ask, wanted | {"login": login}))
        shown = with_progress(records, "calls")
        if file is None:
            count = _write(sys.stdout, shown, as_json=as_json)
        else:
            with file.open("w", newline="", encoding="utf-8") as stream:
                count = _write(stream, shown, as_json=as_json)
    say("command.calls.count", err=True, count=count)


@contextmanager
def _journal(
    settings: "Settings", user: str | None, *, everybody: bool = False
) -> Iterator[tuple[Ask, list[str]]]:
    """Hold a connection on which the journal is asked, for one user or for each of several."""
    from bus.journal_events import JournalAnswer, JournalRequest, JournalRequestData
    from bus.mqtt.requests import Requests, Unanswered
    from cli.commands.broker_account import command_connection
    from consumers.users import Users
    from texts import pick

    if everybody:
        with Users(settings.database) as users:
            logins = [one.login for one in users.all()]
    else:
        logins = [login_meant(settings, user, option="--user")]
    with command_connection(settings) as connection:
        requests = Requests(connection)
        connection.wait_connected()

        def ask(login: str = logins[0] if logins else "", **data: Any) -> "JournalAnswerData":
            request = JournalRequest(source="cli", data=JournalRequestData.model_validate(data))
            try:
                answer = requests.ask(connection.topics.journal(login), request, JournalAnswer)
            except Unanswered:
                raise CommandFailed(said("command.calls.silent")) from None
            if answer.data.code is not None:
                sentence = answer.data.sentence
                raise CommandFailed(
                    pick(sentence, settings.site.language) if sentence else answer.data.code
                )
            return answer.data

        yield ask, logins


def _wanted(
    missed: bool, is_open: bool, since: str | None, until: str | None, number: str | None,
    matter: str | None, contact: str | None, text: str | None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "missed": missed, "open": is_open, "number": number, "matter": matter, "contact": contact,
        "text": text, "since": _moment(since, "--since"), "until": _moment(until, "--until"),
    }  # fmt: skip


def _pages(ask: Ask, wanted: dict[str, Any]) -> Iterator["CallRecordData"]:
    cursor: str | None = None
    while True:
        answer = ask(action="list", limit=_PAGE, cursor=cursor, **wanted)
        yield from answer.records
        if (cursor := answer.cursor) is None:
            return


def _take(records: Iterable["CallRecordData"], limit: int) -> Iterator["CallRecordData"]:
    for place, record in enumerate(records):
        if place == limit:
            return
        yield record


def _moment(text: str | None, option: str) -> datetime | None:
    """Return a time as it was written, on this machine's clock."""
    if text is None:
        return None
    if match := re.fullmatch(r"(\d+)([mhdw])", text):
        unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[match[2]]
        return datetime.now(UTC) - timedelta(**{unit: int(match[1])})
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise typer.BadParameter("as 2026-11-01, 7d or 2h", param_hint=option) from None


def _show_table(records: list["CallRecordData"]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("time", "", "who", "group", "duration", "result", "id"):
        shown = title if title in ("", "id") else said(f"command.calls.{title}")
        table.add_column(shown, no_wrap=title in ("time", "id"), overflow="fold")
    for record in records:
        result = said(f"journal.result.{_word(record)}")
        who = " ".join(dict.fromkeys(filter(None, (_name(record), _number(record)))))
        if record.answered_by and record.answered_by != record.user:
            result = f"{result} ({record.answered_by})"
        table.add_row(
            _local(record.started), _ARROWS[record.direction], who, record.group or "",
            _duration(record.talk_seconds), f"{result}{' ●' if record.open else ''}",
            record.call_id, style="bold" if record.open else None,
        )  # fmt: skip
    width = None if sys.stdout.isatty() else _WIDE
    Console(highlight=False, markup=False, width=width).print(table)


def _word(record: "CallRecordData") -> str:
    return "message" if record.kind == "message" else record.result


def _name(record: "CallRecordData") -> str:
    return record.contact.title if record.contact else record.party.name


def _number(record: "CallRecordData") -> str:
    """Return a number as people write it."""
    if record.party.e164 is None:
        return record.party.number
    import phonenumbers

    try:
        parsed = phonenumbers.parse(record.party.e164)
    except phonenumbers.NumberParseException:
        return record.party.e164
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _duration(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02}" if seconds else ""


def _local(at: datetime | None) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}" if at else ""


def _row(record: "CallRecordData") -> dict[str, Any]:
    titles = {
        name: (one.reference or one.title) if (one := getattr(record, name)) else ""
        for name in ("dossier", "matter")
    }
    times = {
        name: at.astimezone().isoformat(timespec="seconds") if (at := getattr(record, name)) else ""
        for name in ("started", "answered", "ended")
    }
    return {
        **{name: getattr(record, name, "") for name in _COLUMNS}, **titles, **times,
        "number": record.party.e164 or record.party.number, "name": record.party.name,
        "contact": record.contact.title if record.contact else "", "result": _word(record),
    }  # fmt: skip


def _write(stream: Any, records: Iterable["CallRecordData"], *, as_json: bool) -> int:
    count = 0
    writer = csv.DictWriter(stream, _COLUMNS, delimiter=";")
    if not as_json:
        writer.writeheader()
    for record in records:
        count += 1
        if as_json:
            stream.write(json.dumps(record.model_dump(mode="json"), ensure_ascii=False) + "\n")
        else:
            writer.writerow({name: _cell(name, value) for name, value in _row(record).items()})
    return count


def _cell(name: str, value: object) -> object:
    """Return a value that no spreadsheet takes for a formula: who calls chooses his name."""
    if name != "number" and isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t"):
        return f"'{value}"
    return value
