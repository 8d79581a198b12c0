import subprocess
import sys
from pathlib import Path

import pytest

from runtime.lock import LockTaken, locked

# Holds the lock until it is killed, and says when it has it.
HOLDER = """
import sys
from pathlib import Path
from runtime.lock import locked
with locked(Path(sys.argv[1]), 5):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_process_at_a_time_holds_a_lock_and_a_killed_one_no_more(tmp_path: Path) -> None:
    path = tmp_path / "the.lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockTaken, match="held by another process"), locked(path, 0):
            pass
        holder.kill()
        holder.wait()

        with locked(path, 5):
            assert path.stat().st_mode & 0o777 == 0o600


def test_a_lock_is_free_again_after_an_error_and_its_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "the.lock"
    with pytest.raises(ZeroDivisionError), locked(path, 0):
        raise ZeroDivisionError

    with locked(path, 0):
        pass
    assert path.exists()


def test_the_same_process_waits_for_its_own_lock_too(tmp_path: Path) -> None:
    path = tmp_path / "the.lock"
    with locked(path, 0), pytest.raises(LockTaken), locked(path, 0):
        pass
