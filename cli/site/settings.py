"""The whole configuration: one TOML file, every value overridable by environment."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from bus.numbers.number import NumberProfile
from bus.settings import BrokerSettings, SettingsRefused, private
from cli.site.secrecy import kept_secret
from cli.site.validation import model_in, what_is_wrong
from consumers.caller.settings import CallerSettings
from consumers.dial.policy import plain_prefixes
from consumers.dial.settings import DialSettings
from consumers.importers.settings import DirectorySettings
from consumers.journal.settings import JournalSettings
from consumers.sessions.settings import SessionsSettings
from gateway.settings import GatewaySettings
from panel.settings import PanelSettings
from runtime.configuration import read_toml
from starface.settings import StarfaceSettings

FILE = "starface2mqtt.toml"
_PLACES = (Path(FILE), Path("/etc/starface2mqtt") / FILE)


def _is_machine(value: str) -> str:
    if (value and not re.fullmatch(r"[a-z0-9]{1,16}", value)) or value in ("for", "number"):
        raise ValueError("the name of a machine is up to 16 letters a-z and digits, as 'b'")
    return value


MachineName = Annotated[str, AfterValidator(_is_machine)]


class SiteSettings(NumberProfile):
    """What holds for the whole office: its numbers, its files, its log."""

    data_folder: Path = Path("data")
    secrets_folder: Path = Path("secrets")
    machine: MachineName = ""  # this one, where several machines serve the site
    machines: tuple[MachineName, ...] = ()  # all of them: each has broker accounts of its own
    language: Literal["de", "en", "fr", "it"] = "de"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"
    professional_secrecy: bool = False  # keep less, and refuse what could be read on the way

    @property
    def numbers(self) -> NumberProfile:
        """How numbers are read here."""
        return NumberProfile(**self.model_dump(include=set(NumberProfile.model_fields)))


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        env_prefix="STARFACE2MQTT_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    site: SiteSettings = SiteSettings()
    offices: dict[str, NumberProfile] = {}
    starface: StarfaceSettings = StarfaceSettings()
    broker: BrokerSettings = BrokerSettings()
    gateway: GatewaySettings = GatewaySettings()
    caller: CallerSettings = CallerSettings()
    directory: DirectorySettings = DirectorySettings()
    dial: DialSettings = DialSettings()
    journal: JournalSettings = JournalSettings()
    panel: PanelSettings = PanelSettings()
    sessions: SessionsSettings = SessionsSettings()
    file: Path = Field(default=Path(FILE), exclude=True)  # where all this was read from

    @model_validator(mode="after")
    def _prefixes_can_begin_a_number(self) -> Self:
        for prefix in self.dial.policy.denied_prefixes:
            plain_prefixes(prefix, self.site.numbers)
        return self

    def office(self, name: str | None) -> NumberProfile:
        """Return how numbers are read in one of several offices; raise SettingsRefused."""
        if name is None:
            return self.site.numbers
        if name not in self.offices:
            known = ", ".join(sorted(self.offices)) or "none"
            raise SettingsRefused(
                f"{self.file}: there is no office {name!r}; known: {known} ([offices.NAME])"
            )
        return self.offices[name]

    @property
    def folder(self) -> Path:
        """The folder of the configuration file; relative paths are read from it."""
        return self.file.parent

    @property
    def database(self) -> Path:
        """The file of users and directory."""
        return self.site.data_folder / "starface2mqtt.db"

    def site_key(self) -> bytes:
        """Return the key that signs callback paths; raise SettingsRefused."""
        path = self.site.secrets_folder / "site.key"
        try:
            private(path)
            key = path.read_bytes()
        except FileNotFoundError as error:
            raise SettingsRefused(
                f"{path}: there is no site key; make it with: starface2mqtt init"
            ) from error
        except OSError as error:
            raise SettingsRefused(
                f"{path}: {error.strerror}; the account this runs as must be able to read it"
            ) from error
        if not 32 <= len(key) <= 1_000 or not key.decode("ascii", "replace").strip().isprintable():
            raise SettingsRefused(
                f"{path}: a site key is one line of 32 characters or more; restore it from a backup"
            )
        return key


def find(config: Path | None = None) -> Path:
    """Return the configuration file that counts; raise SettingsRefused."""
    named = config or (Path(path) if (path := os.environ.get("STARFACE2MQTT_CONFIG")) else None)
    if named is not None:
        if not named.is_file():
            raise SettingsRefused(f"{named}: there is no such configuration file")
        return named
    for place in _PLACES:
        if os.access(place, os.R_OK):
            return place
    raise SettingsRefused(
        f"there is no {FILE} here nor in /etc/starface2mqtt; make one with: starface2mqtt init"
    )


def read(config: Path | None = None) -> Settings:
    """Return the configuration; raise SettingsRefused with file, key and what is allowed."""
    path = find(config)
    try:
        settings = _from_file(read_toml(path))()
    except SettingsError as error:
        raise SettingsRefused(
            f"a setting given by environment cannot be read ({error}); lists and tables are JSON, "
            f"as in STARFACE2MQTT_GATEWAY__LISTEN='[\"0.0.0.0:8080\"]'"
        ) from error
    except ValidationError as error:
        raise SettingsRefused(f"{path}: {what_is_wrong(error, Settings)}") from error
    except OSError as error:
        raise SettingsRefused(f"{path}: {error.strerror}") from error
    _keeps_secrets(path)
    return kept_secret(_anchored(settings, path.resolve()))


def _from_file(values: dict[str, Any]) -> type[Settings]:
    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return env_settings, InitSettingsSource(settings_cls, values)

    return FromFile


def _anchored(settings: Settings, file: Path) -> Settings:
    """Return the settings with relative paths read from the folder of the file."""
    broker = settings.broker.model_copy(update={"machine": settings.site.machine or None})
    gateway = settings.gateway.model_copy(
        update={"account": broker.account_of(settings.gateway.account)}
    )
    settings = settings.model_copy(update={"broker": broker, "gateway": gateway})
    sections: dict[str, Any] = {"file": file}
    for name in type(settings).model_fields:
        section = getattr(settings, name)
        if isinstance(section, BaseModel):
            paths = {
                key: None if value == Path() else file.parent / value
                for key, value in section
                if isinstance(value, Path)
            }
            sections[name] = section.model_copy(update=paths)
    return settings.model_copy(update=sections)


def _keeps_secrets(path: Path) -> None:
    """Raise SettingsRefused when everybody on this machine may read secrets in the file."""
    if os.name != "posix" or not path.stat().st_mode & stat.S_IROTH:
        return  # elsewhere the mode says nothing about who may read a file
    if any(_secrets_in(Settings, read_toml(path))):
        raise SettingsRefused(
            f"{path}: there are secrets in it and everybody on this machine may read it; mend it"
            f" with: chmod o= {path}"
        )


def _secrets_in(model: Any, values: Mapping[str, Any]) -> Iterator[str]:
    """Give the keys of the secrets that stand in a file, whatever the environment says."""
    for key, value in values.items():
        if (field := getattr(model, "model_fields", {}).get(key)) is None:
            continue
        if SecretStr in (field.annotation, *get_args(field.annotation)) and value:
            yield key
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield from _secrets_in(model_in(field.annotation), one)
