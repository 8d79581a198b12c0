"""What makes macOS hand tel: and callto: links on: a small application made on the spot.

macOS hands a link to an application by an Apple event, never by an argument. So AppleScript's own
compiler makes an application that takes the event and starts `starface2mqtt desktop open`.
"""

import logging
import plistlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from consumers.desktop.registration.link_handler import NAME, SCHEMES, RegistrationRefused

log = logging.getLogger(__name__)

_IDENTIFIER = f"{NAME}.link"
_AT_LOG_IN = f"{NAME}.desktop"
_REGISTER = Path(
    "/System/Library/Frameworks/CoreServices.framework/Frameworks/LaunchServices.framework"
    "/Support/lsregister"
)
_PATIENCE = 60.0  # seconds

Run = Callable[[Sequence[str]], None]


def install(
    command: Sequence[str], home: Path, *, autostart: bool, run: Run | None = None
) -> list[str]:
    """Make the application, and return what was written."""
    run = run or _run
    app = _application(home)
    app.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=app.parent, prefix=f".{NAME}-") as folder:
        source, fresh = Path(folder) / "link.applescript", Path(folder) / app.name
        source.write_text(script(command), encoding="utf-8")
        run(["/usr/bin/osacompile", "-o", str(fresh), str(source)])
        about = fresh / "Contents" / "Info.plist"
        about.write_bytes(plistlib.dumps(information(plistlib.loads(about.read_bytes()))))
        run(["/usr/bin/codesign", "--force", "--sign", "-", str(fresh)])  # it was changed
        shutil.rmtree(app, ignore_errors=True)
        fresh.rename(app)
    run([str(_REGISTER), "-f", str(app)])
    written = [str(app)]
    if autostart:
        start = _start(home)
        start.parent.mkdir(parents=True, exist_ok=True)
        start.write_bytes(plistlib.dumps(at_log_in(command)))
        written.append(str(start))
    return written


def uninstall(home: Path, *, run: Run | None = None) -> list[str]:
    """Remove what `install` wrote, and return what it found of it."""
    run = run or _run
    app, start, removed = _application(home), _start(home), []
    if start.exists():
        start.unlink()
        removed.append(str(start))
    if app.is_dir():
        shutil.rmtree(app)
        removed.append(str(app))
        try:
            run([str(_REGISTER), "-u", str(app)])
        except RegistrationRefused as error:  # macOS forgets by itself what is not there any more
            log.warning("still known to the system reason=%s", error)
    return removed


def script(command: Sequence[str]) -> str:
    """Give the AppleScript; a link becomes one argument of the program, whatever it holds."""
    parts = [*command, "open", "--"]
    words = ' & " " & '.join(f"quoted form of {_text(part)}" for part in parts)
    return (
        "on open location theLink\n"
        f'\tdo shell script {words} & " " & quoted form of theLink\n'
        "end open location\n"
        "\n"
        "on run\n"
        "end run\n"
    )


def information(made: dict[str, object]) -> dict[str, object]:
    """Give what stands about the application in its Info.plist, beside what its maker wrote."""
    return made | {
        "CFBundleIdentifier": _IDENTIFIER,
        "CFBundleName": NAME,
        "CFBundleURLTypes": [{"CFBundleURLName": _IDENTIFIER, "CFBundleURLSchemes": list(SCHEMES)}],
        "LSUIElement": True,  # it shows nothing, so it stays out of the Dock
    }


def at_log_in(command: Sequence[str]) -> dict[str, object]:
    """Give what has the desktop process started at the log-in."""
    return {
        "Label": _AT_LOG_IN,
        "ProgramArguments": [*command, "run"],
        "RunAtLoad": True,
        "ProcessType": "Interactive",
    }


def _text(part: str) -> str:
    if not part.isprintable():
        raise RegistrationRefused(f"{part!r} holds a sign that no script can name")
    escaped = part.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _application(home: Path) -> Path:
    return home / "Applications" / f"{NAME}.app"


def _start(home: Path) -> Path:
    return home / "Library" / "LaunchAgents" / f"{_AT_LOG_IN}.plist"


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RegistrationRefused(f"{command[0]} does not run: {error}") from error
    if done.returncode != 0:
        output = (done.stderr or done.stdout).strip().splitlines()
        why = output[0][:200] if output else f"exit code {done.returncode}"
        raise RegistrationRefused(f"{command[0]}: {why}")
