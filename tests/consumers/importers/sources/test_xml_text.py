from xml.etree import ElementTree

import pytest

from consumers.importers.sources.xml_text import readable

HEAD = '<?xml version="1.0" encoding="{}"?>\n'


def text_of(octets: bytes) -> str | None:
    return ElementTree.fromstring(readable(octets, "?")).text  # noqa: S314  (our own)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Jürg &amp; Co", "Jürg & Co"),
        ("Jürg & Co", "Jürg & Co"),
        ("J&uuml;rg", "Jürg"),
        ("J&#252;rg&#13;", "Jürg\r"),
        ("a&lt;b", "a<b"),
        ("<![CDATA[Jürg & Co]]>", "Jürg & Co"),
        ("a\x10b", "a?b"),
        ("a&#16;b&#0016;c&#x1;d", "a?b?c?d"),
        ("a&#xD83D;&#xDE00;b&#xFFFE;", "a??b?"),
        ("a&foo;b", "a&foo;b"),
    ],
)
def test_what_xml_forbids_is_read_as_it_is_meant_or_replaced(written: str, read: str) -> None:
    assert text_of(f"{HEAD.format('utf-8')}<a>{written}</a>".encode()) == read


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_an_encoding_counts_as_it_is_declared(charset: str) -> None:
    assert text_of(f"{HEAD.format(charset)}<a>Jürg</a>".encode(charset)) == "Jürg"


@pytest.mark.parametrize(
    "octets",
    [
        "\ufeff<a>Jürg</a>".encode(),
        f"\r\n\r\n{HEAD.format('utf-8')}<a>Jürg</a>".encode(),
        f"{HEAD.format('iso-8859-1')}<a>Jürg</a>".encode(),  # it is UTF-8 all the same
        f"{HEAD.format('utf-8')}<a>Jürg</a>".encode("cp1252"),
    ],
)
def test_bytes_count_more_than_what_is_said_of_them(octets: bytes) -> None:
    assert text_of(octets) == "Jürg"
