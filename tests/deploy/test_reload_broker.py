import os
import subprocess
from pathlib import Path

from tests.conftest import ROOT


def test_what_changes_while_the_broker_is_restarted_is_read_by_one_more_restart(
    tmp_path: Path,
) -> None:
    for name in ("passwords", "acl"):
        (tmp_path / name).write_text("before")
    calls = tmp_path / "calls"
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(
        f'#!/bin/sh\necho "$@" >>{calls}\necho "user add 0012" >{tmp_path / "passwords"}\n'
    )
    systemctl.chmod(0o755)

    subprocess.run(
        ["sh", ROOT / "deploy" / "systemd" / "reload-broker", "broker.service", tmp_path],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=True, timeout=30,
    )  # fmt: skip

    restarts = calls.read_text().splitlines()
    assert len(restarts) == 2
    assert all(line.endswith(" broker.service") for line in restarts)
