import shlex
from pathlib import Path

import pytest

from consumers.desktop.registration.linux import install, uninstall

COMMAND = ["/opt/with blank/starface2mqtt", "desktop"]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def test_links_are_opened_by_this_program(tmp_path: Path) -> None:
    install(COMMAND, tmp_path)

    entry = (tmp_path / ".local/share/applications/starface2mqtt.desktop").read_text()
    lines = dict(line.split("=", 1) for line in entry.splitlines()[1:])
    assert shlex.split(lines["Exec"]) == [*COMMAND, "open", "--", "%u"]
    assert lines["MimeType"] == "x-scheme-handler/tel;x-scheme-handler/callto;"
    defaults = (tmp_path / ".config/mimeapps.list").read_text().splitlines()
    assert "x-scheme-handler/tel=starface2mqtt.desktop" in defaults


def test_what_others_have_chosen_stays(tmp_path: Path) -> None:
    path = tmp_path / ".config/mimeapps.list"
    path.parent.mkdir()
    path.write_text(
        "[Default Applications]\ntext/HTML=Browser.desktop\n\n[Added Associations]\na/b=c;\n"
    )

    install(COMMAND, tmp_path)
    uninstall(tmp_path)

    kept = path.read_text()
    assert "text/HTML=Browser.desktop" in kept
    assert "a/b=c;" in kept
    assert "starface2mqtt" not in kept
    assert not (tmp_path / ".local/share/applications/starface2mqtt.desktop").exists()


def test_a_handler_that_another_program_took_is_left_to_it(tmp_path: Path) -> None:
    install(COMMAND, tmp_path)
    path = tmp_path / ".config/mimeapps.list"
    path.write_text(path.read_text().replace("tel=starface2mqtt", "tel=other"))

    uninstall(tmp_path)

    assert "x-scheme-handler/tel=other.desktop" in path.read_text()


def test_it_starts_at_the_log_in_when_asked_to(tmp_path: Path) -> None:
    install(COMMAND, tmp_path, autostart=True)

    assert "desktop run\n" in (tmp_path / ".config/autostart/starface2mqtt.desktop").read_text()


def test_installing_twice_is_installing_once(tmp_path: Path) -> None:
    install(COMMAND, tmp_path)
    first = (tmp_path / ".config/mimeapps.list").read_text()
    install(COMMAND, tmp_path)

    assert (tmp_path / ".config/mimeapps.list").read_text() == first


def test_signs_that_mean_something_in_a_desktop_file_are_quoted(tmp_path: Path) -> None:
    install(["/opt/100%$HOME`x`", "desktop"], tmp_path)

    entry = (tmp_path / ".local/share/applications/starface2mqtt.desktop").read_text()
    assert '"/opt/100%%\\\\$HOME\\\\`x\\\\`"' in entry


def test_there_is_nothing_to_take_back_where_nothing_was_installed(tmp_path: Path) -> None:
    assert uninstall(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "octets",
    [
        b"# my own file\n[Default Applications]\n# browser\ntext/html=firefox.desktop\n"
        b"x-scheme-handler/tel=linphone.desktop\n",
        b"[Default Applications]\n; by hand\ntext/html=firefox.desktop\n",
        b"[Default Applications]\ntext/html\nimage/png=eog.desktop\n",
        b"text/html=firefox.desktop\n[Default Applications]\n",
        b"\xef\xbb\xbf[Default Applications]\ntext/html=firefox.desktop\n",
        b"[Default Applications]\n# B\xfcro\nx-scheme-handler/tel=a.desktop;b.desktop;\n",
        b"[Default Applications]\r\ntext/html=firefox.desktop\r\n",
        b"",
    ],
)
def test_a_list_of_any_kind_is_as_before_once_it_is_taken_back(
    tmp_path: Path, octets: bytes
) -> None:
    path = tmp_path / ".config/mimeapps.list"
    path.parent.mkdir()
    path.write_bytes(octets)
    path.chmod(0o600)

    install(COMMAND, tmp_path)
    installed = path.read_bytes()
    uninstall(tmp_path)

    assert installed.count(b"=starface2mqtt.desktop") == 2
    assert path.read_bytes() == octets or (octets, path.read_bytes()) == (
        b"", b"[Default Applications]\n",
    )  # fmt: skip
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_list_that_is_a_link_stays_one(tmp_path: Path) -> None:
    target = tmp_path / "dot/mimeapps.list"
    target.parent.mkdir()
    target.write_text("[Default Applications]\n")
    link = tmp_path / ".config/mimeapps.list"
    link.parent.mkdir()
    link.symlink_to("../dot/mimeapps.list")

    install(COMMAND, tmp_path)

    assert link.is_symlink()
    assert "tel=starface2mqtt.desktop" in target.read_text()


def test_a_list_of_the_desktop_itself_does_not_go_before_ours(tmp_path: Path) -> None:
    path = tmp_path / ".config/kde-mimeapps.list"
    path.parent.mkdir()
    path.write_text("[Default Applications]\nx-scheme-handler/tel=kdeconnect.desktop\n")

    written = install(COMMAND, tmp_path)

    assert str(path) in written
    assert path.read_text().splitlines()[1:] == [
        "x-scheme-handler/tel=starface2mqtt.desktop;kdeconnect.desktop;"
    ]
