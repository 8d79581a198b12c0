import pytest

from bus.mqtt.inbox import BrokerUnavailable
from bus.mqtt.publication import InFlight, Publication, PublishRefused


def test_a_confirmation_may_come_before_the_delivery_is_noted() -> None:
    under_way, publication = InFlight(), Publication("a")
    under_way.confirm(7, 0x10)
    under_way.add(7, publication)

    assert publication.wait(0) == 0x10


def test_each_confirmation_settles_its_own_delivery() -> None:
    under_way, one, other = InFlight(), Publication("a"), Publication("b")
    under_way.add(1, one)
    under_way.add(2, other)
    under_way.confirm(2, 0x87)
    under_way.confirm(1, 0)

    assert one.wait(0) == 0
    with pytest.raises(PublishRefused):
        other.wait(0)


def test_nobody_waits_for_a_connection_that_broke() -> None:
    under_way, before, after = InFlight(), Publication("a"), Publication("b")
    under_way.add(1, before)
    under_way.end()
    under_way.add(2, after)

    for publication in (before, after):
        with pytest.raises(BrokerUnavailable):
            publication.wait(0)
