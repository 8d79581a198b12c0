from runtime.bounded_dict import Recent


def test_the_oldest_key_goes_first() -> None:
    recent: Recent[str, int] = Recent(2)
    for number, key in enumerate("abc"):
        recent.keep(key, number)

    assert [recent.value(key) for key in "abc"] == [None, 1, 2]
    assert not recent.holds("a")


def test_what_is_kept_again_is_the_newest_again() -> None:
    recent: Recent[str, int] = Recent(2)
    for key in "abac":
        recent.keep(key, 0)

    assert (recent.holds("a"), recent.holds("b")) == (True, False)


def test_what_is_dropped_makes_room() -> None:
    recent: Recent[str, int] = Recent(2)
    for key in "ab":
        recent.keep(key, 0)
    recent.drop("a")
    recent.drop("never kept")
    recent.keep("c", 0)

    assert (recent.holds("b"), recent.holds("c")) == (True, True)
