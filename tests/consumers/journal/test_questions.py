from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest

from bus.events import Message
from bus.journal_events import PbxAnswer, PbxAnswerData
from bus.mqtt.inbox import BrokerUnavailable
from bus.mqtt.requests import TIMEOUT
from bus.topics import Topics
from consumers.journal.questions import PbxQuestions


@dataclass
class Sessions:
    """The sessions process, which answers when the test says so."""

    asked: list[tuple[str, Future[bytes]]] = field(default_factory=list)
    away: bool = False
    now: float = 0.0

    def send(self, topic: str, request: Message) -> Future[bytes]:
        if self.away:
            raise BrokerUnavailable("away")
        answer: Future[bytes] = Future()
        self.asked.append((topic, answer))
        return answer


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
def questions(sessions: Sessions) -> PbxQuestions:
    return PbxQuestions(sessions, Topics(), lambda: sessions.now)


@pytest.fixture
def answers() -> list[PbxAnswerData | None]:
    return []


def _answer(code: str | None = None) -> bytes:
    return PbxAnswer(data=PbxAnswerData(request_id="r", running=("c-1",), code=code)).encoded()


def test_who_asked_gets_the_answer(
    questions: PbxQuestions, sessions: Sessions, answers: list[PbxAnswerData | None]
) -> None:
    questions.ask("0011", answers.append)
    [(topic, future)] = sessions.asked
    assert topic == "starface/users/0011/pbx"
    assert not questions.may_ask("0011")

    future.set_result(_answer())

    [answer] = answers
    assert answer is not None
    assert answer.running == ("c-1",)
    assert questions.may_ask("0011")


@pytest.mark.parametrize("payload", [_answer("no-session"), b"nonsense"])
def test_what_cannot_be_used_is_no_answer(
    questions: PbxQuestions, sessions: Sessions, answers: list[PbxAnswerData | None], payload: bytes
) -> None:
    questions.ask("0011", answers.append)
    sessions.asked[0][1].set_result(payload)

    assert answers == [None]


def test_what_takes_too_long_is_awaited_no_longer(
    questions: PbxQuestions, sessions: Sessions, answers: list[PbxAnswerData | None]
) -> None:
    questions.ask("0011", answers.append)
    questions.tick()
    assert answers == []
    sessions.now = TIMEOUT + 1
    questions.tick()

    assert answers == [None]
    assert questions.may_ask("0011")


def test_without_a_broker_nobody_waits(
    questions: PbxQuestions, sessions: Sessions, answers: list[PbxAnswerData | None]
) -> None:
    sessions.away = True
    questions.ask("0011", answers.append)

    assert answers == [None]


def test_only_some_questions_are_under_way(questions: PbxQuestions, sessions: Sessions) -> None:
    for number in range(10):
        questions.ask(f"00{number}", lambda _: None)

    assert not questions.may_ask("0099")
