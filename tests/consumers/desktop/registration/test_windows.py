import shlex
from pathlib import PureWindowsPath

import pytest

from consumers.desktop.registration.link_handler import RegistrationRefused
from consumers.desktop.registration.windows import install, link_command, uninstall, values

COMMAND = [r"C:\Program Files\starface2mqtt\starface2mqtt.exe", "desktop"]
OPENS = r'"C:\Program Files\starface2mqtt\starface2mqtt.exe" desktop open -- "%1"'
CLASSES = r"Software\Classes"
OURS = rf"{CLASSES}\starface2mqtt.link"
RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
REGISTERED = r"Software\RegisteredApplications"
PLACE = r"shell\open\command"


class FakeRegistry:
    """A registry in memory; a key exists as long as it or something below it was written."""

    def __init__(self, *others: tuple[str, str, str]) -> None:
        self.keys: dict[str, dict[str, str]] = {}
        self.announced = 0
        self.for_all: dict[str, str] = {}
        self.forbidden: tuple[str, ...] = ()
        for key, name, text in others:
            self.write(key, name, text)

    def read(self, key: str, name: str) -> str | None:
        return self.keys.get(key, {}).get(name)

    def read_for_all(self, key: str, name: str) -> str | None:
        return self.for_all.get(key) if not name else None

    def write(self, key: str, name: str, value: str) -> None:
        path = PureWindowsPath(key)
        for one in (path, *list(path.parents)[:-1]):
            self.keys.setdefault(str(one), {})
        self.keys[key][name] = value

    def remove(self, key: str, name: str) -> bool:
        self._allow(key)
        return self.keys.get(key, {}).pop(name, None) is not None

    def _allow(self, key: str) -> None:
        if key in self.forbidden:
            raise PermissionError(5, "Access is denied")

    def drop(self, key: str) -> bool:
        self._allow(key)
        if key not in self.keys or self.keys[key]:
            return False
        if any(one.startswith(rf"{key}" + "\\") for one in self.keys):
            return False
        del self.keys[key]
        return True

    def announce(self) -> None:
        self.announced += 1


OTHERS = (
    (REGISTERED, "Teams", r"Software\Teams\Capabilities"),
    (RUN, "Teams", "teams.exe"),
    (rf"{CLASSES}\mailto", "URL Protocol", ""),
)


def test_windows_offers_the_program_for_both_schemes() -> None:
    registry = FakeRegistry()

    install(registry, COMMAND, autostart=False)

    reported = r"Software\starface2mqtt\Capabilities"
    assert registry.read(REGISTERED, "starface2mqtt") == reported
    assert registry.read(reported, "ApplicationDescription")
    for scheme in ("tel", "callto"):
        program = registry.read(rf"{reported}\URLAssociations", scheme)
        assert registry.read(rf"{CLASSES}\{program}", "URL Protocol") == ""
        assert registry.read(rf"{CLASSES}\{program}\{PLACE}", "") == OPENS
    assert registry.read(RUN, "starface2mqtt") is None
    assert registry.announced == 1


def test_a_path_with_blanks_is_one_argument_and_the_link_another() -> None:
    filled = link_command(COMMAND).replace("%1", "tel:+41441234567").replace("\\", "/")

    assert shlex.split(filled)[1:] == ["desktop", "open", "--", "tel:+41441234567"]
    assert shlex.split(filled)[0].startswith("C:/Program Files/")


def test_what_a_link_adds_by_a_quotation_mark_is_no_option() -> None:
    filled = link_command(COMMAND).replace("%1", 'tel:1" --config "x').replace("\\", "/")

    words = shlex.split(filled)
    assert words.index("--") < words.index("tel:1") < words.index("--config")


@pytest.mark.parametrize("path", [r"C:\100%\starface2mqtt.exe", 'C:\\a"b\\starface2mqtt.exe'])
def test_a_path_that_would_hide_the_link_is_refused(path: str) -> None:
    with pytest.raises(RegistrationRefused, match="folder without"):
        values([path, "desktop"])


