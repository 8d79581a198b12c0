import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from starface import oauth, rest
from starface.failures import (
    AnswerUnreadable,
    LoginRefused,
    PbxFailure,
    PbxUnreachable,
    RequestForbidden,
)
from starface.rest import RestClient
from starface.rest_models import RestTag
from starface.settings import StarfaceSettings
from tests.starface.packet_server import Request, Server, by_path, http, json_answer, settings_for

Serve = Callable[..., Server]
Routes = dict[str, bytes | Callable[[Request], bytes]]
SECRET = (  # P 8.1
    "0011:7dd5cca5caa1dd5faf9b4138e35f67f3d3a833170dff8c04af721f206e82d0ff"
    "56b27c6cf340a19f414db0e9cd61d3c7a1073ebeb616235f2746a8e7e75b7eaa"
)
OFFER = {"loginType": "Internal", "nonce": "Kq7Zt4xYb1", "secret": None}
LOGIN: Routes = {
    "GET /rest/login": json_answer(OFFER),
    "POST /rest/login": json_answer({"token": "T1"}),
}


def logged_in(server: Server) -> RestClient:
    return rest.by_password(settings_for(server), "0011", "Geheim#2024")


def answered(serve: Serve, path: str, given: object) -> tuple[Server, RestClient]:
    server = serve(by_path({**LOGIN, path: json_answer(given)}))
    return server, logged_in(server)


# ---- login


def test_a_login_sends_the_secret_of_the_nonce_and_uses_the_token(serve: Serve) -> None:
    server, client = answered(serve, "GET /rest/users/me", {"id": 7, "login": "0011"})

    me = client.me()

    offer, login, asked = server.requests
    assert (me.id, me.login) == ("7", "0011")
    assert json.loads(login.body) == {**OFFER, "secret": SECRET}
    assert login.headers["x-version"] == offer.headers["x-version"] == "2"
    assert asked.headers["authtoken"] == "T1"
    assert asked.headers["x-version"] == "2"
    assert asked.headers["accept-encoding"] == "identity"


def test_a_login_by_directory_sends_base64(serve: Serve) -> None:
    offer = json_answer({"loginType": "ActiveDirectory", "nonce": "n"})
    server = serve(by_path({**LOGIN, "GET /rest/login": offer}))

    rest.by_password(settings_for(server), "0011", "Geheim")

    assert json.loads(server.requests[1].body)["secret"] == "MDAxMW5HZWhlaW0="


def test_a_token_may_be_called_auth_token(serve: Serve) -> None:
    me: Routes = {
        "POST /rest/login": json_answer({"authToken": "T2"}),
        "GET /rest/users/me": json_answer({}),
    }
    server = serve(by_path({**LOGIN, **me}))

    logged_in(server).me()

    assert server.requests[-1].headers["authtoken"] == "T2"


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized"])
def test_a_wrong_password_is_refused(serve: Serve, status: str) -> None:
    server = serve(by_path({**LOGIN, "POST /rest/login": json_answer({"code": 1}, status)}))

    with pytest.raises(LoginRefused):
        logged_in(server)


def test_a_logout_ends_the_login(serve: Serve) -> None:
    server, client = answered(serve, "DELETE /rest/login", {})

    client.logout()

    assert server.requests[-1].verb == "DELETE"
    assert server.requests[-1].headers["authtoken"] == "T1"


def test_version_10_is_asked_with_a_bearer_token(serve: Serve) -> None:
    endpoint: Routes = {}
    server = serve(by_path(endpoint))
    endpoint |= {
        "GET /.well-known/openid-configuration": json_answer(
            {"token_endpoint": f"http://127.0.0.1:{server.port}/token"}
        ),
        "POST /token": json_answer({"access_token": "A1", "refresh_token": "R1"}),
        "GET /rest/server/version": json_answer({"version": "10.0.2.6"}),
    }
    settings = settings_for(server)
    client = rest.by_tokens(settings, oauth.log_in(settings, "0011", "Geheim#2024"))

    assert client.server_version() == "10.0.2.6"
    client.logout()

    asked = server.requests[-1]
    assert asked.path == "/rest/server/version"
    assert asked.headers["authorization"] == "Bearer A1"
    assert "authtoken" not in asked.headers


# ---- users


