"""KEY=VALUE as people write it, as the values of switches."""

import json
from typing import Any

import typer


def pairs(texts: list[str]) -> dict[str, Any]:
    """Return the values by name; raise BadParameter."""
    found = {}
    for each in texts:
        name, equals, value = each.partition("=")
        if not equals:
            raise typer.BadParameter(f"{each!r}: write KEY=VALUE")
        found[name.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    if text.lower() in {"none", "null"}:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | list | dict) else text
