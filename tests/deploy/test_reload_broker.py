import os
import subprocess
from pathlib import Path

from tests.conftest import ROOT


def _restarts(folder: Path, *, while_waiting: str = "", while_restarting: str = "") -> list[str]:
    """Return how the broker was restarted, while users are added by shell commands."""
    for name in ("passwords", "acl", "calls"):
        (folder / name).touch()
    programs = folder / "programs"
    programs.mkdir()
    for name, body in (
        ("sleep", while_waiting),
        ("systemctl", f'echo "$@" >>{folder}/calls\n{while_restarting}'),
    ):
        (programs / name).write_text(f"#!/bin/sh\ncd {folder}\n{body}\n")
        (programs / name).chmod(0o755)
    subprocess.run(
        ["sh", ROOT / "deploy" / "systemd" / "reload-broker", "broker.service", folder],
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}, check=True, timeout=30,
    )  # fmt: skip
    return (folder / "calls").read_text().splitlines()


def test_what_changes_while_the_broker_is_restarted_is_read_by_one_more_restart(
    tmp_path: Path,
) -> None:
    restarts = _restarts(tmp_path, while_restarting="echo 0012 >passwords")

    assert len(restarts) == 2
    assert all(line.endswith(" broker.service") for line in restarts)


def test_users_added_one_after_the_other_go_with_one_restart(tmp_path: Path) -> None:
    restarts = _restarts(
        tmp_path, while_waiting="[ $(wc -l <passwords) -ge 9 ] || echo 0012 >>passwords"
    )

    assert len(restarts) == 1


def test_a_broker_is_restarted_though_users_are_added_without_end(tmp_path: Path) -> None:
    add = "[ $(wc -l <passwords) -ge 20 ] || echo 0012 >>passwords"

    assert len(_restarts(tmp_path, while_waiting=add, while_restarting=add)) == 2
