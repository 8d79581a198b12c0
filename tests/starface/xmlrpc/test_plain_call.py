"""The quick reader reads nothing that the strict one would read in another way."""

import random

import pytest

from starface.xmlrpc.plain_call import read_plain_call
from starface.xmlrpc.reading import CALL_BYTES, CALL_ELEMENTS, DEPTH, Unreadable, Value, _read
from starface.xmlrpc.values import DateTime
from starface.xmlrpc.writing import write_call

USUAL = write_call(
    "ucp.v22.events.call.receiveCallState",
    [{"id": "c-1", "state": "RINGING", "callerName": "Jörg Müller", "callerNumber": "0041441234567",
      "called": 11, "replayed": True, "timestamp": DateTime("20250314T09:15:21")}],
)  # fmt: skip
APACHE = (
    b'<?xml version="1.0" encoding="UTF-8"?><methodCall xmlns:ex="http://ws.apache.org/xmlrpc/'
    b'namespaces/extensions"><methodName>a.b</methodName><params>\r\n<param><value><struct>'
    b"<member><name>id</name><value>c 1 </value></member>\t<member><name>x</name><value> "
    b"<string> y\n</string> </value></member></struct></value></param></params></methodCall>\n"
)
PIECES = (
    b"<", b">", b"&", b"&amp;", b"&#10;", b"]]>", b"<!-- -->", b"<![CDATA[x]]>", b"<?x?>", b" ",
    b"\r", b"\n", b"\0", b"\x0b", b"\x1f", b"\x7f", b"\xc2\x85", b"\xef\xbf\xbe", b"\xef\xbb\xbf",
    b"\xff", b"\xe2\x80\xa8", b"<value>", b"</value>", b"<struct>", b"</struct>", b"<member>",
    b"</member>", b"<name>id</name>", b"<i4>1</i4>", b"<string/>", b"<nil/>", b" a='b'", b"'",
    b'"',
    b"<methodName>", b"<!DOCTYPE a>",
    b"<params>", b"</params>", b"</methodCall>", b"<int> 7 </int>",
    b'<?xml version="1.0"?>', b' encoding="latin-1"', b' standalone="yes"', b"<boolean>2</boolean>",
)  # fmt: skip

Read = tuple[str, list[Value]] | str


def _strictly(body: bytes, charset: str | None) -> Read:
    try:
        call = _read(
            body, "methodCall", CALL_BYTES, DEPTH, CALL_ELEMENTS, charset=charset, lenient=True
        )
    except Unreadable as error:
        return str(error)
    return call[0], call[1] if len(call) > 1 else []


@pytest.mark.parametrize("body", [USUAL, APACHE])
def test_the_usual_notification_needs_no_parser(body: bytes) -> None:
    assert read_plain_call(body, "UTF-8") == _strictly(body, None)
    assert isinstance(read_plain_call(body, None), tuple)


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "nonsense"])
def test_a_charset_counts_where_none_is_declared(charset: str) -> None:
    assert read_plain_call(USUAL.partition(b"?>")[2], charset) is None
    assert read_plain_call(USUAL, charset) is not None


@pytest.mark.parametrize("charset", [None, "utf-8", "iso-8859-1"])
def test_whatever_is_changed_it_is_read_as_by_the_strict_reader_or_left_to_it(
    charset: str | None,
) -> None:
    chance = random.Random(9)
    read = 0
    for _ in range(4_000):
        body = bytearray(chance.choice([USUAL, APACHE]))
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(body))
            length = chance.choice([0, 0, 1, 8])
            body[at : at + length] = chance.choice(PIECES) if chance.random() < 0.9 else b""
        quick = read_plain_call(bytes(body), charset)
        read += quick is not None
        assert quick in (None, _strictly(bytes(body), charset)), bytes(body)

    assert 50 < read < 3_900
