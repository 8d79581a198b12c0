"""The description of the HTTP door, made from the models it reads and writes."""

from importlib.metadata import version
from typing import Any

from pydantic.json_schema import models_json_schema

from bus.events import DialResultData
from panel.dial_requests import DialOrder

STATUSES = {
    "202": "The PBX places the call; ask `GET` at Location for what becomes of it.",
    "400": "No number, or not one that can be read.",
    "401": "No token, or an unknown one.",
    "403": "The token is not for this user, or the site's policy refuses the number.",
    "409": "Dialled already, a call is running, or the user's interface is off.",
    "410": "The request came too late.",
    "415": "The body is no JSON.",
    "429": "Too many calls.",
    "502": "The PBX refuses the call or cannot be reached.",
    "503": "The broker or the dial process is not there.",
    "504": "Nobody knows whether the call is placed; do not repeat it with a new id.",
}
_BY_CODE = {
    "not_a_number": "400",
    "feature_code": "400",
    "emergency": "403",
    "premium": "403",
    "international": "403",
    "denied_prefix": "403",
    "not_allowed": "403",
    "duplicate": "409",
    "busy": "409",
    "inactive": "409",
    "expired": "410",
    "rate": "429",
    "refused_by_pbx": "502",
    "unreachable": "502",
    "unknown_outcome": "504",
}


def status_of(result: DialResultData) -> str:
    """Return the HTTP status that says what a result says."""
    return "202" if result.code is None else _BY_CODE.get(result.code, "502")


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    _, schemas = models_json_schema(
        [(DialOrder, "validation"), (DialResultData, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "starface2mqtt: dial",
            "version": version("starface2mqtt"),
            "description": "Calls placed through STARFACE: the user's own phone rings first.",
        },
        "paths": {
            "/api/v1/users/{login}/dial": {"parameters": [_parameter("login")], "post": _post()},
            "/api/v1/users/{login}/dial/{request_id}": {
                "parameters": [_parameter("login"), _parameter("request_id")],
                "get": _get(),
            },
        },
        "components": {
            "schemas": schemas["$defs"] | {"Fault": _FAULT},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


_FAULT = {
    "type": "object",
    "required": ["title"],
    "properties": {"title": {"type": "string"}, "description": {"type": "string"}},
}


def _post() -> dict[str, Any]:
    return {
        "operationId": "dial",
        "summary": "Have a call placed; answered when the PBX has accepted or refused it.",
        "requestBody": {"required": True, "content": _json("DialOrder")},
        "responses": {
            status: {"description": meaning, "content": _json(_answer(status))}
            for status, meaning in STATUSES.items()
        },
    }


def _get() -> dict[str, Any]:
    return {
        "operationId": "dialled",
        "summary": "The last stage of a dial request.",
        "responses": {
            "200": {"description": "The last stage.", "content": _json("DialResultData")},
            "401": {"description": STATUSES["401"], "content": _json("Fault")},
            "403": {"description": STATUSES["403"], "content": _json("Fault")},
            "404": {"description": "Nothing is known of it.", "content": _json("Fault")},
        },
    }


def _answer(status: str) -> str:
    return "Fault" if status in ("401", "415", "503") else "DialResultData"


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _parameter(name: str) -> dict[str, Any]:
    schema = {"type": "string"} | ({"format": "uuid"} if name == "request_id" else {})
    return {"name": name, "in": "path", "required": True, "schema": schema}
