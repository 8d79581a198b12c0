"""How many files a call passes: from its MQTT message to the opened file, and as a whole.

    python benchmarks/call_path.py [--source CHECKOUT] [--list]

Runs the caller process on a real broker, has a known caller ring, answered and ended, and counts
in its main thread the moves between files of ours (a call of something in another file than what
was called before) and the files themselves. `--source` measures another checkout by the same scene,
such as a git worktree of an earlier commit. Ends with 1 where a target is missed.
"""

import argparse
import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parent.parent
MOVES, FILES, WHOLE = 60, 14, 30  # of one event until something opens; files of a whole call
_STATES: tuple[Any, ...] = ("ringing", "connected", "ended")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--source", type=Path, default=ROOT, help="Another checkout.")
    arguments.add_argument("--list", action="store_true", help="Name each file with its moves.")
    options = arguments.parse_args()
    found = _found(options.source.resolve())
    opened: dict[str, int] = found["opened"]
    moves, files = sum(opened.values()), len(opened)
    print(f"from message to opened file: {moves} moves between {files} files")
    print(f"the whole call in the caller process: {len(found['whole'])} files")
    if options.list:
        print("\n".join(f"  {count:4} {name}" for name, count in opened.items()))
        print("further files of the whole call:", *sorted(set(found["whole"]) - set(opened)))
    return 0 if moves <= MOVES and files <= FILES and len(found["whole"]) <= WHOLE else 1


def _found(source: Path) -> dict[str, Any]:
    """Run the scene in a process of its own, so that only the modules of `source` are loaded."""
    words = [sys.executable, "-S", str(Path(__file__)), "--scene"]  # not what is installed of us
    libraries = [place for place in sys.path if place.endswith("site-packages")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(source), *libraries])}
    done = subprocess.run(words, cwd=source, env=environment, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


class CallPath:
    """Counts, from the moment a message is handled, where the main thread is."""

    def __init__(self, source: Path) -> None:
        self._source = f"{source}/"
        self._at = ""
        self._handling: FrameType | None = None
        self.opened: Counter[str] | None = None  # of the first message that opens something
        self._moves: Counter[str] = Counter()
        self.whole: set[str] = set()

    def profile(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Note one event of the interpreter."""
        if event not in ("call", "return"):
            return
        name = frame.f_code.co_filename
        ours = name.startswith(self._source) and "/.venv/" not in name
        if event == "call" and ours and frame.f_code.co_name == "_attempt":
            self._handling, self._moves, self._at = frame, Counter(), ""
        if event == "return":
            self._handling = None if frame is self._handling else self._handling
        if event == "return" or self._handling is None:
            return
        if ours and name != self._at:
            self._at = name
            self._moves[name.removeprefix(self._source)] += 1
            self.whole.add(name.removeprefix(self._source))
        if event == "call" and frame.f_code.co_name == "publish" and self.opened is None:
            topic = str(frame.f_locals.get("topic", ""))
            if topic.endswith("/caller"):
                self.opened = Counter(dict(self._moves))


def _first(*modules: str) -> Any:
    """Return the module of a name now, or of its name before the rooms."""
    for name in modules:
        with contextlib.suppress(ModuleNotFoundError):
            return importlib.import_module(name)
    raise SystemExit(f"there is none of {modules}")


def _scene() -> None:
    """Run a caller process and a call; print what was counted."""
    source = Path.cwd()
    sys.path[0] = str(source)  # not the folder of this file
    accounts_module = _first("bus.access.accounts", "bus.accounts")
    mosquitto = _first("cli.demo.mosquitto", "cli.mosquitto")
    changes = _first("consumers.directory.changes", "consumers.changes")
    records = _first("consumers.directory.records", "consumers.contacts")
    directory_module = _first("consumers.directory.directory", "consumers.directory")
    connection = _first("bus.mqtt.connection", "bus.connection")
    numbers = _first("bus.numbers.number", "bus.numbers")
    process = _first("consumers.caller.process", "consumers.caller")
    settings_module = _first("consumers.caller.settings", "consumers.caller_settings")
    from bus.events import CallData, CallEvent, Party, call_event_type, now
    from bus.settings import BrokerSettings
    from consumers.users import User, Users

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        accounts = accounts_module.Accounts()
        for account in accounts_module.PROCESS_ACCOUNTS:
            accounts.add(account)
        accounts.write(folder / "accounts.json")
        broker = BrokerSettings(port=mosquitto.free_port(), accounts_file=folder / "accounts.json")
        accounts_module.write_broker_files(folder, broker.topics(), accounts.passwords)
        database = folder / "data" / "starface2mqtt.db"
        database.parent.mkdir(mode=0o700)
        with Users(database) as users:
            users.add(User(login="0011"))
        number = records.ContactNumber(raw="044 123 45 67", e164="+41441234567")
        with directory_module.Directory(database) as directory:
            directory.apply(changes.Changes(source="scene", records=[
                changes.ContactRecord(key="c1", name="Ada Lovelace", numbers=(number,)),
                changes.DossierRecord(key="d1", contact_key="c1", title="Lovelace"),
                changes.MatterRecord(key="m1", dossier_key="d1", title="Will"),
            ]))  # fmt: skip
        path = CallPath(source)

        def ring() -> None:
            with connection.Connection(broker, "gateway", lasting=False) as gateway:
                gateway.wait_connected()
                time.sleep(2)  # the caller process runs and has nothing to look through
                for turn, call in enumerate(("warm", "counted")):
                    for state in _STATES:
                        data = CallData(
                            user="0011", call_id=call, state=state, direction="in",
                            received_at=now(), caller=Party(
                                number="0441234567", e164="+41441234567", kind="external"
                            ),
                        )  # fmt: skip
                        event = CallEvent(
                            source="gateway/scene", type=call_event_type(state), data=data
                        )
                        gateway.publish(gateway.topics.calls("0011"), event)
                        time.sleep(0.5)
                    if turn == 0:
                        path.opened, path.whole = None, set()
            os.kill(os.getpid(), 15)

        with mosquitto.Mosquitto(source / "mosquitto.conf", folder, broker.port):
            threading.Thread(target=ring, daemon=True).start()
            sys.setprofile(path.profile)
            settings = settings_module.CallerSettings(matter="https://files.example/m/{id}")
            given = (settings, broker, numbers.NumberProfile(), database, folder / "data")
            site = getattr(settings_module, "CallerSite", None)
            if site is None:  # an earlier commit
                process.run(None, *given)
            else:
                process.run(site(*given), None)
            sys.setprofile(None)
    print(json.dumps({"opened": path.opened, "whole": sorted(path.whole)}))


if __name__ == "__main__":
    if sys.argv[1:] == ["--scene"]:
        _scene()
    else:
        raise SystemExit(main())
