from collections.abc import Callable

import pytest
from pydantic import ValidationError

from bus.access.accounts import Rights, acl_file, device_account, rights_of, user_account
from bus.access.roles import ACTS, KINDS, Grants, Right, RightsRefused, Roles
from bus.topics import Topics

STATE = Right(reads=("state",))
CALLS = Right(reads=("calls",))
CHAIN = ("starface/info", "starface/processes/+")  # every application sees whether it runs


@pytest.fixture
def roles() -> Roles:
    roles = Roles()
    roles.join("Secretariat", ["0011", "0012"])
    return roles


def _of(roles: Roles, account: str) -> Rights:
    return rights_of(Topics(), account, roles)


def _wallboard(roles: Roles, right: Right, **whom: object) -> Rights:
    grants = roles.applications.setdefault("wallboard", Grants())
    grants.give(right, **({"users": (), "groups": ()} | whom))  # type: ignore[arg-type]
    return _of(roles, "wallboard")


def test_an_application_reads_what_was_named_and_writes_nothing(roles: Roles) -> None:
    right = Right(reads=("calls", "state"))

    assert _wallboard(roles, right, users=["0011", "0012"]) == Rights(
        read=(
            "starface/users/0011/calls", "starface/users/0011/state",
            "starface/users/0012/calls", "starface/users/0012/state",
            "starface/processes/sessions", *CHAIN,
        )
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_one_topic_of_the_contract(roles: Roles, kind: str) -> None:
    rights = _wallboard(roles, Right.model_validate({"reads": [kind]}), users=["0011"])

    tail = "head/+" if kind == "head" else kind
    own = f"starface/users/0011/{tail}"
    assert rights.read[0] == ("homeassistant/#" if kind == "home-assistant" else own)
    more = (Topics().process("sessions"),) if kind == "state" else ()
    assert rights.read[1:] == (*more, *CHAIN)


@pytest.mark.parametrize("act", ACTS)
def test_an_application_writes_what_it_may_and_reads_nothing_by_it(roles: Roles, act: str) -> None:
    rights = _wallboard(roles, Right.model_validate({"may": [act]}), users=["0011"])

    plain = ("starface/users/0011/dial/number",) if act == "dial" else ()
    own = "homeassistant/status" if act == "home-assistant" else f"starface/users/0011/{act}"
    assert rights == Rights(read=CHAIN, write=(own, *plain))


def test_only_a_right_for_everybody_has_a_wildcard_over_users(roles: Roles) -> None:
    roles.supervise("0013", STATE, ["0011"], ["Secretariat"])
    named = _wallboard(roles, CALLS, users=["0011"], groups=["Secretariat"])

    assert not any("users/+" in topic for topic in (*named.read, *_of(roles, "0013").read))
    assert "starface/users/+/calls" in _wallboard(roles, CALLS, everybody=True).read


def test_who_joins_a_group_is_covered_and_who_leaves_is_not(roles: Roles) -> None:
    roles.supervise("0010", STATE, [], ["Secretariat"])
    roles.join("Secretariat", ["0013"])
    roles.leave("Secretariat", ["0011"])

    reported = _of(roles, "0010").read
    assert Topics().state("0013") in reported
    assert Topics().state("0011") not in reported


def test_a_supervisor_keeps_what_is_his_own_and_has_no_more_to_write(roles: Roles) -> None:
    alone = _of(roles, "0011")
    roles.supervise("0011", STATE, [], ["Secretariat"])
    reported = _of(roles, "0011")

    assert reported.read == (*alone.read, "starface/users/0012/state")
    assert reported.write == alone.write


@pytest.mark.parametrize("login", ["0010", "anna/é", "a~b"])
def test_a_supervisors_further_device_reads_the_same(roles: Roles, login: str) -> None:
    roles.supervise(login, STATE, ["0012"], [])

    first, second = user_account(login), device_account(login, "laptop")
    assert _of(roles, first) == _of(roles, second)
    assert "starface/users/0012/state" in _of(roles, second).read


def test_a_right_for_the_same_user_replaces_that_before(roles: Roles) -> None:
    _wallboard(roles, CALLS, users=["0011", "0012"])

    reported = _wallboard(roles, STATE, users=["0011"])
    assert reported.read[:2] == ("starface/users/0011/state", "starface/users/0012/calls")


def test_a_user_who_goes_leaves_no_right_of_his_nor_for_him(roles: Roles) -> None:
    roles.supervise("0010", STATE, ["0011"], [])
    roles.supervise("0011", STATE, ["0012"], ["Secretariat"])
    _wallboard(roles, CALLS, users=["0011"], groups=["Secretariat"])

    roles.forget("0011")

    assert "0011" not in roles.model_dump_json()
    assert "0011" not in acl_file(Topics(), ["0010", "0012", "wallboard"], roles)
    roles.join("Secretariat", ["0013"])
    assert _of(roles, "wallboard").read == (
        "starface/users/0012/calls", "starface/users/0013/calls", *CHAIN,
    )  # fmt: skip


def test_a_group_that_goes_takes_the_rights_by_it_along(roles: Roles) -> None:
    roles.supervise("0010", STATE, [], ["Secretariat"])
    _wallboard(roles, CALLS, users=["0013"], groups=["Secretariat"])

    assert roles.dissolve("Secretariat") == ["0010", "wallboard"]

    roles.join("Secretariat", ["0011"])  # another group of the same name
    assert roles.supervisors == {}
    assert _of(roles, "wallboard").read == ("starface/users/0013/calls", *CHAIN)


def test_rights_are_taken_of_some_or_of_all(roles: Roles) -> None:
    roles.supervise("0010", STATE, ["0011", "0012"], ["Secretariat"])

    roles.release("0010", ["0011"], ["Secretariat"])
    assert roles.supervisors["0010"].users == {"0012": STATE}

    roles.release("0010")
    assert roles.supervisors == {}


@pytest.mark.parametrize(
    "ask",
    [
        lambda roles: roles.supervise("0010", STATE, [], ["Partners"]),
        lambda roles: roles.dissolve("Partners"),
        lambda roles: roles.leave("Secretariat", ["0013"]),
        lambda roles: roles.release("0010"),
        lambda roles: roles.application("crm"),
    ],
)
def test_what_is_not_there_is_refused(roles: Roles, ask: Callable[[Roles], object]) -> None:
    before = roles.model_copy(deep=True)

    with pytest.raises(RightsRefused):
        ask(roles)

    assert roles == before


def test_a_colleague_can_see_who_reads_of_him(roles: Roles) -> None:
    roles.supervise("0010", STATE, ["0011"], ["Secretariat"])
    _wallboard(roles, CALLS, everybody=True)

    assert list(roles.readers_of("0011")) == [("0010", ("state",)), ("wallboard", ("calls",))]
    assert list(roles.readers_of("0013")) == [("wallboard", ("calls",))]


@pytest.mark.parametrize("login", ["+", ""])
def test_a_wildcard_is_no_user(login: str) -> None:
    with pytest.raises(ValidationError):
        Roles.model_validate({"applications": {"x": {"users": {login: {"reads": ["calls"]}}}}})


def test_what_another_release_lets_be_read_is_no_right_and_no_fault() -> None:
    reported = Right.model_validate_json('{"reads": ["faxes", "calls"], "may": []}')

    assert reported == CALLS
