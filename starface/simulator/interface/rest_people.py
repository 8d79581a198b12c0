"""Users, groups, accounts, numbers and redirects over REST."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import falcon

from starface.simulator.interface.parameters import object_of
from starface.simulator.model.accounts import SimulatedAccounts
from starface.simulator.model.pbx import SimulatedPbx
from starface.simulator.model.people import SimulatedGroup, SimulatedUser

_GROUPS_FROM = 1000  # the account of group 7 is 1007; users have theirs below


class RestPeople:
    """Who has a telephone, and its numbers."""

    def __init__(self, pbx: SimulatedPbx, accounts: SimulatedAccounts) -> None:
        self._pbx = pbx
        self._accounts = accounts
        self._numbers: dict[str, int] = {}  # of logins, given out once

    # ---- users

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List those in whose name, login or extension the search term occurs."""
        term = (req.get_param("searchTerm") or "").lower()
        resp.media = [
            _user(number, user)
            for number, user in self._users()
            if term in f"{user.login} {user.name} {user.extension}".lower()
        ]

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Add a user; his extension is the login, as nothing else is said of it here."""
        body = object_of(req)
        login = str(body.get("login") or "")
        with self._pbx.lock:
            if not login or login in self._pbx.users:
                raise falcon.HTTPBadRequest(title="a new user has a login of his own")
            password = str(body.get("password") or "")
            user = _changed(SimulatedUser(login, password, login, ""), body)
            self._pbx.users[login] = user
            self._accounts.set_password(login, password)
        resp.media = _user(self._number(login), user)
        resp.status = falcon.HTTP_201

    def on_get_me(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the user who is logged in."""
        login = req.context.login
        resp.media = _user(self._number(login), self._pbx.users[login])

    def on_get_one(self, req: falcon.Request, resp: falcon.Response, number: str) -> None:
        """Return one user."""
        user = self._user(number)
        resp.media = _user(self._number(user.login), user)

    def on_put_one(self, req: falcon.Request, resp: falcon.Response, number: str) -> None:
        """Change a user; his login stays."""
        user, body = self._user(number), object_of(req)
        with self._pbx.lock:
            self._pbx.users[user.login] = _changed(user, body)
            if body.get("password"):
                self._accounts.set_password(user.login, str(body["password"]))
        resp.status = falcon.HTTP_204

    def on_delete_one(self, req: falcon.Request, resp: falcon.Response, number: str) -> None:
        """Remove a user."""
        user = self._user(number)
        with self._pbx.lock:
            self._pbx.users.pop(user.login, None)
            self._accounts.remove(user.login)
        resp.status = falcon.HTTP_204

    def on_get_avatar(self, req: falcon.Request, resp: falcon.Response, number: str) -> None:
        """Return a user's picture."""
        login = self._user(number).login
        if login not in self._pbx.avatars:
            raise falcon.HTTPNotFound(title="no picture")
        resp.content_type, resp.data = self._pbx.avatars[login]

    def on_put_avatar(self, req: falcon.Request, resp: falcon.Response, number: str) -> None:
        """Set a user's picture."""
        kind = req.content_type or "image/png"
        self._pbx.avatars[self._user(number).login] = (kind, req.bounded_stream.read())
        resp.status = falcon.HTTP_204

    def on_delete_avatar(self, req: falcon.Request, resp: falcon.Response, number: str) -> None:
        """Remove a user's picture."""
        self._pbx.avatars.pop(self._user(number).login, None)
        resp.status = falcon.HTTP_204

    # ---- groups, accounts, numbers

    def on_get_groups(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the groups in whose name the search term occurs."""
        term = (req.get_param("searchTerm") or "").lower()
        resp.media = [
            {
                "id": _id(group.id),
                "groupname": group.name,
                "groupinternalnumber": group.number,
                "groupexternalnumber": "",
            }
            for group in self._pbx.groups.values()
            if term in group.name.lower()
        ]

    def on_post_groups(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Add a group."""
        body = object_of(req)
        with self._pbx.lock:
            known = [int(group) for group in self._pbx.groups if group.isdecimal()]
            self._save_group(str(max(known, default=0) + 1), body)
        resp.status = falcon.HTTP_201

    def on_put_groups(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Change a group; of its users those who are named."""
        body = object_of(req)
        with self._pbx.lock:
            self._save_group(self._known_group(str(body.get("id", ""))), body)
        resp.status = falcon.HTTP_204

    def on_get_group(self, req: falcon.Request, resp: falcon.Response, number: str) -> None:
        """Return one group."""
        group = self._pbx.groups[self._known_group(number)]
        members = self._pbx.members(group.id)
        resp.media = {
            "id": _id(group.id),
            "name": group.name,
            "groupId": group.number,
            "chatGroup": True,
            "voicemail": True,
            "assignableNumbers": [],
            "assignableUsers": [
                {
                    "id": at,
                    "firstname": _names(user)[0],
                    "lastname": _names(user)[1],
                    "assigned": user.login in members,
                }
                for at, user in self._users()
            ],
        }

    def on_delete_group(self, req: falcon.Request, resp: falcon.Response, number: str) -> None:
        """Remove a group."""
        with self._pbx.lock:
            del self._pbx.groups[self._known_group(number)]
        resp.status = falcon.HTTP_204

    def on_get_accounts(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List all accounts with their extensions."""
        users = [
            _account(number, *_names(user), user.extension, "USER")
            for number, user in self._users()
        ]
        groups = [
            _account(self._group_number(each.id), "", each.name, each.number, "GROUP")
            for each in self._pbx.groups.values()
        ]
        resp.media = [*users, *groups]

    def on_get_numbers(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the telephone numbers, of one type or only those that are assigned, or not."""
        kind, assigned = req.get_param("type") or "", req.get_param_as_bool("assigned")
        resp.media = [
            each
            for each in self._phone_numbers()
            if kind in {"", each["type"]} and assigned in {None, each["assigned"]}
        ]

    def on_get_number(self, req: falcon.Request, resp: falcon.Response, number: str) -> None:
        """Return one telephone number."""
        found = next((each for each in self._phone_numbers() if str(each["id"]) == number), None)
        if found is None:
            raise falcon.HTTPNotFound(title="no such number")
        resp.media = found

    # ---- redirects

    def on_get_redirects(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the redirects of the user who asks."""
        resp.media = self._pbx.redirects.of(req.context.login)

    def on_get_redirect(self, req: falcon.Request, resp: falcon.Response, redirect: str) -> None:
        """Return one redirect."""
        resp.media = self._redirect(req.context.login, redirect)

    def on_put_redirect(self, req: falcon.Request, resp: falcon.Response, redirect: str) -> None:
        """Change a redirect."""
        self._redirect(req.context.login, redirect)
        self._pbx.redirects.change(req.context.login, object_of(req) | {"id": redirect})
        resp.status = falcon.HTTP_204

    # ---- shared

    def _users(self) -> Iterator[tuple[int, SimulatedUser]]:
        with self._pbx.lock:
            users = list(self._pbx.users.values())
        for user in users:
            yield self._number(user.login), user

    def _number(self, login: str) -> int:
        for each in (*self._pbx.users, login):
            self._numbers.setdefault(each, len(self._numbers) + 1)
        return self._numbers[login]

    def _user(self, number: str) -> SimulatedUser:
        for each, user in self._users():
            if str(each) == number:
                return user
        raise falcon.HTTPNotFound(title="no such user")

    def _known_group(self, group: str) -> str:
        if group not in self._pbx.groups:
            raise falcon.HTTPNotFound(title="no such group")
        return group

    def _save_group(self, group: str, body: dict[str, Any]) -> None:
        before = self._pbx.groups.get(group, SimulatedGroup(group, "", ""))
        number = str(body.get("groupId") or before.number)
        self._pbx.groups[group] = SimulatedGroup(
            group, str(body.get("name") or before.name), number
        )
        for named in body.get("assignableUsers") or ():
            user = self._user(str(named.get("id")))
            others = tuple(each for each in user.groups if each != group)
            groups = (*others, group) if named.get("assigned") else others
            self._pbx.users[user.login] = replace(user, groups=groups)

    def _group_number(self, group: str) -> int:
        return _GROUPS_FROM + (
            int(group) if group.isdecimal() else list(self._pbx.groups).index(group)
        )

    def _phone_numbers(self) -> list[dict[str, Any]]:
        owners = [
            *((user.extension, "USER", number) for number, user in self._users()),
            *((g.number, "GROUP", self._group_number(g.id)) for g in self._pbx.groups.values()),
        ]
        return [
            {
                "id": at,
                "number": number,
                "type": "INTERNAL",
                "assigned": True,
                "ownerType": kind,
                "ownerId": owner,
            }
            for at, (number, kind, owner) in enumerate(owners, 1)
        ]

    def _redirect(self, login: str, redirect: str) -> dict[str, Any]:
        for each in self._pbx.redirects.of(login):
            if each["id"] == redirect:
                return dict(each)
        raise falcon.HTTPNotFound(title="no such redirect")


def _id(group: str) -> int | str:
    return int(group) if group.isdecimal() else group


def _names(user: SimulatedUser) -> tuple[str, str]:
    first, _, family = user.name.partition(" ")
    return first, family


def _changed(user: SimulatedUser, body: dict[str, Any]) -> SimulatedUser:
    first, family = _names(user)
    first, family = str(body.get("firstName", first)), str(body.get("familyName", family))
    return replace(
        user, name=f"{first} {family}".strip(), email=str(body.get("email", user.email) or "")
    )


def _user(number: int, user: SimulatedUser) -> dict[str, Any]:
    first, family = _names(user)
    return {
        "id": number,
        "login": user.login,
        "firstName": first,
        "familyName": family,
        "email": user.email,
        "language": "de",
        "namespace": "local",
        "personId": str(1000 + number),
        "missedCallReport": False,
        "faxHeader": "",
        "faxCallerId": "",
        "faxCoverPage": False,
        "faxEmailJournal": False,
    }


def _account(number: int, first: str, last: str, extension: str, kind: str) -> dict[str, Any]:
    return {
        "accountId": number,
        "displayInformation": f"{first} {last}".strip(),
        "federationname": "",
        "firstname": first,
        "lastname": last,
        "local": True,
        "primaryInternalPhoneNumber": extension,
        "type": kind,
    }
