import logging

import pytest

from runtime.log_limit import LogLimit


def test_many_of_a_kind_are_one_line_with_their_number(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    limit = LogLimit(logging.getLogger("x"), 10.0, lambda: now[0])
    for _ in range(1_000):
        limit.log(logging.WARNING, "no place reason=%s", "full")
    limit.log(logging.WARNING, "another kind")
    now[0] = 10.0
    limit.log(logging.WARNING, "no place reason=%s", "full")
    now[0] = 20.0
    limit.log(logging.WARNING, "no place reason=%s", "full")

    assert [record.getMessage() for record in caplog.records] == [
        "no place reason=full", "another kind", "no place reason=full more=999",
        "no place reason=full",
    ]  # fmt: skip
