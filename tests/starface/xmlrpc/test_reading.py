import contextlib
import math
import time
from datetime import datetime
from xmlrpc.client import dumps, loads

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starface.xmlrpc.reading import (
    DateTime,
    Faulted,
    Unreadable,
    Value,
    read_call,
    read_response,
    write_call,
    write_fault,
    write_response,
)

RINGING = """<?xml version="1.0" encoding="UTF-8"?>
<methodCall>
  <methodName>ucp.v22.events.call.receiveCallState</methodName>
  <params>
    <param><value>
      <struct>
        <member><name>id</name><value><string>c2b7d1f0</string></value></member>
        <member><name>state</name><value>RINGING</value></member>
        <member><name>timestamp</name><value>
          <dateTime.iso8601>20250314T09:15:21</dateTime.iso8601></value></member>
        <member><name>callerName</name><value><string>Jörg &amp; Müller</string></value></member>
      </struct>
    </value></param>
  </params>
</methodCall>
"""


def answer(inside: str) -> bytes:
    return f"<methodResponse><params><param>{inside}</param></params></methodResponse>".encode()


def test_a_notification_is_read() -> None:
    method, [reported] = read_call(RINGING.encode())

    assert method == "ucp.v22.events.call.receiveCallState"
    assert reported == {
        "id": "c2b7d1f0",
        "state": "RINGING",
        "timestamp": "20250314T09:15:21",
        "callerName": "Jörg & Müller",
    }


def _named(name: str, declared: str = "UTF-8") -> str:
    return (
        f'<?xml version="1.0" encoding="{declared}"?><methodCall><methodName>a.b</methodName>'
        "<params><param><value><struct><member><name>callerName</name><value><string>"
        f"{name}</string></value></member></struct></value></param></params></methodCall>"
    )


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Anna &#55357;&#56832; Beck", "Anna 😀 Beck"),  # as Apache's writer puts it
        ("Anna &#xD83D;&#xDE00;", "Anna 😀"),
        ("Anna&#1; Beck", "Anna Beck"),
        ("Anna\x02 Beck", "Anna Beck"),
        ("Meier & Co", "Meier & Co"),
        ("Meier & S&ouml;hne &lt;AG&gt; &#38;", "Meier & Söhne <AG> &"),
        ("&unknown; &#9999999;&", "&unknown; &"),
    ],
)
def test_a_name_that_xml_forbids_loses_no_call(written: str, name: str) -> None:
    _, [reported] = read_call(_named(written).encode())

    assert reported == {"callerName": name}


def test_what_xml_forbids_is_read_in_the_declared_encoding() -> None:
    body = _named("Müller & Söhne", "ISO-8859-1").encode("iso-8859-1")

    assert read_call(body)[1] == [{"callerName": "Müller & Söhne"}]


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ("KOI8-R", "Анна"), ("windows-1251", "Анна"), ("ISO-8859-7", "Άννα"), ("cp437", "Jürg"),
        ("Shift_JIS", "田中"), ("GB18030", "王"), ("EUC-KR", "김"), ("macintosh", "Jürg"),
        ("ISO-8859-9", "Ayşe"),
    ],
)  # fmt: skip
def test_a_declared_encoding_counts(declared: str, name: str) -> None:
    assert read_call(_named(name, declared).encode(declared))[1] == [{"callerName": name}]


@pytest.mark.parametrize(
    "value",
    ["<ex:dom><a><string>1</string></a><b/></ex:dom>", "<array/>", "<x/>", "<x>1<y>2</y>3</x>",
     "<int>99999999999</int>", "<int/>", "<double>NaN</double>", "<boolean>yes</boolean>",
     "<dateTime.iso8601>yesterday</dateTime.iso8601>", "<base64>a===</base64>", "<nil>x</nil>"],
)  # fmt: skip
def test_a_value_that_nobody_knows_loses_no_call(value: str) -> None:
    member = f"<member><name>new</name><value>{value}</value></member></struct>"
    _, [reported] = read_call(_named("Anna").replace("</struct>", member).encode())

    assert isinstance(reported, dict)
    assert reported["callerName"] == "Anna"


