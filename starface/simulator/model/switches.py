"""Every habit in which one PBX may differ from another, as a switch.

Each default is the best inference of what a real one does; each other position is something a
client has to cope with, because nobody knows.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Version = Literal["v20", "v22", "v30"]
Refusal = Literal["fault", "401", "403", "redirect", "html", "false"]


class NumberHabits(BaseModel):
    """What happens at one number that is called."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, hide_input_in_errors=True)

    far_end: Literal["answers", "busy", "never"] = "answers"
    answer_after: float | None = Field(None, ge=0)  # seconds
    talk_for: float | None = Field(None, ge=0)  # seconds


class UserHabits(BaseModel):
    """What one user does when his phone rings."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, hide_input_in_errors=True)

    lifts: bool = True
    lift_after: float | None = Field(None, ge=0)  # seconds; None: as for everybody
    answer_after: float | None = Field(None, ge=0)  # seconds; None: only by hand


class Switches(BaseModel):
    """All switches; they may be set while the stand-in runs."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, hide_input_in_errors=True)

    # People: how long they take. All these delays are divided by speed.
    speed: float = Field(1.0, gt=0)
    lift_after: float | None = Field(2.0, ge=0)  # seconds; own phone of a placed call; None: never
    far_end: Literal["answers", "busy", "never"] = "answers"
    answer_after: float = Field(3.0, ge=0)  # seconds
    talk_for: float | None = Field(None, ge=0)  # seconds; None: until somebody hangs up
    ring_limit: float = Field(30.0, gt=0)  # seconds; then a placed call is given up
    users: dict[str, UserHabits] = {}
    numbers: dict[str, NumberHabits] = {}

    # Notifications: which ones, and how they are spelt.
    first_event: Literal["incomplete", "complete", "empty", "none"] = "incomplete"
    details_late: bool = False  # numbers and names only in a repeated RINGING
    order: Literal["sent", "swapped"] = "sent"
    repeat: int = Field(1, ge=1, le=20)  # times each notification is sent
    drop_states: frozenset[str] = frozenset()
    drop_every: int = Field(0, ge=0)  # each n-th notification is lost; 0: none
    lower_case: bool = False
    group_member: Literal["auto", "groupID", "groupId", "none"] = "auto"
    number_format: Literal["00", "+", "national", "withheld"] = "00"
    country: str = "41"  # whose numbers are national
    timestamp: Literal["local", "utc", "string", "none"] = "local"
    time_zone: str = "Europe/Zurich"
    bare_values: bool = False  # strings without <string>, in answers too
    layout: Literal["compact", "spread"] = "compact"  # each element on a line of its own
    extra_members: bool = False  # members that nobody knows
    v22_special_states: Literal["none", "connected", "same"] = "none"
    id_change_notified: bool = True
    id_change: Literal["oldId/newId", "oldCallId/newCallId", "pair"] = "oldId/newId"
    unknown_id_change: Literal["hang_up", "nothing"] = "hang_up"  # where it is not notified
    own_phone_notified: Literal["no", "same_id", "other_id"] = (
        "no"  # its ringing, as a call coming in
    )
    rejected_notified: bool = True  # a call refused by do-not-disturb shows as INCOMING, HANGUP

    # Callbacks: how they are delivered.
    callback_seconds: float = Field(5.0, gt=0)
    callback_auth: Literal["colon", "percent", "none"] = "colon"
    callback_auth_under_jwt: Literal["jwt", "none"] = "jwt"
    callback_user: Literal["dots", "underscores", "none"] = "dots"
    callback_content_type: str = "text/xml"
    retries: int = Field(0, ge=0, le=20)
    retry_after: float = Field(1.0, ge=0)  # seconds
    on_failure: Literal["keep", "drop"] = "keep"  # the session whose callback failed
    half_open: bool = False  # sessions look well, but get nothing
    verify_callback_tls: bool = False

    # Sessions and logins.
    session_seconds: float = Field(60.0, gt=0)
    second_login: Literal["replaces", "keeps_first", "adds"] = "replaces"
    logout_ends_others: bool = True
    login_clears_subscriptions: bool = False  # SpiceCRM logs in again and stays subscribed
    versions: frozenset[Version] = frozenset({"v20", "v22", "v30"})
    v22_call_list: bool = True  # the names of the call list exist in v22 too
    tokens: frozenset[Literal["sha512", "md5", "ad", "jwt"]] = frozenset(
        {"sha512", "md5", "ad", "jwt"}
    )
    wrong_token: Refusal = "fault"  # noqa: S105  (no token, but the answer to one)
    wrong_jwt: Refusal = "redirect"
    version_to_strangers: bool = True  # else a wrong token gets it no more than the rest
    not_allowed: Literal["fault", "false"] = "fault"
    lock_out_after: int = Field(10, ge=0)  # wrong tokens in a row; 0: never
    lock_out_seconds: float = Field(300.0, ge=0)
    jwt_seconds: int = Field(300, ge=1)
    refresh_seconds: int = Field(21_600, ge=1)
    client_secret: str = "simulator-secret"  # noqa: S105  (of rest-client-headless, printed at start)
    server_version: str = "9.0.1.4"
    first_page: Literal[0, 1] = 0  # of the address book
    guid_ids: bool = False  # contacts and folders have GUIDs, as on newer boxes
    page_below_first: Literal["first", "empty", "error"] = "first"
    login_type: Literal["Internal", "ActiveDirectory"] = "Internal"  # of the REST login
    rest_token_seconds: int = Field(14_400, ge=1)

    void: Literal["true", "nil", "string", "empty"] = "true"  # answer of what returns nothing
    chunked: bool = False  # answers without a Content-Length

    # Trouble in answering requests.
    trouble: Literal[
        "none",
        "fault",
        "slow",
        "drop_before",
        "drop_after",
        "html",
        "status_502",
        "half",
        "huge",
        "gzip_bomb",
        "redirect",
        "latin1",
        "drip",
    ] = "none"
    trouble_methods: frozenset[str] = frozenset()  # last parts of the names; empty: all
    trouble_times: int | None = Field(None, ge=0)  # requests that meet it; None: all
    fault_code: int = 0
    fault_text: str = "UcpCommunicationException"
    slow_seconds: float = Field(4.0, ge=0, le=120)

    @field_validator("drop_states", "versions", "tokens", "trouble_methods", mode="before")
    @classmethod
    def _listed(cls, values: object) -> object:
        """Take `RINGING,HANGUP` for a list, as it comes from a command line."""
        if isinstance(values, str):
            return [each for each in values.split(",") if each]
        return values

    def changed(self, values: Mapping[str, Any]) -> "Switches":
        """Return these switches with some set otherwise; raise ValidationError."""
        all_values = self.model_dump()
        for name, value in values.items():
            table, *rest = name.split(".")
            if len(rest) == 2 and table in {"users", "numbers"}:
                all_values[table].setdefault(rest[0], {})[rest[1]] = value
            else:
                all_values[name] = value
        return Switches.model_validate(all_values)

    def of_user(self, login: str) -> UserHabits:
        """Return what this user does."""
        return self.users.get(login) or UserHabits(lift_after=self.lift_after)

    def of_number(self, number: str) -> NumberHabits:
        """Return what happens at this number."""
        return self.numbers.get(number) or NumberHabits(
            far_end=self.far_end, answer_after=self.answer_after, talk_for=self.talk_for
        )
