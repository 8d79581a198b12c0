"""The contract as other programs read it: AsyncAPI 3, JSON Schemas and OpenAPI, from the models.

Generated, so that models and documents cannot drift: `python -m cli.contract.contract docs`
writes them, and a test compares what is committed with what would be written.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bus.events import CONTENT_TYPE, CONTRACT, DIAL_EXPIRY
from bus.messages import MESSAGES
from bus.topics import Topics
from cli.contract.openapi import openapi

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: dict[str, tuple[str, ...]] = {
    "Switch": ("on", "off"),
    "Presence": ("online", "offline"),
    "PlainNumber": (),
}

_TOPICS = Topics("BASE")  # the words in capitals become parameters

# channel, address, message, who sends, retained, seconds a message lasts
_CHANNELS: tuple[tuple[str, str, str, str, bool, str], ...] = (
    ("calls", _TOPICS.calls("USER"), "CallEvent", "gateway", False, "60; 86400 once answered"),
    ("caller", _TOPICS.caller("USER"), "CallerEvent", "caller", False, "60"),
    ("choose", _TOPICS.choose("USER"), "ChoiceRequest", "anybody", False, "30"),
    ("opened", _TOPICS.opened("USER"), "Opened", "anybody", False, "30"),
    ("state", _TOPICS.state("USER"), "UserState", "sessions", True, ""),
    ("set", _TOPICS.switch("USER"), "Switch", "anybody", False, "30"),
    ("dial", _TOPICS.dial("USER"), "DialRequest", "anybody", False, str(DIAL_EXPIRY)),
    ("dialNumber", _TOPICS.dial_number("USER"), "PlainNumber", "anybody", False, "15"),
    ("dialResult", _TOPICS.dial_result("USER"), "DialResult", "dial", False, str(DIAL_EXPIRY)),
    ("records", _TOPICS.records("USER"), "CallRecord", "journal", False, ""),
    ("missed", _TOPICS.missed("USER"), "MissedCounts", "journal", True, ""),
    ("journal", _TOPICS.journal("USER"), "JournalRequest", "anybody", False, "15"),
    ("journalAnswer", _TOPICS.reply("ACCOUNT", "REQUEST"), "JournalAnswer", "journal", False, "60"),
    ("directory", _TOPICS.directory("USER"), "DirectoryRequest", "anybody", False, "15"),
    (
        "directoryAnswer",
        _TOPICS.reply("ACCOUNT", "REQUEST"),
        "DirectoryAnswer",
        "caller",
        False,
        "60",
    ),
    ("settings", _TOPICS.settings("USER"), "SettingsRequest", "anybody", False, "15"),
    (
        "settingsAnswer",
        _TOPICS.reply("ACCOUNT", "REQUEST"),
        "SettingsAnswer",
        "sessions",
        False,
        "60",
    ),
    ("access", _TOPICS.access("USER"), "Access", "sessions", True, ""),
    ("pbx", _TOPICS.pbx("USER"), "PbxRequest", "journal", False, "15"),
    ("pbxAnswer", _TOPICS.reply("ACCOUNT", "REQUEST"), "PbxAnswer", "sessions", False, "60"),
    ("head", _TOPICS.head("USER", "GATEWAY"), "Head", "gateway", True, "604800"),
    ("replay", _TOPICS.replay("USER"), "ReplayRequest", "consumers", False, "30"),
    ("replayed", _TOPICS.reply("ACCOUNT", "REQUEST"), "CallEvent", "gateway", False, "86400"),
    ("session", _TOPICS.session("USER"), "SessionReset", "gateway", False, "60"),
    ("process", _TOPICS.process("NAME"), "Presence", "each process", True, ""),
    ("processDetail", _TOPICS.process_detail("NAME"), "ProcessDetail", "each process", True, ""),
    ("info", _TOPICS.info(), "Info", "gateway", True, ""),
)
_PARAMETERS = {
    "base": "The setting [broker] base, such as `starface` or `starface/zurich`.",
    "user": "The STARFACE login; characters outside `[A-Za-z0-9._@-]` are percent-encoded.",
    "gateway": "The event log the numbers belong to; last part of the events' `source`.",
    "name": "The broker account of the process.",
    "account": "The broker account that asked, and that alone may read the answer.",
    "request": "The request's `request_id`.",
}


def documents(examples: Mapping[str, Any]) -> dict[str, Any]:
    """Return each generated document by its path below docs/."""
    schemas = {f"schemas/{name}.json": schema(name) for name in MESSAGES}
    return {**schemas, "asyncapi.json": asyncapi(examples), "openapi.json": openapi()}


def write(folder: Path) -> list[Path]:
    """Write the documents into a folder; return their paths."""
    written = []
    for name, document in documents(read_examples(folder)).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(document))
        written.append(path)
    return written


def text(document: Any) -> str:
    """Return a document as it is written."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def read_examples(folder: Path) -> dict[str, Any]:
    """Return a message of each type that really went over the wire."""
    paths = sorted((folder / "examples").glob("*.json"))
    return {path.stem: json.loads(path.read_text()) for path in paths}


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a message as it travels."""
    document = MESSAGES[name].model_json_schema(mode="serialization")
    # A reader ignores what it does not know, and what is not set is left out.
    for part in (document, *document.get("$defs", {}).values()):
        part["additionalProperties"] = True
        part["required"] = [
            one for one in part.get("required", []) if one not in ("subject", "seq")
        ]
    return {"$schema": _DRAFT, "$id": f"{name}.json", **document}


def asyncapi(examples: Mapping[str, Any]) -> dict[str, Any]:
    """Return the AsyncAPI 3 document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "starface2mqtt",
            "version": CONTRACT,
            "description": "Call events of a STARFACE telephone system on MQTT, and calls placed "
            "through it. Fields are added, never renamed; readers ignore what they do not know.",
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "broker": {
                "host": "localhost:1883",
                "protocol": "mqtt",
                "protocolVersion": "5.0",
                "security": [{"$ref": "#/components/securitySchemes/account"}],
            }
        },
        "channels": {one[0]: _channel(*one[1:]) for one in _CHANNELS},
        "operations": {
            one[0]: _operation(one[0], one[2], one[3], retained=one[4]) for one in _CHANNELS
        },
        "components": {
            "securitySchemes": {
                "account": {"type": "userPassword", "description": "Each has an account of its own"}
            },
            "messages": {
                **{name: _message(name, examples) for name in MESSAGES},
                **{name: _plain(name, words) for name, words in _PLAIN.items()},
            },
            "schemas": {name: _inlined(name) for name in MESSAGES},
        },
    }


