"""How one office writes and dials its numbers; without it `520 67 89` means nothing."""

import re
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bus.numbers.numbering_plan import is_country, plan

_Short = Annotated[str, StringConstraints(pattern=r"^[0-9]{2,8}$")]
_Extension = Annotated[str, StringConstraints(pattern=r"^[0-9]+x*$", min_length=2, max_length=8)]
_Domain = Annotated[str, StringConstraints(to_lower=True, min_length=1, max_length=253)]


class NumberProfile(BaseModel):
    """The site's numbering: part of `[site]` in the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    country: str = "CH"
    area_code: str = ""
    outside_line: str = ""
    international_prefix: str = "00"  # where none is set: the country's own
    internal_digits: int = Field(default=4, ge=0, le=8)  # greatest length, 0 = no extensions
    emergency: tuple[_Short, ...] = ()  # beside the country's own, 112 and 911
    service: tuple[_Short, ...] = ()  # beside the country's own
    extensions: tuple[_Extension, ...] = ()  # own telephones that would be read as something else
    sip_domains: tuple[_Domain, ...] = ()  # domains at which the PBX itself answers

    def names_extension(self, digits: str) -> bool:
        """Return whether digits are in `extensions`; each x there stands for any digit."""
        return any(
            len(each) == len(digits) and digits.startswith(each.rstrip("x"))
            for each in self.extensions
        )

    @model_validator(mode="before")
    @classmethod
    def _with_the_prefix_of_its_country(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("international_prefix"):
            return values
        country = str(values.get("country", "CH")).upper()
        prefix = plan(country).international_prefix if is_country(country) else "00"
        return values | {"international_prefix": prefix}

    @field_validator("country")
    @classmethod
    def _known(cls, country: str) -> str:
        if not is_country(country.upper()):
            raise ValueError(f"{country[:20]!r} is no country; two letters such as CH, DE or AT")
        return country.upper()

    @field_validator("area_code", "outside_line", "international_prefix")
    @classmethod
    def _digits(cls, text: str) -> str:
        if not re.fullmatch(r"[0-9]{0,6}", text):
            raise ValueError("only digits, six at most, such as '44' or '0'")
        return text

    @field_validator("area_code")
    @classmethod
    def _zero_where_it_belongs(cls, area: str, info: ValidationInfo) -> str:
        if not area or "country" not in info.data:
            return area
        own = plan(info.data["country"])
        if own.zero_belongs and not area.startswith("0"):
            raise ValueError(f"here the zero belongs to the number: '0{area}'")
        if own.trunk_needed and area.startswith(own.trunk):
            bare = area.removeprefix(own.trunk)
            raise ValueError(f"without the {own.trunk} dialled in front: {bare!r}, not {area!r}")
        return area

    @field_validator("international_prefix")
    @classmethod
    def _other_than_the_outside_line(cls, prefix: str, info: ValidationInfo) -> str:
        if prefix == info.data.get("outside_line"):
            raise ValueError("cannot be the same digits as outside_line")
        return prefix
