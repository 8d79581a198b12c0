"""A caller's answer without anybody's name, for programs that need to know the call and no more."""

from collections.abc import Mapping

from bus.events import CallerEvent, Party, Reference

# Placeholders; an address may be made of a name, or be a record's own.
NAMING = frozenset({"name", "company", "title", "reference", "url"})


def nameless(event: CallerEvent) -> CallerEvent:
    """Return an answer in which ids and numbers stand, and no names."""
    data = event.data
    bare = data.model_copy(
        update={
            "caller": _party(data.caller),
            "called": _party(data.called),
            "contact": _reference(data.contact),
            "employer": _reference(data.employer),
            "opened": _reference(data.opened),
            "found": _reference(data.found),
            "candidates": tuple(map(_reference, data.candidates)),
            "offered": tuple(map(_reference, data.offered)),
            "url": None,  # it may be made of a name
            "sentence": None,
            "trace": (),
        }
    )
    return event.model_copy(update={"data": bare})


def without_names(values: Mapping[str, str]) -> dict[str, str]:
    """Return the values of placeholders that name nobody."""
    return {key: value for key, value in values.items() if key not in NAMING}


def _party(party: Party) -> Party:
    return party.model_copy(update={"name": ""})


def _reference(reference: Reference | None) -> Reference | None:
    return reference and reference.model_copy(
        update={"title": "", "company": None, "reference": None}
    )
