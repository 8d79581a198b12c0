"""An office on a real broker: one client, three users, caller process and workstation."""

import json
import signal
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from bus.events import (
    CallData,
    CallerData,
    CallerEvent,
    CallEvent,
    Party,
    call_event_type,
    now,
)
from bus.mqtt.connection import NO_SUBSCRIBERS, Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.settings import BrokerSettings
from consumers.directory.changes import Change, Changes, ContactRecord
from consumers.directory.directory import Directory
from consumers.directory.records import ContactNumber, DossierRecord, MatterRecord
from consumers.users import User, Users
from tests.forked_program import ForkedProgram

ADA = Party(number="0441234567", e164="+41441234567", kind="external")
ROOT = Path(__file__).parents[3]
CALLER = """
import json
import sys
from pathlib import Path
from bus.numbers.number import NumberProfile
from runtime.process import configure_logging
from bus.settings import BrokerSettings
from consumers.caller.process import run
from consumers.caller.settings import CallerSettings, CallerSite
configure_logging()
run(CallerSite(CallerSettings.model_validate_json(sys.argv[1]),
    BrokerSettings.model_validate_json(sys.argv[2]), NumberProfile(), Path(sys.argv[3]),
    Path(sys.argv[4])), json.loads(sys.argv[5]))
"""
_CREW = """
import sys
from pathlib import Path
from bus.numbers.number import NumberProfile
from runtime.process import configure_logging
from bus.settings import BrokerSettings
from cli.run.caller import Start
from consumers.caller.settings import CallerSettings, CallerSite
configure_logging()
Start(CallerSite(CallerSettings.model_validate_json(sys.argv[1]),
    BrokerSettings.model_validate_json(sys.argv[2]), NumberProfile(), Path(sys.argv[3]),
    Path(sys.argv[4])), None, "caller", forking=True).run()
"""
_DESKTOP = """
import sys
from pathlib import Path
from runtime.process import configure_logging
from bus.settings import BrokerSettings
from consumers.desktop.process import run
from consumers.desktop.settings import DesktopSettings
configure_logging()
run("0011", DesktopSettings.model_validate_json(sys.argv[1]),
    BrokerSettings.model_validate_json(sys.argv[2]), Path(sys.argv[3]))
"""


class Office:
    """A database with users and one client, a broker, and the processes of the office."""

    def __init__(self, folder: Path, broker: BrokerSettings, connect: Any) -> None:
        self.folder = folder
        self.database = folder / "starface2mqtt.db"
        self.data = folder / "data"
        self.broker = broker
        self.gateway: Connection = connect("gateway")
        self.dial: Connection = connect("dial")
        self.panel: Connection = connect("panel")
        self.answers: list[CallerData] = []
        self._callers: dict[str, bytes] = {}
        self.panel.subscribe("starface/processes/+", self._receive_process)
        self.panel.consume(
            "starface/users/+/caller",
            CallerEvent,
            lambda message, _: self.answers.append(message.data),
        )
        self.settings: dict[str, object] = {
            "matter": "https://files.example/matters/{id}",
            "pops_per_minute": 600,
        }
        with Users(self.database) as users:
            for login in ("0011", "0012", "0013"):
                users.add(User(login=login, extension=login[2:]))
        with Directory(self.database) as directory:
            number = ContactNumber(raw="044 123 45 67", e164="+41441234567")
            records: list[Change] = [
                ContactRecord(key="c1", name="Ada Lovelace", numbers=(number,)),
                DossierRecord(key="d1", contact_key="c1", title="Lovelace"),
                MatterRecord(key="m/1", dossier_key="d1", reference="2026-1", title="Will"),
            ]
            directory.apply(Changes(source="test", records=records))

    @contextmanager
    def caller(
        self, users: Sequence[str] | None = None, *, online: bool = True
    ) -> Iterator[ForkedProgram]:
        arguments = [json.dumps(self.settings), self.broker.model_dump_json()]
        states: list[bytes] = []
        self.panel.subscribe(
            "starface/processes/caller", lambda arrived: states.append(arrived.payload)
        )
        files = (self.database, self.data)
        with running(CALLER, *arguments, *files, json.dumps(users)) as process:
            if online:
                self.wait(lambda: states[-1:] == [b"online"])
            yield process

    @contextmanager
    def crew(self, *expected: str) -> Iterator[ForkedProgram]:
        """Run caller processes as `up` does; the processes of these accounts must come up."""
        arguments = [json.dumps(self.settings), self.broker.model_dump_json()]
        with running(_CREW, *arguments, self.database, self.data, patience=10) as process:
            self.wait_online(*expected)
            yield process

    def wait_online(self, *expected: str) -> None:
        """Wait until just these caller processes say that they run."""
        self.wait(lambda: self.callers_online() == set(expected))

    def callers_online(self) -> set[str]:
        """Return the caller processes that run; none while one is on its way out."""
        reported = {name: state for name, state in self._callers.items() if state}
        return set(reported) if set(reported.values()) <= {b"online"} else set()

    def _receive_process(self, arrived: ReceivedMessage) -> None:
        name = arrived.topic.rpartition("/")[2]
        if name.startswith("caller"):
            self._callers[name] = arrived.payload

    @contextmanager
    def desktop(
        self, environment: Mapping[str, str] | None = None, **settings: object
    ) -> Iterator[ForkedProgram]:
        accounts = json.loads(self.broker.accounts_file.read_text())
        broker = self.broker.model_dump(mode="json") | {
            "account": "0011", "password": accounts["0011"],
        }  # fmt: skip
        arguments = [json.dumps(settings), json.dumps(broker), self.folder / "desktop"]
        with running(_DESKTOP, *arguments, environment=environment) as process:
            self.wait(self.desktop_receives)
            yield process

    def desktop_receives(self) -> bool:
        """Return whether the workstation of 0011 runs: what it subscribes to last is answers."""
        answer = self.dial.topics.reply("0011", "nobody-asked")
        return self.dial.publish_raw(answer, b"") != NO_SUBSCRIBERS

    def report(self, state: Any = "ringing", age: float = 0.0, **more: Any) -> CallEvent:
        reported = {
            "user": "0011", "call_id": "c-1", "state": state, "direction": "in", "caller": ADA,
            "received_at": now() - timedelta(seconds=age), **more,
        }  # fmt: skip
        event = CallEvent(
            source="gateway/g1",
            type=call_event_type(state),
            subject=reported["call_id"],
            data=CallData.model_validate(reported),
        )
        self.gateway.publish(self.gateway.topics.calls(event.data.user), event)
        return event

    def wait(self, condition: Callable[[], object]) -> None:
        for _ in range(750):
            if condition():
                return
            self.panel.work(0.02)
        raise AssertionError(f"waited in vain; answers so far: {self.answers}")

    def wait_for(self, **given: object) -> CallerData:
        def wanted() -> list[CallerData]:
            return [
                one
                for one in self.answers
                if all(getattr(one, name) == value for name, value in given.items())
            ]

        self.wait(wanted)
        return wanted()[0]

    def open_claims(self) -> int:
        with sqlite3.connect(self.data / "caller.db") as db:
            [count] = db.execute("SELECT count(*) FROM claims WHERE state <> 'done'").fetchone()
        return int(count)


@contextmanager
def running(
    script: str,
    *arguments: object,
    environment: Mapping[str, str] | None = None,
    patience: float = 5,
) -> Iterator[ForkedProgram]:
    process = ForkedProgram(script, *arguments, environment=environment)
    try:
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(patience) == 0
    finally:
        process.kill()
        process.wait()
