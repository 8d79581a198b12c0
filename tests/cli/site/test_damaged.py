"""A damaged file of a site: one sentence with the file and the way out, and no traceback."""

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from bus.numbers.private_numbers import NAME, changing, entry
from cli.app import app
from cli.site.errors import sentence
from cli.site.files import make_site
from cli.site.settings import Settings
from consumers.users import User, Users

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda whole: whole[: len(whole) // 3],
    "binary": lambda whole: b"\xff\x00\xfe" * len(whole),
    "zeros": lambda whole: bytes(len(whole)),
    "of another kind": lambda _: b"[1]\n",
    "nested": lambda _: b"[" * 100_000,
}
COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "secrets/site.key": (("journal",), ("gateway",)),
    "secrets/seal.key": (("dial",), ("sessions",)),
    "secrets/panel.key": (("panel",), ("sessions",)),
    "secrets/broker-accounts.json": (("journal",), ("group", "add", "sales", "0011")),
    "secrets/broker-roles.json": (("group", "list"), ("group", "add", "sales", "0011")),
    "secrets/broker-retired.json": (("group", "add", "sales", "0011"),),
    f"data/{NAME}": (("private", "list", "--user", "0011"),),
    "starface2mqtt.toml": (("user", "list"), ("gateway",)),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    site = make_site(tmp_path_factory.mktemp("site"), {"broker": {"port": 1}})
    with Users(site.database) as users:
        users.add(User(login="0011"))
    with changing(site.site.data_folder) as numbers:
        private = entry(site.site_key(), "0011", "+41445550101", "2026-01-01")
        numbers[private.mark] = private
    return site


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        (file, damage)
        for file in COMMANDS
        for damage in DAMAGE
        if not (file.endswith(".toml") and damage in ("empty", "cut"))  # which are fine as TOML
    ],
)
def test_a_damaged_file_is_one_sentence_with_the_way_out(
    site: Settings, file: str, damage: str
) -> None:
    path = site.folder / file
    whole = path.read_bytes()
    path.write_bytes(DAMAGE[damage](whole))
    try:
        for command in COMMANDS[file]:
            done = CliRunner().invoke(app, ["--config", str(site.file), *command])

            assert isinstance(done.exception, Exception)
            line = sentence(done.exception)
            assert line is not None
            assert str(path) in line
            assert "restore" in line or "known are" in line
            assert "\n" not in line
    finally:
        path.write_bytes(whole)
