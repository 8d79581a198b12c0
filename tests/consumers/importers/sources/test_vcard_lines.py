import pytest

from consumers.importers.sources.vcard_lines import NEVER_CLOSED, NoLine, VCard, cards

FRONT = b"BEGIN:VCARD\r\nVERSION:3.0\r\n"
END = b"END:VCARD\r\n"


def read(octets: bytes) -> list[VCard | NoLine]:
    return list(cards(octets.splitlines(keepends=True), lambda raw, _: raw.decode("utf-8")))


def card_of(lines: bytes) -> VCard:
    [card] = (found for found in read(FRONT + lines + END) if isinstance(found, VCard))
    return card


def text_of(lines: bytes, name: str) -> str:
    entry = card_of(lines).first(name)
    return entry.text if entry else ""


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (b"FN:Anna\r\n Meier\r\n", "AnnaMeier"),
        (b"FN:M\xc3\r\n \xbcller\r\n", "Müller"),  # a fold within a letter
        (b"FN;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:M=C3=\r\n=BCller\r\n", "Müller"),
        (b"FN;CHARSET=windows-1250;ENCODING=QUOTED-PRINTABLE:=A3ukasz\r\n", "Łukasz"),
        (b"FN;ENCODING=B:TcO8bGxlcg==\r\n", "Müller"),
        (b"fn:Anna\r\n", "Anna"),
        (b"FN : Anna\r\n", "Anna"),
        (b"FN:Meier\\, Anna\r\n", "Meier, Anna"),
        (b'FN;X-A="a:b;c":Anna\r\n', "Anna"),
        (b"item1.FN:Anna\r\n", "Anna"),
        (b"ORG:Muster\r\nFN:Anna\r\nund Beat\r\n", "Anna und Beat"),  # broken, not folded
    ],
)
def test_a_property_is_read_however_its_lines_are_written(lines: bytes, text: str) -> None:
    assert text_of(lines, "FN") == text


@pytest.mark.parametrize(
    ("line", "types"),
    [
        (b"TEL;WORK;VOICE:1\r\n", {"WORK", "VOICE"}),
        (b"TEL;TYPE=work,voice:1\r\n", {"WORK", "VOICE"}),
        (b'TEL;TYPE="work,voice":1\r\n', {"WORK", "VOICE"}),
        (b"TEL;TYPE=home\\,voice:1\r\n", {"HOME", "VOICE"}),
        (b"TEL;TYPE=home;TYPE=pref:1\r\n", {"HOME", "PREF"}),
    ],
)
def test_the_types_of_a_number_are_read_in_every_spelling(line: bytes, types: set[str]) -> None:
    [number] = card_of(line).all("TEL")

    assert number.types - {""} == types


def test_cards_glued_together_are_apart() -> None:
    glued = FRONT + b"FN:Anna\r\nEND:VCARDBEGIN:VCARD\r\nFN:Beat\r\n" + END

    assert [found.first("FN") for found in read(glued) if isinstance(found, VCard)]
    assert [found.line for found in read(glued) if isinstance(found, VCard)] == [1, 4]


def test_a_card_that_is_never_closed_is_named_and_takes_no_other_along() -> None:
    first, second = read(FRONT + b"FN:Anna\r\n" + FRONT + b"FN:Beat\r\n" + END)

    assert isinstance(first, VCard)
    assert first.fault == NEVER_CLOSED
    assert isinstance(second, VCard)
    assert second.fault == ""


def test_lines_that_are_none_are_left_out_together() -> None:
    found = read(FRONT + b"FN:Anna\r\n<html>\r\n<body>\r\n" + END)

    assert [entry for entry in found if isinstance(entry, NoLine)] == [
        NoLine(4, 5, "no vCard line, left out")
    ]


def test_the_card_of_an_agent_is_not_the_card_of_its_owner() -> None:
    agent = b"FN:Anna\r\nAGENT:\r\nBEGIN:VCARD\r\nFN:Agent\r\nTEL:2\r\nEND:VCARD\r\nTEL:1\r\n"

    assert [number.text for number in card_of(agent).all("TEL")] == ["1"]


def test_a_structured_value_has_its_parts() -> None:
    name = card_of(b"N:M\\;ller;J;;Dr.\r\n").first("N")

    assert name is not None
    assert name.parts == ["M;ller", "J", "", "Dr."]


def test_a_photo_is_not_held() -> None:
    photo = b"PHOTO;ENCODING=b:" + b"A" * 70 + b"\r\n" + b" AAAA\r\n" * 1000 + b"FN:Anna\r\n"

    assert [entry.value for entry in card_of(photo).all("PHOTO")] == [""]
    assert text_of(photo, "FN") == "Anna"
