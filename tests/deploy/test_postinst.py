"""What the package does once its files are in place, on a machine that has sites already."""

import os
import subprocess
from pathlib import Path

from tests.conftest import ROOT


def _configure(folder: Path, *versions: str) -> list[str]:
    """Run the script for sites below a folder; return the calls of our own command."""
    etc, calls = folder / "etc", folder / "calls"
    for site in (etc, etc / "zurich"):
        site.mkdir()
        (site / "starface2mqtt.toml").touch()
    (etc / "secrets").mkdir()
    calls.touch()
    programs = folder / "programs"
    programs.mkdir()
    for name in ("getent", "install", "systemctl", "starface2mqtt"):
        said = f'echo "$@" >>{calls}' if name == "starface2mqtt" else "true"
        (programs / name).write_text(f"#!/bin/sh\n{said}\n")
        (programs / name).chmod(0o755)
    script = (ROOT / "deploy" / "debian" / "postinst").read_text()
    script = script.replace("/etc/starface2mqtt", str(etc)).replace("/var/lib", str(folder / "var"))
    subprocess.run(
        ["sh", "-c", script.replace("/run/systemd/system", str(etc)), "postinst", *versions],
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}, check=True, timeout=30,
    )  # fmt: skip
    return calls.read_text().splitlines()


def test_an_upgrade_gives_the_broker_the_rights_of_the_new_program(tmp_path: Path) -> None:
    calls = _configure(tmp_path, "configure", "0.1.0")

    assert calls == [
        f"--config {site}/starface2mqtt.toml broker files"
        for site in (tmp_path / "etc", tmp_path / "etc" / "zurich")
    ]


def test_a_first_installation_writes_nothing(tmp_path: Path) -> None:
    assert _configure(tmp_path, "configure", "") == []
