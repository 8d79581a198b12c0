"""From the PBX's notification to the consumer's action: gateway, broker and caller process.

    .venv/bin/python benchmarks/gateway_action.py [--rate 50] [--seconds 15] [--processes 1]

Each notification is a ringing call over a new connection. Measured are the answer the PBX gets
(the event is on disk) and the moment a third party receives what the caller process has done.
"""

import argparse
import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.caller import _SITE, _broker, _fill, _number, _process, _until_online  # noqa: E402
from benchmarks.load import needs  # noqa: E402
from bus.events import CallerEvent  # noqa: E402
from bus.mqtt.connection import Connection  # noqa: E402
from bus.settings import BrokerSettings  # noqa: E402
from cli.demo.mosquitto import free_port  # noqa: E402
from gateway.settings import GatewaySettings  # noqa: E402
from runtime.files import private_folder  # noqa: E402
from starface.callback import callback_path  # noqa: E402
from starface.xmlrpc.reading import write_call  # noqa: E402

KEY = b"k" * 32
USERS, CONTACTS = 200, 10_000
PROGRAM = """
import sys
from pathlib import Path
from bus.numbers.number import NumberProfile
from bus.settings import BrokerSettings
from gateway.process import run
from gateway.settings import GatewaySettings
run(GatewaySettings.model_validate_json(sys.argv[1]),
    BrokerSettings.model_validate_json(sys.argv[2]),
    NumberProfile(country="CH", area_code="44"), b"k" * 32, Path(sys.argv[3]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    needs("mosquitto", "mosquitto")
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        broker, settings = _broker(folder)
        gateway = GatewaySettings(
            listen=(f"127.0.0.1:{port}",), operations="", processes=options.processes
        )
        with broker:
            site = folder / "starface2mqtt.toml"
            site.write_text(_SITE.format(port=settings.port))
            data = private_folder(folder / "data")
            _fill(data / "starface2mqtt.db", CONTACTS, USERS, 10)
            arguments = [gateway.model_dump_json(), settings.model_dump_json(), str(folder / "log")]
            process = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT)
            try:
                with _process(site, "--all"):
                    _until_online(settings, {"caller", "gateway"})
                    answers, actions = run(
                        settings, port, options.rate, options.rate * options.seconds
                    )
            finally:
                process.terminate()
                process.wait(10)
    print(f"{options.rate}/s, {len(actions)} calls, gateway with {options.processes} process(es)")
    for name, took in (("answer to the PBX", answers), ("action", actions)):
        p99 = statistics.quantiles(took, n=100)[98]
        print(f"{name:18} p50 {statistics.median(took):5.1f} ms  p99 {p99:5.1f} ms")


def run(
    settings: BrokerSettings, port: int, rate: int, count: int
) -> tuple[list[float], list[float]]:
    dice = random.Random(1)
    paths = {user: callback_path(user, KEY) for user in (f"{n:04}" for n in range(USERS))}
    began: dict[str, float] = {}
    acted: dict[str, float] = {}
    answers: list[float] = []
    over = threading.Event()
    with Connection(settings, "panel", lasting=False) as watch:

        def receive(answer: CallerEvent, arrived: object) -> None:
            acted.setdefault(answer.data.call_id, arrived.at)  # type: ignore[attr-defined]

        def listen() -> None:
            while not over.is_set():
                watch.work(0.05)

        watch.consume("starface/users/+/caller", CallerEvent, receive)
        watch.wait_connected()
        listener = threading.Thread(target=listen)
        listener.start()
        start = time.monotonic()
        for place in range(count):
            time.sleep(max(0.0, start + place / rate - time.monotonic()))
            call, user = f"call-{place}", dice.choice(list(paths))
            began[call] = time.monotonic()
            notify(port, paths[user], call, _number(dice.randrange(CONTACTS)))
            answers.append((time.monotonic() - began[call]) * 1000)
        limit = time.monotonic() + 20
        while len(acted) < count and time.monotonic() < limit:
            time.sleep(0.05)
        over.set()
        listener.join()
    if len(acted) < count:
        raise SystemExit(f"only {len(acted)} of {count} calls led to an action")
    return answers, [(acted[call] - at) * 1000 for call, at in began.items()]


def notify(port: int, path: str, call: str, number: str) -> None:
    members = {"id": call, "state": "RINGING", "callerNumber": number, "calledNumber": "11"}
    body = write_call("ucp.v22.events.call.receiveCallState", [members])
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n"
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = b""
        while part := line.recv(65_536):
            answer += part
    if b" 200 " not in answer[:16]:
        raise SystemExit(f"refused: {json.dumps(answer[:200].decode())}")


if __name__ == "__main__":
    main()
