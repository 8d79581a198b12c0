import json
import os
import subprocess
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from bus.mqtt.connection import Connection, PublishRefused
from bus.mqtt.inbox import ReceivedMessage
from bus.topics import Topics
from consumers.journal.home_assistant import HomeAssistant, configurations

Connect = Callable[..., Connection]
BIRTH = "homeassistant/status"


def test_a_telephone_is_made_known_without_anybody_being_named() -> None:
    entities = configurations(Topics(), "Anna Müller")

    assert len(entities) == 5
    for topic, config in entities.items():
        assert topic.startswith("homeassistant/")
        assert "+" not in topic + config.get("state_topic", "") + config.get("command_topic", "")
        assert config["unique_id"].isascii()
        assert config["availability_topic"].startswith("starface/processes/")


class Broker:
    """The broker, as far as announcing needs it."""

    topics = Topics()
    connected = True

    def __init__(self) -> None:
        self.retained: dict[str, bytes] = {}
        self.count = 0
        self.handlers: dict[str, Callable[[ReceivedMessage], None]] = {}

    def republish(self, work: Callable[[], None]) -> None:
        work()

    def subscribe(self, topic: str, handle: Callable[[ReceivedMessage], None]) -> None:
        self.handlers[topic] = handle

    def publish_raw(self, topic: str, payload: bytes, *, retain: bool) -> int:
        assert retain
        self.count += 1
        self.retained[topic] = payload
        return 0


def test_telephones_are_announced_at_birth_too_and_taken_back_with_their_user() -> None:
    broker, logins = Broker(), {"0011", "0012"}
    home = HomeAssistant(broker, lambda: logins)
    assert len(broker.retained) == broker.count == 10

    broker.handlers[BIRTH](ReceivedMessage(BIRTH, b"online"))
    assert broker.count == 20
    broker.handlers[BIRTH](ReceivedMessage(BIRTH, b"offline"))
    assert broker.count == 20

    logins.discard("0012")
    home.tick()
    gone = configurations(Topics(), "0012")
    assert {topic for topic, payload in broker.retained.items() if not payload} == set(gone)


def test_the_journals_account_may_announce_and_receive_the_birth(connect: Connect) -> None:
    journal = connect("journal")
    [topic, *_] = configurations(Topics(), "0011")

    assert journal.publish_raw(topic, b"{}", retain=True) < 0x80
    with pytest.raises(PublishRefused):
        journal.publish_raw(BIRTH, b"online")


_VALIDATE = """
import json, sys
from importlib import import_module
for topic, config in json.load(sys.stdin).items():
    module = import_module(f"homeassistant.components.mqtt.{topic.split('/')[1]}")
    module.DISCOVERY_SCHEMA(config)
    print("ok", topic)
"""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_home_assistant_itself_takes_every_announcement(tmp_path: Path) -> None:
    venv.create(tmp_path / "home", with_pip=True)
    python = tmp_path / "home" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "homeassistant", "paho-mqtt<2", "pillow"],
        check=True, timeout=800,
    )  # fmt: skip
    reported = configurations(Topics("starface/zurich"), "Anna Müller")
    checked = subprocess.run(
        [python, "-c", _VALIDATE], input=json.dumps(reported), capture_output=True, text=True,
        check=False,
    )  # fmt: skip

    assert checked.stdout.count("ok ") == len(reported), checked.stderr
