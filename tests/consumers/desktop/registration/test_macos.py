import plistlib
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from consumers.desktop.registration.link_handler import RegistrationRefused
from consumers.desktop.registration.macos import at_log_in, information, install, script, uninstall

COMMAND = ["/Users/anna/my programs/starface2mqtt", "desktop"]


class FakeMac:
    """Makes an application as AppleScript's compiler does, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.source = ""

    def run(self, command: Sequence[str]) -> None:
        self.asked.append([Path(command[0]).name, *command[1:]])
        if command[0].endswith("osacompile"):
            self.source = Path(command[3]).read_text()
            contents = Path(command[2]) / "Contents"
            contents.mkdir(parents=True)
            made = {"CFBundleExecutable": "applet", "CFBundleName": "link"}
            (contents / "Info.plist").write_bytes(plistlib.dumps(made))


@pytest.fixture
def mac() -> FakeMac:
    return FakeMac()


def shell(source: str, link: str) -> list[str]:
    """Give the words that a shell gets to see for a link."""
    [line] = [one for one in source.splitlines() if "do shell script" in one]
    words = re.findall(r'quoted form of ("(?:[^"\\]|\\.)*"|theLink)', line)
    texts = [re.sub(r"\\(.)", r"\1", one[1:-1]) if one != "theLink" else link for one in words]
    return shlex.split(" ".join(shlex.quote(one) for one in texts))


def test_a_link_is_one_argument_of_the_program() -> None:
    link = "tel:1'; rm -rf ~ #\" $(x)"

    assert shell(script(COMMAND), link) == [*COMMAND, "open", "--", link]


@pytest.mark.parametrize("program", ['/a"b/x', "/a\\b/x", "/a'b/x", "/ä b/x"])
def test_a_path_is_written_as_a_text_of_applescript(program: str) -> None:
    assert shell(script([program]), "tel:1")[0] == program


def test_a_path_that_would_end_the_line_is_refused() -> None:
    with pytest.raises(RegistrationRefused):
        script(["/a\nb"])


def test_the_application_takes_both_schemes_and_keeps_what_its_maker_wrote() -> None:
    reported = information({"CFBundleExecutable": "applet", "CFBundleName": "link"})

    kinds = {"CFBundleURLName": "starface2mqtt.link", "CFBundleURLSchemes": ["tel", "callto"]}
    assert reported["CFBundleURLTypes"] == [kinds]
    assert reported["CFBundleExecutable"] == "applet"
    assert reported["LSUIElement"] is True


def test_the_application_is_made_signed_and_made_known(tmp_path: Path, mac: FakeMac) -> None:
    written = install(COMMAND, tmp_path, autostart=False, run=mac.run)

    app = tmp_path / "Applications" / "starface2mqtt.app"
    assert written == [str(app)]
    assert [one[0] for one in mac.asked] == ["osacompile", "codesign", "lsregister"]
    assert mac.asked[-1][1:] == ["-f", str(app)]
    assert mac.source == script(COMMAND)
    made = plistlib.loads((app / "Contents" / "Info.plist").read_bytes())
    assert made["CFBundleURLTypes"][0]["CFBundleURLSchemes"] == ["tel", "callto"]
    assert list(app.parent.iterdir()) == [app]


def test_it_starts_at_the_log_in_when_asked_to(tmp_path: Path, mac: FakeMac) -> None:
    install(COMMAND, tmp_path, autostart=True, run=mac.run)

    [start] = (tmp_path / "Library" / "LaunchAgents").iterdir()
    assert plistlib.loads(start.read_bytes()) == at_log_in(COMMAND)
    assert at_log_in(COMMAND)["ProgramArguments"] == [*COMMAND, "run"]


def test_installing_twice_is_installing_once(tmp_path: Path, mac: FakeMac) -> None:
    install(COMMAND, tmp_path, autostart=True, run=mac.run)
    install(["/new/starface2mqtt", "desktop"], tmp_path, autostart=True, run=mac.run)

    assert len(list((tmp_path / "Applications").iterdir())) == 1
    assert "/new/starface2mqtt" in mac.source


def test_a_compiler_that_fails_leaves_what_existed(tmp_path: Path, mac: FakeMac) -> None:
    install(COMMAND, tmp_path, autostart=False, run=mac.run)

    def fails(_: Sequence[str]) -> None:
        raise RegistrationRefused("osacompile: a syntax error")

    with pytest.raises(RegistrationRefused):
        install(COMMAND, tmp_path, autostart=False, run=fails)
    [app] = (tmp_path / "Applications").iterdir()
    assert (app / "Contents" / "Info.plist").exists()


def test_taking_back_removes_exactly_what_was_written(tmp_path: Path, mac: FakeMac) -> None:
    other = tmp_path / "Applications" / "Other.app"
    other.mkdir(parents=True)

    written = install(COMMAND, tmp_path, autostart=True, run=mac.run)
    removed = uninstall(tmp_path, run=mac.run)

    assert sorted(removed) == sorted(written)
    assert list(other.parent.iterdir()) == [other]
    assert mac.asked[-1][:2] == ["lsregister", "-u"]
    assert uninstall(tmp_path, run=mac.run) == []


def test_taking_back_removes_the_files_though_the_system_will_not_forget(
    tmp_path: Path, mac: FakeMac, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: Sequence[str]) -> None:
        raise RegistrationRefused("lsregister: -10814")

    written = install(COMMAND, tmp_path, autostart=True, run=mac.run)

    assert sorted(uninstall(tmp_path, run=fails)) == sorted(written)
    assert not any(Path(one).exists() for one in written)
    assert "lsregister: -10814" in caplog.text


def test_a_program_that_is_not_there_is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(RegistrationRefused, match="osacompile"):
        install(COMMAND, tmp_path, autostart=False)
