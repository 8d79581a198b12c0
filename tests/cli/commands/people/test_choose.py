from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.app import app
from cli.site.context import CommandFailed
from cli.site.files import make_site
from consumers.caller.trace_store import TraceEntry, TraceStore, TraceSubject, path_of
from consumers.directory.changes import Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.records import ContactNumber
from consumers.users import User, Users, UserUnknown

NUMBER = ContactNumber(raw="044 555 01 80", e164="+41445550180")
Ask = Callable[..., Result]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    settings = make_site(tmp_path / "site", {"site": {"language": "en"}})
    with Users(settings.database) as users:
        users.add(User(login="0011", extension="0011"))
    records = [
        ContactRecord(key=name, name=f"{name} Frei", numbers=(NUMBER,)) for name in ("Hans", "Ida")
    ]
    with Directory(settings.database) as directory:
        directory.apply(Changes(source="test", records=records))
    traces = TraceStore(path_of(settings.site.data_folder, "caller"))
    traces.add([TraceEntry(TraceSubject("0011", "c-1", "0445550180", NUMBER.e164), (), 1.0)])
    traces.close()
    return settings.file


@pytest.fixture
def choose(site: Path) -> Ask:
    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["--config", str(site), "choose", *words])

    return run


def test_those_who_have_the_number_of_the_last_call_are_reported(choose: Ask) -> None:
    result = choose()

    assert result.exit_code == 0, result.output
    assert "Hans Frei" in result.output
    assert "Ida Frei" in result.output
    assert "<- chosen" not in result.output


def test_a_choice_is_remembered_and_taken_back(choose: Ask) -> None:
    [wanted] = [one.split("\t")[0] for one in choose().output.splitlines() if "Ida Frei" in one]

    assert "is Ida Frei from the next call on" in choose(wanted).output
    assert "Ida Frei (person, test)\t<- chosen" in choose("--number", "044 555 01 80").output
    assert choose("--forget").exit_code == 0
    assert "<- chosen" not in choose().output


@pytest.mark.parametrize(
    ("words", "failure"),
    [
        (["99"], CommandFailed),
        (["--number", "nobody"], CommandFailed),
        (["--number", "044 999 99 99"], CommandFailed),
        (["--user", "0099"], UserUnknown),
    ],
)
def test_what_cannot_be_chosen_is_refused(
    choose: Ask, words: list[str], failure: type[Exception]
) -> None:
    assert isinstance(choose(*words).exception, failure)
