import re
import tomllib
from pathlib import Path

import pytest

from bus.settings import SettingsRefused
from cli.site.settings import Settings, read


def _file(folder: Path, text: str) -> Path:
    path = folder / "starface2mqtt.toml"
    path.write_text(text)
    return path


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert read(_file(tmp_path, "")).broker.base == "starface"


def test_relative_paths_are_read_from_the_folder_of_the_file(tmp_path: Path) -> None:
    settings = read(_file(tmp_path, ""))

    assert settings.database == tmp_path / "data" / "starface2mqtt.db"
    assert settings.broker.accounts_file == tmp_path / "secrets" / "broker-accounts.json"


def test_the_environment_overrides_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARFACE2MQTT_BROKER__PORT", "1999")

    assert read(_file(tmp_path, "[broker]\nport = 1883\n")).broker.port == 1999


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[broker]\nhots = 1\n", "[broker] hots: there is no such key; known are account,"),
        ("[brokre]\n", "brokre: there is no such key; known are broker,"),
        ("[broker]\nport = 70000\n", "broker.port: Input should be less than or equal to 65535"),
        ("[site]\ncountry = 'XX'\n", "site.country"),
        ("[broker]\nversion = '4'\n", "broker.version: Input should be '5' or '3.1.1'"),
        ("[broker\n", "this is not TOML"),
        ("[caller]\nmatter = 'javascript:x'\n", ": caller: matter: the scheme 'javascript' is not"),
        ("[starface]\nlocation = 'cloud'\n", "external_address"),
        ("[[caller.webhooks]]\nsecrte = 1\n", "[caller.webhooks] secrte: there is no such key"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_what_is_allowed(
    tmp_path: Path, text: str, named: str
) -> None:
    path = _file(tmp_path, text)

    with pytest.raises(SettingsRefused) as refused:
        read(path)

    assert str(refused.value).startswith(str(path))
    assert named in str(refused.value)


def test_a_secret_with_a_mistake_is_not_echoed(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused) as refused:
        read(_file(tmp_path, "[broker]\npassword = ['s3cret']\n"))

    assert "s3cret" not in str(refused.value)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="no such configuration file"):
        read(tmp_path / "nowhere.toml")


def test_a_site_without_its_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="starface2mqtt init"):
        read(_file(tmp_path, "")).site_key()


def test_each_machine_of_a_site_has_processes_with_names_of_their_own(tmp_path: Path) -> None:
    settings = read(_file(tmp_path, '[site]\nmachine = "b"\n'))

    assert settings.gateway.account == "gateway-b"
    assert settings.broker.account_of("dial") == "dial-b"


@pytest.mark.parametrize("name", ["for", "number", "B", "a b", "m" * 17])
def test_a_machine_has_a_short_name_that_no_account_has(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsRefused, match="name of a machine"):
        read(_file(tmp_path, f'[site]\nmachine = "{name}"\n'))


def test_a_site_of_one_machine_has_processes_of_plain_names(tmp_path: Path) -> None:
    settings = read(_file(tmp_path, ""))

    assert settings.gateway.account == "gateway"
    assert settings.broker.account_of("dial") == "dial"


def test_every_setting_stands_in_the_commented_example() -> None:
    example = (Path(__file__).parents[3] / "starface2mqtt.example.toml").read_text()
    lines = {line.lstrip("# ").split(" = ")[0] for line in example.splitlines() if " = " in line}
    missing = [
        f"[{section}] {key}"
        for section, field in Settings.model_fields.items()
        if section not in ("file", "offices")
        for key, setting in getattr(field.annotation, "model_fields", {}).items()
        if not setting.exclude and key not in lines and f"[{section}.{key}]" not in example
    ]

    assert missing == []