def test_a_member_twice_counts_if_it_says_the_same() -> None:
    member = "<member><name>callerName</name><value>Anna</value></member></struct>"
    twice = _named("Anna").replace("</struct>", member)

    assert read_call(twice.encode())[1] == [{"callerName": "Anna"}]
    with pytest.raises(Unreadable, match="a member twice"):
        read_call(twice.replace("<value>Anna", "<value>Berta").encode())


@pytest.mark.parametrize("params", ["", "<params/>", "<params></params>"])
def test_a_call_without_parameters_has_none(params: str) -> None:
    body = f"<methodCall><methodName>a.b</methodName>{params}</methodCall>"

    assert read_call(body.encode()) == ("a.b", [])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("<value>bare</value>", "bare"),
        ("<value></value>", ""),
        ("<value/>", ""),
        ("<value> two words </value>", " two words "),
        ("<value>\n <string>x</string>\n </value>", "x"),
        ("<value><string/></value>", ""),
        ("<value><string><![CDATA[a<b]]></string></value>", "a<b"),
        ("<value><string>a<!-- b -->c</string></value>", "ac"),
        ("<value><string>&#228;&lt;</string></value>", "ä<"),
        ("<value><int>-7</int></value>", -7),
        ("<value><i4> 7 </i4></value>", 7),
        ("<value><i8>99999999999</i8></value>", 99999999999),
        ("<value><boolean>1</boolean></value>", True),
        ("<value><boolean>false</boolean></value>", False),
        ("<value><double>-.5</double></value>", -0.5),
        (
            "<value><dateTime.iso8601>2025-03-14T09:15:21.123Z</dateTime.iso8601></value>",
            "2025-03-14T09:15:21.123Z",
        ),
        ("<value><base64>aGFs\nbG8=</base64></value>", b"hallo"),
        ("<value><nil/></value>", None),
        ("<value><ex:nil/></value>", None),
        ("<value><array><data/></array></value>", []),
        (
            "<value><array><data><value>a</value><value><int>1</int></value></data></array></value>",
            ["a", 1],
        ),
        ("<value><struct/></value>", {}),
        (
            "<value><struct><member><name>n</name><value><nil/></value></member></struct></value>",
            {"n": None},
        ),
    ],
)
def test_a_value_is_read(written: str, expected: Value) -> None:
    value = read_response(answer(written))

    assert value == expected
    assert type(value) in (type(expected), DateTime)


@pytest.mark.parametrize(
    "written",
    [
        "<value><i4>99999999999</i4></value>",
        "<value><int> 1_000 </int></value>",
        "<value><int>٣</int></value>",
        "<value><int/></value>",
        "<value><boolean>2</boolean></value>",
        "<value><boolean>yes</boolean></value>",
        "<value><double>NaN</double></value>",
        "<value><double>inf</double></value>",
        "<value><double>1e999</double></value>",
        "<value><double>1e999999999</double></value>",
        "<value><bigdecimal>1e999999999</bigdecimal></value>",
        "<value><dateTime.iso8601>yesterday</dateTime.iso8601></value>",
        "<value><base64>a===</base64></value>",
        "<value><nil>x</nil></value>",
        "<value>text<int>1</int></value>",
        "<value><int>1</int>text</value>",
        "<value><int>1</int><int>2</int></value>",
        "<value><string>a<b/></string></value>",
        "<value><value>a</value></value>",
        "<value><array><value>a</value></array></value>",
        "<value><array><data/><data/></array></value>",
        "<value><struct>junk</struct></value>",
        "<value><struct><member><name>n</name></member></struct></value>",
        "<value><struct><member><value>n</value></member></struct></value>",
        "<value><struct><member><value>v</value><name>n</name></member></struct></value>",
        "<value><struct><member><name>n</name><value/><value/></member></struct></value>",
        "<value><struct><member><name>n</name><value/></member>"
        "<member><name>n</name><value>x</value></member></struct></value>",
        "<value/><value/>",
        "<string>x</string>",
        "",
        "<value>&undefined;</value>",
        "<value>\x01</value>",
        "<value>",
    ],
)
def test_what_is_no_value_is_unreadable(written: str) -> None:
    with pytest.raises(Unreadable):
        read_response(answer(written))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"hallo",
        b"{}",
        b"<html><body>Login</body></html>",
        b"<methodResponse/>",
        b"<methodCall/>",
        b"<methodCall><params/></methodCall>",
        b"<methodCall><methodName></methodName></methodCall>",
        b"<methodCall><methodName>a b</methodName></methodCall>",
        b"<methodCall><methodName>" + b"a" * 129 + b"</methodName></methodCall>",
        b"<methodCall><methodName>a</methodName><methodName>a</methodName></methodCall>",
        b"<methodCall><params/><methodName>a</methodName></methodCall>",
        b"<methodCall><methodName>a</methodName><params/><params/></methodCall>",
        b"<methodCall><methodName>a</methodName></methodCall><x/>",
        b"<methodCall><methodName>a</methodName>",
        b"<methodCall><methodName>\xff</methodName></methodCall>",
        b"\xff\xfe<\x00",
        b"<?xml version='1.0' encoding='utf-7'?><methodCall/>",
        b"<?xml version='1.0' encoding='idna'?><methodCall/>",
    ],
)
def test_what_is_no_call_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_call(body)


