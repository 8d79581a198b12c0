import sys
import threading
from pathlib import Path

import pytest

from consumers.sessions.settings_requests import DoctorRefused, SiteDoctor
from tests.conftest import wait_until

_PRINTS = """
import json, sys
language = sys.argv[sys.argv.index("--lang") + 1]
print(json.dumps([{"check": "broker", "level": "fail", "text": language, "fix": "x", "code": "c"}]))
sys.exit(1)
"""


def _python(program: str) -> tuple[str, ...]:
    return sys.executable, "-c", program


def test_findings_come_in_the_language_that_was_asked_for() -> None:
    [finding] = SiteDoctor(_python(_PRINTS)).examine("fr")

    assert (finding.level, finding.text, finding.fix) == ("fail", "fr", "x")


@pytest.mark.parametrize(
    "command", [("/nowhere/starface2mqtt",), _python("print('no JSON')"), _python("input()")]
)
def test_an_examination_that_does_not_end_well_says_so(command: tuple[str, ...]) -> None:
    with pytest.raises(DoctorRefused, match="doctor-failed"):
        SiteDoctor(command).examine("de")


def test_an_examination_takes_seconds_only() -> None:
    with pytest.raises(DoctorRefused, match="doctor-failed"):
        SiteDoctor(_python("import time; time.sleep(60)"), within=0.5).examine("de")


def test_only_one_examination_runs_at_a_time(tmp_path: Path) -> None:
    started, go = tmp_path / "started", tmp_path / "go"
    waits = (
        "import pathlib, time\n"
        f"pathlib.Path({str(started)!r}).touch()\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
        "print('[]')"
    )
    doctor = SiteDoctor(_python(waits))
    found: list[object] = []
    first = threading.Thread(target=lambda: found.append(doctor.examine("de")))
    first.start()
    wait_until(started.exists)

    with pytest.raises(DoctorRefused, match="doctor-running"):
        doctor.examine("de")
    go.touch()
    first.join(10)
    assert found == [()]
