from uuid import uuid4

import pytest

from bus.events import DialResultData, Sentence
from panel import openapi


@pytest.mark.parametrize(
    ("code", "status"),
    [(None, "202"), ("not_a_number", "400"), ("premium", "403"), ("busy", "409"),
     ("expired", "410"), ("rate", "429"), ("refused_by_pbx", "502"), ("unknown_outcome", "504"),
     ("a-code-of-a-later-release", "502")],
)  # fmt: skip
def test_a_status_says_what_the_result_says(code: str | None, status: str) -> None:
    result = DialResultData(
        user="0011", request_id=uuid4(), state="refused" if code else "accepted", code=code,
        sentence=Sentence(de="so", en="so"),
    )  # fmt: skip

    assert openapi.status_of(result) == status


def test_every_status_is_described_and_refers_to_a_schema_that_exists() -> None:
    document = openapi.document()
    post = document["paths"]["/api/v1/users/{login}/dial"]["post"]

    assert set(post["responses"]) == set(openapi.STATUSES)
    for response in post["responses"].values():
        name = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert name in document["components"]["schemas"]
