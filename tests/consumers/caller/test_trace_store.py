from datetime import UTC, datetime
from pathlib import Path

from bus.events import TraceStep
from consumers.caller.trace_store import TraceEntry, TraceStore, TraceSubject, erase, find, path_of

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _chapter(call: str = "c-1", user: str = "0011", at: float = 0.0, **more: str) -> TraceEntry:
    step = TraceStep(step="received", code="ringing", at=AT, de="Es klingelt.", en="It rings.")
    subject = TraceSubject(user, call, number="044", e164="+41441234567", name="Ada", **more)
    return TraceEntry(subject, (step,), AT.timestamp() + at)


def test_a_story_grows_with_its_call(tmp_path: Path) -> None:
    traces = TraceStore(path_of(tmp_path, "caller"))
    traces.add([_chapter()])
    traces.add(
        [TraceEntry(TraceSubject("0011", "c-1"), (), AT.timestamp() + 5, "card", "no-dossier")]
    )
    traces.add([_chapter(at=9)])

    [story] = find(tmp_path)
    assert len(story.steps) == 2
    assert (story.e164, story.name) == ("+41441234567", "Ada")
    assert (story.opens, story.reason) == ("card", "no-dossier")
    assert (story.changed - story.started).total_seconds() == 9
    traces.close()


def test_the_last_call_of_all_processes_is_found(tmp_path: Path) -> None:
    for account, call, at in (("caller", "c-1", 0), ("caller-2", "c-2", 5)):
        traces = TraceStore(path_of(tmp_path, account))
        traces.add([_chapter(call, at=at)])
        traces.close()

    assert [story.call_id for story in find(tmp_path)] == ["c-2"]
    assert [story.call_id for story in find(tmp_path, last=9)] == ["c-2", "c-1"]


def test_a_story_is_found_by_user_and_by_any_id_of_its_call(tmp_path: Path) -> None:
    traces = TraceStore(path_of(tmp_path, "caller"))
    traces.add([_chapter(user="0011"), _chapter(user="0012"), _chapter(also="c-9", event="e-9")])
    traces.close()

    assert [story.user for story in find(tmp_path, user="0012", last=9)] == ["0012"]
    assert [story.call_id for story in find(tmp_path, call_id="c-9", last=9)] == ["c-1"]
    assert len(find(tmp_path, call_id="c-1", last=9)) == 2
    assert find(tmp_path, call_id="c") == []
    assert find(tmp_path, call_id="e-9", last=9)[0].ids == ("c-1", "c-9", "e-9")
    assert find(tmp_path, call_id='%"') == []


def test_who_the_directory_says_it_is_stays_until_the_number_is_another(tmp_path: Path) -> None:
    traces = TraceStore(path_of(tmp_path, "caller"))
    names = []
    for number, name, contact in (
        ("+411", "PBX", ""), ("+411", "PBX", "Ada"), ("+411", "PBX", ""), ("+412", "Bob", ""),
    ):  # fmt: skip
        subject = TraceSubject("0011", "c-1", number, number, name, contact=contact)
        traces.add([TraceEntry(subject, (), AT.timestamp())])
        names.append(find(tmp_path)[0].name)
    traces.close()

    assert names == ["PBX", "Ada", "Ada", "Bob"]


def test_old_stories_are_dropped(tmp_path: Path) -> None:
    traces = TraceStore(path_of(tmp_path, "caller"))
    traces.add([_chapter("old"), _chapter("new", at=100)])
    traces.forget_before(AT.timestamp() + 50)
    traces.close()

    assert [story.call_id for story in find(tmp_path, last=9)] == ["new"]


def test_an_endless_call_has_no_endless_story(tmp_path: Path) -> None:
    traces = TraceStore(path_of(tmp_path, "caller"))
    traces.add([_chapter() for _ in range(500)])
    traces.close()

    assert len(find(tmp_path)[0].steps) == 200


def test_an_erased_number_is_nowhere_any_more(tmp_path: Path) -> None:
    traces = TraceStore(path_of(tmp_path, "caller"))
    traces.add([_chapter()])
    assert erase(tmp_path, "+41441234567") == (1, True)
    traces.close()

    assert find(tmp_path) == []
    assert not any(b"41441234567" in path.read_bytes() for path in tmp_path.iterdir())


def test_only_the_owner_can_read_a_story(tmp_path: Path) -> None:
    TraceStore(path_of(tmp_path, "caller")).close()

    assert path_of(tmp_path, "caller").stat().st_mode & 0o077 == 0
