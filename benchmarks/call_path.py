"""How many files a call passes: from an MQTT message to the opened file, and the whole call.

    python benchmarks/call_path.py [--source ANOTHER_CHECKOUT]

Counts moves between files of ours (a call or a return that leaves one file for another) and the
files they touch, in the caller process and, for a whole call, in the gateway before it. Ends with 1
where a target is missed. `--source` measures another checkout's code, such as a git worktree of an
earlier commit, by the same scene.
"""

import argparse
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

MOVES, FILES = 60, 14  # from the message to the opened file
_SITE = "https://files.example/m/{id}"


class Path_:
    """The files of ours that the thread of the caller process walks through."""

    def __init__(self, root: Path) -> None:
        self._root = f"{root}/"
        self._at = ""
        self.moves = 0
        self.files: Counter[str] = Counter()

    def profile(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Note a call or return; for `sys.setprofile`."""
        if event not in ("call", "return"):
            return
        inside: FrameType | None = frame if event == "call" else frame.f_back
        if inside is None:
            return
        name = inside.f_code.co_filename
        if not name.startswith(self._root) or "/.venv/" in name or "/benchmarks/" in name:
            return
        name = name.removeprefix(self._root)
        if name != self._at:
            self._at = name
            self.moves += 1
            self.files[name] += 1


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--source", type=Path, default=Path(__file__).parent.parent)
    arguments.add_argument("--list", action="store_true", help="Name each file with its moves.")
    options = arguments.parse_args()
    root = options.source.resolve()
    sys.path.insert(0, str(root))
    path = Path_(root)
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), path)
    print(f"from message to opened file: {path.moves} moves between {len(path.files)} files")
    if options.list:
        for name, count in path.files.most_common():
            print(f"  {count:4} {name}")
    return 0 if path.moves <= MOVES and len(path.files) <= FILES else 1


def measure(folder: Path, path: Path_) -> None:
    """Have one known caller ring, until the answer is handed to the MQTT library."""
    from benchmarks_scene import scene  # type: ignore[import-not-found]

    scene(folder, path)


if __name__ == "__main__":
    raise SystemExit(main())
