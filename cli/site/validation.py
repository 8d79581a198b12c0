"""What is wrong with a configuration file, as a person reads it."""

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from bus.mqtt.inbox import why


def what_is_wrong(error: ValidationError, model: type[BaseModel]) -> str:
    """Return why a file was refused; of an unknown key, which keys are known in its place."""
    unknown = [fault for fault in error.errors() if fault["type"] == "extra_forbidden"]
    return "; ".join([*(_unknown(fault["loc"], model) for fault in unknown)] or [why(error)])


def model_in(annotation: Any) -> Any:
    """Return the model in an annotation such as `tuple[Model, ...]` or `dict[str, Model]`."""
    parts = [part for part in get_args(annotation) if hasattr(part, "model_fields")]
    return parts[0] if parts else annotation


def _unknown(place: tuple[int | str, ...], model: Any) -> str:
    *sections, key = (part for part in place if not isinstance(part, int))
    for section in sections:
        if section in model.model_fields:  # else it is the name of a table in a table
            model = model_in(model.model_fields[section].annotation)
    known = ", ".join(sorted(name for name in model.model_fields if name != "file"))
    where = f"[{'.'.join(sections)}] " if sections else ""
    return f"{where}{key}: there is no such key; known are {known}"
