"""What the methods about voicemail do and answer."""

import base64
from collections.abc import Sequence
from datetime import UTC

from starface.simulator.interface.parameters import optional, text
from starface.simulator.model.pbx import SimulatedPbx
from starface.simulator.model.sessions import SimulatedSession
from starface.simulator.model.voicemail import WAVE
from starface.xmlrpc.reading import Value, Writable


class VoicemailMethods:
    """One function for each method; parameters come as they were sent."""

    def __init__(self, pbx: SimulatedPbx) -> None:
        self._pbx = pbx

    def get_mailboxes(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Name the user's mailbox."""
        return [{"id": who.login, "name": self._pbx.user(who.login).name}]

    def get_voicemail_list(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Return the messages, of one folder where that is said."""
        folder = optional([*params, ""][0])
        return [
            {
                "id": entry.id,
                "callDescription": entry.name,
                "callerNumber": entry.caller,
                "calledNumber": entry.called,
                "duration": entry.seconds,
                "folder": entry.folder,
                "mailboxId": who.login,
                "mailboxName": self._pbx.user(who.login).name,
                "startTime": entry.at.astimezone(UTC),
            }
            for entry in self._pbx.voicemail.of(who.login, folder)
        ]

    def get_voicemail_file(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Return the sound of a message."""
        self._pbx.voicemail.one(who.login, text(params[0]))
        return base64.b64encode(WAVE).decode()

    def get_voicemail_file_url(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Return the path of the sound."""
        return f"/voicemail/{self._pbx.voicemail.one(who.login, text(params[0])).id}.wav"

    def call_mailbox_with_phone(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Ring the user's phone, then the mailbox."""
        return self._pbx.place(who.login, "*98", optional([*params, "", ""][1]))

    def call_voicemail_with_phone(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Ring the user's phone, then play a message."""
        self._pbx.voicemail.one(who.login, text(params[0]))
        return self._pbx.place(who.login, "*98", optional([*params, ""][1]))

    def move_voicemail_list_entry(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Put a message into another folder."""
        self._pbx.voicemail.one(who.login, text(params[0])).folder = text(params[1])
        return True

    def delete_voicemail_list_entry(
        self, who: SimulatedSession, params: Sequence[Value]
    ) -> Writable:
        """Delete a message."""
        self._pbx.voicemail.remove(who.login, text(params[0]))
        return True

    def delete_voicemail_list_entries(
        self, who: SimulatedSession, params: Sequence[Value]
    ) -> Writable:
        """Delete several."""
        if not isinstance(params[0], list):
            raise TypeError
        for entry in params[0]:
            self._pbx.voicemail.remove(who.login, text(entry))
        return True
