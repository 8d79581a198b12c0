"""Caller processes of an office: one for each active user, or one for all from 20 users on.

The parent holds what every process needs and forks them from it; it has no threads and asks
nobody but the files. Which user is served by which process may change while all runs: the books
of what was done are shared, so nothing is done twice, and the broker keeps what comes meanwhile.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from bus.access.accounts import caller_account
from bus.mqtt.inbox import BrokerUnavailable
from bus.settings import BrokerSettings, SettingsRefused, read_accounts
from consumers.caller.broker_sessions import (
    Assignment,
    BrokerSessions,
    begin_sessions,
    drop_sessions,
)
from consumers.caller.settings import CallerSite, Processes
from consumers.users import Users
from runtime.child_processes import ChildProcesses
from runtime.outage import outlasting

log = logging.getLogger(__name__)

POOL = "caller"  # the account of the process that serves everybody, and the name of the books
MANY = 20  # active users from which one process serves all
_EVERY = 0.5  # seconds between two looks at who is active
_LOOK_ANYWAY = 30.0  # seconds; two writes may bear the same time
_AGAIN = 30.0  # seconds until what the broker did not do is tried again
_GRACE = 5.0  # seconds in which a new user's account may come after the user
_TRIES = 10  # then the sessions of before are left to expire

Mode = Literal["per-user", "pooled"]
Work = Callable[[str, Sequence[str] | None], None]


def mode_for(processes: Processes, active: Collection[str], accounts: Collection[str]) -> Mode:
    """Return whether one process serves all; so it is too while a user's has no account."""
    if processes != "auto":
        return processes
    lacking = any(caller_account(login) not in accounts for login in active)
    return "pooled" if lacking or len(active) >= MANY else "per-user"


def served_in(mode: Mode, active: Collection[str], accounts: Collection[str]) -> Assignment:
    """Return who is served by which account; None is everybody."""
    if mode == "pooled":
        return {POOL: None}
    own = {caller_account(login): (login,) for login in active}
    return {account: users for account, users in own.items() if account in accounts}


