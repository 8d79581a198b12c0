"""The broker behind TLS: a real Mosquitto, with either library."""

from collections.abc import Iterator

import pytest

from bus.access.accounts import Accounts, write_broker_files
from bus.mqtt.client import ClientFactory
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import BrokerUnavailable, ReceivedMessage
from bus.mqtt.mqtt5_client import CodecClient
from bus.mqtt.paho_client import PahoClient
from bus.settings import BrokerSettings
from cli.demo.mosquitto import Mosquitto, free_port
from tests.certificates import make
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerSettings]:
    folder = tmp_path_factory.mktemp("broker")
    certificate, key = make(folder, "broker", ["127.0.0.1"], may_vouch=True)
    accounts = Accounts()
    for account in ("gateway", "panel"):
        accounts.add(account)
    accounts.write(folder / "accounts.json")
    write_broker_files(folder, BrokerSettings().topics(), accounts.passwords)
    conf = folder / "tls.conf"
    lines = f"certfile {certificate}\nkeyfile {key}\n"
    text = (ROOT / "mosquitto.conf").read_text()
    conf.write_text(text.replace("allow_anonymous", f"{lines}allow_anonymous", 1))
    with Mosquitto(conf, folder, free_port()) as broker:
        yield BrokerSettings(
            port=broker.port, tls=True, ca_file=certificate, accounts_file=folder / "accounts.json"
        )


@pytest.mark.parametrize("clients", [PahoClient, CodecClient])
def test_messages_come_and_go_through_tls(secured: BrokerSettings, clients: ClientFactory) -> None:
    received: list[ReceivedMessage] = []
    topic = "starface/users/0011/calls"
    sent = [b"%d" % number * 2_000 for number in range(60)]
    with (
        Connection(secured, "panel", lasting=False, clients=clients) as panel,
        Connection(secured, "gateway", clients=clients) as gateway,
    ):
        panel.subscribe("starface/users/+/calls", received.append)
        panel.wait_connected()
        gateway.wait_connected()
        for payload in sent:
            assert gateway.publish_raw(topic, payload) == 0
        while len(received) < len(sent):
            assert panel.work(5)

    assert [arrived.payload for arrived in received] == sent


@pytest.mark.parametrize("clients", [PahoClient, CodecClient])
def test_a_broker_whose_certificate_nobody_vouches_for_is_named(
    secured: BrokerSettings, clients: ClientFactory
) -> None:
    strange = secured.model_copy(update={"ca_file": None})
    with (
        Connection(strange, "gateway", lasting=False, clients=clients) as gateway,
        pytest.raises(BrokerUnavailable) as refused,
    ):
        gateway.wait_connected()

    assert "certificate" in str(refused.value)
