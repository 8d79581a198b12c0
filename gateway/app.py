"""The HTTP side: callbacks of the PBX, its second dialect, the reachability page, nothing else."""

import logging
import time
from collections.abc import Callable
from typing import Any

import falcon
from pydantic import ValidationError

from bus.mqtt.inbox import why
from bus.numbers.number import NumberProfile
from gateway.admission import NOTHING_HERE, Admission, RequestRefused
from gateway.calls.notifications import (
    IgnoredMethod,
    Notification,
    NotificationRefused,
    ResetNotification,
    SelfTest,
    read_notification,
    read_url,
    resolve,
)
from gateway.eventlog.counters import CHECKS, NOTIFICATIONS
from gateway.eventlog.file import LogUnavailable
from gateway.eventlog.writer import EventLog
from gateway.reachability import Reachability
from runtime.process import Repetitions
from starface.callback import TEST_USER
from starface.xmlrpc.reading import CALL_BYTES, Unreadable, read_call, write_response

log = logging.getLogger(__name__)

_TRUE = write_response(True)
_XML = "text/xml; charset=utf-8"
_repetitions = Repetitions()
_RETRY = 2  # seconds
_UNFIT = "not a request that is served here"
CALLBACK = "/starface/{who}/{session}/{mac}"


class XmlRpcCallback:
    """Notifications by XML-RPC."""

    def __init__(self, admission: Admission, events: EventLog, profile: NumberProfile) -> None:
        self._admission = admission
        self._events = events
        self._profile = profile

    def on_post(
        self, req: falcon.Request, resp: falcon.Response, who: str, session: str, mac: str
    ) -> None:
        """Record one notification; 200 means that it is on disk."""
        user = self._admission.user(req, who, session, mac)
        charset = self._admission.xml_charset(req)
        method, params = read_call(_document(req), charset=charset)
        notification = read_notification(user, method, params)
        if isinstance(notification, Notification):
            event = self._events.append(resolve(notification, self._profile, time.time()))
            log.debug("recorded event=%s", event or "-")
            self._events.counters.count(CHECKS if user == TEST_USER else NOTIFICATIONS)
        elif isinstance(notification, ResetNotification):
            event = self._events.append_reset(user)
            log.info("the PBX ended a session event=%s", event)
        elif isinstance(notification, SelfTest):
            self._events.counters.count(CHECKS)
            resp.set_header("X-Starface2mqtt", self._events.gateway)
        elif isinstance(notification, IgnoredMethod):
            self._events.counters.count("unneeded")
        resp.content_type = _XML
        resp.data = _TRUE


class UrlCallback:
    """Notifications by URL, as the PBX's desktop app and modules request it."""

    def __init__(self, admission: Admission, events: EventLog, profile: NumberProfile) -> None:
        self._admission = admission
        self._events = events
        self._profile = profile

    def on_get(
        self, req: falcon.Request, resp: falcon.Response, who: str, session: str, mac: str
    ) -> None:
        """Record one call state in the query."""
        user = self._admission.user(req, who, session, mac)
        self._record(user, self._admission.single(req.params), resp)

    def on_post(
        self, req: falcon.Request, resp: falcon.Response, who: str, session: str, mac: str
    ) -> None:
        """Record one call state in query or form."""
        user = self._admission.user(req, who, session, mac)
        form = self._admission.form(req, _body(req))
        self._record(user, {**self._admission.single(req.params), **form}, resp)

    def _record(self, user: str, parameters: dict[str, str], resp: falcon.Response) -> None:
        if parameters.get("user", "") not in ("", user):
            raise RequestRefused(403, "the user is another than the path's")
        self._events.append(resolve(read_url(user, parameters), self._profile, time.time()))
        self._events.counters.count(NOTIFICATIONS)
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "ok\n"


def create_app(
    events: EventLog, admission: Admission, profile: NumberProfile
) -> "falcon.App[falcon.Request, falcon.Response]":
    """Return the WSGI application of the notification ports."""
    app = falcon.App()
    app.req_options.strip_url_path_trailing_slash = True
    app.resp_options.media_handlers = falcon.media.Handlers({})
    app.add_route("/", Reachability(events, admission.sources))
    app.add_route(CALLBACK, XmlRpcCallback(admission, events, profile))
    app.add_route(f"{CALLBACK}/call", UrlCallback(admission, events, profile))
    faults: dict[type[Exception], Callable[[Any], RequestRefused]] = {
        RequestRefused: lambda error: error,
        Unreadable: lambda error: RequestRefused(400, f"XML-RPC: {error}"),
        NotificationRefused: lambda error: RequestRefused(400, str(error)),
        ValidationError: lambda error: RequestRefused(400, why(error)),
        falcon.HTTPError: _not_here,
        LogUnavailable: lambda error: _not_now(error, events),
        MemoryError: lambda error: RequestRefused(503, "out of memory", retry_after=_RETRY),
        Exception: _failed,
    }
    for kind, fault in faults.items():
        app.add_error_handler(kind, _answer(admission, fault))
    return app


def _answer(admission: Admission, fault: Callable[[Any], RequestRefused]) -> Callable[..., None]:
    def answer(req: falcon.Request, resp: falcon.Response, error: Exception, _: object) -> None:
        refused = fault(error)
        source = admission.source(req)
        if not isinstance(error, LogUnavailable):  # which is said in a line for many
            log.warning(
                "refused status=%s source=%s reason=%s", refused.status, source, refused.line
            )
        if isinstance(error, falcon.HTTPError):
            resp.set_headers(error.headers or {})
        resp.status = refused.status
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = f"{refused.line}\n"
        if refused.retry_after is not None:
            resp.set_header("Retry-After", str(refused.retry_after))

    return answer


def _not_now(error: LogUnavailable, events: EventLog) -> RequestRefused:
    events.counters.count("log_unavailable")
    if count := _repetitions.count(str(error)):
        log.error("not on disk, refused with 503 count=%s reason=%s", count, error)
    return RequestRefused(503, "the event log cannot take it now", retry_after=_RETRY)


def _not_here(error: falcon.HTTPError) -> RequestRefused:
    lines = {404: NOTHING_HERE, 405: f"expected here: {dict(error.headers or {}).get('Allow')}"}
    return RequestRefused(error.status_code, lines.get(error.status_code, _UNFIT))


def _failed(error: Exception) -> RequestRefused:
    # The text of an exception may hold a number or a name, so only its kind and place are logged.
    trace, places = error.__traceback__, []
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    log.error("failed kind=%s at=%s", type(error).__name__, " ".join(places[-3:]))
    return RequestRefused(500, "the gateway failed; its log says where")


def _body(req: falcon.Request) -> bytes:
    body = req.stream.read(CALL_BYTES + 1)  # which ends with the body, as waitress has it
    if len(body) > CALL_BYTES:
        raise RequestRefused(413, f"larger than {CALL_BYTES} bytes")
    return bytes(body)


def _document(req: falcon.Request) -> bytes:
    body = _body(req)
    if not body:
        raise RequestRefused(400, "no body, or one without Content-Length")
    return body
