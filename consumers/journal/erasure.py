"""Forgets a number, or a user, in the journal; an erased number is erased again after a restore.

What was erased is remembered beside the database as keyed hashes: from those no number can be
read, and a backup that is put back is cleaned of what was erased after it was made.
"""

import hmac
import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from bus.journal_events import CallRecordData
from consumers.journal.hooks import FILE as HOOKS
from consumers.journal.record import number_key, number_keys
from consumers.journal.store import FILE, JournalStore
from runtime.configuration import SettingsRefused
from runtime.erasure import purge, traces_of
from runtime.files import replace
from runtime.sqlite import open_database, transaction

ERASED = "erased-numbers.json"
_GONE = "…"


def erase(folder: Path, number: str, site_key: bytes) -> tuple[int, bool]:
    """Forget a number; return how many records went, and whether no byte of it is left."""
    _remember(folder / ERASED, [mark(site_key, key) for key in number_keys(number)])
    if not (folder / FILE).exists():
        return 0, True
    with closing(JournalStore(folder / FILE)) as store:
        count = _erase(store, number_keys(number))
        clean = purge(folder / FILE, store.db, traces_of(number), changed=count > 0)
    return count, _erase_waiting(folder / HOOKS, number) and clean


def _erase_waiting(path: Path, number: str) -> bool:
    """Forget what waits for other programs; return whether no byte of it is left."""
    traces = traces_of(number)
    if not path.exists() or not traces:
        return True
    with closing(open_database(path)) as db:
        with transaction(db):
            for trace in traces:
                db.execute("DELETE FROM webhooks WHERE instr(body, ?) > 0", (trace,))
        return purge(path, db, traces)


def erase_again(store: JournalStore, folder: Path, site_key: bytes) -> int:
    """Forget what was erased before the database was put back; return how many records went."""
    cleared = store.cleared_at()
    erased = {key: at for key, at in read_erased(folder).items() if at > cleared}
    if not erased:
        return 0
    numbers = [
        (number, since)
        for number, since in store.db.execute(
            "SELECT number, min(started) FROM records WHERE number != '' GROUP BY number"
        )
        if since < erased.get(mark(site_key, number), 0.0)
    ]
    return sum(
        _erase(store, (number,), before=erased[mark(site_key, number)]) for number, _ in numbers
    )


def mark(site_key: bytes, number: str) -> str:
    """Return what is remembered of an erased number."""
    return hmac.digest(site_key, b"erased number\0" + number.encode(), "sha256").hex()[:32]


def read_erased(folder: Path) -> dict[str, float]:
    """Return when each number was erased, by its mark; raise SettingsRefused."""
    path = folder / ERASED
    try:
        return {str(key): float(at) for key, at in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise SettingsRefused(
            f"{path} is damaged, so it is not known which numbers were erased; restore it from a"
            f" backup, or begin without it: mv {path} {path}.damaged"
        ) from error


def forget_user(folder: Path, login: str, *, keep_records: bool = False) -> int:
    """Forget a user's records, and his name on messages; return how many records went."""
    if not (folder / FILE).exists():
        return 0
    with closing(JournalStore(folder / FILE)) as store, store.changing():
        for row in store.db.execute(
            "SELECT data FROM records WHERE sender = ?", (login,)
        ).fetchall():
            record = CallRecordData.model_validate_json(row[0])
            nameless = record.message and record.message.model_copy(update={"by": None})
            store.put(record.model_copy(update={"message": nameless}))
        store.db.execute("DELETE FROM legs WHERE user = ?", (login,))
        store.db.execute("DELETE FROM leg_ids WHERE user = ?", (login,))
        store.cleared()
        store.counts_changed(login)
        if keep_records:
            return 0
        return store.db.execute("DELETE FROM records WHERE user = ?", (login,)).rowcount


def records_of(folder: Path, login: str) -> int:
    """Return how many records of a user there are."""
    if not (folder / FILE).exists():
        return 0
    with closing(JournalStore(folder / FILE)) as store:
        query = "SELECT count(*) FROM records WHERE user = ?"
        return int(store.db.execute(query, (login,)).fetchone()[0])


def _erase(store: JournalStore, keys: Iterable[str], before: float | None = None) -> int:
    keys = tuple(keys)
    limit = time.time() if before is None else before
    wanted = json.dumps(keys)
    with store.changing():
        users = store.db.execute(
            "DELETE FROM records WHERE number != '' AND number IN (SELECT value FROM json_each(?))"
            " AND started < ? RETURNING user",
            (wanted, limit),
        ).fetchall()
        for (user,) in set(users):
            store.counts_changed(user)
        for user, call_id in _legs_with(store, keys):
            store.db.execute("DELETE FROM legs WHERE user = ? AND call_id = ?", (user, call_id))
        noted = [_without(record, keys) for record in _with_text(store)]
        changed = [record for record in noted if record is not None]
        for record in changed:
            store.put(record)
        store.cleared()
    return len(users) + len(changed)


def _legs_with(store: JournalStore, keys: tuple[str, ...]) -> list[tuple[str, str]]:
    rows = store.db.execute("SELECT user, call_id, leg FROM legs").fetchall()
    return [
        (user, call_id)
        for user, call_id, leg in rows
        if any(
            number_key_of(party) in keys
            for party in (json.loads(leg)["caller"][0], json.loads(leg)["called"][0])
        )
    ]


def number_key_of(party: dict[str, str | None]) -> str:
    """Return what a party that was kept is found by."""
    return party.get("e164") or party.get("number") or ""


def _with_text(store: JournalStore) -> Iterator[CallRecordData]:
    rows = store.db.execute(
        "SELECT data FROM records WHERE data LIKE '%\"notes\":[{%' OR call_id LIKE 'message-%'"
    ).fetchall()
    for (data,) in rows:
        yield CallRecordData.model_validate_json(data)


def _without(record: CallRecordData, keys: tuple[str, ...]) -> CallRecordData | None:
    """Return a record without the number in what people wrote, None if nobody wrote it."""

    def cleaned(text: str) -> str:
        for key in keys:
            digits = key.lstrip("+")
            national = digits[2:] if key.startswith("+") and len(digits) > 8 else digits
            if len(national) >= 6:
                text = re.sub(r"[+0-9()/. -]*" + r"[\s()/.-]*".join(national), _GONE, text)
        return text

    notes = tuple(
        note.model_copy(update={"text": cleaned(note.text) or _GONE}) for note in record.notes
    )
    message = record.message and record.message.model_copy(
        update={"text": cleaned(record.message.text)}
    )
    note = cleaned(record.note) if record.note else record.note
    after = record.model_copy(update={"notes": notes, "message": message, "note": note})
    if number_key(record.party) in keys:
        return None
    return after if after != record else None


def _remember(path: Path, marks: list[str]) -> None:
    erased = read_erased(path.parent)
    now = datetime.now(UTC).timestamp()
    replace(path, json.dumps(erased | dict.fromkeys(marks, now), indent=1) + "\n")
