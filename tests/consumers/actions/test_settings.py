from typing import Any

import pytest
from pydantic import ValidationError

from consumers.actions.settings import CommandTarget, WebhookTarget

SECRET = "0123456789abcdef"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"url": "ftp://app.example/", "secret": SECRET}, "url"),
        ({"url": "https://me:word@app.example/", "secret": SECRET}, "url"),
        ({"url": "http://app.example/", "secret": SECRET}, "plain_http"),
        ({"url": "https://app.example/"}, "secret"),
        ({"url": "https://app.example/", "secret": "short"}, "secret"),
    ],
)
def test_a_webhook_that_is_not_private_is_refused(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named) as refused:
        WebhookTarget.model_validate(given)

    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        {"url": "https://app.example/calls"},
        {"url": "http://localhost:8080/calls"},
        {"url": "http://app.example/calls", "plain_http": True},
    ],
)
def test_a_webhook_may_be_plain_on_this_machine_or_where_that_is_said(
    given: dict[str, Any],
) -> None:
    target = WebhookTarget.model_validate({**given, "secret": SECRET})

    assert (target.url, target.signed) == (given["url"], True)


@pytest.mark.parametrize(
    "arguments", [["{id}"], [""], [], ["dms.BAT", "{id}"], ["dms.cmd"], ["dms", "{nothing}"]]
)
def test_a_command_whose_program_a_caller_could_choose_is_refused(arguments: list[str]) -> None:
    with pytest.raises(ValidationError, match=r"arguments|placeholder"):
        CommandTarget.model_validate({"arguments": arguments})


def test_a_command_gets_values_as_arguments_of_their_own() -> None:
    assert CommandTarget(arguments=("dms", "--open", "{url}")).arguments[2] == "{url}"
