"""The names of the topics. No other module writes a slash."""

import re
from functools import lru_cache
from urllib.parse import quote, unquote

_LEVEL = re.compile(r"[a-z0-9_.%@A-Z-]+")
_BASE = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_ACCOUNT = re.compile(r"[a-z0-9_.%@A-Z~-]{1,256}")
_REST = re.compile(r"[a-z0-9_.%@A-Z~/-]{1,128}")
ANY_USER = "+"


@lru_cache(maxsize=10_000)  # a topic is made for every event
def level(login: str) -> str:
    """Return a login as one level of a topic; it is also the user's broker account."""
    return quote(login, safe="@").replace("~", "%7E")


def escaped(text: str) -> str:
    """Return an account or topic without dots: NATS takes no client id that has one."""
    return text.replace(".", "%2E")  # which stands for nothing else: `level` leaves dots


def matches(topic_filter: str, topic: str) -> bool:
    """Return whether a topic falls under a filter with `+` and `#`."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for place, part in enumerate(wanted):
        if part == "#":
            return True
        if place >= len(levels) or part not in ("+", levels[place]):
            return False
    return len(wanted) == len(levels)


class Topics:
    """The topics below one base, such as `starface` or `starface/zurich`."""

    def __init__(self, base: str = "starface", *, escape_dots: bool = False) -> None:
        if not _BASE.fullmatch(base):
            raise ValueError(
                f"topic base {base!r}: letters, digits, '.', '_', '-', with single slashes between"
            )
        self.base = base
        self._escape_dots = escape_dots

    def to_wire(self, topic: str) -> str:
        """Return a topic as the broker takes it."""
        return escaped(topic) if self._escape_dots else topic

    def from_wire(self, topic: str) -> str:
        """Return a topic that came from the broker as it is everywhere else."""
        return topic.replace(escaped("."), ".") if self._escape_dots else topic

    def calls(self, user: str) -> str:
        """Return the topic of the calls of one user."""
        return self._of(user, "calls")

    def caller(self, user: str) -> str:
        """Return the topic that says who is calling and what was done."""
        return self._of(user, "caller")

    def choose(self, user: str) -> str:
        """Return the topic that takes which of several a user means."""
        return self._of(user, "choose")

    def opened(self, user: str) -> str:
        """Return the topic on which a workstation says what it opened."""
        return self._of(user, "opened")

    def state(self, user: str) -> str:
        """Return the retained topic of a user's telephone icon."""
        return self._of(user, "state")

    def switch(self, user: str) -> str:
        """Return the topic that takes `on` and `off`."""
        return self._of(user, "set")

    def dial(self, user: str) -> str:
        """Return the topic of dial requests."""
        return self._of(user, "dial")

    def dial_result(self, user: str) -> str:
        """Return the topic that says what became of a dial request."""
        return self._of(user, "dial/result")

    def replies(self, user: str) -> str:
        """Return the filter of further topics a dial request may name for its answer."""
        return self._of(user, "replies/#")

    def dial_number(self, user: str) -> str:
        """Return the topic that takes a plain number to dial."""
        return self._of(user, "dial/number")

    def records(self, user: str) -> str:
        """Return the topic of the finished calls of one user, as the journal keeps them."""
        return self._of(user, "records")

    def missed(self, user: str) -> str:
        """Return the retained topic of the number of a user's open missed calls."""
        return self._of(user, "missed")

    def journal(self, user: str) -> str:
        """Return the topic of requests to the journal."""
        return self._of(user, "journal")

    def directory(self, user: str) -> str:
        """Return the topic of requests about contacts."""
        return self._of(user, "directory")

    def settings(self, user: str) -> str:
        """Return the topic of requests about a user's own settings and enrolment."""
        return self._of(user, "settings")

    def access(self, user: str) -> str:
        """Return the retained topic of whether and since when a user may use the panel."""
        return self._of(user, "access")

    def pbx(self, user: str) -> str:
        """Return the topic on which the journal asks what the PBX knows of a user's calls."""
        return self._of(user, "pbx")

    @staticmethod
    def home_assistant(component: str, node: str, key: str) -> str:
        """Return the retained topic by which Home Assistant learns of an entity."""
        return f"homeassistant/{component}/{node}/{key}/config"

    @staticmethod
    def home_assistant_all() -> str:
        """Return the filter of all that Home Assistant learns of entities."""
        return "homeassistant/#"

    @staticmethod
    def home_assistant_status() -> str:
        """Return the topic on which Home Assistant says that it has started."""
        return "homeassistant/status"

    def reply(self, account: str, request_id: str) -> str:
        """Return the topic of the answer to one request of a broker account."""
        if not (_LEVEL.fullmatch(request_id) and _ACCOUNT.fullmatch(account)):
            raise ValueError("neither account nor request id is a level of a topic")
        return f"{self.base}/replies/{account}/{request_id}"

    def replies_to(self, account: str) -> str:
        """Return the filter of all answers to a broker account, which nobody else reads."""
        return f"{self.base}/replies/{account}/#"

    def owner(self, account: str) -> str:
        """Return the retained topic on which a process notes that it uses a broker account."""
        return f"{self.base}/replies/{account}/owner"

    def is_reply(self, topic: str) -> bool:
        """Return whether a topic is one on which a request may be answered."""
        prefix = f"{self.base}/replies/"
        account, _, rest = topic.removeprefix(prefix).partition("/")
        return topic.startswith(prefix) and bool(
            _ACCOUNT.fullmatch(account) and _REST.fullmatch(rest)
        )

    def head(self, user: str, gateway: str) -> str:
        """Return the retained topic of a gateway's newest number for a user."""
        return self._of(user, f"head/{gateway}")

    def heads(self, user: str) -> str:
        """Return the filter of all gateways' newest numbers for a user."""
        return self._of(user, "head/+")

    def replay(self, user: str) -> str:
        """Return the topic on which a consumer asks for events it has not seen."""
        return self._of(user, "replay")

    def session(self, user: str) -> str:
        """Return the topic on which the gateway passes on the PBX's `reset`."""
        return self._of(user, "session")

    def process(self, name: str) -> str:
        """Return the retained topic of a process's `online` or `offline`."""
        return f"{self.base}/processes/{name}"

    def process_detail(self, name: str) -> str:
        """Return the retained topic of a process's JSON detail."""
        return f"{self.base}/processes/{name}/detail"

    def processes(self) -> str:
        """Return the filter of all processes and their details."""
        return f"{self.base}/processes/#"

    def lease(self, role: str, what: str) -> str:
        """Return the topic of a lease's heartbeats (`holder`, retained) or claims (`claims`)."""
        return f"{self.base}/leases/{role.partition('-')[0]}/{role}/{what}"

    def leases(self, kind: str) -> str:
        """Return the filter of all about the leases of one kind of process."""
        return f"{self.base}/leases/{kind}/#"

    def info(self) -> str:
        """Return the retained topic that describes this installation."""
        return f"{self.base}/info"

    def everything_of(self, user: str) -> str:
        """Return the filter of everything about one user."""
        return self._of(user, "#")

    def user_of(self, topic: str) -> str:
        """Return the login a topic belongs to; raise ValueError when it names none."""
        prefix = f"{self.base}/users/"
        if not topic.startswith(prefix):
            raise ValueError("the topic names no user")
        found = topic[len(prefix) :].split("/", 1)[0]
        if not _LEVEL.fullmatch(found):
            raise ValueError("the topic names no user")
        return unquote(found)

    def may_answer_on(self, user: str, topic: str) -> bool:
        """Return whether a dial request of this user may ask for its answer on this topic."""
        if any(character in topic for character in "+#\x00"):
            return False
        result = self.dial_result(user)
        reply = self.replies(user).removesuffix("#")
        return topic == result or topic.startswith((f"{result}/", reply))

    def _of(self, user: str, rest: str) -> str:
        name = user if user == ANY_USER else level(user)
        return f"{self.base}/users/{name}/{rest}"
