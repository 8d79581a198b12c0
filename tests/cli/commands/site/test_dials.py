import json
from contextlib import closing
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.commands.site.dials import dials
from consumers.dial.settings import DialSettings
from consumers.dial.store import DialRecord, DialStore

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(dials)


@app.callback()
def _config(context: typer.Context, config: Path) -> None:
    context.obj = {"config": config}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "starface2mqtt.toml"
    path.write_text('[site]\nlanguage = "en"\n')
    return path


@pytest.fixture
def dialled(site: Path) -> None:
    with closing(DialStore(site.parent / "data" / "dial.db", "dial")) as book:
        for user in ("0011", "0012"):
            asked = DialRecord(
                user, f"id-{user}", "message", "key", "+4144123••••", "cli/anna", 1e9
            )
            claimed = book.claim(asked, DialSettings())
            assert isinstance(claimed, DialRecord)
            book.advance(claimed.serial, "refused", b"", 1e9, code="premium", final=True)


@pytest.mark.usefixtures("dialled")
def test_each_request_is_one_line_newest_first(site: Path) -> None:
    shown = CliRunner().invoke(app, [str(site), "dials"]).output.splitlines()

    assert [line.split()[2] for line in shown] == ["0012", "0011"]
    assert "+4144123••••" in shown[0]
    assert "refused (premium)" in shown[0]
    assert shown[0].endswith("cli/anna")


@pytest.mark.usefixtures("dialled")
def test_the_audit_of_one_user_is_given_to_programs(site: Path) -> None:
    shown = CliRunner().invoke(app, [str(site), "dials", "--json", "--as", "0011"]).output

    document = json.loads(shown)
    assert (document["user"], document["code"], document["final"]) == ("0011", "premium", True)
    assert document["at"] == "2001-09-09T01:46:40.000+00:00"


def test_before_the_first_request_it_says_so(site: Path) -> None:
    result = CliRunner().invoke(app, [str(site), "dials"])

    assert result.exit_code == 0
    assert "No dial request yet" in result.output
