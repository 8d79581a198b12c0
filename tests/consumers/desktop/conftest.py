from collections.abc import Iterator
from typing import Any

import pytest

from tests.consumers.desktop.desk import Desk, NewDesk


@pytest.fixture
def new_desk() -> Iterator[NewDesk]:
    made: list[Desk] = []

    def new(**settings: Any) -> Desk:
        made.append(Desk(**settings))
        return made[-1]

    yield new
    for one in made:
        one.cards.end()
