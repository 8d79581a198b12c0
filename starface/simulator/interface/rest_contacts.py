"""The address book over REST: contacts and folders read and written."""

import falcon

from starface.simulator.interface.parameters import object_of, whole
from starface.simulator.model.address_book import (
    AddressBook,
    NoSuchContact,
    NoSuchPage,
    NoSuchTag,
)


class RestContacts:
    """Contacts, their scheme and their folders."""

    def __init__(self, book: AddressBook) -> None:
        self._book = book

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return one page of those that fit."""
        try:
            resp.media = self._book.page(
                req.get_param("searchTerms") or "",
                [tag for each in req.get_param_as_list("tags") or [] for tag in each.split(",")],
                whole(req, "page"),
                whole(req, "pagesize", 1),
                ascending=(req.get_param("sortdirection") or "ASC") == "ASC",
            )
        except NoSuchPage:
            raise falcon.HTTPBadRequest(title="no such page") from None

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Write a new contact."""
        try:
            resp.media = self._book.add(object_of(req))
        except (NoSuchTag, ValueError) as fault:
            raise falcon.HTTPBadRequest(title=_said(fault)) from None
        resp.status = falcon.HTTP_201

    def on_get_one(self, req: falcon.Request, resp: falcon.Response, contact: str) -> None:
        """Return one contact with all its blocks."""
        try:
            resp.media = self._book.one(contact)
        except NoSuchContact:
            raise _absent("contact") from None

    def on_put_one(self, req: falcon.Request, resp: falcon.Response, contact: str) -> None:
        """Replace a contact."""
        try:
            self._book.change(contact, object_of(req))
        except NoSuchContact:
            raise _absent("contact") from None
        except (NoSuchTag, ValueError) as fault:
            raise falcon.HTTPBadRequest(title=_said(fault)) from None
        resp.status = falcon.HTTP_204

    def on_delete_one(self, req: falcon.Request, resp: falcon.Response, contact: str) -> None:
        """Remove a contact."""
        try:
            self._book.remove(contact)
        except NoSuchContact:
            raise _absent("contact") from None
        resp.status = falcon.HTTP_204

    def on_get_scheme(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return how this installation names the attributes."""
        resp.media = self._book.scheme()

    def on_get_tags(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List one page of the folders."""
        try:
            resp.media = self._book.tags(whole(req, "page"), whole(req, "pagesize", 1))
        except NoSuchPage:
            raise falcon.HTTPBadRequest(title="no such page") from None

    def on_post_tags(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a folder."""
        resp.media = self._book.add_tag(_name(req))
        resp.status = falcon.HTTP_201

    def on_get_tag(self, req: falcon.Request, resp: falcon.Response, tag: str) -> None:
        """Return one folder."""
        try:
            resp.media = self._book.tag(tag)
        except NoSuchTag:
            raise _absent("folder") from None

    def on_put_tag(self, req: falcon.Request, resp: falcon.Response, tag: str) -> None:
        """Rename a folder."""
        try:
            self._book.rename_tag(tag, _name(req))
        except NoSuchTag:
            raise _absent("folder") from None
        resp.status = falcon.HTTP_204

    def on_delete_tag(self, req: falcon.Request, resp: falcon.Response, tag: str) -> None:
        """Remove a folder."""
        try:
            self._book.remove_tag(tag)
        except NoSuchTag:
            raise _absent("folder") from None
        resp.status = falcon.HTTP_204


def _name(req: falcon.Request) -> str:
    name = object_of(req).get("name")
    if not isinstance(name, str) or not name:
        raise falcon.HTTPBadRequest(title="a folder has a name")
    return name


def _absent(what: str) -> falcon.HTTPNotFound:
    return falcon.HTTPNotFound(title=f"no such {what}")


def _said(fault: Exception) -> str:
    return "no such folder" if isinstance(fault, NoSuchTag) else str(fault)
