"""Broker accounts that are given up, in a way that cannot crash the broker.

When Mosquitto 2.0 reads its files again, it ends the session of each client whose account is gone
or has another password, also of one that is offline already; such a session then stands twice in
its list of expiring sessions, and the second entry outlives it (mended in 2.1.0). So no reload may
meet one. Before an account goes its session is ended; where that cannot be done, because the broker
is away or a program still uses the account, the line in the password file stays without any
right until the session must have expired.
"""

import logging
import time
from collections.abc import Mapping

from pydantic import SecretStr

from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable
from bus.settings import BrokerSettings

log = logging.getLogger(__name__)

_IN_USE = 2.0  # seconds within which a program that is thrown out has come back


def end_sessions(settings: BrokerSettings, passwords: Mapping[str, str]) -> set[str]:
    """Return those of these accounts that have no session at the broker any more.

    Each connects once with a clean start and no expiry; one that is in use is back soon after.
    """
    waiting = {
        account: Connection(_as(settings, account, password), account, lasting=False)
        for account, password in passwords.items()
    }
    for connection in waiting.values():
        connection.__enter__()
    try:
        ended = {name for name, connection in waiting.items() if _connects(connection)}
        limit = time.monotonic() + _IN_USE
        while ended and time.monotonic() < limit:
            ended = {name for name in ended if waiting[name].connected}
            time.sleep(0.05)
        return ended
    finally:
        for connection in waiting.values():
            connection.__exit__(None, None, None)


def _as(settings: BrokerSettings, account: str, password: str) -> BrokerSettings:
    return settings.model_copy(update={"account": account, "password": SecretStr(password)})


def _connects(connection: Connection) -> bool:
    try:
        connection.wait_connected()
    except BrokerUnavailable as error:
        log.debug("session not ended reason=%s", error)
        return False
    return True
