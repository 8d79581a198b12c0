"""The PBX's words in its REST interface: users, accounts, contacts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import AliasChoices, Field, TypeAdapter

from starface.wire import Text, WireModel


class RestUser(WireModel):
    """A user as the PBX's administration knows it."""

    id: Text = ""
    login: Text = ""
    first_name: Text = ""
    family_name: Text = ""
    email: Text = ""
    language: Text = ""


class RestGroupUser(WireModel):
    """A user of the PBX, and whether he belongs to the group that names him."""

    id: Text = ""
    assigned: bool = False


class RestGroup(WireModel):
    """A group as the PBX's administration knows it; only one in full names users."""

    id: Text = ""
    name: Text = Field(
        default="", validation_alias=AliasChoices("groupname", "groupName", "name", "description")
    )
    users: tuple[RestGroupUser, ...] = Field(default=(), validation_alias="assignableUsers")

    @property
    def members(self) -> frozenset[str]:
        """Return the ids of the users who belong to it."""
        return frozenset(user.id for user in self.users if user.assigned)


class RestAccount(WireModel):
    """A user or group with its extension."""

    id: Text = Field(default="", validation_alias=AliasChoices("accountId", "id"))
    first_name: Text = Field(default="", validation_alias=AliasChoices("firstname", "firstName"))
    last_name: Text = Field(default="", validation_alias=AliasChoices("lastname", "lastName"))
    name: Text = Field(default="", validation_alias="displayInformation")
    extension: Text = Field(default="", validation_alias="primaryInternalPhoneNumber")
    type: Text = ""  # USER GROUP REMOTE_USER REMOTE_GROUP


class RestTag(WireModel):
    """A folder of the address book."""

    id: Text = ""
    name: Text = ""
    alias: Text = ""
    owner: Text = ""


class Attribute(WireModel):
    """One field of the address book; its name differs from site to site, its display key not."""

    display_key: Text = ""  # SURNAME, COMPANY, OFFICE_PHONE_NUMBER ...
    name: Text = ""
    value: Text = ""


class Block(WireModel):
    """A group of fields of the address book."""

    name: Text = ""
    resource_key: Text = ""
    attributes: tuple[Attribute, ...] = ()


class RestContact(WireModel):
    """A contact of the address book, from a list or in full."""

    id: Text = ""
    tags: tuple[RestTag, ...] = ()
    fields: tuple[Attribute, ...] = ()

    def first(self, *display_keys: str) -> str:
        """Return the first filled field of these keys, in their order; empty if there is none."""
        for key in display_keys:
            for field in self.fields:
                if field.display_key == key and field.value:
                    return field.value
        return ""

    @property
    def numbers(self) -> list[Attribute]:
        """The filled fields that hold telephone or fax numbers."""
        return [field for field in self.fields if field.value and _is_number(field.display_key)]


class _FullContact(WireModel):
    id: Text = ""
    tags: tuple[RestTag, ...] = ()
    blocks: tuple[Block, ...] = ()


class _Summary(WireModel):
    id: Text = ""
    summary_values: tuple[Text, ...] = ()
    phone_number_values: tuple[Text, ...] = ()


class _Metadata(WireModel):
    total_pages: int | None = None


class _List(WireModel):
    contacts: tuple[_Summary, ...] = ()
    metadata: _Metadata = _Metadata()
    summary_block_schema: Block = Block()
    phone_numbers_block_schema: Block = Block()


def scheme_blocks(answer: Any) -> list[Block]:
    """Read the blocks of a site's address book; raise ValidationError."""
    if isinstance(answer, Mapping):
        answer = answer.get("detailBlocks", answer.get("blocks"))
    return TypeAdapter(list[Block]).validate_python(answer)


def contact_body(
    scheme: Sequence[Block], values: Mapping[str, str], tags: Sequence[RestTag]
) -> dict[str, Any]:
    """Write a contact as this site's scheme has it; the first field of a key gets its value."""
    left = dict(values)
    return {
        "editable": True,
        "tags": [
            {"id": tag.id, "name": tag.name, "alias": tag.alias, "owner": tag.owner} for tag in tags
        ],
        "blocks": [
            {
                "name": block.name,
                "resourceKey": block.resource_key,
                "attributes": [
                    {
                        "displayKey": field.display_key,
                        "name": field.name,
                        "value": left.pop(field.display_key, ""),
                    }
                    for field in block.attributes
                ],
            }
            for block in scheme
        ],
    }


def full_contact(document: Mapping[str, Any]) -> RestContact:
    """Read a contact with all its blocks; raise ValidationError."""
    full = _FullContact.model_validate(document)
    fields = tuple(field for block in full.blocks for field in block.attributes)
    return RestContact(id=full.id, tags=full.tags, fields=fields)


@dataclass(frozen=True)
class ContactPage:
    """A page of the address book, and the number of all pages if the PBX says it."""

    contacts: list[RestContact]
    pages: int | None


def contact_page(document: Mapping[str, Any]) -> ContactPage:
    """Read a page of the list; raise ValidationError.

    The values of a contact stand in the order of the list's two schemas.
    """
    page = _List.model_validate(document)
    contacts = [
        RestContact(
            id=summary.id,
            fields=(
                *_filled(page.summary_block_schema.attributes, summary.summary_values),
                *_filled(page.phone_numbers_block_schema.attributes, summary.phone_number_values),
            ),
        )
        for summary in page.contacts
    ]
    return ContactPage(contacts, page.metadata.total_pages)


def _filled(schema: Sequence[Attribute], values: Sequence[str]) -> list[Attribute]:
    return [
        field.model_copy(update={"value": value})
        for field, value in zip(schema, values, strict=False)
    ]


def _is_number(display_key: str) -> bool:
    return display_key.endswith(("PHONE_NUMBER", "FAX_NUMBER"))
