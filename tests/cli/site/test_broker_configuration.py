import os
from pathlib import Path

import pytest

from bus.settings import SettingsRefused
from cli.site.broker_configuration import adapted, persistence_folder, reads_in_place
from cli.site.files import make_site

CONF = (Path(__file__).parents[3] / "mosquitto.conf").read_text()


def test_only_port_and_files_are_adapted(tmp_path: Path) -> None:
    kept = set(CONF.splitlines()) - set(adapted(CONF, 1999, tmp_path, tmp_path).splitlines())

    assert {line.split()[0] for line in kept} == {
        "listener", "password_file", "acl_file", "persistence_location",
    }  # fmt: skip


def test_a_file_without_a_listener_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="listener"):
        adapted("allow_anonymous false\n", 1999, tmp_path, tmp_path)


def test_the_folder_that_the_package_makes_is_read_in_place(tmp_path: Path) -> None:
    folder = tmp_path / "starface2mqtt" / "mosquitto"
    folder.mkdir(parents=True)
    before = reads_in_place(folder), persistence_folder(folder)
    folder.chmod(0o2750)

    assert before == (False, folder)
    assert reads_in_place(folder)
    assert persistence_folder(folder) == Path("/var/lib/starface2mqtt-broker")


def test_a_new_site_brings_the_configuration_of_its_broker(tmp_path: Path) -> None:
    settings = make_site(tmp_path / "site", {"broker": {"port": 1999}})

    written = (settings.folder / "mosquitto" / "mosquitto.conf").read_text()

    assert "\nlistener 1999 127.0.0.1\n" in written
    assert f"\nacl_file {settings.folder}/mosquitto/acl\n" in written


def test_a_broker_started_by_root_may_read_what_root_keeps(tmp_path: Path) -> None:
    beside = adapted(CONF, 1999, tmp_path, tmp_path)
    tmp_path.chmod(0o2750)
    packaged = adapted(CONF, 1999, tmp_path, tmp_path)

    assert ("\nuser root\n" in beside) == (os.getuid() == 0)
    assert "\nuser " not in packaged
