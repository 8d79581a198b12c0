import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.actions.response_text import answer_text

PAGE = b"""<!DOCTYPE html><html><head><title>502 Bad Gateway</title>
<style>body { color: red }</style><script>alert(1)</script></head><body><h1>Sorry</h1><!-- x -->"""


@pytest.mark.parametrize(
    ("kind", "body", "given"),
    [
        ("text/plain", b"ok\n", "ok"),
        ("", b"ok", "ok"),
        ("", b"\x89PNG\x00\x01", ""),
        ("application/json; charset=utf-8", b'{"a":\r\n 1}', '{"a": 1}'),
        ("application/problem+json", b'{"title": "no"}', '{"title": "no"}'),
        ("text/html", PAGE, "502 Bad Gateway Sorry"),
        ("text/plain; charset=latin-1", "Büro".encode("latin-1"), "Büro"),
        ("text/plain; charset=nonsense", "Büro".encode(), "Büro"),
        ("text/plain", b"a\xffb", "ab"),
        ("text/plain", b"a\x1b[2Jb\x00c\x07", "a [2Jb c"),
        ("text/plain", "a\u202eb".encode(), "a b"),
        ("image/png", b"\x89PNG", ""),
        ("application/octet-stream", b"ok", ""),
        ("application/json", b"", ""),
    ],
)
def test_an_answer_becomes_one_line_of_text(kind: str, body: bytes, given: str) -> None:
    assert answer_text(kind, body) == given


def test_a_token_in_an_answer_is_not_kept() -> None:
    token = "0011:" + "a1" * 64

    assert token not in answer_text("text/plain", f"you sent {token}".encode())


@given(
    st.binary(max_size=5000),
    st.sampled_from(["", "text/plain", "text/html", "text/x; charset=utf-16"]),
)
def test_whatever_is_answered_is_a_short_printable_line(body: bytes, kind: str) -> None:
    reported = answer_text(kind, body)

    assert len(reported) <= 300
    assert reported.isprintable()