def test_a_declared_latin_1_document_is_read() -> None:
    body = '<?xml version="1.0" encoding="ISO-8859-1"?>' + answer("<value>Müller</value>").decode()

    assert read_response(body.encode("latin-1")) == "Müller"


def test_bytes_that_are_not_the_declared_encoding_are_unreadable() -> None:
    with pytest.raises(Unreadable, match="not well-formed"):
        read_response('<?xml version="1.0" encoding="UTF-8"?><methodResponse>ü'.encode("latin-1"))


BOMB = b"""<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<methodCall><methodName>a</methodName><params><param><value>&b;</value></param></params></methodCall>"""
FILE = b"""<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<methodCall><methodName>a</methodName><params><param><value>&a;</value></param></params></methodCall>"""


@pytest.mark.parametrize("body", [BOMB, FILE, b"<!DOCTYPE methodCall><methodCall/>"])
def test_a_doctype_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable, match="DOCTYPE"):
        read_call(body)


def nested(levels: int) -> bytes:
    opening, closing = "<value><array><data>" * levels, "</data></array></value>" * levels
    return answer(opening + closing)


def test_a_document_may_be_deep_but_not_too_deep() -> None:
    assert read_response(nested(6)) == [[[[[[]]]]]]
    with pytest.raises(Unreadable, match="deeper than 24 levels"):
        read_response(nested(8))
    with pytest.raises(Unreadable, match="deeper than 24 levels"):
        read_response(nested(10_000))


def test_a_call_has_at_most_2000_elements() -> None:
    def call(values: int) -> bytes:
        return write_call("a", [["x"] * values])

    assert read_call(call(990))[1] == [["x"] * 990]
    with pytest.raises(Unreadable, match="more than 2000 elements"):
        read_call(call(1_000))


def test_a_call_is_at_most_64_kib() -> None:
    empty = len(write_call("a", [""]))

    assert read_call(write_call("a", ["x" * (65_536 - empty)]))[0] == "a"
    with pytest.raises(Unreadable, match="larger than 65536 bytes"):
        read_call(write_call("a", ["x" * (65_537 - empty)]))


def test_a_response_is_at_most_1_mib() -> None:
    with pytest.raises(Unreadable, match="larger than 1048576 bytes"):
        read_response(answer("<value>" + "x" * 1_048_576 + "</value>"))


def test_a_fault_is_raised_with_its_code_and_text() -> None:
    with pytest.raises(Faulted) as raised:
        read_response(write_fault(5, "UcpNotConnectedException"))

    assert (raised.value.code, raised.value.text) == (5, "UcpNotConnectedException")
    assert "Ucp" not in str(raised.value)