def test_users_and_their_extensions_are_read(serve: Serve) -> None:
    users = [{"id": 7, "login": "0011", "firstName": "Anna", "familyName": "Beispiel", "new": 1}]
    accounts = [
        {"accountId": 7, "firstName": "Anna", "primaryInternalPhoneNumber": "11", "type": "USER"}
    ]
    routes: Routes = {
        "GET /rest/users": json_answer(users),
        "GET /rest/accounts": json_answer(accounts),
    }
    server = serve(by_path({**LOGIN, **routes}))
    client = logged_in(server)

    [user] = client.users("anna & co")
    [account] = client.accounts()

    assert server.requests[2].query == {"searchTerm": "anna & co"}
    assert (user.id, user.login, user.family_name) == ("7", "0011", "Beispiel")
    assert (account.id, account.extension, account.type) == ("7", "11", "USER")


@pytest.mark.parametrize("given", ["6.7.3.20", {"version": "6.7.3.20"}])
def test_the_version_is_read(serve: Serve, given: object) -> None:
    _, client = answered(serve, "GET /rest/server/version", given)

    assert client.server_version() == "6.7.3.20"


# ---- contacts

SCHEMAS = {
    "summaryBlockSchema": {
        "name": "contact",
        "attributes": [
            {"displayKey": "SURNAME", "name": "familyname"},
            {"displayKey": "COMPANY", "name": "firm"},
        ],
    },
    "phoneNumbersBlockSchema": {
        "name": "telephone",
        "attributes": [
            {"displayKey": "OFFICE_PHONE_NUMBER", "name": "phone"},
            {"displayKey": "FAX_NUMBER", "name": "fax"},
        ],
    },
}


def summary(number: int) -> dict[str, object]:
    return {
        "id": str(number),
        "summaryValues": [f"Name {number}", "Musterbau GmbH"],
        "phoneNumberValues": [f"+4930{number}", ""],
        "additionalValues": {"INTERNALPHONE": None},
    }


