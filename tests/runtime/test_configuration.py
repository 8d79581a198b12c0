import codecs
from pathlib import Path

import pytest

from runtime.configuration import SettingsRefused, read_text, read_toml

TEXT = 'name = "Büro"\n'


@pytest.mark.parametrize(
    "octets",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode(),
    ],
)
def test_a_file_is_read_as_any_editor_saves_it(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(octets)

    assert read_toml(path) == {"name": "Büro"}


def test_a_letter_in_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"a = 1\n# B\xfcro\n")

    with pytest.raises(SettingsRefused, match=r"a\.toml: line 2 .* save the file as UTF-8"):
        read_text(path)


@pytest.mark.parametrize("text", ["a = ", "a = 1\na = 2", "a = " + "[" * 100_000])
def test_what_is_not_toml_is_named_with_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)

    with pytest.raises(SettingsRefused, match=r"a\.toml: this is not TOML: .*; mend that place"):
        read_toml(path)
