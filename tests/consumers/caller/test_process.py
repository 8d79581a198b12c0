"""What a caller process follows, and what it serves."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from bus.access.accounts import Accounts
from bus.numbers.number import NumberProfile
from bus.settings import BrokerSettings
from consumers.caller.process import CallerProcess, followed
from consumers.caller.settings import CallerSettings, CallerSite
from consumers.caller.shared_actions import Shard


def _site(folder: Path) -> CallerSite:
    accounts = Accounts()
    accounts.add("caller")
    accounts.write(folder / "accounts.json")
    broker = BrokerSettings(accounts_file=folder / "accounts.json")
    return CallerSite(CallerSettings(), broker, NumberProfile(), folder / "site.db", folder)


@pytest.mark.parametrize("served", [None, ("0011",), ("0011", "0012"), Shard(1, 2)])
def test_a_session_begun_for_a_process_keeps_all_that_it_follows(
    tmp_path: Path, served: tuple[str, ...] | Shard | None
) -> None:
    with ExitStack() as files:
        process = CallerProcess(_site(tmp_path), served, "caller", "caller", files)
        process.subscribe()
        topics = process.connection.topics
        subscribed = set(process.connection._inbox.filters())

    users = served if isinstance(served, tuple) else None
    own = {topics.reply("caller", "calls"), topics.process("caller")}
    assert subscribed - own == set(followed(topics, users))
