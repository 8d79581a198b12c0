"""From a call event on a real broker to the answer, with the caller process as it runs."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bus.connection import Connection
from bus.events import (
    CallData, CallerData, CallerEvent, CallEvent, DialResult, DialResultData, Party, Sentence,
    call_event_type, now,
)  # fmt: skip
from bus.settings import BrokerSettings
from consumers.changes import Changes, ContactRecord, DossierRecord, MatterRecord
from consumers.contacts import ContactNumber
from consumers.directory import Directory
from consumers.trace import find
from starface.users import User, Users

ADA = Party(number="0441234567", e164="+41441234567", kind="external")
_START = """
import sys
from pathlib import Path
from bus.numbers import NumberProfile
from bus.process import configure_logging
from bus.settings import BrokerSettings
from consumers.caller import run
from consumers.caller_settings import CallerSettings
configure_logging()
run(None, CallerSettings.model_validate_json(sys.argv[1]),
    BrokerSettings.model_validate_json(sys.argv[2]), NumberProfile(), Path(sys.argv[3]),
    Path(sys.argv[4]))
"""

Publish = Callable[..., CallEvent]


class Office:
    """A database with users and one client, a broker, and the caller process."""

    def __init__(self, folder: Path, broker: BrokerSettings, connect: Any) -> None:
        self.folder = folder
        self.database = folder / "starface2mqtt.db"
        self._broker = broker
        self.gateway: Connection = connect("gateway")
        self._panel: Connection = connect("panel")
        self.answers: list[CallerData] = []
        self._panel.consume(
            "starface/users/+/caller", CallerEvent, lambda told, _: self.answers.append(told.data)
        )
        self.settings: dict[str, object] = {"matter": "https://files.example/matters/{id}"}
        self._seq = 0
        with Users(self.database) as users:
            users.add(User(login="0011", extension="11"))
            users.add(User(login="0012", extension="12"))
        with Directory(self.database) as directory:
            number = ContactNumber(raw="044 123 45 67", e164="+41441234567")
            directory.apply(
                Changes(
                    source="test",
                    records=[
                        ContactRecord(key="c1", name="Ada Lovelace", numbers=(number,)),
                        DossierRecord(key="d1", contact_key="c1", title="Lovelace"),
                        MatterRecord(key="m/1", dossier_key="d1", reference="2026-1", title="Will"),
                    ],
                )
            )

    @contextmanager
    def caller(self) -> Iterator["subprocess.Popen[bytes]"]:
        import json

        arguments = [json.dumps(self.settings), self._broker.model_dump_json()]
        process = subprocess.Popen(
            [sys.executable, "-c", _START, *arguments, self.database, self.folder / "data"],
            cwd=Path(__file__).parent.parent.parent,
        )
        try:
            online: list[bytes] = []
            self._panel.subscribe(
                "starface/processes/caller", lambda arrived: online.append(arrived.payload)
            )
            self.wait(lambda: b"online" in online[-1:])
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(5) == 0

    def tell(
        self, user: str = "0011", call: str = "c-1", state: Any = "ringing", **more: Any
    ) -> None:
        event = CallEvent(
            source="gateway/g1",
            type=call_event_type(state),
            subject=call,
            data=CallData.model_validate(
                {
                    "user": user, "call_id": call, "state": state, "direction": "in",
                    "caller": ADA, "received_at": now(), **more,
                }
            ),
        )  # fmt: skip
        self.gateway.publish(self.gateway.topics.calls(user), event)

    def wait(self, condition: Callable[[], object]) -> None:
        for _ in range(500):
            if condition():
                return
            self._panel.work(0.02)
        raise AssertionError(f"waited in vain; answers so far: {self.answers}")

    def wait_for(self, **told: object) -> CallerData:
        def wanted() -> list[CallerData]:
            return [
                one for one in self.answers
                if all(getattr(one, name) == value for name, value in told.items())
            ]  # fmt: skip

        self.wait(wanted)
        return wanted()[0]


@pytest.fixture
def office(tmp_path: Path, broker_settings: BrokerSettings, connect: Any) -> Office:
    return Office(tmp_path, broker_settings, connect)


def test_a_known_caller_opens_the_matter(office: Office) -> None:
    with office.caller():
        office.tell()

        answer = office.wait_for(call_id="c-1", trigger="ringing")

    assert answer.quality == "exact"
    assert answer.opens == "matter"
    assert answer.url == "https://files.example/matters/m%2F1"
    assert answer.contact is not None
    assert answer.contact.title == "Ada Lovelace"
