"""What another program needs to know before it subscribes, retained on the broker."""

import logging
from importlib.metadata import version

from bus.events import Info, InfoData
from bus.messages import MESSAGES
from bus.mqtt.connection import Connection, PublishRefused
from bus.mqtt.inbox import BrokerUnavailable

log = logging.getLogger(__name__)


def announce(connection: Connection) -> None:
    """Publish version, contract and the names of the schemas."""
    topics = connection.topics
    info = Info(
        source="gateway",
        data=InfoData(
            version=version("starface2mqtt"),
            base=topics.base,
            schemas={name: f"docs/schemas/{name}.json" for name in MESSAGES},
            documentation="docs/asyncapi.json",
        ),
    )
    try:
        connection.publish(topics.info(), info, retain=True)
    except (BrokerUnavailable, PublishRefused) as error:
        log.warning("information not published reason=%s", error)
