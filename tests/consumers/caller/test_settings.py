import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bus.numbers.number import NumberProfile
from consumers.actions.url_templates import FOR_PROGRAMS
from consumers.caller.settings import CallerSettings, RuleSettings
from consumers.desktop.settings import DesktopSettings
from texts import catalogue

SECRET = "0123456789abcdef"


@pytest.mark.parametrize(
    "given",
    [
        {"matter": "javascript:alert({id})"},
        {"card": "https://{name}/"},
        {"new_contact": "https://a.example/{who}"},
        {"quiet_hours": ["noon"]},
        {"commands": [{"arguments": ["{name}"]}]},
        {"commands": [{"arguments": ["open.bat", "{id}"]}]},
        {"commands": [{"arguments": ["/bin/true", "{who}"]}]},
        {"commands": [{"arguments": []}]},
        {"commands": [{"arguments": ["/bin/true"]}, {"arguments": ["/bin/false"]}]},
        {"commands": [{"name": "mqtt", "arguments": ["/bin/true"]}]},
        {"webhooks": [{"url": "http://app.example/", "secret": SECRET}]},
        {"webhooks": [{"url": "https://me:x@app.example/", "secret": SECRET}]},
        {"webhooks": [{"url": "ftp://app.example/", "secret": SECRET}]},
        {"webhooks": [{"url": "https://app.example/", "secret": "short"}]},
        {"mater": "https://a.example/{id}"},
        {"max_age": 0},
    ],
)
def test_what_cannot_work_is_refused_at_the_start(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CallerSettings.model_validate(given)


def test_a_refusal_names_the_key_and_what_is_allowed() -> None:
    with pytest.raises(ValidationError, match="matter: the scheme 'http' is not allowed"):
        CallerSettings(matter="http://a.example/{id}")


def test_a_refusal_does_not_repeat_a_secret() -> None:
    with pytest.raises(ValidationError) as refused:
        CallerSettings.model_validate({"webhooks": [{"url": "x", "secret": "planted-secret-1"}]})

    assert "planted" not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"webhooks": [{"url": "http://127.0.0.1:9/", "secret": SECRET}]},
        {"webhooks": [{"url": "http://app.lan/", "secret": SECRET, "plain_http": True}]},
        {"commands": [{"arguments": ["/bin/echo", "--id={id}", "{name?}"]}]},
        {"schemes": ["https", "dms"], "matter": "dms:open/{id}"},
        {"schemes": ["http"], "matter": "http://dms.lan/{id}"},
    ],
)
def test_what_can_work_is_taken(given: dict[str, Any]) -> None:
    CallerSettings.model_validate(given)


def test_records_may_have_addresses_at_the_hosts_of_the_templates_and_those_named() -> None:
    settings = CallerSettings(matter="https://a.example/{id}", hosts=("B.example",))

    assert settings.allowed_hosts() == {"a.example", "b.example"}


DOCS = Path(__file__).parent.parent.parent.parent / "docs"


def test_the_documented_settings_are_settings() -> None:
    text = (DOCS / "actions.md").read_text()
    office, workstation = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)

    document = tomllib.loads(office)["caller"]
    CallerSettings.model_validate(document)
    DesktopSettings.model_validate(tomllib.loads(workstation)["desktop"])
    plain = {"matter", "dossier", "card", "new_contact", "internal"}
    assert set(CallerSettings.model_fields) - plain <= set(document)
    assert all(f"`{name}`" in text for name in FOR_PROGRAMS)


def test_every_reason_is_documented() -> None:
    text = (DOCS / "why.md").read_text()
    reasons = {
        code.removeprefix("caller.action.")
        for code, english in catalogue("en").items()
        if code.startswith("caller.action.") and english.startswith(("Nothing", "Something"))
    }

    assert {reason for reason in reasons if f"`{reason}`" not in text} == set()


def test_a_rule_counts_for_its_lines_as_the_events_write_them() -> None:
    rule = RuleSettings(name="desk", called=("044 123 45 67", "11"))
    settings = CallerSettings(rules=(rule,)).with_numbers(
        NumberProfile(country="CH", area_code="44")
    )

    assert settings.rules[0].called == ("044 123 45 67", "+41441234567", "11")
