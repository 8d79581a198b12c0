import json
import sys
from pathlib import Path

import pytest

from bus.events import CallerData, Party, Reference
from consumers.actions.command import ActionFailed
from consumers.desktop.opener import Opener
from consumers.desktop.settings import DesktopSettings

_WRITE_ARGV = "import json,sys; open(sys.argv[1],'w').write(json.dumps(sys.argv[2:]))"


def _data(url: str | None, name: str = "Ada") -> CallerData:
    return CallerData(
        user="0011", call_id="c-1", event_id="e", trigger="ringing",
        caller=Party(number="+41441234567", e164="+41441234567", kind="external"),
        contact=Reference(kind="contact", id="7", title=name), opens="card", url=url,
    )  # fmt: skip


def test_a_program_gets_its_arguments(tmp_path: Path) -> None:
    received = tmp_path / "argv"
    program = (sys.executable, "-c", _WRITE_ARGV, str(received), "/open:{url}", "{name}", "{e164}")

    Opener(DesktopSettings(opens="program", program=program)).open(
        _data("https://a.example/?x=1&y=2", "-x; rm -rf /")
    )

    assert json.loads(received.read_text()) == [
        "/open:https://a.example/?x=1&y=2", "x; rm -rf /", "+41441234567",
    ]  # fmt: skip


def test_the_systems_opener_gets_the_address_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = tmp_path / "argv"
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\nprintf "%s\\n" "$#" "$@" > {received}\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    Opener(DesktopSettings()).open(_data("https://a.example/$(id)?a=1&b=%22"))

    assert received.read_text().splitlines() == ["1", "https://a.example/$(id)?a=1&b=%22"]


def test_a_system_without_opener_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ActionFailed, match="no-xdg-open"):
        Opener(DesktopSettings()).open(_data("https://a.example/"))


def test_without_an_address_nothing_opens() -> None:
    with pytest.raises(ActionFailed, match="no-address"):
        Opener(DesktopSettings()).open(_data(None))


def test_a_program_gets_the_key_by_which_the_source_knows_what_opens(tmp_path: Path) -> None:
    received = tmp_path / "argv"
    program = (sys.executable, "-c", _WRITE_ARGV, str(received), "{id}", "{number}")
    opened = Reference(kind="matter", id="70", key="M-1001", title="Will")
    fields = {"opened": opened, "called": Party(number="12"), "trigger": "outgoing"}

    Opener(DesktopSettings(opens="program", program=program)).open(
        _data("https://a.example/").model_copy(update=fields)
    )

    assert json.loads(received.read_text()) == ["M-1001", "12"]
