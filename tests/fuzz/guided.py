"""Coverage-guided fuzzing of one door, by atheris: guided.py DOOR SECONDS CORPUS.

Whatever reaches new code is kept in the corpus and changed further. Ends with 0 when nothing got
out of the door; otherwise the input that did is beside the corpus.
"""

import logging
import os
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["starface", "gateway", "bus"]):
    from tests.fuzz.doors import doors, hard, seeds, timed


def main() -> None:
    """Fuzz until the time is over."""
    name, seconds, corpus = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    logging.disable()  # a line for each refused input would take most of the time
    os.environ["RUST_BACKTRACE"] = "0"  # a panic of the mqtt5 codec is reported, not traced
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate([*seeds(name), *hard(name)]):
        (corpus / f"seed-{number}").write_bytes(seed)
    with tempfile.TemporaryDirectory() as folder:
        door = doors(Path(folder) / "data")[name]
        options = [f"-max_total_time={seconds}", "-max_len=65600", "-timeout=20",
                   f"-artifact_prefix={corpus.parent}/{name}-", "-print_final_stats=1"]  # fmt: skip
        atheris.Setup([sys.argv[0], *options, str(corpus)], lambda given: timed(door, given))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
