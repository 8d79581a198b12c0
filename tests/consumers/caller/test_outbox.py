"""Answers on their way to a broker that is silent, gone or refuses them."""

from bus.events import CallerData, CallerEvent
from bus.mqtt.connection import PublishRefused
from bus.mqtt.inbox import BrokerUnavailable
from consumers.caller.answer import CallerAnswer
from consumers.caller.calls import Call, Key
from consumers.caller.outbox import AnswerOutbox, already_opened, answered, closed, opened_before
from tests.consumers.caller.desk import ADA


class Broker:
    """A broker that takes, confirms or refuses what is sent."""

    def __init__(self) -> None:
        self.now = 0.0
        self.gone = False
        self.fault: Exception | None = None  # upon which each confirmation fails
        self.taken: list[str] = []
        self.outbox = AnswerOutbox(self._send, 30.0, lambda: self.now)

    def wait(self, timeout: float = 0.0) -> int:
        if self.fault is not None:
            raise self.fault
        return 0

    def _send(self, event: CallerEvent) -> "Broker":
        if self.gone:
            raise BrokerUnavailable("gone")
        self.taken.append(event.data.call_id)
        return self


def answer(call_id: str = "c-1", **fields: object) -> CallerData:
    values = {"user": "0011", "call_id": call_id, "event_id": "e", "trigger": "ringing",
              "caller": ADA}  # fmt: skip
    return CallerData.model_validate({**values, **fields})


def key(call_id: str = "c-1") -> Key:
    return ("0011", call_id, "ringing")


def test_an_action_is_delivered_once_the_broker_confirms_its_answer() -> None:
    broker = Broker()
    broker.fault = BrokerUnavailable("silent")
    broker.outbox.send(answered(CallerAnswer(answer())), key())
    assert (broker.outbox.settle(), broker.outbox.busy) == ([], True)

    broker.fault = None
    assert (broker.outbox.settle(), broker.outbox.busy) == ([key()], False)
    assert broker.outbox.settle() == []


def test_an_answer_without_an_action_delivers_nothing() -> None:
    broker = Broker()
    broker.outbox.send(answered(CallerAnswer(answer())))

    assert broker.outbox.settle() == []


def test_what_a_broker_could_not_take_is_sent_when_it_is_back_in_its_order() -> None:
    broker = Broker()
    broker.gone = True
    for call_id in ("c-1", "c-2"):
        broker.outbox.send(answered(CallerAnswer(answer(call_id))), key(call_id))
    broker.outbox.send_kept()
    assert broker.taken == []

    broker.gone = False
    broker.outbox.send_kept()
    assert broker.taken == ["c-1", "c-2"]
    assert broker.outbox.settle() == [key("c-1"), key("c-2")]


def test_what_is_too_old_is_not_sent_and_its_action_is_over() -> None:
    broker = Broker()
    broker.gone = True
    broker.outbox.send(answered(CallerAnswer(answer())), key())
    broker.now, broker.gone = 31.0, False
    broker.outbox.send_kept()

    assert broker.taken == []
    assert broker.outbox.settle() == [key()]


def test_what_the_broker_refuses_is_not_sent_again() -> None:
    broker = Broker()
    broker.fault = PublishRefused("not authorised", 135)
    broker.outbox.send(answered(CallerAnswer(answer())), key())

    assert broker.outbox.settle() == [key()]
    broker.outbox.send_kept()
    assert broker.taken == ["c-1"]


def test_fifty_unconfirmed_answers_are_the_most_that_are_on_their_way() -> None:
    broker = Broker()
    for number in range(51):
        broker.outbox.send(answered(CallerAnswer(answer(f"c-{number}"))), key(f"c-{number}"))

    assert broker.outbox.settle() == [key(f"c-{number}") for number in range(51)]
    assert len(broker.taken) == 51


def test_the_same_answer_has_the_same_id_and_another_has_another() -> None:
    first, second = answered(CallerAnswer(answer())), answered(CallerAnswer(answer()))

    assert first.id == second.id
    assert answered(CallerAnswer(answer(reason="withheld"))).id != first.id


def test_what_opened_before_opens_by_a_click() -> None:
    opened = CallerAnswer(answer(opens="matter", url="https://files.example/1"))

    again, click = already_opened(opened).data, opened_before(opened).data
    assert (again.opens, again.url, again.reason) == ("nothing", None, "already-opened")
    assert (click.opens, click.on_click, click.reason) == ("nothing", "matter", "opened-before")


def test_a_card_closes_with_the_name_of_who_answered() -> None:
    call = Call("0011", "c-1", elsewhere="0012")
    data = closed(call, "Anna", (), discreet=True).data

    assert (data.trigger, data.reason, data.answered_by) == ("closed", "answered-elsewhere", "0012")
    assert data.discreet
    assert data.sentence is not None
    assert "Anna" in data.sentence.en
