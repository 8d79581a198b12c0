from runtime.failed_attempts import FailedAttempts


def test_who_has_failed_too_often_waits_until_the_first_failure_is_long_ago() -> None:
    now = [0.0]
    attempts = FailedAttempts(2, 60.0, lambda: now[0])
    attempts.note(("0011", "192.0.2.1"))
    now[0] = 30.0
    assert not attempts.reached(("0011", "192.0.2.1"))

    attempts.note(("0011", "192.0.2.1"))
    assert attempts.reached(("0011", "192.0.2.1"))
    assert not attempts.reached(("0012", "192.0.2.1"))
    assert not attempts.reached(("0011", "192.0.2.2"))

    now[0] = 61.0
    assert not attempts.reached(("0011", "192.0.2.1"))


def test_a_success_forgets_the_failures_before() -> None:
    attempts = FailedAttempts(2, 60.0)
    attempts.note("0011")
    attempts.note("0011")

    attempts.forget("0011")

    assert not attempts.reached("0011")


def test_no_more_is_remembered_than_10000_who_failed() -> None:
    attempts = FailedAttempts(1, 60.0)
    for number in range(10_001):
        attempts.note(number)

    assert not attempts.reached(0)
    assert attempts.reached(1)
