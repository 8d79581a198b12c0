"""The catalogue of the messages on the bus, by the names of their schemas."""

from bus import events, journal_events, panel_events
from bus.events import Message

_MESSAGES: tuple[type[Message], ...] = (
    events.CallEvent, events.CallerEvent, events.UserState, events.ChoiceRequest, events.Opened,
    events.DialRequest, events.DialResult, journal_events.CallRecord, journal_events.MissedCounts,
    journal_events.JournalRequest, journal_events.JournalAnswer, journal_events.PbxRequest,
    journal_events.PbxAnswer, panel_events.DirectoryRequest, panel_events.DirectoryAnswer,
    panel_events.SettingsRequest, panel_events.SettingsAnswer, panel_events.Access, events.Head,
    events.ReplayRequest, events.SessionReset, events.ProcessDetail, events.Info,
)  # fmt: skip
MESSAGES = {message.__name__: message for message in _MESSAGES}
