"""What a process counts, for Prometheus: each process of a machine writes a file, one shows all.

No label names a person or a number.
"""

import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from runtime.files import private_folder

log = logging.getLogger(__name__)

_PREFIX = "starface2mqtt"
_FOLDER = "metrics"
_EVERY = 5.0  # seconds between two writings
_GONE_AFTER = 30.0  # seconds; a file that is older is of a process that is gone
Kind = Literal["counter", "gauge"]
Sample = tuple[str, dict[str, str], float]

METRICS: dict[str, tuple[Kind, str]] = {
    "build_info": ("gauge", "1, with the version of each process."),
    "broker_connected": ("gauge", "1 while the process is connected to the broker, else 0."),
    "users": ("gauge", "Users by the look of their icon and, if it fails, the broken link."),
    "pbx_up": ("gauge", "1 while the PBX answers, else 0."),
    "pbx_clock_offset_seconds": ("gauge", "By how much the PBX's clock is ahead of ours."),
    "callback_up": ("gauge", "1 while notifications of the PBX can arrive, else 0."),
    "callback_certificate_days": ("gauge", "Days the gateway's own certificate is still good for."),
    "last_call_timestamp_seconds": ("gauge", "When a call event was last published; 0: never."),
    "processes_online": ("gauge", "Processes that are connected to the broker, by kind."),
    "processes_offline": ("gauge", "Processes that were there and are not any more, by kind."),
    "process_faults": ("gauge", "What processes cannot do though they do the rest, by kind."),
    "lookups_total": ("counter", "Callers looked up, by the quality of the match."),
    "openings_total": ("counter", "What became of what was to open."),
    "dial_results_total": ("counter", "Dial requests by how they ended."),
    "records_total": ("counter", "Finished calls by their result."),
}  # fmt: skip


class Metrics:
    """The values of one process; may be used from any thread."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self.set("build_info", 1, version=version("starface2mqtt"))

    def count(self, name: str, **labels: str) -> None:
        """Add one to a counter."""
        with self._lock:
            key = (name, tuple(sorted(labels.items())))
            self._values[key] = self._values.get(key, 0.0) + 1

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        with self._lock:
            self._values[name, tuple(sorted(labels.items()))] = value

    def replace(self, name: str, values: Iterable[tuple[dict[str, str], float]]) -> None:
        """Set a gauge for these labels, and for no others any more."""
        with self._lock:
            for key in [key for key in self._values if key[0] == name]:
                del self._values[key]
            self._values |= {(name, tuple(sorted(each.items()))): value for each, value in values}

    def samples(self) -> list[Sample]:
        """Return all values, each with the process beside its labels."""
        with self._lock:
            return [
                (name, {"process": self._process} | dict(labels), value)
                for (name, labels), value in self._values.items()
            ]

    def write(self, data_folder: Path) -> None:
        """Write the values where whoever shows those of this machine finds them."""
        path = data_folder / _FOLDER / f"{self._process}.json"
        fresh = path.with_suffix(".new")
        try:
            private_folder(path.parent)
            fresh.write_text(json.dumps({"at": time.time(), "samples": self.samples()}))
            fresh.replace(path)  # without waiting for the disk: after a power cut it is of no use
        except OSError as error:
            log.warning("metrics not written reason=%s", error.strerror)

    def keep_written(self, data_folder: Path) -> None:
        """Write the values again and again, in a thread that ends with the process."""

        def write() -> None:
            while True:
                self.write(data_folder)
                time.sleep(_EVERY)

        threading.Thread(target=write, name="metrics", daemon=True).start()


def of_others(data_folder: Path, but: str) -> Iterator[Sample]:
    """Yield what the other processes of this machine have written, as long as they live."""
    for path in sorted((data_folder / _FOLDER).glob("*.json")):
        try:
            written = json.loads(path.read_bytes())
            if path.stem != but and time.time() - written["at"] < _GONE_AFTER:
                yield from ((name, labels, value) for name, labels, value in written["samples"])
        except (OSError, ValueError, KeyError, TypeError):
            log.debug("metrics not readable process=%s", path.stem)


def exposition(samples: Iterable[Sample]) -> str:
    """Return values in the text format of Prometheus."""
    lines: dict[str, list[str]] = {}
    for name, labels, value in samples:
        if name in METRICS:
            told = ",".join(f'{key}="{_escaped(text)}"' for key, text in sorted(labels.items()))
            lines.setdefault(name, []).append(f"{_PREFIX}_{name}{{{told}}} {value:.15g}")
    return "".join(
        f"# HELP {_PREFIX}_{name} {METRICS[name][1]}\n# TYPE {_PREFIX}_{name} {METRICS[name][0]}\n"
        + "".join(f"{line}\n" for line in dict.fromkeys(found))
        for name, found in sorted(lines.items())
    )


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
