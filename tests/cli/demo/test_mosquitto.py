import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from cli.demo.mosquitto import BrokerNotStarted, Mosquitto, free_port
from tests.conftest import ROOT

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


_LOOKS_FOR_PORTS = """
import random
random.seed(1)  # all begin to look at the same place
from cli.demo.mosquitto import free_ports
print(free_ports(7), flush=True)
input()
"""


def test_a_port_that_was_given_is_nobody_else_s_before_it_is_used() -> None:
    given: list[int] = []
    with ExitStack() as running:
        for _ in range(3):
            process = subprocess.Popen(
                [sys.executable, "-c", _LOOKS_FOR_PORTS],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            running.enter_context(process)
            assert process.stdout is not None
            first = int(process.stdout.readline())
            given += range(first, first + 7)

    assert len(given) == len(set(given)) == 21