def _channel(address: str, message: str, writer: str, retained: bool, lasts: str) -> dict[str, Any]:
    names = [name for name in _PARAMETERS if name.upper() in address]
    for name in names:
        address = address.replace(name.upper(), f"{{{name}}}")
    kept = "Retained." if retained else "Not retained."
    expiry = f" Message expiry in seconds: {lasts}." if lasts else ""
    return {
        "address": address,
        "description": f"Written by: {writer}. {kept}{expiry}",
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "parameters": {name: {"description": _PARAMETERS[name]} for name in names},
    }


def _operation(channel: str, message: str, writer: str, *, retained: bool) -> dict[str, Any]:
    action = "receive" if writer in ("anybody", "consumers") else "send"
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
        "bindings": {"mqtt": {"qos": 1, "retain": retained, "bindingVersion": "0.2.0"}},
    }


def _message(name: str, examples: Mapping[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": name,
        "contentType": CONTENT_TYPE,
        "summary": (MESSAGES[name].__doc__ or "").strip().splitlines()[0],
        "payload": {"$ref": f"#/components/schemas/{name}"},
    }
    if name in examples:
        message["examples"] = [{"payload": examples[name]}]
    return message


def _plain(name: str, words: tuple[str, ...]) -> dict[str, Any]:
    """Return a message of plain text: one of some words, or any text where none are named."""
    return {
        "name": name,
        "contentType": "text/plain",
        "payload": {"type": "string", **({"enum": list(words)} if words else {})},
    }


def _inlined(name: str) -> dict[str, Any]:
    """Return a schema whose references stay within the document."""
    text = json.dumps(schema(name)).replace("#/$defs/", f"#/components/schemas/{name}/$defs/")
    return {key: value for key, value in json.loads(text).items() if key not in ("$schema", "$id")}


def main() -> None:
    """Write the documents into the folder named on the command line."""
    for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs")):
        print(path)


if __name__ == "__main__":
    main()
