"""What a caller is called reaches the workstation as a value, whatever it holds."""

import os
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from bus.events import Party
from bus.settings import BrokerSettings
from consumers.directory.changes import Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.records import ContactNumber
from tests.hostile_names import HOSTILE
from tests.journeys.caller.caller_office import Office

PWNED = Path("/tmp/starface-pwned")  # noqa: S108
_RECORD = """#!/bin/sh
printf '%s\\0' "$@" >{folder}/$$.half && mv {folder}/$$.half {folder}/$$.arguments
"""
_ADDRESS = re.compile(r"https://files\.example/(new|card)\?name=[A-Za-z0-9._~%-]*&call=[a-z0-9-]+")


class Recorder:
    """A program that notes with which arguments it was started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.program = folder / "xdg-open"
        self.program.write_text(_RECORD.format(folder=shlex.quote(str(folder))))
        self.program.chmod(0o755)

    def received(self) -> list[list[str]]:
        files = self.folder.glob("*.arguments")
        return [os.fsdecode(path.read_bytes()).split("\0")[:-1] for path in files]


@pytest.fixture
def office(tmp_path: Path, broker_settings: BrokerSettings, connect: Any) -> Office:
    made = Office(tmp_path, broker_settings, connect)
    made.settings |= {
        "new_contact": "https://files.example/new?name={name?}&call={call_id}",
        "card": "https://files.example/card?name={name?}&call={call_id}",
    }
    return made


@pytest.mark.parametrize("known", [False, True], ids=["named by the PBX", "in the directory"])
@pytest.mark.parametrize(
    "settings",
    [
        {"opens": "browser"},
        {"opens": "program", "program": ("{program}", "{name?}", "--name={name?}", "{url}")},
    ],
    ids=["browser", "program"],
)
def test_a_hostile_name_starts_the_opener_and_nothing_else(
    office: Office, tmp_path: Path, settings: dict[str, Any], known: bool
) -> None:
    recorder = Recorder(tmp_path / "recorder")
    if "program" in settings:
        settings = settings | {"program": (str(recorder.program), *settings["program"][1:])}
    mark = uuid4().hex
    environment = os.environ | {"PATH": f"{recorder.folder}:{os.environ['PATH']}", "MARK": mark}
    parties = [_party(number, name) for number, name in enumerate(HOSTILE)]
    if known:
        _know(office, parties)
    with office.caller(), office.desktop(environment, notification=False, **settings):
        for number, party in enumerate(parties):
            office.report(call_id=f"c-{number}", caller=party)
        office.wait(lambda: len(_calls(recorder)) == len(HOSTILE))
        office.wait(lambda: not _marked(mark))  # whatever began has ended

    assert not PWNED.exists()
    calls = _calls(recorder)
    assert set(calls) == {f"c-{number}" for number in range(len(HOSTILE))}
    for number, party in enumerate(parties):
        *rest, url = calls[f"c-{number}"]
        assert _ADDRESS.fullmatch(url)
        [reported] = parse_qs(urlsplit(url).query, keep_blank_values=True)["name"]
        assert reported == party.name.strip()
        assert len(rest) == (2 if "program" in settings else 0)
        if rest:
            alone, option = rest
            assert option.startswith("--name=")
            assert not alone.startswith(("-", "/", "@", "="))
            assert alone.lstrip("+") in option


def _party(number: int, name: str) -> Party:
    e164 = f"+4144999{number:04}"
    return Party(number=e164, e164=e164, name=name[:256], kind="external")


def _know(office: Office, parties: list[Party]) -> None:
    records = [
        ContactRecord(
            key=f"k{number}", name=party.name,
            numbers=(ContactNumber(raw=party.number, e164=party.e164 or ""),),
        )
        for number, party in enumerate(parties)
    ]  # fmt: skip
    with Directory(office.database) as directory:
        directory.apply(Changes(source="hostile", records=records))


def _calls(recorder: Recorder) -> dict[str, list[str]]:
    """Return the arguments by call; a call that came twice is an error."""
    found: dict[str, list[str]] = {}
    for event in recorder.received():
        call = event[-1].rpartition("&call=")[2]
        assert call not in found
        found[call] = event
    return found


def _marked(mark: str) -> set[int]:
    """Return which programs run that the workstation has started, or that these have."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"MARK={mark}".encode() in path.read_bytes():
                found.add(int(path.parent.name))
        except (OSError, ValueError):
            continue
    return found
