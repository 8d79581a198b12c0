from runtime.bounded_dict import Recent


def test_the_oldest_key_goes_first() -> None:
    recent: Recent[str, int] = Recent(2)
    for number, key in enumerate("abc"):
        recent[key] = number

    assert [recent.get(key) for key in "abc"] == [None, 1, 2]
    assert "a" not in recent


def test_what_is_kept_again_is_the_newest_again() -> None:
    recent: Recent[str, int] = Recent(2)
    for key in "abac":
        recent[key] = 0

    assert ("a" in recent, "b" in recent) == (True, False)


def test_what_is_dropped_makes_room() -> None:
    recent: Recent[str, int] = Recent(2)
    for key in "ab":
        recent[key] = 0
    recent.pop("a", None)
    recent.pop("never kept", None)
    recent["c"] = 0

    assert ("b" in recent, "c" in recent) == (True, True)
