"""What every section of the configuration file is, and how one that cannot be used is refused."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the configuration file: a misspelt key is an error, not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SettingsRefused(Exception):
    """The configuration cannot be used; the message names file, key and fix."""
