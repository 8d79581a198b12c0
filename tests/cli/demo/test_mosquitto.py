from pathlib import Path

import pytest

from cli.demo.mosquitto import BrokerNotStarted, Mosquitto, free_port

CONF = (Path(__file__).parents[3] / "mosquitto.conf").read_text()


@pytest.mark.parametrize(
    "line",
    ["allow_anonymous false", "use_username_as_clientid true", "listener 1883 127.0.0.1"],
)
def test_the_production_file_lets_nobody_in_by_chance(line: str) -> None:
    assert line in CONF.splitlines()


def test_every_listener_binds_the_client_id_also_those_yet_to_be_uncommented() -> None:
    listeners = CONF.replace("# listener ", "listener ").split("\nlistener ")[1:]

    assert len(listeners) == 3
    assert all("use_username_as_clientid true" in one for one in listeners)


def test_a_broker_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(BrokerNotStarted, match="password"):
        Mosquitto(Path(__file__).parents[3] / "mosquitto.conf", tmp_path, free_port()).start()
