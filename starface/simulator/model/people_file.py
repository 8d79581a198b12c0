"""Users, groups and contacts of the stand-in from a TOML file."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from runtime.configuration import SettingsRefused, read_toml
from starface.simulator.model.people import SimulatedContact, SimulatedGroup, SimulatedUser

Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class PeopleUnreadable(Exception):
    """The file does not say who there is; the message names file and place."""


class _User(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    login: Text
    password: Text
    extension: Text
    name: Text
    phones: tuple[Text, ...] | None = None
    groups: tuple[Text, ...] = ()
    email: str = ""
    allowed: bool = True


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Text
    name: Text
    number: Text


class _Contact(BaseModel):
    model_config = ConfigDict(extra="forbid")

    first_name: str = ""
    surname: str = ""
    company: str = ""
    office: str = ""
    mobile: str = ""
    tags: tuple[Text, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    users: list[_User] = Field(min_length=1)
    groups: list[_Group] = []
    contacts: list[_Contact] = []


def read_people(
    path: Path,
) -> tuple[list[SimulatedUser], list[SimulatedGroup], list[SimulatedContact]]:
    """Read the file; raise PeopleUnreadable."""
    try:
        people = _File.model_validate(read_toml(path))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PeopleUnreadable(f"{path}: {place}: {first['msg']}") from error
    except OSError as error:
        raise PeopleUnreadable(f"{path}: {error.strerror}") from error
    except SettingsRefused as error:
        raise PeopleUnreadable(f"{error}") from error
    return (
        [SimulatedUser(**each.model_dump()) for each in people.users],
        [SimulatedGroup(**each.model_dump()) for each in people.groups],
        [SimulatedContact(**each.model_dump()) for each in people.contacts],
    )
