"""What a process counts, for Prometheus: each process of a machine writes a file, one shows all.

No label names a person or a number.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from runtime.files import private_folder

log = logging.getLogger(__name__)

_PREFIX = "starface2mqtt"
_FOLDER = "metrics"
_EVERY = 5.0  # seconds between two writings
_GONE_AFTER = 30.0  # seconds; a file that is older is of a process that is gone
_FORGOTTEN_AFTER = 86_400.0  # seconds
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
    "processes_offline": ("gauge", "Processes that have run and do not any more, by kind."),
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
        self._written: list[Sample] | None = None
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
        """Write the values where the process that shows those of this machine finds them."""
        path = data_folder / _FOLDER / f"{self._process}-{os.getpid()}.json"
        fresh = path.with_suffix(".new")
        samples = self.samples()
        try:
            if samples == self._written:
                os.utime(path)
                return
            private_folder(path.parent)
            fresh.write_text(json.dumps({"samples": samples}))
            fresh.replace(path)  # without waiting for the disk: after a power cut it is of no use
            self._written = samples
        except OSError as error:
            self._written = None
            log.warning("metrics not written reason=%s", error.strerror)

    def keep_written(self, process: str, data_folder: Path, connected: Callable[[], bool]) -> None:
        """Write the values again and again, in a thread that ends with the process."""
        self._process = process

        def write() -> None:
            while True:
                self.set("broker_connected", int(connected()))
                self.write(data_folder)
                time.sleep(_EVERY)

        threading.Thread(target=write, name="metrics", daemon=True).start()


_own = Metrics("")
count = _own.count  # of the process this runs in
keep_written = _own.keep_written


def of_others(data_folder: Path) -> Iterator[Sample]:
    """Yield what the processes of this machine have written, as long as they live."""
    for path in sorted((data_folder / _FOLDER).glob("*.json")):
        try:
            written = json.loads(path.read_bytes())
            age = time.time() - path.stat().st_mtime
            if age < _GONE_AFTER:
                yield from ((name, labels, value) for name, labels, value in written["samples"])
            elif age > _FORGOTTEN_AFTER:
                path.unlink()
        except (OSError, ValueError, KeyError, TypeError):
            log.debug("metrics not readable file=%s", path.name)


def exposition(samples: Iterable[Sample]) -> str:
    """Return values in the text format of Prometheus; those of processes of one kind together."""
    found: dict[str, dict[str, list[float]]] = {}
    for name, labels, value in samples:
        text_of_labels = ",".join(
            f'{key}="{_escaped(text)}"' for key, text in sorted(labels.items())
        )
        found.setdefault(name, {}).setdefault(text_of_labels, []).append(value)
    text = ""
    for name, values in sorted(found.items()):
        kind, said = METRICS[name]
        together = sum if kind == "counter" else min
        text += f"# HELP {_PREFIX}_{name} {said}\n# TYPE {_PREFIX}_{name} {kind}\n"
        for text_of_labels, each in values.items():
            text += f"{_PREFIX}_{name}{{{text_of_labels}}} {together(each):.15g}\n"
    return text


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
