"""What an answer of the PBX means: a value, or one of the failures a caller can act on.

Nobody has written down what the PBX answers to a wrong token: a fault, 401, 403, a redirect or a
login page have all been seen. All of them are read as refused credentials.
"""

import re
from urllib.parse import urlsplit

from starface.failures import (
    AnswerUnreadable,
    LoginRefused,
    NotConnected,
    PbxFailure,
    RequestForbidden,
)
from starface.transport import HttpAnswer
from starface.xmlrpc.reading import Faulted, Unreadable, Value, read_response

REFUSED = (
    "STARFACE does not accept the login ID and its password; check both at STARFACE's web page, "
    "and the login method (auth in [starface]), then give the password again."
)
REFUSED_OR_FORBIDDEN = (
    "STARFACE refuses the login: the password is wrong, or the user may not use the interface. "
    "Give the password again; if that does not help, an administrator of STARFACE can give "
    "the right."
)
FORBIDDEN = (
    "STARFACE does not allow this user to do that; an administrator of STARFACE can give the right."
)
NOT_CONNECTED = "STARFACE does not know this session any more; log in again."


class NotDone(AnswerUnreadable):
    """The PBX says that it did not do it, for a reason we do not know."""


class MethodUnknown(NotDone):
    """The PBX says that it has no such method."""


def value(answer: HttpAnswer, *, logging_in: bool = False, by_jwt: bool = False) -> Value:
    """Return the value of an answer; raise the failure it stands for."""
    if answer.status == 401 or (answer.status == 403 and logging_in):
        raise LoginRefused(REFUSED)
    if answer.status == 403:
        raise RequestForbidden(FORBIDDEN)
    if 300 <= answer.status < 400:
        raise _redirected(answer)
    if _is_html(answer) or (answer.status != 200 and b"<methodResponse" not in answer.body):
        raise _no_document(answer, by_jwt)
    try:
        return read_response(answer.body)
    except Unreadable as fault:
        raise unreadable(fault) from None
    except Faulted as fault:
        raise _faulted(fault, logging_in) from None


def unreadable(fault: Unreadable) -> AnswerUnreadable:
    """Name what is wrong with an answer, which `Unreadable` never repeats."""
    return AnswerUnreadable(
        f"STARFACE's answer is not understood: {fault}; check host and api in [starface]."
    )


def _redirected(answer: HttpAnswer) -> PbxFailure:
    target = urlsplit(answer.location)
    if target.scheme == "https" and target.path.rstrip("/") == "/xml-rpc":
        return NotDone('STARFACE wants to be asked over TLS; set scheme = "https" in [starface].')
    return LoginRefused(REFUSED, certain=False)


def _is_html(answer: HttpAnswer) -> bool:
    start = answer.body[:512].lstrip().lower()
    return "html" in answer.content_type or start.startswith((b"<!doctype html", b"<html"))


def _no_document(answer: HttpAnswer, by_jwt: bool) -> PbxFailure:
    page = answer.body[:65_536].lower()
    if answer.status == 200 and (by_jwt or b"password" in page or b"login" in page):
        return LoginRefused(REFUSED, certain=False)
    if answer.status == 404:
        return NotDone(
            "What answers has no STARFACE interface (HTTP status 404); check host in [starface]."
        )
    kind = NotDone if 400 <= answer.status < 500 else AnswerUnreadable
    return kind(
        f"STARFACE, or a proxy before it, answers no XML-RPC (HTTP status {answer.status}); "
        "it may be starting. If this stays, check host, port and scheme in [starface]."
    )


# The PBX's fault codes are unknown; its exceptions' names are known, the other words are likely.
_NOT_CONNECTED = re.compile(r"not.?connected|not.?logged.?in|no.?session|session.*(expired|unkn)")
_NO_METHOD = re.compile(
    r"no.?such.?method|method.*not.?(found|known|supp|avail)|unknown.?method|(no|unknown).?handler"
)
_FORBIDDEN = re.compile(r"illegal.?access|not.?allowed|not.?permitted|permission|forbidden|denied")
_CREDENTIALS = re.compile(r"authenti|credential|password|token|login.?(failed|refused|invalid)")
_TROUBLE = re.compile(
    r"communication|internal|unavailable|starting|time.?out|temporar|busy|overload|database"
    r"|null.?pointer|sql"
)


def _faulted(fault: Faulted, logging_in: bool) -> PbxFailure:
    text = fault.text.lower()
    shown = _shown(fault)
    kept = fault.text[:500]
    if _NO_METHOD.search(text):
        return MethodUnknown(
            f"STARFACE does not have this request ({shown}); check api in [starface].",
            pbx_text=kept,
        )
    if _NOT_CONNECTED.search(text):
        return NotConnected(f"{NOT_CONNECTED} ({shown})", pbx_text=kept)
    if logging_in and _FORBIDDEN.search(text):  # a wrong password may be answered in the same words
        return LoginRefused(f"{REFUSED_OR_FORBIDDEN} ({shown})", pbx_text=kept)
    if _FORBIDDEN.search(text):
        return RequestForbidden(f"{FORBIDDEN} ({shown})", pbx_text=kept)
    if _CREDENTIALS.search(text) or (logging_in and not _TROUBLE.search(text)):
        return LoginRefused(f"{REFUSED} ({shown})", pbx_text=kept)
    return NotDone(f"STARFACE reports an error ({shown}).", pbx_text=kept)


def is_temporary(failure: PbxFailure) -> bool:
    """Return whether what the PBX says sounds as if it will do the same thing later."""
    return _TROUBLE.search(failure.pbx_text.lower()) is not None


def _shown(fault: Faulted) -> str:
    """Return the part of a fault that names nobody: its code and the names of exceptions in it."""
    names = re.findall(r"\b[A-Z][A-Za-z]{2,60}(?:Exception|Error|Fault)\b", fault.text)
    return ", ".join([f"fault {fault.code}", *dict.fromkeys(names[:3])])
