"""The section [journal] of the configuration."""

from pydantic import Field

from bus.settings import Section


class JournalSettings(Section):
    """What is kept of finished calls, and who else is told of them."""

    keep: int = Field(default=730, ge=1, le=36_500)  # days of records, with notes and messages
    longest_call: int = Field(default=14_400, ge=60)  # seconds; ends a call that never ends
    other_telephones: bool = False  # groups have members who are no users here
