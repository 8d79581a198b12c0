"""Sessions at a PBX that answers as it is set to, for the tests of what the process decides."""

from dataclasses import dataclass, field
from typing import Any, cast

from consumers.sessions.callback_check import Proof
from consumers.sessions.tasks import Alive, Failed, OpenSession, Resynced
from starface.callback import callback_path
from starface.credential import Credential, derive
from starface.request import Callback

TOKEN = derive("sha512", "0011", "Geheim#2024")
CALLBACK = Callback("http", "office.example.net", 8080, callback_path("0011", b"k" * 32))


@dataclass
class FakeSession:
    """A session at the PBX that answers nothing itself."""

    credential: Credential = TOKEN
    clock_offset: None = None


@dataclass
class FakeTasks:
    """The tasks, each with the result that it is set to have."""

    asked: list[str] = field(default_factory=list)
    opened: OpenSession | Failed = field(
        default_factory=lambda: OpenSession(
            cast("Any", FakeSession()), CALLBACK, Resynced(done=True, listed=True)
        )
    )
    alive: Alive | Failed = field(default_factory=lambda: Alive(known=True, calls=[]))
    resynced: Resynced = field(default_factory=lambda: Resynced(done=True, listed=True))

    def log_in(self, user: str, *_: object, local: bool) -> OpenSession | Failed:
        self.asked.append(f"login {user}")
        return self.opened

    def keep_alive(self, pbx: object, *, look: bool) -> Alive | Failed:
        self.asked.append("keep-alive")
        return self.alive

    def resync(self, *_: object, local: bool) -> Resynced:
        self.asked.append("resync")
        return self.resynced

    def log_out(self, pbx: object) -> None:
        self.asked.append("logout")

    def prove(self, user: str) -> Proof:
        return Proof(None)

    def probe(self) -> None:
        return None
