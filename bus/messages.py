"""The catalogue of the messages on the bus, by the names of their schemas."""

from bus import events, journal_events, panel_events
from bus.events import Message

MESSAGES: dict[str, type[Message]] = {
    "CallEvent": events.CallEvent,
    "CallerEvent": events.CallerEvent,
    "UserState": events.UserState,
    "ChoiceRequest": events.ChoiceRequest,
    "Opened": events.Opened,
    "DialRequest": events.DialRequest,
    "DialResult": events.DialResult,
    "CallRecord": journal_events.CallRecord,
    "MissedCounts": journal_events.MissedCounts,
    "JournalRequest": journal_events.JournalRequest,
    "JournalAnswer": journal_events.JournalAnswer,
    "PbxRequest": journal_events.PbxRequest,
    "PbxAnswer": journal_events.PbxAnswer,
    **panel_events.MESSAGES,
    "Head": events.Head,
    "ReplayRequest": events.ReplayRequest,
    "SessionReset": events.SessionReset,
    "ProcessDetail": events.ProcessDetail,
    "Info": events.Info,
}