class CallerProcesses:
    """The processes of one office, and the parent that keeps them."""

    def __init__(self, site: CallerSite, work: Work) -> None:
        # A password in the configuration is that of one account, and so of one process.
        single = site.broker.account is not None
        self._processes: Processes = "pooled" if single else site.settings.processes
        self._broker = site.broker
        self._database = site.database
        wal = site.database.with_name(f"{site.database.name}-wal")
        self._files = (site.database, wal, site.broker.accounts_file)
        self._work = work
        self._children = ChildProcesses()
        self._sessions = BrokerSessions(site.data_folder / "caller-sessions.json", (POOL,))
        self._passwords: dict[str, str] = {}  # also of accounts that are gone, to end well
        self._accounts: frozenset[str] = frozenset()
        self._active: tuple[str, ...] = ()
        self._mode: Mode | None = None
        self._served: Assignment = {}
        self._lacking: dict[str, float] = {}  # whose process has no account, since when
        self._blind_for = ""
        self._seen: list[tuple[int, int]] = []
        self._looked = 0.0
        self._warned_of = 0
        self._no_change_before = 0.0
        self._no_drop_before = 0.0
        self._tries = 0
        self._settled = False  # nothing is left to do until a file changes or a process ends

    @outlasting("caller")
    def run(self) -> None:
        """Keep a process for each active user until SIGTERM; raise SettingsRefused."""
        self._broker.credentials(POOL)
        with Users(self._database):
            pass  # what refuses every process is said once, and here
        self._children.run(self._tend, _EVERY)

    def _tend(self) -> None:
        if not self._look() and self._settled and self._served.keys() <= self._children.names():
            return
        mode = mode_for(self._processes, self._active, self._accounts | self._soon())
        if mode != self._mode and not self._may_become(mode):
            mode = self._mode or "pooled"
        self._become(mode)
        for account, users in self._served.items():
            self._children.keep(account, partial(self._work, account, users))
        self._drop_what_is_left()
        as_wished = mode == mode_for(self._processes, self._active, self._accounts)
        left = self._sessions.besides(self._served)
        self._settled = as_wished and not self._lacking and not left

    def _look(self) -> bool:
        """See who is active and which accounts there are; return whether anything may be new.

        What cannot be read stays as it was.
        """
        if not self._may_have_changed():
            return False
        try:
            with Users(self._database) as users:
                active = users.active()
            single = self._broker.account is not None
            passwords = {} if single else read_accounts(self._broker.accounts_file)
        except (sqlite3.Error, SettingsRefused) as error:
            if self._blind_for != str(error):
                self._blind_for = str(error)
                log.warning("cannot see who is active reason=%s", error)
            self._looked = 0.0
            return True
        self._blind_for = ""
        self._active = tuple(active)
        self._passwords |= passwords
        self._accounts = frozenset(passwords)
        moment = time.monotonic()
        self._lacking = {
            login: self._lacking.get(login, moment if self._mode else 0.0)
            for login in active
            if caller_account(login) not in self._accounts
        }
        return True

    def _may_have_changed(self) -> bool:
        """Return whether a file was written; opening them twice a second is work for nothing."""
        moment = time.monotonic()
        seen = [_touched(path) for path in self._files]
        if seen == self._seen and moment - self._looked < _LOOK_ANYWAY:
            return False
        self._seen, self._looked = seen, moment
        return True

    def _soon(self) -> set[str]:
        """Return the accounts that are likely to be made this moment, as by `user add`."""
        limit = time.monotonic() - _GRACE
        return {caller_account(login) for login, since in self._lacking.items() if since > limit}

    def _may_become(self, mode: Mode) -> bool:
        """Return whether all is ready for the other way, so that the broker keeps what comes."""
        if self._processes != "auto" or (self._mode is None and mode == "pooled"):
            return True
        if time.monotonic() < self._no_change_before:
            return False
        served = served_in(mode, self._active, self._accounts)
        if self._run_once(partial(begin_sessions, self._brokers(served), served), len(served)):
            return True
        self._no_change_before = time.monotonic() + _AGAIN
        return False

    def _become(self, mode: Mode) -> None:
        served = served_in(mode, self._active, self._accounts)
        if self._mode != mode:
            log.info("caller processes mode=%s count=%s", mode, len(served))
        self._warn_of_lacking()
        self._children.finish(self._served.keys() - served.keys())
        self._sessions.add(served)
        self._mode, self._served = mode, served

    def _warn_of_lacking(self) -> None:
        """Say once what keeps users from a process of their own, and the way out."""
        count = len(self._lacking) - len(self._soon())
        if count > self._warned_of and self._processes != "pooled":
            log.warning(
                "no broker account for the process of users=%s; make them with: "
                "starface2mqtt broker files, and bring the files to the broker", count,
            )  # fmt: skip
        self._warned_of = count

    def _drop_what_is_left(self) -> None:
        """Leave no session at the broker that nobody comes back to."""
        left = self._sessions.besides(self._served)
        if not left or time.monotonic() < self._no_drop_before or self._children.stopping:
            return
        known = self._brokers(left & self._passwords.keys())
        self._tries += 1
        if self._run_once(partial(drop_sessions, known), len(known)) or self._tries >= _TRIES:
            self._sessions.remove(left)
            self._tries = 0
        else:
            self._no_drop_before = time.monotonic() + _AGAIN

    def _run_once(self, work: Callable[[], None], connections: int) -> bool:
        return self._children.run_once(partial(_or_say_why, work), 5.0 + connections / 20)

    def _brokers(self, accounts: Collection[str]) -> dict[str, BrokerSettings]:
        """Return how to connect as each of these accounts."""
        return {
            account: self._broker.model_copy(
                update={"account": account, "password": SecretStr(self._passwords[account])}
            )
            for account in accounts
        }


def _touched(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _or_say_why(work: Callable[[], None]) -> None:
    try:
        work()
    except BrokerUnavailable as error:
        log.warning("the broker did not do it reason=%s", error)
        raise SystemExit(1) from error
