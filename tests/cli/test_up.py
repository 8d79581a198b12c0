import configparser
from pathlib import Path

from cli.settings import Settings
from cli.up import PROGRAMS, supervisor_configuration


def test_each_process_is_started_again_when_it_dies(tmp_path: Path) -> None:
    settings = Settings(file=tmp_path / "a %b" / "starface2mqtt.toml")
    told = configparser.RawConfigParser()
    told.read_string(supervisor_configuration(settings, PROGRAMS))

    assert {f"program:{name}" for name in PROGRAMS} < set(told.sections())
    for name in PROGRAMS:
        program = told[f"program:{name}"]
        assert program["autorestart"] == "true"
        assert name in program["command"].split()
        assert '%%b/starface2mqtt.toml"' in program["command"]


def test_all_processes_are_ended_together() -> None:
    told = configparser.RawConfigParser()
    told.read_string(supervisor_configuration(Settings(), ("gateway", "dial")))

    assert told["group:starface2mqtt"]["programs"] == "gateway,dial"
