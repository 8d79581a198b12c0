import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.events import CallerData, CallerEvent, Party
from consumers.caller.executors import ActionResult, Executors
from consumers.caller.settings import CallerSettings

WORKS = {"name": "works", "arguments": [sys.executable, "-c", "pass"]}
FAILS = {"name": "fails", "arguments": [sys.executable, "-c", "raise SystemExit(1)"]}
SLOW = {"name": "slow", "arguments": ["sleep", "60"]}
NOWHERE = {"name": "nowhere", "url": "http://127.0.0.1:9/", "secret": "0123456789abcdef"}


class Desk:
    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.reported: list[ActionResult] = []
        self._news = threading.Condition()
        self.executors = Executors(CallerSettings.model_validate(settings), path, self._finished)
        self.executors.start()

    def _finished(self, given: ActionResult) -> None:
        with self._news:
            self.reported.append(given)
            self._news.notify_all()

    def wait_for(self, count: int) -> list[ActionResult]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.reported) >= count, timeout=20)
        return self.reported


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def new(**settings: Any) -> Desk:
        made.append(Desk(tmp_path / "caller.db", settings))
        return made[-1]

    yield new
    for one in made:
        one.executors.stop(0.1)


QUEUED = [
    {"executor": name, "state": "queued"}
    for name in ("fails", "works", "slow", "nowhere", "writes")
]


def _event(**more: Any) -> CallerEvent:
    return CallerEvent(
        data=CallerData.model_validate(
            {"user": "0011", "call_id": "c-1", "event_id": "e-1", "trigger": "ringing",
             "caller": Party(), "opens": "card", "outcomes": QUEUED, **more}
        )
    )  # fmt: skip


def test_a_failing_executor_hides_no_other(desk: Callable[..., Desk]) -> None:
    all_ = desk(commands=[FAILS, WORKS], webhooks=[NOWHERE | {"give_up_after": 0}])
    all_.executors.hand_over(_event(), {}, "ringing")

    reported = {one.executor: (one.done, one.reason) for one in all_.wait_for(3)}
    assert reported == {
        "fails": (False, "exit-1"),
        "works": (True, "exit-0"),
        "nowhere": (False, "ConnectError"),
    }


def test_each_command_of_an_action_says_which_it_was_for(desk: Callable[..., Desk]) -> None:
    both = desk(commands=[FAILS, WORKS])
    assert both.executors.hand_over(_event(), {}, "party-change:ab") == 2

    ended = both.wait_for(2)
    assert {one.mark for one in ended} == {"party-change:ab"}


def test_a_slow_command_holds_up_nobody(desk: Callable[..., Desk]) -> None:
    slow = desk(commands=[SLOW | {"timeout": 5}])
    for _ in range(3):
        slow.executors.hand_over(_event(), {}, "ringing")
    done = threading.Event()
    slow.executors.do(done.set)

    assert done.wait(4)


def test_only_executors_that_the_answer_names_begin(
    desk: Callable[..., Desk],
) -> None:
    some = desk(commands=[WORKS, FAILS])

    assert some.executors.hand_over(_event(outcomes=[]), {}, "ringing") == 0
    assert some.executors.hand_over(_event(outcomes=QUEUED[:1]), {}, "ringing") == 1
    assert [one.executor for one in some.wait_for(1)] == ["fails"]


def test_stopping_does_not_wait_for_a_slow_command(desk: Callable[..., Desk]) -> None:
    slow = desk(commands=[SLOW])
    slow.executors.hand_over(_event(), {}, "ringing")
    stopped = threading.Event()

    def stop() -> None:
        slow.executors.stop(0.5)
        stopped.set()

    threading.Thread(target=stop, daemon=True).start()
    assert stopped.wait(4)


def test_a_program_that_may_not_know_names_gets_none(
    desk: Callable[..., Desk], tmp_path: Path
) -> None:
    writes = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
    arguments = [sys.executable, "-c", writes, str(tmp_path / "given"), "{id} {name?}"]
    silent = {"names": False}
    of = desk(
        commands=[{"name": "writes", "arguments": arguments, **silent}],
        webhooks=[NOWHERE | silent],
    )
    event = _event(caller=Party(number="0441234567", name="Ada Lovelace"))
    of.executors.hand_over(event, {"id": "70", "name": "Ada Lovelace"}, "ringing")
    of.wait_for(1)

    assert (tmp_path / "given").read_text() == "70 "
    queue = b"".join(path.read_bytes() for path in tmp_path.glob("caller.db*"))
    assert b"0441234567" in queue
    assert b"Lovelace" not in queue


def test_a_program_that_an_earlier_process_started_is_not_started_again(
    desk: Callable[..., Desk], tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    writes = {
        "name": "writes",
        "arguments": [sys.executable, "-c", f"open({str(opened)!r}, 'a').write('x')"],
    }
    event, earlier = _event(), desk(commands=[writes])
    assert earlier.executors.hand_over(event, {}, "ringing") == 1
    earlier.wait_for(1)  # and is killed before anything of that is noted elsewhere

    assert desk(commands=[writes]).executors.hand_over(event, {}, "ringing") == 0
    assert opened.read_text() == "x"


def test_a_program_that_could_not_be_started_is_tried_again(
    desk: Callable[..., Desk], tmp_path: Path
) -> None:
    program = tmp_path / "works"
    event, executor = _event(), {"name": "works", "arguments": [str(program)]}
    earlier = desk(commands=[executor])
    earlier.executors.hand_over(event, {}, "ringing")
    assert [result.reason for result in earlier.wait_for(1)] == ["no-program"]

    assert desk(commands=[executor]).executors.hand_over(event, {}, "ringing") == 1
