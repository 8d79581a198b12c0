"""What the package does once its files are in place, on a machine that has sites already."""

import os
import subprocess
from pathlib import Path

from tests.conftest import ROOT

RESTART = "systemctl try-restart starface2mqtt.service starface2mqtt@*.service"


def _configure(folder: Path, *versions: str, rights: str = "as before") -> list[str]:
    """Run the script for sites below a folder; return what it had done, in this order.

    The new program writes these `rights` for the broker of the second site.
    """
    etc, calls = folder / "etc", folder / "calls"
    acl = etc / "zurich" / "mosquitto" / "acl"
    for site in (etc, etc / "zurich"):
        (site / "mosquitto").mkdir(parents=True)
        (site / "starface2mqtt.toml").touch()
    (etc / "secrets").mkdir()
    acl.write_text("as before")
    calls.touch()
    programs = folder / "programs"
    programs.mkdir()
    noted = f'echo "${{0##*/}} $*" >>{calls}\n'
    for name, does in {
        "getent": "true",
        "install": "true",
        "systemctl": noted,
        "starface2mqtt": f"{noted}case $2 in */zurich/*) printf %s '{rights}' >{acl} ;; esac",
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)
    script = (ROOT / "deploy" / "debian" / "postinst").read_text()
    script = script.replace("/etc/starface2mqtt", str(etc)).replace("/var/lib", str(folder / "var"))
    subprocess.run(
        ["sh", "-c", script.replace("/run/systemd/system", str(etc)), "postinst", *versions],
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}, check=True, timeout=30,
    )  # fmt: skip
    return [call for call in calls.read_text().splitlines() if call != "systemctl daemon-reload"]


def _written(site: Path) -> str:
    return f"starface2mqtt --config {site}/starface2mqtt.toml broker files"


def test_an_upgrade_has_the_broker_read_new_rights_before_the_new_program_connects(
    tmp_path: Path,
) -> None:
    etc = tmp_path / "etc"

    assert _configure(tmp_path, "configure", "0.1.0", rights="more") == [
        _written(etc),
        _written(etc / "zurich"),
        "systemctl start starface2mqtt-broker-reload@zurich.service",
        RESTART,
    ]


def test_an_upgrade_with_the_same_rights_leaves_the_broker_alone(tmp_path: Path) -> None:
    etc = tmp_path / "etc"

    assert _configure(tmp_path, "configure", "0.1.0") == [
        _written(etc),
        _written(etc / "zurich"),
        RESTART,
    ]


def test_a_first_installation_writes_nothing(tmp_path: Path) -> None:
    assert _configure(tmp_path, "configure", "") == []
