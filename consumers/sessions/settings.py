"""Settings of the sessions process: the `[sessions]` table."""

from typing import Annotated

from pydantic import AfterValidator

from runtime.addresses import split_address
from runtime.configuration import Section


def _is_address_or_off(value: str) -> str:
    if value:
        split_address(value)
    return value


class SessionsSettings(Section):
    """Where it is seen how the sessions are."""

    # /healthz, /readyz and /metrics of all processes of this machine; "" switches it off
    operations: Annotated[str, AfterValidator(_is_address_or_off)] = "127.0.0.1:9081"
