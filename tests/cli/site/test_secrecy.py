from pathlib import Path

import pytest
from typer.testing import CliRunner

from bus.settings import SettingsRefused
from cli.app import app
from cli.site.secrecy import DEFAULTS
from cli.site.settings import Settings, read

SECRET = "[site]\nprofessional_secrecy = true\n"
WEBHOOK = '[[caller.webhooks]]\nname = "crm"\nsecret = "at least sixteen characters"\n'


def _read(tmp_path: Path, text: str, profile: str = SECRET) -> Settings:
    path = tmp_path / "starface2mqtt.toml"
    path.touch(mode=0o600)
    path.write_text(profile + text)
    return read(path)


def test_less_is_kept_and_shown_where_nothing_else_is_set(tmp_path: Path) -> None:
    usual, secret = _read(tmp_path, "", ""), _read(tmp_path, "")

    assert secret.gateway.keep_hours < usual.gateway.keep_hours
    assert secret.caller.trace_days < usual.caller.trace_days
    assert secret.caller.set_aside_days < usual.caller.set_aside_days
    assert secret.dial.audit_days < usual.dial.audit_days
    assert (usual.caller.choice_days, secret.caller.choice_days) == (0, 365)
    assert (usual.dial.mask, secret.dial.mask) == ("end", "all")
    assert (usual.caller.discreet, secret.caller.discreet) == (False, True)


def test_what_is_set_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARFACE2MQTT_DIAL__MASK", "end")
    settings = _read(
        tmp_path, "[caller]\ntrace_days = 30\ndiscreet = false\n[gateway]\nkeep_hours = 24\n"
    )

    assert settings.caller.trace_days == 30
    assert settings.caller.discreet is False
    assert settings.gateway.keep_hours == 24
    assert settings.dial.mask == "end"


def test_every_default_of_the_profile_is_a_setting() -> None:
    for section, values in DEFAULTS.items():
        model = type(getattr(Settings(), section))
        assert model.model_validate(values).model_dump(include=set(values)) == values


def test_programs_get_names_only_where_allowed(tmp_path: Path) -> None:
    url = 'url = "https://crm.example/calls"\n'
    command = '[[caller.commands]]\narguments = ["true", "{id}"]\n'

    silent = _read(tmp_path, WEBHOOK + url + command).caller
    notification = _read(tmp_path, WEBHOOK + url + "names = true\n").caller

    assert [one.names for one in silent.webhooks] == [False]
    assert [one.names for one in silent.commands] == [False]
    assert notification.webhooks[0].names
    assert _read(tmp_path, WEBHOOK + url, "").caller.webhooks[0].names


@pytest.mark.parametrize(
    ("text", "sentence"),
    [('[broker]\nhost = "localhost.example"\n',
      "[broker] localhost.example without TLS"),
     ('[broker]\nhost = "192.0.2.7"\n', "[broker] 192.0.2.7 without TLS: set tls = true"),
     ('[broker]\nhosts = ["127.0.0.1:1883", "b.example:1883"]\n', "[broker] b.example without TLS"),
     (WEBHOOK + 'url = "http://crm.example/calls"\nplain_http = true\n',
      "[[caller.webhooks]] crm: url over http: write https://"),
     ('[[caller.commands]]\nname = "dms"\narguments = ["true", "{name}"]\n',
      "[[caller.commands]] dms: arguments with a name"),
     ('[[caller.commands]]\nname = "dms"\narguments = ["true", "{id}", "{url}"]\n',
      "[[caller.commands]] dms: arguments with a name, or an address that may hold one"),
     ('[starface]\nhost = "pbx.example"\nverify = "off"\n', '[starface] verify = "off": set "on"'),
     ('[starface]\nlocation = "cloud"\nexternal_address = "192.0.2.1"\nscheme = "http"\n'
      'callback_scheme = "https"\n', '[starface] scheme = "http" for a PBX outside the LAN'),
     ('[starface]\nlocation = "cloud"\nexternal_address = "192.0.2.1"\n',
      '[starface] callback_scheme = "http" for a PBX outside the LAN'),
     ('[starface]\nhost = "8.8.8.8"\nscheme = "http"\ncallback_scheme = "https"\n',
      '[starface] scheme = "http" for a PBX outside the LAN'),
     ('[directory]\nlisten = "192.0.2.1:8091"\n', "[directory] listen = '192.0.2.1:8091'")],
)  # fmt: skip
def test_a_way_on_which_calls_could_be_read_is_refused(
    tmp_path: Path, text: str, sentence: str
) -> None:
    _read(tmp_path, text, "")  # without the profile it may be used

    with pytest.raises(SettingsRefused) as refused:
        _read(tmp_path, text)

    assert "starface2mqtt.toml: [site] professional_secrecy = true does not" in str(refused.value)
    assert sentence in str(refused.value)


def test_all_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"\[broker\] mqtt.*; \[starface\] verify"):
        _read(tmp_path, '[broker]\nhost = "mqtt.example"\n[starface]\nverify = "off"\n')


@pytest.mark.parametrize(
    "text",
    ['[broker]\nhost = "mqtt.example"\ntls = true\n',
     WEBHOOK + 'url = "http://127.0.0.1:9000/calls"\n',
     '[starface]\nhost = "192.168.1.2"\nscheme = "http"\n',
     '[starface]\nlocation = "cloud"\nexternal_address = "192.0.2.1"\ncallback_scheme = "https"\n',
     '[starface]\nhost = "192.168.1.2"\nscheme = "http"\nverify = "off"\n',
     '[broker]\nhost = "127.0.1.1"\n',
     '[broker]\nhost = "localhost."\n',
     WEBHOOK + 'url = "http://127.0.0.2:9000/calls"\nplain_http = true\n',
     '[directory]\nlisten = "[::1]:8091"\n',
     '[panel]\nlisten = "127.0.1.1:8090"\n',
     '[panel]\nlisten = "127.0.0.1:8090"\n'],
)  # fmt: skip
def test_a_way_that_is_closed_is_allowed(tmp_path: Path, text: str) -> None:
    assert _read(tmp_path, text).site.professional_secrecy


@pytest.mark.parametrize("cloud", [(), ("--external-address", "192.0.2.1")])
def test_init_makes_a_site_that_starts(tmp_path: Path, cloud: tuple[str, ...]) -> None:
    words = ["init", str(tmp_path / "site"), "--professional-secrecy", *cloud]

    assert CliRunner().invoke(app, words).exit_code == 0
    assert read(tmp_path / "site" / "starface2mqtt.toml").caller.discreet
