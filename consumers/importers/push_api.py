"""The HTTP interface for changes of contacts by applications: one request, all or nothing."""

import hmac
import logging
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import falcon
import waitress

from bus.numbers.number import NumberProfile
from bus.settings import SettingsRefused, private
from consumers.directory.changes import Changes, ImportResult
from consumers.directory.directory import Directory, DirectoryUnavailable, ImportRefused
from consumers.importers.push import Pushed, PushRefused, push
from consumers.importers.settings import DirectorySettings
from runtime.configuration import read_text
from runtime.outage import outlasting

log = logging.getLogger(__name__)

PATH = "/api/v1/contacts"


class DirectoryWriter(Protocol):
    """What takes the changes."""

    def apply(
        self, changes: Changes, *, dry_run: bool = False, force: bool = False
    ) -> ImportResult:
        """Change the directory, all or nothing."""


class ContactPushes:
    """Changes an application pushes."""

    def __init__(
        self, directory: DirectoryWriter, profile: NumberProfile, token: str, most: int
    ) -> None:
        self._directory = directory
        self._profile = profile
        self._token = token
        self._most = most  # bytes

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take one push; `dry_run=true` only shows what would change."""
        self._admit(req)
        pushed = push(self._body(req), self._profile)
        dry_run = req.get_param_as_bool("dry_run") or False
        applied = self._directory.apply(
            pushed.changes, dry_run=dry_run, force=req.get_param_as_bool("force") or False
        )
        what = "push tried, nothing changed" if dry_run else "contacts pushed"
        log.info("%s source=%s rows=%s", what, pushed.changes.source, pushed.report.rows)
        resp.media = _answer(pushed, applied)

    def _admit(self, req: falcon.Request) -> None:
        scheme, _, given = (req.auth or "").partition(" ")
        wanted = self._token.encode()
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), wanted):
            raise falcon.HTTPUnauthorized(
                title="wrong token", challenges=["Bearer"],
                description="send the header Authorization: Bearer TOKEN",
            )  # fmt: skip

    def _body(self, req: falcon.Request) -> bytes:
        if (req.content_type or "").partition(";")[0].strip() != falcon.MEDIA_JSON:
            raise falcon.HTTPUnsupportedMediaType(description="application/json only")
        body = req.bounded_stream.read(self._most + 1)
        if len(body) > self._most:
            raise falcon.HTTPContentTooLarge(description=f"at most {self._most} bytes in one push")
        return bytes(body)


def create_app(
    directory: DirectoryWriter, profile: NumberProfile, token: str, most: int
) -> "falcon.App[Any, Any]":
    """Build the app around a directory."""
    app: falcon.App[Any, Any] = falcon.App()
    app.add_route(PATH, ContactPushes(directory, profile, token, most))
    app.add_error_handler(PushRefused, _refuse)
    app.add_error_handler(ImportRefused, _keep)
    app.add_error_handler(DirectoryUnavailable, _ask_again_later)
    return app


def read_token(path: Path) -> str:
    """Return the token applications must show; raise SettingsRefused."""
    try:
        private(path)
        token = read_text(path).strip()
    except FileNotFoundError as error:
        raise SettingsRefused(
            f"{path}: there is no token for the directory's door; write one of 32 characters "
            f"or more into it, readable for its owner only"
        ) from error
    if len(token) < 32:
        raise SettingsRefused(f"{path}: a token has 32 characters or more")
    return token


@outlasting("directory")
def run(directory: DirectorySettings, profile: NumberProfile, database: Path) -> None:
    """Take pushes until a signal to stop; what is in hand is finished."""
    if not directory.listen:
        raise SettingsRefused("[directory] listen is empty, so there is no door to open")
    token = read_token(directory.token_file)
    most = directory.megabytes * 1024 * 1024
    with Directory(database) as contacts:
        app = create_app(contacts, profile, token, most)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # as waitress is ended
        log.info("taking contacts listen=%s", directory.listen)
        waitress.serve(
            app, listen=directory.listen, threads=2, ident="", max_request_body_size=most + 1024,
        )  # fmt: skip


def _answer(pushed: Pushed, applied: ImportResult) -> dict[str, Any]:
    return {
        **asdict(applied),
        "refused": [
            {"where": refusal.where, "reason": refusal.reason, "row": refusal.row}
            for refusal in pushed.report.refusals
        ],
    }


def _refuse(
    req: falcon.Request, resp: falcon.Response, error: PushRefused, params: dict[str, Any]
) -> None:
    raise falcon.HTTPBadRequest(title="not what was agreed", description=str(error))


def _keep(
    req: falcon.Request, resp: falcon.Response, error: ImportRefused, params: dict[str, Any]
) -> None:
    raise falcon.HTTPConflict(title="nothing was changed", description=str(error))


def _ask_again_later(
    req: falcon.Request, resp: falcon.Response, error: DirectoryUnavailable, params: dict[str, Any]
) -> None:
    log.error("directory unavailable reason=%s", type(error.__cause__ or error).__name__)
    raise falcon.HTTPServiceUnavailable(
        title="try again later", description=str(error), retry_after=5
    )
