"""How a site is, as the broker has it retained: each process, and each user's telephone icon."""

from collections import Counter
from typing import Any

from bus.access.accounts import LEASED
from bus.events import ProcessDetail, UserState
from bus.mqtt.connection import Connection
from bus.mqtt.inbox import ReceivedMessage
from bus.topics import ANY_USER
from cli.site.languages import spoken, text
from texts import pick

_ORDER = ("failing", "unknown", "inactive", "active")


class SiteState:
    """What is retained of processes and users, with what fails first."""

    def __init__(self, needed: tuple[str, ...]) -> None:
        self._needed = needed  # without these processes nobody's calls arrive
        self._online: dict[str, bool] = {}
        self._faults: dict[str, tuple[str, ...]] = {}
        self._versions: dict[str, str] = {}
        self._machines: dict[str, str] = {}  # by process, where a site has several machines
        self._directories: dict[str, str] = {}
        self._users: dict[str, UserState] = {}

    def follow(self, connection: Connection) -> None:
        """Note what the broker has retained, and what changes."""
        connection.subscribe(connection.topics.processes(), self._note)
        connection.subscribe(connection.topics.state(ANY_USER), self._note)

    @property
    def fails(self) -> bool:
        """Whether something does not work for anybody."""
        looks = {look["state"] for look in self._looks().values()}
        return bool(
            looks & {"failing", "unknown"}
            or self._missing()
            or any(self._faults.values())
            or self._differing()
        )

    def lines(self) -> list[str]:
        """Return what a person reads: a summary, what is wrong, and the rest."""
        looks = sorted(self._looks().items(), key=lambda each: _ORDER.index(each[1]["state"]))
        counts = Counter(look["state"] for _, look in looks)
        users = ", ".join(
            f"{counts[look]} {text(f'command.look.{look}')}" for look in _ORDER if counts[look]
        )
        outcome = "command.status.failing" if self.fails else "command.status.well"
        summary = text(outcome, users=users or text("command.status.no-users"))
        if missing := self._missing():
            summary += f"; {text('command.status.missing', names=', '.join(missing))}"
        lines = [summary]
        lines += [
            f"machine {machine:4} {', '.join(found['online']) or 'offline'}"
            + (f"; acts as {', '.join(found['acts'])}" if found["acts"] else "")
            for machine, found in self._by_machine().items()
        ]
        for name, online in sorted(self._online.items(), key=lambda each: (each[1], each[0])):
            version = self._versions.get(name, "") if online else ""
            lines.append(f"{name:12} {'online' if online else 'offline'}  {version}".rstrip())
            lines += [
                f"{'':12} {text('command.status.fault', fault=fault)}"
                for fault in self._faults.get(name, ())
            ]
        if differing := self._differing():
            lines.append(text("command.status.differing", names=", ".join(differing)))
        for login, look in looks:
            said = _sentence(self._users[login]) if look["sentence"] else ""
            state = text(f"command.look.{look['state']}")
            lines.append(f"user {login:8} {state}  {said}".rstrip())
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return the same for machines."""
        return {
            "fails": self.fails,
            "processes": {
                name: "online" if online else "offline" for name, online in self._online.items()
            },
            "machines": self._by_machine(),
            "users": self._looks(),
            "differing_directories": self._differing(),
            "faults": {name: list(found) for name, found in self._faults.items() if found},
        }

    def _note(self, message: ReceivedMessage) -> None:
        if message.topic.endswith("/detail"):
            if message.payload:
                detail = ProcessDetail.model_validate_json(message.payload).data
                self._faults[detail.name] = detail.faults if detail.state == "online" else ()
                self._versions[detail.name] = detail.version
                self._machines.pop(detail.name, None)
                if detail.machine is not None:
                    self._machines[detail.name] = detail.machine
                self._directories[detail.name] = detail.directory or ""
        elif message.topic.endswith("/state"):
            if message.payload:
                state = UserState.model_validate_json(message.payload)
                self._users[state.data.user] = state
            else:
                self._users.pop(message.topic.split("/")[-2], None)
        else:
            self._online[message.topic.rpartition("/")[2]] = message.payload == b"online"

    def _differing(self) -> list[str]:
        """Return the processes whose directories are not all the same, sorted by theirs."""
        found = {
            name: digest
            for name, digest in self._directories.items()
            if digest and self._online.get(name)
        }
        return (
            sorted(found, key=lambda name: (found[name], name))
            if len({*found.values()}) > 1
            else []
        )

    def _missing(self) -> list[str]:
        kinds = {
            name.partition("-")[0]
            for name, online in self._online.items()
            if online and not self._stands_by(name)
        }
        if not any(look["state"] == "active" for look in self._looks().values()):
            kinds.add("caller")  # it may run for active users only
        return [kind for kind in self._needed if kind not in kinds]

    def _stands_by(self, name: str) -> bool:
        """Return whether a process acts only once it has the lease, under the name of its role."""
        machine = self._machines.get(name)
        leased = name.partition("-")[0] in LEASED
        return machine is not None and leased and name.endswith(f"-{machine}")

    def _by_machine(self) -> dict[str, dict[str, list[str]]]:
        """Return what runs on each machine, and as what it acts for the site."""
        found: dict[str, dict[str, list[str]]] = {}
        for name, machine in sorted(self._machines.items()):
            here = found.setdefault(machine, {"online": [], "acts": []})
            if self._online.get(name):
                own = name.endswith(f"-{machine}")
                here["online" if own else "acts"].append(name.removesuffix(f"-{machine}"))
        return dict(sorted(found.items()))

    def _looks(self) -> dict[str, dict[str, Any]]:
        """Return how each user is; without the sessions process nobody knows."""
        known = self._online.get("sessions", False)
        return {login: _look(state, known) for login, state in sorted(self._users.items())}


def _sentence(state: UserState) -> str:
    return pick(state.data.detail, spoken()) if state.data.detail else ""


def _look(state: UserState, known: bool) -> dict[str, Any]:
    if not known:
        return {"state": "unknown", "code": None, "link": None, "sentence": None}
    data = state.data
    sentence = data.detail.en if data.detail else None
    return {"state": data.state, "code": data.code, "link": data.link, "sentence": sentence}
