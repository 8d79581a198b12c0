import json
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.commands.developers.deploy import File

ROOT = Path(__file__).parents[4]


def _printed(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("name", get_args(File))
def test_every_file_for_running_it_is_printed(name: str) -> None:
    assert len(_printed("deploy", name).splitlines()) > 10


def test_the_contract_is_printed_as_it_is_committed() -> None:
    assert _printed("contract") == (ROOT / "docs" / "asyncapi.json").read_text()
    assert json.loads(_printed("contract", "openapi"))["openapi"].startswith("3.")
    schemas = json.loads(_printed("contract", "schemas"))
    assert schemas.keys() == {path.stem for path in (ROOT / "docs" / "schemas").glob("*.json")}


def test_a_wheel_holds_every_file_that_can_be_printed() -> None:
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {target.removeprefix("share/starface2mqtt").strip("/")
               for target in packed["data-files"]}  # fmt: skip

    assert {"", "deploy/systemd", "deploy/container", "docs", "docs/schemas"} <= folders
