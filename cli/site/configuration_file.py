"""The configuration file as text: values put where its comments say that they belong."""

import re
from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.items import Table

_HEADER = re.compile(r"(?:# )?\[")


def with_values(text: str, values: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a configuration with values by section; all else stays as it stands."""
    for section, settings in values.items():
        for key, value in settings.items():
            text = _with_value(text, section, key, value)
    return text


def shown_values(values: Mapping[str, Any]) -> str:
    """Return values as they stand in a section."""
    return ", ".join(_line(key, value) for key, value in values.items())


def _line(key: str, value: Any) -> str:
    return f"{key} = {tomlkit.item(value).as_string()}"


def _with_value(text: str, section: str, key: str, value: Any) -> str:
    document = tomlkit.parse(text)
    table = document.get(section)
    if isinstance(table, Table) and key in table:
        table[key] = value
        return tomlkit.dumps(document)
    line = _line(key, value)
    lines = text.splitlines()
    if f"[{section}]" not in (each.partition("#")[0].strip() for each in lines):
        return f"{text.rstrip()}\n\n[{section}]\n{line}\n"
    start = next(
        place for place, each in enumerate(lines)
        if each.partition("#")[0].strip() == f"[{section}]"
    ) + 1  # fmt: skip
    end = next(
        (place for place in range(start, len(lines)) if _HEADER.match(lines[place])), len(lines)
    )
    for place in range(start, end):
        if example := re.match(rf"# {re.escape(key)} *=[^#]*(?P<comment>#.*)?$", lines[place]):
            comment = example["comment"]
            lines[place] = f"{line:<{example.start('comment')}} {comment}" if comment else line
            break
    else:
        while end > start and (not lines[end - 1].strip() or lines[end - 1].startswith("# ")):
            end -= 1
        lines.insert(end, line)
    return "\n".join(lines) + "\n"