def test_a_scheme_nobody_has_declared_is_declared() -> None:
    registry = FakeRegistry()

    install(registry, COMMAND, autostart=False)

    assert registry.read(rf"{CLASSES}\tel", "URL Protocol") == ""
    assert registry.read(rf"{CLASSES}\tel\{PLACE}", "") == OPENS


def test_the_scheme_of_another_program_stays_its_own() -> None:
    other = (rf"{CLASSES}\tel\{PLACE}", "", "teams.exe %1")
    registry = FakeRegistry(other, (rf"{CLASSES}\callto", "URL Protocol", ""))
    before = {key: dict(reported) for key, reported in registry.keys.items()}

    install(registry, COMMAND, autostart=True)
    assert registry.read(*other[:2]) == "teams.exe %1"
    assert registry.read(rf"{CLASSES}\callto\{PLACE}", "") is None
    uninstall(registry)

    assert {key: reported for key, reported in registry.keys.items() if key in before} == before


def test_taking_back_removes_exactly_what_was_written() -> None:
    registry = FakeRegistry(*OTHERS)
    before = {key: dict(reported) for key, reported in registry.keys.items()}

    written = install(registry, COMMAND, autostart=True)
    removed = uninstall(registry)

    assert registry.keys == before
    assert sorted(removed) == sorted(written)


def test_what_others_put_among_our_keys_stays() -> None:
    registry = FakeRegistry()
    install(registry, COMMAND, autostart=False)
    registry.write(rf"{OURS}\DefaultIcon", "", "theirs.ico")

    uninstall(registry)

    assert registry.read(rf"{OURS}\DefaultIcon", "") == "theirs.ico"
    assert registry.read(rf"{OURS}\{PLACE}", "") is None


def test_a_newer_program_takes_the_place_of_the_older() -> None:
    registry = FakeRegistry()
    install(registry, COMMAND, autostart=True)
    install(registry, [r"D:\new\starface2mqtt.exe", "desktop"], autostart=True)

    opens = r'D:\new\starface2mqtt.exe desktop open -- "%1"'
    assert registry.read(rf"{OURS}\{PLACE}", "") == opens
    assert registry.read(rf"{CLASSES}\tel\{PLACE}", "") == opens
    assert registry.read(RUN, "starface2mqtt") == r"D:\new\starface2mqtt.exe desktop run"


def test_a_scheme_another_program_took_meanwhile_is_left_to_it() -> None:
    registry = FakeRegistry()
    install(registry, COMMAND, autostart=False)
    registry.write(rf"{CLASSES}\tel\{PLACE}", "", "teams.exe %1")

    uninstall(registry)

    assert registry.read(rf"{CLASSES}\tel\{PLACE}", "") == "teams.exe %1"
    assert registry.read(rf"{CLASSES}\tel", "URL Protocol") == ""
    assert rf"{CLASSES}\callto" not in registry.keys


def test_there_is_nothing_to_take_back_where_nothing_was_written() -> None:
    registry = FakeRegistry(*OTHERS)

    assert uninstall(registry) == []
    assert set(registry.keys) == set(FakeRegistry(*OTHERS).keys)


def test_a_scheme_that_a_program_has_for_all_users_is_left_to_it() -> None:
    registry = FakeRegistry()
    registry.for_all[rf"{CLASSES}\tel\{PLACE}"] = "teams.exe"
    install(registry, COMMAND, autostart=False)

    assert rf"{CLASSES}\tel" not in registry.keys
    assert registry.read(rf"{CLASSES}\callto\{PLACE}", "") == OPENS


def test_what_may_not_be_removed_spares_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    registry = FakeRegistry()
    install(registry, COMMAND, autostart=True)
    registry.forbidden = (RUN, OURS)
    removed = uninstall(registry)

    assert rf"HKCU\{REGISTERED} starface2mqtt" in removed
    assert rf"HKCU\{RUN} starface2mqtt" not in removed
    assert registry.read(RUN, "starface2mqtt") is not None
    assert [one for one in registry.keys if one.startswith(r"Software\starface2mqtt")] == []
    assert rf"key=HKCU\{RUN}" in caplog.text
    assert registry.announced == 2
