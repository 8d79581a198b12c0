import pytest

from runtime.one_line import LONGEST, shown


@pytest.mark.parametrize(
    ("value", "line"),
    [("plain", "plain"), ("a\nb\x1b[2J\u202ec", "a b [2J c"), (" \t", ""), (7, "7"), ("ü€", "ü€")],
)
def test_a_value_is_one_line_without_control_characters(value: object, line: str) -> None:
    assert shown(value) == line


def test_a_long_value_is_cut_and_says_so() -> None:
    assert shown("x" * LONGEST) == "x" * LONGEST
    assert shown("x" * (LONGEST + 1)) == "x" * (LONGEST - 1) + "…"
    assert shown("abc", 2) == "a…"
