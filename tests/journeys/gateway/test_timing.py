"""How long a refusal takes shows nothing about how much of a guess was right."""

import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from pydantic import SecretStr

from bus.settings import BrokerSettings
from cli.demo.mosquitto import free_port
from tests.gateway.running import GatewayProcess, call_state, parsed, path_of

TOKEN = "0011:" + "a1b2c3d4" * 16
PATH = path_of("0011", TOKEN)
BODY = call_state("c-1")
_EACH = 15  # wrong paths from one address; more would be refused for their number
TRIES = [
    pytest.param(300, 0.25, id="short"),
    pytest.param(2_000, 0.10, id="2,000", marks=(pytest.mark.long, pytest.mark.timeout(300))),
]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    broker = BrokerSettings(port=free_port(), account="gateway", password=SecretStr("x"))
    settings = {"rate": 100_000, "burst": 100_000}
    with GatewayProcess(tmp_path / "data", broker, free_port(), **settings) as process:
        yield process


def _sources() -> Iterator[str]:
    """Yield addresses of this machine, each for as long as it is not too busy."""
    for number in range(65_536):
        for _ in range(_EACH):
            yield f"127.7.{number // 256}.{number % 256}"


def _took(port: int, source: str, path: str, status: int) -> float:
    """Return the seconds a refusal took."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n"
    request = head.encode() + BODY
    with socket.socket() as connection:
        connection.settimeout(10)
        connection.bind((source, 0))
        connection.connect(("127.0.0.1", port))
        before = time.perf_counter()
        connection.sendall(request)
        answer = connection.recv(4_096)
        took = time.perf_counter() - before
    assert parsed(answer)[0] == status
    return took


def _other(text: str, at: int) -> str:
    """Return the text with another sign at one place."""
    return text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1 :]


def _ratios(
    gateway: GatewayProcess, guesses: dict[str, str], tries: int, status: int
) -> dict[str, float]:
    """Return how long each guess takes by the first one, tried in turns, half of the times."""
    chance, sources = random.Random(23), _sources()
    took: dict[str, list[float]] = {name: [] for name in guesses}
    for _ in range(tries):
        for name in chance.sample(list(guesses), len(guesses)):
            took[name].append(_took(gateway.port, next(sources), guesses[name], status))
    first = next(iter(took.values()))
    # What disturbs a try disturbs its neighbours too, so each is compared with those of its turn.
    return {
        name: median(one / other for one, other in zip(times, first, strict=True))
        for name, times in took.items()
    }


@pytest.mark.parametrize(("tries", "within"), TRIES)
def test_a_wrong_path_is_refused_as_fast_whichever_part_of_it_is_wrong(
    gateway: GatewayProcess, tries: int, within: float
) -> None:
    _, prefix, who, session, mac = PATH.split("/")
    _, _, another, *_ = path_of("0012").split("/")
    paths = {
        "all of the proof": [who, session, mac[::-1]],
        "the first sign of the proof": [who, session, _other(mac, 0)],
        "the last sign of the proof": [who, session, _other(mac, len(mac) - 2)],
        "the session": [who, _other(session, 0), mac],
        "the login": [another, session, mac],
    }

    ratios = _ratios(
        gateway, {name: "/".join(["", prefix, *parts]) for name, parts in paths.items()}, tries, 404
    )

    print(ratios)
    assert all(1 - within < ratio < 1 + within for ratio in ratios.values()), ratios


@pytest.mark.parametrize(("tries", "within"), TRIES)
def test_a_wrong_token_is_refused_as_fast_however_near_it_is(
    gateway: GatewayProcess, tries: int, within: float
) -> None:
    tokens = {
        "all of the token": TOKEN[::-1],
        "its first sign": _other(TOKEN, 5),
        "its last sign": _other(TOKEN, len(TOKEN) - 1),
    }
    guesses = {name: f"{PATH}?de.vertico.starface.auth={token}" for name, token in tokens.items()}

    ratios = _ratios(gateway, guesses, tries, 403)

    print(ratios)
    assert all(1 - within < ratio < 1 + within for ratio in ratios.values()), ratios