def test_a_commented_setting_of_the_example_shows_its_default() -> None:
    example = (Path(__file__).parents[3] / "starface2mqtt.example.toml").read_text()
    without = re.sub(r"(?s)# Further offices.*?(?=\[starface\])", "", example)
    document = tomllib.loads(re.sub(r"(?m)^# (\[dial|[a-z_]+ = )", r"\1", without))
    default = Settings()
    wrong = [
        f"[{section}] {key}"
        for section, values in document.items()
        for shown in [type(getattr(default, section)).model_validate(values)]
        for key, value in values.items()
        if value != "" and getattr(shown, key) != getattr(getattr(default, section), key)
    ]

    assert len(document) > 7
    assert wrong == ["[starface] port"]  # left out, it is the scheme's own


def test_the_commented_example_is_a_valid_configuration(tmp_path: Path) -> None:
    example = (Path(__file__).parents[3] / "starface2mqtt.example.toml").read_text()

    assert read(_file(tmp_path, example)).site.country == "CH"


def test_a_list_in_the_environment_that_is_no_json_is_named_with_an_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARFACE2MQTT_GATEWAY__LISTEN", "0.0.0.0:8080")

    with pytest.raises(SettingsRefused, match="lists and tables are JSON"):
        read(_file(tmp_path, ""))


def test_an_empty_path_is_none_and_a_relative_one_lies_beside_the_file(tmp_path: Path) -> None:
    settings = read(_file(tmp_path, "[broker]\nca_file = ''\n"))
    assert settings.broker.ca_file is None

    settings = read(_file(tmp_path, "[broker]\nca_file = 'ca.pem'\n"))
    assert settings.broker.ca_file == tmp_path / "ca.pem"


def test_each_office_reads_numbers_its_own_way(tmp_path: Path) -> None:
    settings = read(_file(tmp_path, "[offices.vienna]\ncountry = 'AT'\narea_code = '1'\n"))

    assert settings.office("vienna").country == "AT"
    assert settings.office(None).country == "CH"
    with pytest.raises(SettingsRefused, match="known: vienna"):
        settings.office("berne")


def test_a_misspelt_key_of_an_office_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsRefused,
        match=r"\[offices.vienna\] contry: there is no such key; known are area_code",
    ):
        read(_file(tmp_path, "[offices.vienna]\ncontry = 'AT'\n"))


@pytest.mark.parametrize(
    "text",
    ["[broker]\naccount = 'gateway'\npassword = 'a-secret'\n",
     "[starface]\noauth_client_secret = 'a-secret'\n",
     "[[caller.webhooks]]\nurl = 'https://a.example'\nsecret = 'sixteen-characters'\n"],
)  # fmt: skip
def test_secrets_everybody_may_read_are_refused(tmp_path: Path, text: str) -> None:
    path = _file(tmp_path, text)
    path.chmod(0o644)

    with pytest.raises(SettingsRefused, match="chmod o="):
        read(path)

    path.chmod(0o640)  # the group may be the service's own
    assert read(path).file == path


def test_a_file_without_secrets_may_be_read_by_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARFACE2MQTT_BROKER__PASSWORD", "a-secret")
    path = _file(tmp_path, "")
    path.chmod(0o644)

    assert read(path).broker.password is not None


def test_a_password_of_the_environment_that_the_file_holds_by_chance_is_no_secret_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARFACE2MQTT_BROKER__PASSWORD", "mqtt")
    path = _file(tmp_path, "[offices.bern]\ncountry = 'CH'\n[broker]\nhost = 'mqtt.example'\n"
                 "[[caller.rules]]\nname = 'r'\nactions = { ringing = 'none' }\n")  # fmt: skip
    path.chmod(0o644)

    assert read(path).broker.host == "mqtt.example"


def test_a_site_key_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    settings = read(_file(tmp_path, ""))
    (settings.site.secrets_folder / "site.key").mkdir(mode=0o700, parents=True)

    with pytest.raises(SettingsRefused, match=r"site\.key: .*must be able to read it"):
        settings.site_key()


def test_a_site_key_others_may_read_is_refused(tmp_path: Path) -> None:
    settings = read(_file(tmp_path, ""))
    key = settings.site.secrets_folder / "site.key"
    key.parent.mkdir()
    key.write_bytes(b"k" * 32)
    key.chmod(0o644)

    with pytest.raises(SettingsRefused, match="chmod 600"):
        settings.site_key()
