import pytest

from bus.access.accounts import caller_account
from consumers.caller.processes import MANY, mode_for, served_in
from consumers.caller.settings import Processes

LOGINS = tuple(f"{number:04}" for number in range(MANY))
ACCOUNTS = {caller_account(login) for login in LOGINS}


@pytest.mark.parametrize(
    ("processes", "active", "expected"),
    [
        ("auto", 0, "per-user"),
        ("auto", MANY - 1, "per-user"),
        ("auto", MANY, "pooled"),
        ("per-user", MANY, "per-user"),
        ("pooled", 1, "pooled"),
    ],
)
def test_the_office_decides_up_to_its_size(
    processes: Processes, active: int, expected: str
) -> None:
    assert mode_for(processes, LOGINS[:active], ACCOUNTS) == expected


def test_one_process_serves_all_while_a_user_has_no_account_for_his_own() -> None:
    assert mode_for("auto", ["0000", "new"], ACCOUNTS) == "pooled"
    assert mode_for("per-user", ["0000", "new"], ACCOUNTS) == "per-user"


def test_each_process_has_the_account_of_its_user() -> None:
    served = served_in("per-user", ["0000", "0001", "new"], ACCOUNTS)

    assert served == {"caller-for-0000": ("0000",), "caller-for-0001": ("0001",)}
    assert served_in("pooled", ["0000"], ACCOUNTS) == {"caller": None}
