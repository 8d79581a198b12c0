"""A bundle for support: what doctor found, settings, versions, log; numbers and secrets masked."""

import io
import json
import platform
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

from bus.settings import SettingsRefused
from cli.doctor.findings import Finding
from cli.site.settings import read
from runtime.files import private_file
from runtime.process import without_secrets

_NUMBERS = re.compile(r"(?<![\w.:-])\+?\d[\d /]{5,}\d(?![\w:-])")
_ADDRESSES = re.compile(r"(?P<address>https?://[^\s\"'?]+)\?[^\s\"']*")
_LINES = "5000"  # of the log


def write_bundle(path: Path, config: Path | None, findings: Iterable[Finding]) -> None:
    """Write the bundle as a private .tar.gz; raise OSError."""
    texts = {
        "findings.json": json.dumps([finding.as_json("en") for finding in findings], indent=2),
        "settings.json": _settings(config),
        "versions.txt": _versions(),
        "log.txt": _log(),
    }
    private_file(path)
    with tarfile.open(path, "w:gz") as bundle:
        for name, text in texts.items():
            raw = masked(text).encode()
            entry = tarfile.TarInfo(f"starface2mqtt-support/{name}")
            entry.size = len(raw)
            bundle.addfile(entry, io.BytesIO(raw))


def masked(text: str) -> str:
    """Return a text without telephone numbers, tokens and the queries of addresses."""
    text = _ADDRESSES.sub(r"\g<address>?…", without_secrets(text))
    return _NUMBERS.sub(lambda match: f"…{match[0][-2:]}", text)


def _settings(config: Path | None) -> str:
    try:
        return read(config).model_dump_json(indent=2)  # secrets show as asterisks
    except SettingsRefused as error:
        return str(error)


def _versions() -> str:
    packages = sorted(f"{each.name} {each.version}" for each in distributions())
    return "\n".join([platform.platform(), f"Python {platform.python_version()}", *packages])


def _log() -> str:
    journal = shutil.which("journalctl")
    if journal is None:
        return "there is no journal on this machine"
    words = [journal, "-u", "starface2mqtt*", "-n", _LINES, "--no-pager", "-o", "short-iso"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout
