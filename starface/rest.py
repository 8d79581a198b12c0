"""The PBX's REST interface: names, extensions and the address book; no calls."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from starface.credential import rest_secret
from starface.failures import AnswerUnreadable, LoginRefused, PbxFailure, RequestForbidden
from starface.json_client import JsonClient, Reply
from starface.oauth import AccessTokens
from starface.rest_models import (
    Block,
    ContactPage,
    RestAccount,
    RestContact,
    RestGroup,
    RestTag,
    RestUser,
    contact_body,
    contact_page,
    full_contact,
    scheme_blocks,
)
from starface.settings import StarfaceSettings
from starface.wire import WireModel

_PAGE = 100  # contacts in one answer
_PAGES = 10_000
_VERSION = {"X-Version": "2"}

T = TypeVar("T", bound=WireModel)
R = TypeVar("R")


class NotThere(AnswerUnreadable):
    """The PBX has no such user, contact or folder, or does not have this part of the interface."""


class _NoSuchPage(AnswerUnreadable):
    pass


class RestClient:
    """The REST interface for one user, logged in."""

    def __init__(self, settings: StarfaceSettings, proof: Callable[[], Mapping[str, str]]) -> None:
        self._web = JsonClient(settings)
        self._proof = proof

    def users(self, search: str = "") -> list[RestUser]:
        """Return the users; needs an administrator's right."""
        return self._list("/rest/users", RestUser, {"searchTerm": search} if search else None)

    def me(self) -> RestUser:
        """Return the user who is logged in."""
        return _model(RestUser, self._get("/rest/users/me"))

    def groups(self, search: str = "") -> list[RestGroup]:
        """Return the groups without their members; needs an administrator's right."""
        return self._list("/rest/groups", RestGroup, {"searchTerm": search} if search else None)

    def group(self, group_id: str) -> RestGroup:
        """Return one group in full."""
        return _model(RestGroup, self._get(f"/rest/groups/{quote(group_id, safe='')}"))

    def accounts(self) -> list[RestAccount]:
        """Return users and groups with their extensions."""
        return self._list("/rest/accounts", RestAccount)

    def contacts(self, search: str = "", tag_ids: tuple[str, ...] = ()) -> Iterator[RestContact]:
        """Yield the contacts of the address book, each once.

        Whether pages are counted from 0 or from 1 is not documented. Where it is from 1, page 0 is
        refused, or empty, or the same as page 1.
        """
        seen: set[str] = set()
        zero = self._page_or_none(0, search, tag_ids)
        if zero:
            yield from _fresh(zero, seen)
            if zero.pages == 0 or (zero.contacts and zero.pages == 1):
                return
        may_be_all = zero is not None and (zero.pages is None or not zero.contacts)
        one = (self._page_or_none if may_be_all else self._page)(1, search, tag_ids)
        if one is None:
            return
        counts_from_1 = not seen or all(contact.id in seen for contact in one.contacts)
        yield from _fresh(one, seen)
        pages = _PAGES if one.pages is None else one.pages
        ask = self._page_or_none if one.pages is None else self._page
        for number in range(2, pages + counts_from_1):
            page = ask(number, search, tag_ids)
            fresh = list(_fresh(page, seen)) if page else []
            if not fresh and one.pages is None:
                return
            yield from fresh

    def contact(self, contact_id: str) -> RestContact:
        """Return one contact in full."""
        return _read(full_contact, self._get(f"/rest/contacts/{quote(contact_id, safe='')}"))

    def contact_scheme(self, language: str = "de") -> list[Block]:
        """Return the fields of this site's address book, in the blocks of a contact."""
        return _read(scheme_blocks, self._get("/rest/contacts/scheme", {"lang": language}))

    def add_contact(
        self, scheme: Sequence[Block], values: Mapping[str, str], tags: Sequence[RestTag] = ()
    ) -> str:
        """Write a new contact and return its id, "" where the PBX does not say it.

        The values go by display key (`SURNAME`, `OFFICE_PHONE_NUMBER`); those for which the scheme
        has no field are left out.
        """
        answer = self._write("POST", "/rest/contacts", contact_body(scheme, values, tags))
        return _id(answer)

    def change_contact(
        self,
        contact_id: str,
        scheme: Sequence[Block],
        values: Mapping[str, str],
        tags: Sequence[RestTag] = (),
    ) -> None:
        """Replace a contact; a field without a value becomes empty."""
        body = contact_body(scheme, values, tags) | {"id": contact_id}
        self._write("PUT", f"/rest/contacts/{quote(contact_id, safe='')}", body)

    def remove_contact(self, contact_id: str) -> None:
        """Remove a contact; raise NotThere if there is none."""
        self._write("DELETE", f"/rest/contacts/{quote(contact_id, safe='')}")

    def tags(self) -> list[RestTag]:
        """Return the folders of the address book, each once, from all pages.

        Counted from 1, page 0 may be refused, empty or the same as page 1.
        """
        found: dict[str, RestTag] = {}
        for number in itertools.count():
            try:
                page = self._tag_page(number)
            except _NoSuchPage:
                page = []
            fresh = {tag.id: tag for tag in page if tag.id not in found}
            found |= fresh
            if (number > 0 and not page) or (number > 1 and not fresh):
                return list(found.values())
        return []

    def add_tag(self, name: str) -> RestTag:
        """Make a folder; its id is "" where the PBX does not say it."""
        answer = self._write("POST", "/rest/contacts/tags", {"name": name, "alias": name})
        return RestTag(id=_id(answer), name=name, alias=name)

    def rename_tag(self, tag_id: str, name: str) -> None:
        """Rename a folder."""
        body = {"id": tag_id, "name": name, "alias": name}
        self._write("PUT", f"/rest/contacts/tags/{quote(tag_id, safe='')}", body)

    def remove_tag(self, tag_id: str) -> None:
        """Remove a folder; raise NotThere if there is none."""
        self._write("DELETE", f"/rest/contacts/tags/{quote(tag_id, safe='')}")

    def server_version(self) -> str:
        """Return the version of the PBX."""
        document = self._get("/rest/server/version")
        if isinstance(document, dict):
            document = next(
                (document[key] for key in ("version", "serverVersion") if key in document), None
            )
        if not isinstance(document, str):
            raise _unreadable("version")
        return document

    def logout(self) -> None:
        """End the login; with OAuth there is nothing to end."""
        headers = self._headers()
        if "authToken" in headers:
            self._web.ask("DELETE", "/rest/login", headers=headers)

    def _page_or_none(
        self, number: int, search: str, tag_ids: tuple[str, ...]
    ) -> ContactPage | None:
        try:
            return self._page(number, search, tag_ids)
        except _NoSuchPage:
            return None

    def _page(self, number: int, search: str, tag_ids: tuple[str, ...]) -> ContactPage:
        params = {"page": str(number), "pagesize": str(_PAGE)}
        if search:
            params["searchTerms"] = search
        if tag_ids:
            params["tags"] = ",".join(tag_ids)
        reply = self._web.ask("GET", "/rest/contacts", headers=self._headers(), params=params)
        _refuse_missing_page(reply, number)
        return _read(contact_page, _document(reply))

    def _tag_page(self, number: int) -> list[RestTag]:
        params = {"page": str(number), "pagesize": str(_PAGE)}
        reply = self._web.ask("GET", "/rest/contacts/tags", headers=self._headers(), params=params)
        _refuse_missing_page(reply, number)
        return [_model(RestTag, item) for item in _items(_document(reply))]

    def _list(self, path: str, kind: type[T], params: Mapping[str, str] | None = None) -> list[T]:
        return [_model(kind, item) for item in _items(self._get(path, params))]

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        return _document(self._web.ask("GET", path, headers=self._headers(), params=params))

    def _write(self, verb: str, path: str, body: object = None) -> Reply:
        reply = self._web.ask(verb, path, headers=self._headers(), body=body)
        if reply.status not in (200, 201, 204):
            raise _failure(reply.status)
        return reply

    def _headers(self) -> Mapping[str, str]:
        return {**_VERSION, **self._proof()}


def by_password(settings: StarfaceSettings, login: str, password: str) -> RestClient:
    """Log in with a password (up to version 9); the password is not kept."""
    web = JsonClient(settings)
    offered = _document(web.ask("GET", "/rest/login", headers=_VERSION))
    nonce = offered.get("nonce") if isinstance(offered, dict) else None
    if not isinstance(nonce, str):
        raise _unreadable("nonce")
    directory = offered.get("loginType") == "ActiveDirectory"
    offered["secret"] = rest_secret(login, nonce, password, directory=directory)
    reply = web.ask("POST", "/rest/login", headers=_VERSION, body=offered)
    if reply.status in (400, 401, 403):
        raise LoginRefused(
            "STARFACE's REST interface does not accept the login ID and its password; check both."
        )
    document = _document(reply)
    token = (
        (document.get("token") or document.get("authToken")) if isinstance(document, dict) else None
    )
    if not isinstance(token, str):
        raise _unreadable("token")
    return RestClient(settings, lambda: {"authToken": token})


def by_tokens(settings: StarfaceSettings, tokens: AccessTokens) -> RestClient:
    """Use the access tokens of version 10."""
    return RestClient(settings, lambda: {"Authorization": f"Bearer {tokens.current()}"})


def _fresh(page: ContactPage, seen: set[str]) -> Iterator[RestContact]:
    for contact in page.contacts:
        if not contact.id or contact.id not in seen:
            seen.add(contact.id)
            yield contact


def _refuse_missing_page(reply: Reply, number: int) -> None:
    if reply.status in (400, 404) or (reply.status == 500 and number == 0):
        raise _NoSuchPage("STARFACE refuses a page of its address book.")


def _id(reply: Reply) -> str:
    """Return the id of what was made: in the object, or all of the answer."""
    given = reply.json.get("id") if isinstance(reply.json, dict) else reply.json
    return str(given) if isinstance(given, str | int) else ""


def _document(reply: Reply) -> Any:
    if reply.status != 200 or reply.json is None:
        raise _failure(reply.status)
    return reply.json


def _failure(status: int) -> PbxFailure:
    if status == 401 or 300 <= status < 400:
        return LoginRefused(
            "STARFACE's REST interface does not accept the login any more; log in again."
        )
    if status == 403:
        return RequestForbidden(
            "STARFACE does not allow this user to do that by REST; an administrator can give "
            "the right."
        )
    if status == 404:
        return NotThere(
            "STARFACE has no such thing in its REST interface, which came with version 6.4.2.12."
        )
    return AnswerUnreadable(
        f"STARFACE's REST interface answers nothing that is understood (HTTP status {status})."
    )


def _unreadable(what: str) -> AnswerUnreadable:
    return AnswerUnreadable(f"STARFACE's REST interface answers without a readable {what}.")


def _items(document: Any) -> list[Any]:
    if not isinstance(document, list):
        raise _unreadable("list")
    return document


def _model(kind: type[T], document: Any) -> T:
    return _read(kind.model_validate, document)


def _read(read: Callable[[Any], R], document: Any) -> R:
    try:
        return read(document)
    except ValidationError as fault:
        steps = fault.errors(include_input=False)[0]["loc"]
        raise _unreadable(".".join(str(step) for step in steps) or "answer") from None
