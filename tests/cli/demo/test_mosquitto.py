from pathlib import Path

import pytest

from cli.demo.mosquitto import BrokerNotStarted, Mosquitto, adapted, free_port

CONF = (Path(__file__).parents[3] / "mosquitto.conf").read_text()


def test_only_port_files_and_user_are_adapted(tmp_path: Path) -> None:
    kept = set(CONF.splitlines()) - set(adapted(CONF, 1999, tmp_path).splitlines())

    assert {line.split()[0] for line in kept} == {
        "listener", "password_file", "acl_file", "persistence_location",
    }  # fmt: skip


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


def test_a_file_without_a_listener_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokerNotStarted, match="listener"):
        adapted("allow_anonymous false\n", 1999, tmp_path)


def test_a_broker_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(BrokerNotStarted, match="password"):
        Mosquitto(Path(__file__).parents[3] / "mosquitto.conf", tmp_path, free_port()).start()
