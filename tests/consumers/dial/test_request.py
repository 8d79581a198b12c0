import json
from typing import Any
from uuid import UUID

import pytest

from bus.events import DialRequest
from consumers.dial.request import read_request

REQUEST_ID = "7f3c8a52-4b0c-4dd1-9a55-000000000001"
PLAIN: dict[str, Any] = {
    "specversion": "1.0",
    "id": "message-1",
    "source": "crm",
    "type": "starface.dial.request.v1",
    "time": "2026-11-23T10:00:00+01:00",
    "data": {"number": "044 123 45 67", "phone": "SIP/11", "request_id": REQUEST_ID},
}


def _read(**changes: Any) -> tuple[DialRequest, str]:
    found = read_request(json.dumps(PLAIN | changes).encode())
    assert found is not None
    return found


def test_a_request_is_read() -> None:
    request, fault = _read()

    assert request.data.request_id == UUID(REQUEST_ID)
    assert (request.id, request.source) == ("message-1", "crm")
    assert (request.data.number, request.data.phone) == ("044 123 45 67", "SIP/11")
    assert request.time.timestamp() == 1_795_424_400
    assert fault == ""


def test_unknown_members_are_ignored() -> None:
    assert _read(colour="blue", data=PLAIN["data"] | {"colour": "blue"})[1] == ""


@pytest.mark.parametrize("time", ["", "yesterday", "2026-11-23T10:00:00", None, []])
def test_a_request_without_a_readable_time_is_refused_by_its_id(time: object) -> None:
    request, fault = _read(time=time)

    assert (request.data.request_id, fault) == (UUID(REQUEST_ID), "no_time")


@pytest.mark.parametrize("number", [None, 44, [], "4" * 257])
def test_a_number_that_is_no_text_is_refused_by_its_id(number: object) -> None:
    _, fault = _read(data={"number": number, "request_id": REQUEST_ID})

    assert fault == "not_a_number"


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": "2.0"},
        {"time": "yesterday", "data": {"number": 1, "request_id": REQUEST_ID}},
        {"data": PLAIN["data"] | {"phone": 1}},
    ],
)
def test_whatever_else_is_wrong_is_refused_by_its_id(changes: dict[str, Any]) -> None:
    request, fault = _read(**changes)

    assert (request.data.request_id, fault) == (UUID(REQUEST_ID), "unreadable")


def test_a_message_of_another_type_is_no_request() -> None:
    foreign = PLAIN | {"type": "starface.dial.request.v2"}

    assert read_request(json.dumps(foreign).encode()) is None


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (None, "unreadable"),
        ([], "unreadable"),
        ({}, "unreadable"),
        ({"number": "044", "request_id": "x"}, "no_id"),
        ({"number": "044", "request_id": 1}, "no_id"),
        ({"number": "044", "request_id": [REQUEST_ID]}, "no_id"),
        ({"number": "044"}, "no_id"),
    ],
)
def test_a_request_without_an_id_is_refused_by_one_of_ours(data: object, fault: str) -> None:
    request, found = _read(data=data)

    assert found == fault
    assert request.data.request_id == _read(data=data)[0].data.request_id
    assert request.data.request_id != _read(data=data, id="message-2")[0].data.request_id


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\xfe", b"[]", b"[" * 10_000, b"null"])
def test_what_is_no_request_at_all_is_refused_too(payload: bytes) -> None:
    found = read_request(payload)

    assert found is not None
    assert found[1] == "unreadable"