def address_book(
    count: int, *, counting_from: int, at_most: int = 20, before_first: str, reports_pages: bool
) -> Callable[[Request], bytes]:
    """Answer as PBXs might: pages from 0 or 1, pages of their own size."""

    def answer(request: Request) -> bytes:
        page = int(request.query["page"]) - counting_from
        pages = -(-count // at_most)
        if page < 0:
            if before_first == "refused":
                return json_answer({"code": 400}, "400 Bad Request")
            page = 0 if before_first == "clamped" else pages
        if page >= max(pages, 1) and before_first == "refused":
            return json_answer({"code": 404}, "404 Not Found")
        some = range(page * at_most, min((page + 1) * at_most, count))
        metadata = {"totalPages": pages} if reports_pages else {}
        return json_answer(
            {"contacts": [summary(number) for number in some], "metadata": metadata, **SCHEMAS}
        )

    return answer


@pytest.mark.parametrize("count", [0, 1, 20, 21, 65])
@pytest.mark.parametrize("counting_from", [0, 1])
@pytest.mark.parametrize("before_first", ["refused", "clamped", "empty"])
@pytest.mark.parametrize("reports_pages", [True, False])
def test_every_contact_comes_once_however_pages_are_counted(
    serve: Serve, count: int, counting_from: int, before_first: str, reports_pages: bool
) -> None:
    book = address_book(
        count, counting_from=counting_from, before_first=before_first, reports_pages=reports_pages
    )
    client = logged_in(serve(by_path({**LOGIN, "GET /rest/contacts": book})))

    assert [contact.id for contact in client.contacts()] == [str(number) for number in range(count)]


def test_a_contact_of_the_list_has_the_fields_of_the_schemas(serve: Serve) -> None:
    fields = {"contacts": [summary(1)], "metadata": {"totalPages": 1}, **SCHEMAS}
    server, client = answered(serve, "GET /rest/contacts", fields)

    [contact] = client.contacts("030 & 1", ("3", "4"))

    assert contact.first("COMPANY", "SURNAME") == "Musterbau GmbH"
    assert contact.first("NAME", "SURNAME") == "Name 1"
    assert [(field.display_key, field.value) for field in contact.numbers] == [
        ("OFFICE_PHONE_NUMBER", "+49301")
    ]
    assert server.requests[-1].query["searchTerms"] == "030 & 1"
    assert server.requests[-1].query["tags"] == "3,4"


def test_a_failing_page_is_a_failure_and_not_the_end_of_the_book(serve: Serve) -> None:
    whole = address_book(65, counting_from=0, before_first="empty", reports_pages=True)

    def failing(request: Request) -> bytes:
        if request.query["page"] == "2":
            return json_answer({}, "500 Internal Server Error")
        return whole(request)

    client = logged_in(serve(by_path({**LOGIN, "GET /rest/contacts": failing})))

    with pytest.raises(AnswerUnreadable):
        list(client.contacts())


def test_an_address_book_that_is_not_there_is_a_failure(serve: Serve) -> None:
    with pytest.raises(AnswerUnreadable):
        list(logged_in(serve(by_path(LOGIN))).contacts())


def test_a_contact_is_read_in_full(serve: Serve) -> None:
    reported = {
        "id": 5,
        "editable": True,
        "tags": [{"id": "3", "name": "Kunden"}],
        "blocks": [
            {
                "name": "contact",
                "attributes": [{"displayKey": "SURNAME", "name": "familyname", "value": "Müller"}],
            },
            {
                "name": "telephone",
                "attributes": [
                    {"displayKey": "MOBILE_PHONE_NUMBER", "name": "m", "value": "+4917"}
                ],
            },
        ],
    }
    _, client = answered(serve, "GET /rest/contacts/5%2F6", reported)

    contact = client.contact("5/6")

    assert (contact.id, contact.first("SURNAME")) == ("5", "Müller")
    assert [field.value for field in contact.numbers] == ["+4917"]
    assert [tag.name for tag in contact.tags] == ["Kunden"]


def test_scheme_and_tags_are_read(serve: Serve) -> None:
    routes: Routes = {
        "GET /rest/contacts/scheme": json_answer({"blocks": [SCHEMAS["summaryBlockSchema"]]}),
        "GET /rest/contacts/tags": json_answer([{"id": 3, "name": "Kunden", "alias": None}]),
    }
    client = logged_in(serve(by_path({**LOGIN, **routes})))

    [block] = client.contact_scheme()
    [tag] = client.tags()

    assert [field.name for field in block.attributes] == ["familyname", "firm"]
    assert (tag.id, tag.name, tag.alias) == ("3", "Kunden", "")


def recorded(name: str) -> Any:
    """Return an answer as the vendor describes it."""
    return json.loads((Path(__file__).parent / "rest_answers" / f"{name}.json").read_text())


def test_accounts_are_read_as_the_vendor_describes_them(serve: Serve) -> None:
    _, client = answered(serve, "GET /rest/accounts", recorded("accounts"))

    user, group = client.accounts()

    assert (user.id, user.first_name, user.last_name) == ("1004", "Anna", "Beispiel")
    assert (group.name, group.extension, group.type) == ("Kanzlei", "20", "GROUP")


def test_the_scheme_is_read_as_the_vendor_describes_it(serve: Serve) -> None:
    _, client = answered(serve, "GET /rest/contacts/scheme", recorded("scheme"))

    contact, telephone = client.contact_scheme()

    assert [field.name for field in contact.attributes] == ["firstname", "familyname", "company"]
    assert telephone.resource_key == "de.vertico.starface.addressbook.block.label_telephone"


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("size", [20, 100])
@pytest.mark.parametrize("below", ["same", "empty", "refused"])
def test_folders_are_read_from_all_pages(serve: Serve, first: int, size: int, below: str) -> None:
    folders = recorded("tags")

    def page(request: Request) -> bytes:
        number = int(request.query["page"]) - first
        if number < 0 and below != "same":
            return json_answer([]) if below == "empty" else json_answer({}, "400 Bad Request")
        begin = max(number, 0) * size
        return json_answer(folders[begin : begin + size])

    client = logged_in(serve(by_path({**LOGIN, "GET /rest/contacts/tags": page})))

    assert [tag.name for tag in client.tags()] == [each["name"] for each in folders]


def test_a_contact_is_written_as_the_scheme_names_its_fields(serve: Serve) -> None:
    routes: Routes = {
        "GET /rest/contacts/scheme": json_answer(recorded("scheme")),
        "POST /rest/contacts": json_answer({"id": "c-1"}, "201 Created"),
        "PUT /rest/contacts/c-1": http(b"", "204 No Content"),
        "DELETE /rest/contacts/c-1": http(b"", "204 No Content"),
    }
    server = serve(by_path({**LOGIN, **routes}))
    client = logged_in(server)
    scheme = client.contact_scheme()

    contact_id = client.add_contact(
        scheme,
        {"SURNAME": "Müller", "PHONE_NUMBER": "+41445206789", "NO_SUCH_FIELD": "x"},
        [RestTag(id="3", name="Kunden")],
    )
    client.change_contact(contact_id, scheme, {"SURNAME": "Meier"})
    client.remove_contact(contact_id)

    added, changed, _ = (request.body for request in server.requests[3:])
    body = json.loads(added)
    fields = {f["name"]: f["value"] for block in body["blocks"] for f in block["attributes"]}
    assert fields == {
        "firstname": "", "familyname": "Müller", "company": "",
        "phone": "+41445206789", "mobile": "",
    }  # fmt: skip
    assert [tag["name"] for tag in body["tags"]] == ["Kunden"]
    assert (json.loads(changed)["id"], b"Meier" in changed) == ("c-1", True)


def test_folders_are_made_renamed_and_removed(serve: Serve) -> None:
    routes: Routes = {
        "POST /rest/contacts/tags": json_answer({"id": 7, "name": "Kanzlei"}, "201 Created"),
        "PUT /rest/contacts/tags/7": http(b"", "204 No Content"),
        "DELETE /rest/contacts/tags/7": json_answer({"code": 4}, "404 Not Found"),
    }
    server = serve(by_path({**LOGIN, **routes}))
    client = logged_in(server)

    tag = client.add_tag("Kanzlei")
    client.rename_tag(tag.id, "Mandanten")

    assert (tag.id, tag.name) == ("7", "Kanzlei")
    assert json.loads(server.requests[-1].body)["name"] == "Mandanten"
    with pytest.raises(rest.NotThere):
        client.remove_tag(tag.id)


def test_groups_are_read(serve: Serve) -> None:
    _, client = answered(serve, "GET /rest/groups", [{"id": 7, "groupname": "Kanzlei"}])

    assert [(group.id, group.name) for group in client.groups()] == [("7", "Kanzlei")]


def test_the_members_of_a_group_are_those_assigned_to_it(serve: Serve) -> None:
    users = [{"id": 1, "assigned": True}, {"id": 2, "assigned": False}, {"id": 3}]
    group = {"id": 7, "name": "Kanzlei", "assignableUsers": users}
    _, client = answered(serve, "GET /rest/groups/7", group)

    assert client.group("7").members == {"1"}


# ---- what goes wrong


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (json_answer({}, "401 Unauthorized"), LoginRefused),
        (http(b"", "302 Found", "text/html", "Location: https://evil.test/"), LoginRefused),
        (json_answer({}, "403 Forbidden"), RequestForbidden),
        (json_answer({}, "404 Not Found"), AnswerUnreadable),
        (http(b"<html>Bad Gateway</html>", "502 Bad Gateway", "text/html"), AnswerUnreadable),
        (http(b"<html/>", "200 OK", "text/html"), AnswerUnreadable),
        (http(b"[" * 100_000), AnswerUnreadable),
        (http(b"x" * 2_000_000), AnswerUnreadable),
        (http(b"", "200 OK", "application/json", "Content-Encoding: gzip"), AnswerUnreadable),
        (json_answer("text"), AnswerUnreadable),
        (json_answer({"id": {"a": 1}}), AnswerUnreadable),
        (json_answer({"id": 1})[:-3], PbxUnreachable),
    ],
)
def test_every_bad_answer_has_its_name(
    serve: Serve, answer: bytes, failure: type[PbxFailure]
) -> None:
    server = serve(by_path({**LOGIN, "GET /rest/users/me": answer}))

    with pytest.raises(failure):
        logged_in(server).me()

    assert len(server.requests) == 3


def test_a_pbx_that_is_not_there_is_unreachable() -> None:
    settings = StarfaceSettings(host="127.0.0.1", scheme="http", port=1)

    with pytest.raises(PbxUnreachable):
        rest.by_password(settings, "0011", "Geheim#2024")
