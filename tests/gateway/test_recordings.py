"""What a PBX was seen to send, and the event it should give."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

from gateway.eventlog.file import NAME
from starface.simulator.recordings.recordings import read
from tests.conftest import ROOT
from tests.gateway.running import path_of

FOLDER = ROOT / "tests" / "recordings"
EXPECTED = sorted(FOLDER.glob("*.event.json"))


def _events(folder: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(folder / NAME)) as db:
        rows = db.execute("SELECT payload FROM events ORDER BY place").fetchall()
    return [json.loads(payload)["data"] for (payload,) in rows]


def _cut(given: Any, like: Any) -> Any:
    """Return of what was reported only what is expected of it."""
    if isinstance(like, Mapping):
        return {name: _cut(given[name], part) for name, part in like.items()}
    return given


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: path.name.partition(".")[0])
def test_a_recording_gives_its_event(
    client: falcon.testing.TestClient, tmp_path: Path, expected: Path
) -> None:
    [reported] = read([expected.with_name(expected.name.replace(".event", ""))])
    event = json.loads(expected.read_text())

    answer = client.simulate_request(
        reported.method, path_of("0011"), params=reported.query, headers=reported.headers,
        body=reported.body.encode(reported.encoding),
    )  # fmt: skip

    assert answer.status_code == reported.answer["status"]
    assert [_cut(found, event) for found in _events(tmp_path)] == ([event] if event else [])


def test_every_recording_has_its_event_and_none_is_lost() -> None:
    recordings = {path.name for path in FOLDER.glob("*.json")} - {path.name for path in EXPECTED}

    assert {name.replace(".json", ".event.json") for name in recordings} == {
        path.name for path in EXPECTED
    }
    assert len(recordings) >= 30
