"""The last calls of a workstation: what was shown and opened, and the story the office adds."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime

from pydantic import AwareDatetime, BaseModel

from bus.events import CallerData, TraceStep, now
from consumers.desktop import texts as words
from consumers.desktop.icon import MenuCall
from texts import Language, render

_LISTED = 5  # calls in the menu


class ShownCall(BaseModel):
    """What this workstation did at a call; it does not say whose call it was."""

    call_id: str
    at: AwareDatetime
    reason: str = ""  # why the file opens or not, as the office decided
    shown: bool = False
    opened: str | None = None  # None: not tried; "": it is open; else the code of the failure


class CallHistory:
    """The last calls of this workstation, in memory; the very last one is kept without names."""

    def __init__(
        self, keep: Callable[[ShownCall], None], language: Language, *, discreet: bool = False
    ) -> None:
        self._keep = keep
        self._language = language
        self._discreet = discreet
        self._calls: OrderedDict[str, tuple[ShownCall, str]] = OrderedDict()

    def note(self, data: CallerData) -> None:
        """Note an answer to a call."""
        before, _ = self._calls.get(data.call_id, (None, ""))
        call = ShownCall(
            call_id=data.call_id,
            at=before.at if before else now(),
            reason=data.reason,
            shown=bool(before and before.shown),
            opened=before.opened if before else None,
        )
        hidden = self._discreet or data.discreet
        title = (words.call if hidden else words.title)(data, self._language)
        self._calls[data.call_id] = call, title
        while len(self._calls) > _LISTED:
            self._calls.popitem(last=False)
        self._keep(call)

    def note_opened(self, call_id: str, failure: str) -> None:
        """Note what became of an opening; an empty failure is none."""
        self._complete(call_id, {"opened": failure})

    def note_shown(self, call_id: str) -> None:
        """Note that the desktop shows a call."""
        self._complete(call_id, {"shown": True})

    def _complete(self, call_id: str, update: dict[str, object]) -> None:
        if call_id in self._calls:
            call, title = self._calls[call_id]
            self._calls[call_id] = call.model_copy(update=update), title
            self._keep(self._calls[call_id][0])

    def past(self) -> list[MenuCall]:
        """Return the last calls, newest first."""
        calls = reversed(self._calls.values())
        return [MenuCall(call.call_id, title, call.at) for call, title in calls]


def story(
    call: ShownCall | None, steps: Iterable[TraceStep] | None, language: Language
) -> list[str]:
    """Return the story of the last call in lines; without steps the office has not answered."""
    if call is None:
        return [render("desktop.story.none", language)]
    time = _clock(call.at)
    lines = [render("desktop.story.call", language, time=time, call=call.call_id)]
    lines += [f"{_clock(step.at)}  {getattr(step, language) or step.en}" for step in steps or ()]
    if not steps:
        lines.append(render("desktop.story.reason", language, reason=call.reason or "–"))
    lines.append(_done_here(call, language))
    if steps is None:
        lines.append(render("desktop.story.no-office", language))
    return lines


def _done_here(call: ShownCall, language: Language) -> str:
    shown = render(f"desktop.story.{'shown' if call.shown else 'not-shown'}", language)
    key = {None: "nothing-to-open", "": "opened"}.get(call.opened, "not-opened")
    return f"{shown}, {render(f'desktop.story.{key}', language, code=call.opened)}"


def _clock(at: datetime) -> str:
    return f"{at.astimezone():%H:%M:%S}"
