"""A lease on a broker of several nodes, whichever of these is lost."""

import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from bus.access.accounts import Accounts
from tests.bus.test_lease import FAST, Site
from tests.conftest import wait_until
from tests.estate.nodes import Kind, Node, cluster

WITHIN = 15.0  # seconds


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ["nats", "rabbitmq"])
def test_one_acts_whichever_node_is_lost_and_never_two(kind: Kind, tmp_path: Path) -> None:
    accounts = Accounts()
    for account in ("dial-a", "dial-b"):
        accounts.add(account)
    with (
        cluster(kind, tmp_path / "broker", accounts=accounts) as nodes,
        closing(Site(nodes.settings(), tmp_path)) as site,
    ):
        site.start("a")
        site.start("b")
        wait_until(site.acts, 60)
        for node in nodes.nodes:
            _acts_while_lost(site, node)
            node.start()
            nodes.wait_ready(node)

    pauses = [
        after.at - before.at
        for before, after in pairwise(sorted(site.acts()))
        if before.machine != after.machine
    ]
    assert min(pauses, default=1.0) > FAST.margin / 2


def _acts_while_lost(site: Site, node: Node) -> None:
    node.kill()
    lost = time.monotonic()
    # By then the term has passed that was confirmed before.
    wait_until(lambda: site.acts()[-1].at > lost + FAST.term + FAST.beat, WITHIN + FAST.term)
