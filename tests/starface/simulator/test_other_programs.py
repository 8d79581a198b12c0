"""Requests as connectors of CRM programs and the vendor's examples for REST send them."""

import hashlib
import json
import xmlrpc.client
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from starface.simulator import Simulator
from tests.starface.simulator.fixtures import (
    PREFIX,
    TLS,
    TOKEN_0011,
    Receiver,
    listening,
    wait_until,
)

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
NUMBER = "+41441234567"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        simulator.set(speed=100)
        yield simulator


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


class Connector:
    """Puts user, token and callback into every address, as they are, and writes XML by hand."""

    def __init__(
        self, simulator: Simulator, port: int = 0, kind: str = "text/xml", **query: str
    ) -> None:
        callback = {"type": "http", "host": "127.0.0.1", "port": str(port), "path": "/index.php/x"}
        named = {f"{PREFIX}auth": TOKEN_0011} | query
        if port:
            named |= {f"{PREFIX}callback.{name}": value for name, value in callback.items()}
        address = "&".join(f"{name}={value}" for name, value in named.items())
        self._url = f"{simulator.url}/xml-rpc?{address}"
        self._headers = {"Content-Type": kind}

    def send(self, method: str, params: str = "") -> bytes:
        body = f"{HEAD}<methodCall><methodName>ucp.v22.requests.{method}</methodName>{params}"
        return httpx.post(
            self._url, content=f"{body}</methodCall>", headers=self._headers, verify=TLS
        ).content

    def value(self, method: str, params: str = "") -> Any:
        (value,), _ = xmlrpc.client.loads(self.send(method, params))
        return value


def params(*values: str) -> str:
    return f"<params>{''.join(f'<param><value>{each}</value></param>' for each in values)}</params>"


def string(text: str) -> str:
    return f"<string>{text}</string>"


@pytest.mark.parametrize("kind", ["text/xml", "application/xml", "text/xml; charset=UTF-8"])
def test_a_connector_that_logs_in_before_each_request_keeps_its_subscription(
    simulator: Simulator, receiver: Receiver, kind: str
) -> None:
    crm = Connector(simulator, receiver.port, kind)

    assert crm.value("connection.login") is True
    assert crm.value("service.subscribeEvents", params(string("ucp.v22.events.call"))) is True
    assert crm.value("connection.login") is True
    call = crm.value("call.placeCallWithPhone", params(string(NUMBER), string(""), string("")))

    wait_until(lambda: "CONNECTED" in receiver.states)
    assert {each.path for each in receiver.received} == {"/index.php/x"}
    assert {each.call["id"] for each in receiver.received} == {call}
    assert crm.value("call.hangupCall", params(string(call))) is True
    wait_until(lambda: "HANGUP" in receiver.states)
    unsubscribed = crm.value("service.unsubscribeEvents", params(string("ucp.v22.events.call")))
    assert unsubscribed is True


def test_the_type_of_an_answer_is_written_for_those_who_look_for_its_element(
    simulator: Simulator,
) -> None:
    crm = Connector(simulator, kind="application/xml")

    for method, sent, kind in (
        ("connection.login", "", "boolean"),
        ("connection.keepAlive", "", "boolean"),
        ("call.placeCallWithPhone", params(string(NUMBER), string(""), string("")), "string"),
    ):
        answer = ElementTree.fromstring(crm.send(method, sent))  # noqa: S314  (our own stand-in)
        assert answer.find(f"params/param/value/{kind}") is not None


def test_a_connector_with_a_library_sends_nil_and_empty_lists_of_parameters(
    simulator: Simulator, receiver: Receiver
) -> None:
    crm = Connector(simulator, receiver.port, **{f"{PREFIX}user": "0011"})
    service = params(string("ucp.v22.events.call"))

    assert crm.value("connection.keepAlive", "<params/>") is False  # is it logged in?
    assert crm.value("connection.login", "<params></params>") is True
    assert crm.value("connection.keepAlive", "<params/>") is True
    assert "ucp.v22.events.call" in crm.value("service.getProvidedEvents", "<params/>")
    assert crm.value("service.subscribeEvents", service) is True
    assert crm.value("phone.getPhoneIds", "<params/>") == ["SIP/11"]
    assert crm.value("phone.getPrimaryPhoneId", "<params/>") == "SIP/11"
    assert crm.value("phone.getAvailableDisplayNumbers", "<params/>")
    call = crm.value("call.placeCallWithPhone", params(string(NUMBER), "<nil/>", "<nil></nil>"))
    assert crm.value("call.getCallIds", "<params/>") == [call]
    assert crm.value("call.getCallState", params(string(call)))["id"] == call
    assert crm.value("call.hangupCall", params(string(call))) is True
    assert crm.value("connection.logout", "<params/>") is True


