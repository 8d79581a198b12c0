"""The courses a call can take (P 5.4), each a short story: what happens, and the pauses between."""

import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any

from starface.simulator.model.calls import CallParty, NoSuchCall, SimulatedCall
from starface.simulator.model.pbx import SimulatedPbx

Later = Callable[[float, Callable[[], None]], None]
Story = Iterator[float]

_CALLER = "+41441234567"
_SECOND_CALLER = "+493023125123"


class NoSuchScenario(Exception):
    """There is no scenario of this name; the argument is a sentence with those there are."""


class ScenarioStage:
    """What a story acts with: the PBX, the people named, and the calls it made."""

    def __init__(self, pbx: SimulatedPbx, options: dict[str, Any]) -> None:
        logins = list(pbx.users)
        self.pbx = pbx
        self.user: str = options.get("user") or logins[0]
        own = pbx.user(self.user)
        others = [login for login in logins if login != self.user] or [self.user]
        self.other: str = options.get("other") or others[0]
        pbx.user(self.other)
        self.group = own.groups[0] if own.groups else next(iter(pbx.groups), "")
        self.caller = CallParty(
            options.get("caller_number", _CALLER), options.get("caller_name", "")
        )
        self.number: str = options.get("number") or _CALLER
        self.calls: list[str] = []

    def ring(self, caller: CallParty | None = None) -> str:
        """Ring the user from outside."""
        return self._note(self.pbx.ring(self.user, caller or self.caller))

    def place(self, number: str) -> str:
        """Have a call of the user placed."""
        return self._note(self.pbx.call(self.pbx.place(self.user, number)))

    def consult(self) -> str:
        """Have the user call the colleague while the first call is held."""
        return self._note(self.pbx.consult(self.user, self.other))

    def ring_group(self) -> str:
        """Ring the whole group of the user."""
        return self._note(self.pbx.ring_group(self.group, self.caller))

    def _note(self, call: SimulatedCall) -> str:
        call.scripted = True
        self.calls.append(call.id)
        return call.id


def incoming_answered(on: ScenarioStage) -> Story:
    """Ring the user, who answers; then the caller hangs up."""
    call = on.ring()
    yield 3
    on.pbx.answer(call)
    yield 5
    on.pbx.hang_up(call)


def incoming_missed(on: ScenarioStage) -> Story:
    """Ring the user, who does not answer; the caller gives up."""
    call = on.ring()
    yield 6
    on.pbx.hang_up(call)


def incoming_rejected(on: ScenarioStage) -> Story:
    """Ring the user while he does not want to be disturbed."""
    quiet = on.user in on.pbx.do_not_disturb
    on.pbx.do_not_disturb.add(on.user)
    on.ring()
    if not quiet:
        on.pbx.do_not_disturb.discard(on.user)
    yield 0


def click_to_dial(on: ScenarioStage) -> Story:
    """Place a call: the user lifts, the far end answers, and hangs up."""
    call = on.place(on.number)
    yield 2
    on.pbx.lift(call)
    yield 3
    on.pbx.answer(call)
    yield 5
    on.pbx.hang_up(call)


def own_phone_not_lifted(on: ScenarioStage) -> Story:
    """Place a call; the user does not lift his own phone."""
    call = on.place(on.number)
    yield 10
    on.pbx.hang_up(call)


def not_reached(on: ScenarioStage) -> Story:
    """Place a call; the user lifts, nobody answers."""
    call = on.place(on.number)
    yield 2
    on.pbx.lift(call)
    yield 10
    on.pbx.hang_up(call)


def dialled_at_phone(on: ScenarioStage) -> Story:
    """Dial at the telephone itself; the far end answers."""
    call = on.place(on.number)
    on.pbx.lift(call)
    yield 3
    on.pbx.answer(call)
    yield 5
    on.pbx.hang_up(call)


def internal(on: ScenarioStage) -> Story:
    """Have the user call a colleague, who answers: two series of one call."""
    call = on.place(on.pbx.user(on.other).extension)
    yield 2
    on.pbx.lift(call)
    yield 3
    on.pbx.answer(call, on.other)
    yield 5
    on.pbx.hang_up(call)


def group_call(on: ScenarioStage) -> Story:
    """Ring a whole group; the user answers, the others' phones fall silent."""
    call = on.ring_group()
    yield 3
    on.pbx.answer(call, on.user)
    yield 5
    on.pbx.hang_up(call)


