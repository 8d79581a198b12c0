"""A data folder that cannot be read or written: one sentence with the file, and exit code 1."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.site.files import make_site
from cli.site.settings import Settings
from tests.conftest import ROOT

# Root may read everything, unless it does without that right.
_AS_ANYBODY = (
    "setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search", "--no-new-privs",
)  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Settings]:
    settings = make_site(tmp_path / "site", {"site": {"language": "en"}})
    settings.site.data_folder.chmod(0o000)
    yield settings
    settings.site.data_folder.chmod(0o700)


@pytest.mark.parametrize("command", [["why"], ["dials"], ["user", "list"], ["off", "0011"]])
def test_an_unreadable_folder_is_one_sentence(site: Settings, command: list[str]) -> None:
    done = subprocess.run(
        [*(() if os.geteuid() else _AS_ANYBODY),
         sys.executable, "-m", "cli", "--config", str(site.file), *command],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("starface2mqtt: ")
    assert str(site.site.data_folder) in line
    assert "Permission denied" in line