def test_blanks_between_the_elements_are_none_of_the_request(simulator: Simulator) -> None:
    erp = Connector(simulator)
    sent = params(string(NUMBER), string(""), string(""))

    assert erp.value("connection.login") is True
    assert erp.value("call.placeCallWithPhone", f" \n\t{sent}\n")
    assert erp.value("connection.logout") is True


class Rest:
    """Logs in only when it is turned away, and then asks again."""

    def __init__(self, simulator: Simulator) -> None:
        self._url = f"{simulator.url}/rest"
        self._headers = {"X-Version": "2", "Content-Type": "application/json"}

    def send(self, verb: str, path: str, body: object = None) -> httpx.Response:
        content = None if body is None else json.dumps(body)
        url = f"{self._url}/{path}"
        answer = httpx.request(verb, url, content=content, headers=self._headers, verify=TLS)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._log_in()
            answer = httpx.request(verb, url, content=content, headers=self._headers, verify=TLS)
        assert answer.is_success, answer.text
        return answer

    def _log_in(self) -> None:
        nonce = httpx.get(f"{self._url}/login", verify=TLS).json()["nonce"]
        word = hashlib.sha512(b"Geheim#2024").hexdigest()
        secret = hashlib.sha512(f"0011{nonce}{word}".encode()).hexdigest()
        body = {"nonce": nonce, "secret": f"0011:{secret}", "loginType": "Internal"}
        answer = httpx.post(f"{self._url}/login", json=body, headers={"X-Version": "2"}, verify=TLS)
        self._headers["authToken"] = answer.json()["token"]


def test_the_vendors_examples_find_users_and_groups_as_they_are_described(
    simulator: Simulator,
) -> None:
    rest = Rest(simulator)
    new = {
        "email": "test@example.ch", "familyName": "Test", "firstName": "Test", "language": "en",
        "login": "1002", "password": "secret1234!", "faxCoverPage": False,
        "faxEmailJournal": False, "missedCallReport": False,
    }  # fmt: skip

    rest.send("POST", "users", new)
    [user] = [each for each in rest.send("GET", "users").json() if each["login"] == "1002"]
    [listed] = rest.send("GET", "groups").json()
    assert listed == {
        "id": 7, "groupname": "Kanzlei", "groupinternalnumber": "20", "groupexternalnumber": "",
    }  # fmt: skip

    group = rest.send("GET", f"groups/{listed['id']}").json()
    added = {"id": user["id"], "firstname": "Test", "lastname": "Test", "assigned": True}
    rest.send("PUT", "groups", group | {"assignableUsers": [added]})
    members = rest.send("GET", "groups/7").json()["assignableUsers"]
    assert [each["id"] for each in members if each["assigned"]] == [1, 2, 3, user["id"]]

    rest.send("DELETE", f"users/{user['id']}")
    assert "1002" not in [each["login"] for each in rest.send("GET", "users").json()]


def test_a_group_is_added_renamed_and_removed(simulator: Simulator) -> None:
    rest = Rest(simulator)

    rest.send("POST", "groups", {"name": "Empfang", "groupId": "30"})
    [group] = rest.send("GET", "groups?searchTerm=empf").json()
    rest.send("PUT", "groups", {"id": group["id"], "name": "Zentrale"})
    assert rest.send("GET", f"groups/{group['id']}").json()["name"] == "Zentrale"
    rest.send("DELETE", f"groups/{group['id']}")

    assert [each["groupname"] for each in rest.send("GET", "groups").json()] == ["Kanzlei"]


def test_a_picture_is_set_and_removed_and_the_token_given_back(simulator: Simulator) -> None:
    rest = Rest(simulator)

    me = rest.send("GET", "users/me").json()
    rest.send("PUT", f"users/{me['id']}/avatar", "png")
    rest.send("GET", f"users/{me['id']}/avatar")
    rest.send("DELETE", f"users/{me['id']}/avatar")
    rest.send("DELETE", "login")