def group_missed(on: ScenarioStage) -> Story:
    """Ring a whole group; nobody answers."""
    call = on.ring_group()
    yield 8
    on.pbx.hang_up(call)


def hold(on: ScenarioStage) -> Story:
    """Answer a call, park it, take it again."""
    call = on.ring()
    yield 2
    on.pbx.answer(call)
    yield 3
    on.pbx.hold(call, on.user)
    yield 3
    on.pbx.resume(call, on.user)
    yield 3
    on.pbx.hang_up(call)


def blind_transfer(on: ScenarioStage) -> Story:
    """Answer a call and hand it to a colleague without a word; it gets a new id."""
    call = on.ring()
    yield 2
    on.pbx.answer(call)
    yield 3
    on.pbx.hand_over(call, on.user, on.other, ringing=True)
    call = on.pbx.change_id(call).id
    on.calls.append(call)
    yield 2
    on.pbx.answer(call, on.other)
    yield 5
    on.pbx.hang_up(call)


def attended_transfer(on: ScenarioStage) -> Story:
    """Answer a call, ask a colleague in a second one, and put the two together."""
    call = on.ring()
    yield 2
    on.pbx.answer(call)
    yield 2
    on.pbx.hold(call, on.user)
    second = on.consult()
    yield 2
    on.pbx.answer(second, on.other)
    yield 3
    on.pbx.join(call, second, on.user, on.other)
    yield 5
    on.pbx.hang_up(call)


def voicemail(on: ScenarioStage) -> Story:
    """Ring the user, who does not answer; his voicemail takes the call."""
    call = on.ring()
    yield 8
    on.pbx.divert(call, on.user)


def parallel_calls(on: ScenarioStage) -> Story:
    """Answer a call, park it for a second one, and come back to it."""
    first = on.ring()
    yield 2
    on.pbx.answer(first)
    yield 2
    second = on.ring(CallParty(_SECOND_CALLER))
    yield 2
    on.pbx.hold(first, on.user)
    on.pbx.answer(second, on.user)
    yield 3
    on.pbx.hang_up(second)
    on.pbx.resume(first, on.user)
    yield 2
    on.pbx.hang_up(first)


def no_hangup(on: ScenarioStage) -> Story:
    """Answer a call whose end is not notified."""
    call = on.ring()
    yield 2
    on.pbx.answer(call)
    yield 3
    on.pbx.lose(call)


_STORIES: list[Callable[[ScenarioStage], Story]] = [
    incoming_answered,
    incoming_missed,
    incoming_rejected,
    click_to_dial,
    own_phone_not_lifted,
    not_reached,
    dialled_at_phone,
    internal,
    group_call,
    group_missed,
    hold,
    blind_transfer,
    attended_transfer,
    voicemail,
    parallel_calls,
    no_hangup,
]
STORIES = {story.__name__.replace("_", "-"): story for story in _STORIES}


class ScenarioRun:
    """A scenario on its way."""

    def __init__(self, story: Story, stage: ScenarioStage, later: Later) -> None:
        self.calls = stage.calls
        self._story = story
        self._later = later
        self._done = threading.Event()

    @property
    def call_id(self) -> str:
        """The id of the scenario's first call."""
        return self.calls[0]

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._done.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when it did not come in time."""
        return self._done.wait(seconds)

    def step(self) -> None:
        """Continue to the next pause."""
        try:
            pause = next(self._story)
        except (StopIteration, NoSuchCall):  # at its end, or somebody else ended the call
            self._done.set()
        else:
            self._later(pause, self.step)


def begin(name: str, pbx: SimulatedPbx, later: Later, options: dict[str, Any]) -> ScenarioRun:
    """Begin a scenario; raise NoSuchScenario, NoSuchUser or, if it cannot begin, NoSuchCall."""
    if name not in STORIES:
        raise NoSuchScenario(f"no scenario {name!r}; there are: {', '.join(sorted(STORIES))}")
    with pbx.lock:
        stage = ScenarioStage(pbx, options)
        run = ScenarioRun(STORIES[name](stage), stage, later)
        run.step()
    if not run.calls:
        raise NoSuchCall(f"the PBX refused to place the call of scenario {name!r}")
    return run


def described() -> dict[str, str]:
    """Return the sentence about each scenario."""
    return {name: inspect.getdoc(story) or "" for name, story in STORIES.items()}
