"""The HTTP side of the gateway as an OpenAPI document."""

from importlib.metadata import version
from typing import Any

Answer = dict[str, Any]


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document of the notification ports."""
    path = [
        _in_path("who", "The login in base64url."),
        _in_path("session", "Random for each login at the PBX."),
        _in_path("mac", "The proof that this site made the path."),
    ]
    query = [
        _in_query("de.vertico.starface.user", "Must be the login of the path, if it is given."),
        _in_query("de.vertico.starface.auth", "Must be the token of the login, if it is given."),
    ]
    parameters = [
        _in_query("event", "ringing, answered, outgoing or ended", ["ringing", "answered",
                  "outgoing", "ended"], required=True),
        _in_query("number", "The other party's number."),
        _in_query("name", "The other party's name."),
        _in_query("user", "Must be the login of the path, if it is given."),
    ]  # fmt: skip
    taken: Answer = {"description": "The notification is on disk.", "content": {"text/xml": {
        "schema": {"type": "string"}}}}  # fmt: skip
    plain: Answer = {"description": "The call state is on disk.", "content": {"text/plain": {
        "schema": {"type": "string"}}}}  # fmt: skip
    callback = "/starface/{who}/{session}/{mac}"
    return {
        "openapi": "3.1.0",
        "info": {"title": "starface2mqtt gateway", "version": version("starface2mqtt")},
        "paths": {
            "/": {"get": {"summary": "The reachability page", "responses": {"200": {
                "description": "The gateway can be reached.",
                "content": {"text/html": {"schema": {"type": "string"}},
                            "application/json": {"schema": _PAGE}}}}}},
            callback: {"parameters": path, "post": {
                "summary": "A notification of the PBX by XML-RPC", "parameters": [*query],
                "requestBody": {"required": True, "content": {
                    kind: {"schema": {"type": "string", "maxLength": 65_536}}
                    for kind in ("text/xml", "application/xml")}},
                "responses": {"200": taken, **_refusals()}}},
            f"{callback}/call": {"parameters": path,
                "get": {"summary": "A call state by URL", "parameters": parameters,
                        "responses": {"200": plain, **_refusals()}},
                "post": {"summary": "A call state by form", "requestBody": {"content": {
                    "application/x-www-form-urlencoded": {"schema": {
                        "type": "object", "properties": {
                            one["name"]: one["schema"] for one in parameters}}}}},
                         "responses": {"200": plain, **_refusals()}}},
        },
    }  # fmt: skip


_PAGE = {
    "type": "object",
    "required": ["status", "hits", "visits", "notifications", "last_notification", "your_address"],
    "properties": {
        "status": {"const": "ok"},
        "hits": {"type": "integer", "minimum": 0},
        "visits": {"type": "integer", "minimum": 0},
        "notifications": {"type": "integer", "minimum": 0},
        "last_notification": {"type": ["string", "null"], "format": "date-time"},
        "your_address": {"type": ["string", "null"]},
    },
}
_REFUSALS = {
    400: "Nonsense", 403: "Wrong user, token or address", 404: "Not a path of this site",
    405: "Wrong method", 408: "Too slow", 413: "Larger than 64 KiB", 415: "Wrong content type",
    429: "Too many", 431: "Headers larger than 8 KiB", 501: "A transfer coding other than chunked",
    503: "The event log cannot take it now",
}  # fmt: skip


def _refusals() -> dict[str, Any]:
    content = {"text/plain": {"schema": {"type": "string"}}}
    return {
        str(code): {"description": f"{fault}; one line names the fault.", "content": content}
        for code, fault in _REFUSALS.items()
    }


def _in_path(name: str, description: str) -> dict[str, Any]:
    pattern = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": pattern,
    }


def _in_query(
    name: str, description: str, words: list[str] | None = None, *, required: bool = False
) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": "string", "maxLength": 256}
    if words:
        kind["enum"] = words
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": description,
        "schema": kind,
    }
