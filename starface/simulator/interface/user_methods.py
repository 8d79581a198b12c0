"""What the methods about a user, his phones, groups, redirects and keys do and answer."""

import base64
from collections.abc import Sequence

from starface.simulator.interface.parameters import optional, text
from starface.simulator.model.pbx import SimulatedPbx
from starface.simulator.model.sessions import SimulatedSession
from starface.xmlrpc.reading import Value, Writable

_FIXED_OF_GROUPS = frozenset({"name", "phoneNumbers"})


class UserMethods:
    """One function for each method; parameters come as they were sent."""

    def __init__(self, pbx: SimulatedPbx) -> None:
        self._pbx = pbx
        self._messages: dict[str, str] = {}
        self._primary: dict[str, str] = {}
        self._settings: dict[tuple[str, str], dict[str, Value]] = {}
        self._shown: dict[str, str] = {}  # ids of the numbers that users show

    # ---- phones

    def get_phone_ids(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Name the user's phones."""
        return list(self._pbx.user(who.login).registered)

    def get_primary_phone_id(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Name the phone that rings first."""
        return self._primary.get(who.login, next(iter(self._phones(who)), ""))

    def set_primary_phone_id(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Choose the phone that rings first."""
        if params[0] not in self._phones(who):
            raise ValueError
        self._primary[who.login] = text(params[0])
        return True

    def get_available_display_numbers(
        self, who: SimulatedSession, params: Sequence[Value]
    ) -> Writable:
        """Name the numbers the user may show to those he calls."""
        return [
            {"id": f"{who.login}-own", "number": self._pbx.user(who.login).extension},
            *(
                {"id": f"{who.login}-{group}", "number": self._pbx.groups[group].number}
                for group in self._pbx.user(who.login).groups
            ),
        ]

    def get_display_number_id(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Name the number the user shows."""
        return self._shown.get(who.login, f"{who.login}-own")

    def set_display_number_id(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Choose the number the user shows."""
        own = [f"{who.login}-{each}" for each in ("own", *self._pbx.user(who.login).groups)]
        if params[0] not in own:
            raise ValueError
        self._shown[who.login] = text(params[0])
        return True

    def get_call_waiting_indication(
        self, who: SimulatedSession, params: Sequence[Value]
    ) -> Writable:
        """Return whether a second call may ring."""
        return who.login not in self._pbx.one_call_only

    def set_call_waiting_indication(
        self, who: SimulatedSession, params: Sequence[Value]
    ) -> Writable:
        """Choose whether a second call may ring."""
        quiet = self._pbx.one_call_only
        change = quiet.discard if params[0] else quiet.add
        change(who.login)
        return True

    # ---- the user's state, groups, redirects, function keys

    def get_user_state(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Return how the user is seen by others."""
        quiet = who.login in self._pbx.do_not_disturb
        return {
            "avatarHash": self._pbx.avatar_hash(who.login),
            "chatPresence": "DO_NOT_DISTURB" if quiet else "AVAILABLE",
            "telephonyState": self._telephony_state(who.login),
            "chatPresenceMessage": self._messages.get(who.login, ""),
            "redirectAlwaysActive": bool(self._pbx.redirects.of(who.login)[0]["enabled"]),
        }

    def set_do_not_disturb_setting(
        self, who: SimulatedSession, params: Sequence[Value]
    ) -> Writable:
        """Have incoming calls rejected, or no more."""
        if params[0]:
            self._pbx.do_not_disturb.add(who.login)
        else:
            self._pbx.do_not_disturb.discard(who.login)
        return True

    def set_chat_presence_message(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Set the sentence beside the presence."""
        self._messages[who.login] = text(params[0])
        return True

    def get_group_settings(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Return the user's groups."""
        groups = [self._pbx.groups[each] for each in self._pbx.user(who.login).groups]
        return [
            self._kept(who, {"id": each.id, "name": each.name, "phoneNumbers": [each.number]})
            for each in groups
        ]

    def set_group_setting(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Change a setting of a group; name and numbers are read-only."""
        return self._set(who, params, _FIXED_OF_GROUPS)

    def set_group_settings(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Change settings of several groups."""
        return self._set_all(who, params, _FIXED_OF_GROUPS)

    def get_avatar_image(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Return the user's picture; empty where there is none."""
        return base64.b64encode(self._pbx.avatars.get(who.login, ("", b""))[1]).decode()

    def set_avatar_image_file(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Set the user's picture."""
        self._pbx.avatars[who.login] = ("image/png", base64.b64decode(text(params[0])))
        return True

    def get_redirect_settings(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Return the user's redirects, of one type where that is said."""
        kind = optional([*params, ""][0])
        return [each for each in self._pbx.redirects.of(who.login) if kind in {"", each["type"]}]

    def set_redirect_setting(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Change a redirect."""
        if not isinstance(params[0], dict):
            raise TypeError
        self._pbx.redirects.change(who.login, params[0])
        return True

    def set_redirect_settings(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Change several redirects."""
        if not isinstance(params[0], list):
            raise TypeError
        return all(self.set_redirect_setting(who, [each]) for each in params[0])

    def get_function_keys(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Return the user's keys: one lamp for each colleague."""
        return self._keys(who)

    def get_all_function_keys(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Return them as a struct."""
        return {"functionKeys": self.get_function_keys(who, params)}

    def search_function_keys(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Find keys by the name or number of the colleague; the id of the search comes back."""
        term, search_id = [optional(value) for value in [*params, ""][:2]]
        found = [
            key
            for key in self._keys(who)
            if term.lower() in f"{key['name']} {key['phoneNumber']}".lower()
        ]
        return {"searchId": search_id, "functionKeys": found}

    def get_image_for_key(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Return the picture of the colleague behind a key."""
        user = self._pbx.user(text(params[0]).removeprefix("blf-"))
        return base64.b64encode(self._pbx.avatars.get(user.login, ("", b""))[1]).decode()

    def get_redirect_settings_for_key(
        self, who: SimulatedSession, params: Sequence[Value]
    ) -> Writable:
        """Return the redirects of the colleague behind a key."""
        user = self._pbx.user(text(params[0]).removeprefix("blf-"))
        return self._pbx.redirects.of(user.login)

    def get_call_info_for_key(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Return the running calls of the colleague behind a key."""
        login = text(params[0]).removeprefix("blf-")
        return [
            {"id": call.id, "state": call.legs[login].state}
            for call in self._pbx.calls_of(self._pbx.user(login).login)
        ]

    def get_contact_info_for_key(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Return who is behind a key."""
        user = self._pbx.user(text(params[0]).removeprefix("blf-"))
        return {"name": user.name, "phoneNumber": user.extension}

    def press_key(self, who: SimulatedSession, params: Sequence[Value]) -> Writable:
        """Call the colleague behind a key."""
        user = self._pbx.user(text(params[0]).removeprefix("blf-"))
        self._pbx.place(who.login, user.extension)
        return True

    # ---- shared

    def _keys(self, who: SimulatedSession) -> list[dict[str, str]]:
        return [
            {"id": f"blf-{user.login}", "type": "BUSY_LAMP_FIELD", "name": user.name}
            | {"phoneNumber": user.extension, "telephonyState": self._telephony_state(user.login)}
            for user in self._pbx.users.values()
            if user.login != who.login
        ]

    def _phones(self, who: SimulatedSession) -> tuple[str, ...]:
        return self._pbx.user(who.login).registered

    def _telephony_state(self, login: str) -> str:
        states = {call.legs[login].state for call in self._pbx.calls_of(login)}
        if not self._pbx.user(login).registered:
            return "UNAVAILABLE"
        if not states:
            return "AVAILABLE"
        return "RINGING" if states <= {"INCOMING", "RINGING"} else "ACTIVE"

    def _set(self, who: SimulatedSession, params: Sequence[Value], fixed: frozenset[str]) -> bool:
        if not isinstance(params[0], dict):
            raise TypeError
        changed = {name: value for name, value in params[0].items() if name not in fixed}
        kept = self._settings.setdefault((who.login, text(params[0]["id"])), {})
        kept.update(changed)
        return True

    def _set_all(
        self, who: SimulatedSession, params: Sequence[Value], fixed: frozenset[str]
    ) -> bool:
        if not isinstance(params[0], list):
            raise TypeError
        return all(self._set(who, [each], fixed) for each in params[0])

    def _kept(self, who: SimulatedSession, members: dict[str, Writable]) -> dict[str, Writable]:
        changed = self._settings.get((who.login, str(members["id"])), {})
        return {**members, "active": False, **changed}
