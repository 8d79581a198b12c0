from pathlib import Path

import pytest
from pydantic import SecretStr

from runtime.configuration import SettingsRefused
from runtime.secret_box import SealBroken, SecretBox, new_key, read_secret_box


def test_what_was_sealed_is_opened_with_the_same_key_only() -> None:
    box = SecretBox(new_key())
    sealed = box.close(SecretStr("Grün#2024"))

    assert "2024" not in sealed
    assert box.open_text(sealed) == "Grün#2024"
    with pytest.raises(SealBroken, match="this site's seal key"):
        SecretBox(new_key()).open(sealed)


@pytest.mark.parametrize("changed", ["", "x", "Z" * 140, "gAAAAA=="])
def test_a_changed_seal_is_broken(changed: str) -> None:
    with pytest.raises(SealBroken):
        SecretBox(new_key()).open(changed)


def test_a_key_file_is_read_with_its_line_end(tmp_path: Path) -> None:
    path, key = tmp_path / "seal.key", new_key()
    path.write_bytes(key + b"\n")
    path.chmod(0o600)

    sealed = read_secret_box(path).close(SecretStr("a"))
    assert SecretBox(key).open_text(sealed) == "a"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "there is no seal key; make it with: starface2mqtt init"), (b"", "restore it"),
     (b"short", "restore it"), (b"\xff" * 44, "restore it")],
)  # fmt: skip
def test_a_file_that_is_no_key_is_named_with_the_way_out(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "seal.key"
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)

    with pytest.raises(SettingsRefused, match=words) as refused:
        read_secret_box(path)
    assert str(path) in str(refused.value)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "seal.key"
    path.write_bytes(new_key())
    path.chmod(0o644)

    with pytest.raises(SettingsRefused, match="chmod 600"):
        read_secret_box(path)