def test_a_fault_without_code_or_text_is_still_a_fault() -> None:
    with pytest.raises(Faulted):
        read_response(b"<methodResponse><fault><value><struct/></value></fault></methodResponse>")


def test_a_fault_that_is_no_struct_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        read_response(b"<methodResponse><fault><value>x</value></fault></methodResponse>")


def test_an_answer_without_a_value_is_none() -> None:
    assert read_response(b"<methodResponse><params/></methodResponse>") is None


def test_what_is_unreadable_is_not_repeated() -> None:
    for body in (b"<SECRET/>", answer("<value><int>SECRET</int></value>"), b"SECRET"):
        with pytest.raises(Unreadable) as raised:
            read_response(body)
        assert "SECRET" not in str(raised.value)


def test_a_struct_with_a_time_is_written() -> None:
    written = write_call("a", [{"timestamp": datetime(2025, 3, 14, 9, 15, 21)}])  # noqa: DTZ001

    assert b"<dateTime.iso8601>20250314T09:15:21</dateTime.iso8601>" in written


@pytest.mark.parametrize("value", ["\x00", "\ud800", "\uffff", math.nan, 2**63])
def test_what_xml_cannot_hold_is_not_written(value: Value) -> None:
    with pytest.raises(ValueError, match=r"a character|a double|an integer"):
        write_call("a", [value])


def test_the_standard_library_understands_what_is_written() -> None:
    params: list[Value] = ["Müller <&>", 7, True, 1.5, ["a"], {"n": ""}]

    assert loads(write_call("a.b", params)) == (tuple(params), "a.b")


def test_what_the_standard_library_writes_is_understood() -> None:
    params = ("Müller <&>", 7, True, 1.5, ["a"], {"n": None})

    assert read_call(dumps(params, "a.b", allow_none=True).encode()) == ("a.b", list(params))


texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r")
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.binary(max_size=50)
    | st.datetimes().map(lambda at: DateTime(at.strftime("%Y%m%dT%H:%M:%S").zfill(17)))
)
values: st.SearchStrategy[Value] = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=15
)


def depth(value: Value) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth, inner), default=0)


@settings(max_examples=300)
@given(values.filter(lambda value: depth(value) <= 6))
def test_what_is_written_is_read_again(value: Value) -> None:
    assert read_response(write_response(value)) == value
    assert read_call(write_call("a", [value])) == ("a", [value])


@settings(max_examples=500)
@given(st.data())
def test_a_damaged_document_is_read_or_unreadable(data: st.DataObject) -> None:
    body = bytearray(RINGING.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert"])):
            case "flip":
                body[at] = data.draw(st.integers(0, 255))
            case "cut":
                del body[at : at + data.draw(st.integers(1, 40))]
            case "insert":
                body[at:at] = data.draw(
                    st.sampled_from(
                        [
                            b"<value>",
                            b"</value>",
                            b"<!DOCTYPE x>",
                            b"&x;",
                            b"<![CDATA[",
                            b"\x00",
                            b"<int>",
                        ]
                    )
                )
        if not body:
            return
    with contextlib.suppress(Unreadable):
        read_call(bytes(body))


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_unreadable(body: bytes) -> None:
    for read in (read_call, read_response):
        with contextlib.suppress(Unreadable, Faulted):
            read(body)


@pytest.mark.parametrize(
    "body",
    [
        b"<a>" * 300_000,
        b"<methodResponse><params><param><value><array><data>" + b"<value/>" * 125_000,
        b"<methodResponse " + b" ".join(b'a%d="1"' % n for n in range(90_000)) + b"/>",
        b"<methodResponse>" + b"&#32;" * 200_000,
        b"<methodResponse>" + b"<!---->" * 140_000,
        answer("<value><base64>" + "a" * 1_000_001 + "</base64></value>"),
        answer("<value><int>" + "9" * 1_000_000 + "</int></value>"),
        answer("<value><double>" + "9" * 1_000_000 + "</double></value>"),
    ],
)
def test_no_input_takes_long(body: bytes) -> None:
    started = time.process_time()
    with pytest.raises(Unreadable):
        read_response(body)

    assert time.process_time() - started < 0.5
