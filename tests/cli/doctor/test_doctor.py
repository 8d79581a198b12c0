"""What integrators get wrong, each found by doctor by its name, with the right fix."""

import json
import os
import re
import socket
import ssl
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import tomlkit
from typer.testing import CliRunner

from bus.events import ProcessDetailData
from cli.app import app
from cli.demo.mosquitto import free_port
from cli.doctor.doctor import examine
from cli.doctor.findings import Finding
from cli.doctor.local import certificate
from cli.doctor.network import broker_accounts, configuration_since
from cli.doctor.snapshot import Snapshot
from cli.doctor.support import masked
from cli.doctor.wordless import FIXES, FOUND
from cli.site.files import add_user_account, broker_folder, make_site
from cli.site.settings import Settings
from consumers.users import User, Users
from tests import certificates
from tests.cli.broker_site import site_with_broker
from tests.conftest import ROOT
from texts import LANGUAGES, catalogue


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    """A site whose broker does not run; nobody listens at its ports."""
    return make_site(
        tmp_path / "site",
        {
            "broker": {"port": free_port()},
            "gateway": {"listen": [f"127.0.0.1:{free_port()}"], "operations": ""},
            "starface": {"host": "127.0.0.1", "port": free_port()},
            "site": {"area_code": "44"},
        },
    )


def _set(settings: Settings, section: str, **values: object) -> None:
    document = tomlkit.parse(settings.file.read_text())
    document[section].update(values)
    settings.file.write_text(tomlkit.dumps(document))


def _broken_key(site: Settings) -> None:
    _set(site, "gateway", listn=["0.0.0.0:8080"])


def _wrong_value(site: Settings) -> None:
    _set(site, "starface", location="cloud")


def _open_secret(site: Settings) -> None:
    (site.site.secrets_folder / "site.key").chmod(0o644)


def _lost_key(site: Settings) -> None:
    (site.site.secrets_folder / "seal.key").unlink()


def _foreign_file(site: Settings) -> None:
    os.chown(site.site.secrets_folder / "broker-accounts.json", 65534, 65534)


def _no_data_folder(site: Settings) -> None:
    site.site.data_folder.rmdir()


def _no_room(site: Settings) -> None:
    _set(site, "gateway", log_megabytes=10**9)


def _no_program(site: Settings) -> None:
    _set(site, "caller", commands=[{"name": "dms", "arguments": ["no-such-program", "{e164}"]}])


def _unknown_pbx(site: Settings) -> None:
    _set(site, "starface", host="pbx.invalid")


def _no_pbx(site: Settings) -> None:
    _set(site, "starface", host="")


def _no_area_code(site: Settings) -> None:
    _set(site, "site", area_code="")


def _extension_of_six_digits(site: Settings) -> None:
    with Users(site.database) as users:
        users.add(User(login="123456", extension="123456"))


def _broker_may_not_read(site: Settings) -> None:
    broker_folder(site).chmod(0o2750)


def _broker_files_are_old(site: Settings) -> None:
    folder = broker_folder(site)
    folder.chmod(0o2750)
    for file in folder.iterdir():
        file.chmod(0o640)
    kept = (folder / "passwords").read_text().splitlines(keepends=True)
    (folder / "passwords").write_text(
        "".join(line for line in kept if not line.startswith("dial:"))
    )


def _broker_file_is_gone(site: Settings) -> None:
    folder = broker_folder(site)
    folder.chmod(0o2750)
    (folder / "acl").unlink()


def _cloud_in_the_lan(site: Settings) -> None:
    _set(site, "starface", location="cloud", external_address="192.168.1.2")


def _other_sources(site: Settings) -> None:
    _set(site, "gateway", sources=["198.51.100.7/32"])


def _only_for_itself(site: Settings) -> None:
    _set(site, "starface", host="192.0.2.7", callback_port=8080)
    _set(site, "gateway", listen=["127.0.0.1:8080", "[::1]:8080"])


def _broker_shows_nothing(site: Settings) -> None:
    with (broker_folder(site) / "mosquitto.conf").open("a") as conf:
        conf.write("\nlistener 8883\ncertfile fullchain.pem\nkeyfile privkey.pem\n")


def _open_broker(site: Settings) -> None:
    conf = broker_folder(site) / "mosquitto.conf"
    conf.write_text(conf.read_text().replace("allow_anonymous false", "allow_anonymous true"))


def _nothing(_site: Settings) -> None:
    """Leave the site as `init` made it."""


@pytest.mark.parametrize(
    ("mistake", "check", "level", "said"),
    [
        (_broken_key, "configuration", "fail", "listn"),
        (_wrong_value, "configuration", "fail", "external_address"),
        (_open_secret, "secrets", "fail", "site.key"),
        (_lost_key, "secrets", "fail", "seal.key is missing"),
        (_foreign_file, "owners", "fail", "broker-accounts.json does not belong to"),
        (_no_data_folder, "disk", "fail", "is missing"),
        (_no_room, "disk", "warn", "an outage of the broker may need"),
        (_no_program, "opening", "fail", "no-such-program"),
        (_nothing, "opening", "warn", "no address is set"),
        (_nothing, "broker", "fail", "no broker answers at"),
        (_nothing, "pbx port", "fail", "does not answer"),
        (_nothing, "contacts", "warn", "there are none"),
        (_unknown_pbx, "pbx name", "fail", "pbx.invalid"),
        (_no_pbx, "pbx", "fail", "no STARFACE is named"),
        (_cloud_in_the_lan, "pbx location", "warn", "is in the LAN, but location"),
        (_cloud_in_the_lan, "pbx location", "fail", "192.168.1.2 is an address in the LAN"),
        (_other_sources, "pbx location", "fail", "names only 198.51.100.7/32"),
        (_only_for_itself, "ports", "fail", "port 8080 on this machine alone"),
        (_broker_shows_nothing, "broker certificate", "fail", "fullchain.pem and its key"),
        (_open_broker, "broker files", "warn", "allow_anonymous false"),
        (_no_area_code, "numbers", "warn", "no area code"),
        (_extension_of_six_digits, "numbers", "warn", "no extensions by [site]: 123456"),
        (_broker_may_not_read, "broker files", "fail", "may not read"),
        (_broker_files_are_old, "broker files", "fail", "passwords is not as it was written"),
        (_broker_file_is_gone, "broker files", "fail", "acl is missing"),
    ],
)
def test_a_mistake_is_found_by_its_name(
    site: Settings, mistake: Callable[[Settings], None], check: str, level: str, said: str
) -> None:
    mistake(site)

    found = [each for each in examine(site.file) if each.check == check and said in each.text("en")]

    assert {each.level for each in found} == {level}
    assert all(found[0].fix(language) for language in LANGUAGES)


def test_a_version_of_mosquitto_is_said_of_no_other_broker(site: Settings) -> None:
    assert "broker version" in {each.check for each in examine(site.file)}

    _set(site, "broker", version="3.1.1")

    assert "broker version" not in {each.check for each in examine(site.file)}


def test_a_port_of_another_program_is_named_with_the_program(site: Settings) -> None:
    port = int(site.gateway.listen[0].rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        found = [each for each in examine(site.file) if each.check == "ports"]

    assert found[0].level == "fail"
    assert f"port {port} is used by another program (" in found[0].text("en")


@contextmanager
def _pbx_with_certificate(
    folder: Path, port: int, host: str = "127.0.0.1", *, days: float = 1
) -> Iterator[str]:
    ends = timedelta(days=days)
    chain, key = certificates.make(folder, host, [host], may_vouch=True, ends=ends)
    listener = socket.create_server(("127.0.0.1", port))
    stopped = threading.Event()

    def serve() -> None:
        secured = certificates.serving(chain, key)
        while not stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    secured.wrap_socket(connection, server_side=True).close()
                except (OSError, ssl.SSLError):
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield certificates.fingerprint(chain)
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _pbx_certificate(site: Settings) -> Finding:
    return next(each for each in examine(site.file) if each.check == "pbx certificate")


def test_an_untrusted_certificate_of_the_pbx_comes_with_what_to_pin(
    site: Settings, tmp_path: Path
) -> None:
    with _pbx_with_certificate(tmp_path, site.starface.pbx_port) as fingerprint:
        found = _pbx_certificate(site)

        assert found.level == "fail"
        assert "does not know who issued it: CN=127.0.0.1" in found.text("en")
        assert fingerprint in found.fix("en")


def test_a_certificate_of_the_pbx_that_is_over_is_to_be_renewed(
    site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _pbx_with_certificate(tmp_path, site.starface.pbx_port, days=-3) as fingerprint:
        unknown = _pbx_certificate(site)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "chain.pem"))
        trusted = _pbx_certificate(site)
        _set(site, "starface", verify="pinned", fingerprint=fingerprint)
        pinned = _pbx_certificate(site)

    assert unknown.code == trusted.code == pinned.code == "pbx-certificate-expired"
    assert (trusted.level, pinned.level) == ("fail", "warn")
    assert "Renew it at STARFACE" in trusted.fix("en")


def test_a_certificate_of_the_pbx_for_another_name_is_named_with_that_name(
    site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _pbx_with_certificate(tmp_path, site.starface.pbx_port, "pbx.example.lan"):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "chain.pem"))
        found = _pbx_certificate(site)

    assert found.level == "fail"
    assert found.text("en") == "it is valid for pbx.example.lan, not for 127.0.0.1"
    assert "host" in found.fix("en")


def test_a_certificate_of_ours_is_for_the_name_that_the_pbx_calls(tmp_path: Path) -> None:
    ends = timedelta(days=90)
    files = certificates.make(tmp_path, "office", ["*.office.example", "192.0.2.7"], ends=ends)

    for host in ("cti.office.example", "192.0.2.7", ""):
        assert certificate("own certificate", *files, host).level == "ok"
    other = certificate("own certificate", *files, "192.0.2.8")
    over = certificates.make(tmp_path, "office", ends=timedelta(days=-3))
    assert certificate("own certificate", *over).text("en").endswith("expired 3 days ago")
    assert other.level == "warn"
    assert "it is valid for *.office.example, 192.0.2.7" in other.text("en")


def test_a_certificate_that_is_pinned_and_expires_soon_is_named(
    site: Settings, tmp_path: Path
) -> None:
    with _pbx_with_certificate(tmp_path, site.starface.pbx_port) as fingerprint:
        _set(site, "starface", verify="pinned", fingerprint=fingerprint)
        soon = _pbx_certificate(site)
        _set(site, "starface", verify="pinned", fingerprint="0" * 64)
        other = _pbx_certificate(site)

    assert (soon.level, other.level) == ("warn", "fail")
    assert "expires in 0 days" in soon.text("en")
    assert "another certificate than the pinned one" in other.text("en")


def test_a_pbx_that_is_not_verified_is_said_aloud(site: Settings, tmp_path: Path) -> None:
    with _pbx_with_certificate(tmp_path, site.starface.pbx_port) as fingerprint:
        _set(site, "starface", verify="off")
        found = _pbx_certificate(site)

    assert found.level == "warn"
    assert fingerprint in found.fix("en")


def test_a_pbx_with_tls_that_is_asked_without_is_named(site: Settings, tmp_path: Path) -> None:
    with _pbx_with_certificate(tmp_path, site.starface.pbx_port):
        _set(site, "starface", scheme="http")
        found = [each for each in examine(site.file) if each.code == "pbx-http"]

    assert found[0].level == "fail"
    assert 'scheme = "https"' in found[0].fix("de")


def test_a_certificate_of_ours_without_its_key_is_named(tmp_path: Path) -> None:
    chain, key = certificates.make(tmp_path, "127.0.0.1", ["127.0.0.1"])
    other = tmp_path / "other"
    other.mkdir()
    _, foreign = certificates.make(other, "127.0.0.1", ["127.0.0.1"])

    assert certificate("own certificate", chain, key).code == "certificate-ends"
    assert certificate("own certificate", chain, foreign).code == "certificate-unusable"
    assert certificate("own certificate", tmp_path / "none.pem", key).code == "certificate-unusable"


def test_a_pbx_without_tls_at_its_port_is_named(site: Settings) -> None:
    with socket.create_server(("127.0.0.1", site.starface.pbx_port)) as plain:
        threading.Thread(target=lambda: plain.accept()[0].close()).start()
        threading.Thread(target=lambda: plain.accept()[0].close()).start()
        found = _pbx_certificate(site)

    assert found.level == "fail"
    assert 'scheme = "http"' in found.fix("en")


def test_without_processes_and_users_each_is_named_with_how_to_begin(tmp_path: Path) -> None:
    with site_with_broker(tmp_path / "site") as settings:
        found = list(examine(settings.file))
        with Users(settings.database) as users:
            users.add(User(login="0011", extension="0012"))
        differing = list(examine(settings.file))

    by_check = {(each.check, each.level): each for each in found}
    assert by_check["broker rights", "ok"]
    [missing] = [each.text("en") for each in found if each.check == "processes"]
    assert missing == "not running: gateway, sessions, dial, journal, panel"
    assert by_check["users", "fail"].fix("en") == "starface2mqtt user add LOGIN"
    assert any("differs from the login" in each.text("en") for each in differing)


def test_a_user_whom_the_broker_does_not_know_yet_is_named(tmp_path: Path) -> None:
    with site_with_broker(tmp_path / "site") as settings:
        with Users(settings.database) as users:
            users.add(User(login="0011"))
            users.add(User(login="0012"))
        add_user_account(settings, "0012")  # the broker has read its files before
        found = list(broker_accounts(settings))

    assert [each.code for each in found] == ["broker-account-refused"]
    assert "0012" in found[0].text("it")
    assert "systemctl restart starface2mqtt-broker" in found[0].fix("fr")


def test_a_configuration_that_nobody_has_read_yet_is_named(site: Settings) -> None:
    written = datetime.fromtimestamp(site.file.stat().st_mtime, UTC)

    def codes(started: datetime) -> list[str]:
        detail = ProcessDetailData(
            name="caller", start_id="1", state="online", since=started, version="1"
        )
        found = Snapshot({"caller": "online"}, {"caller": detail})
        return [each.code for each in configuration_since(site, found)]

    assert codes(written - timedelta(seconds=1)) == ["processes-stale"]
    assert codes(written + timedelta(seconds=1)) == []


def test_a_program_at_the_port_of_the_broker_is_named(site: Settings) -> None:
    with socket.create_server(("127.0.0.1", site.broker.port)):
        found = next(each for each in examine(site.file) if each.check == "broker")

    assert found.level == "fail"
    assert "another program, not a broker, listens at" in found.text("en")


def test_a_broker_that_answers_but_refuses_us_is_not_to_be_started(tmp_path: Path) -> None:
    with site_with_broker(tmp_path / "site") as settings:
        accounts = settings.broker.accounts_file
        accounts.write_text(accounts.read_text().replace('": "', '": "x'))
        found = [each for each in examine(settings.file) if each.check == "broker"]

    assert [each.code for each in found] == ["broker-refuses"]


@pytest.mark.parametrize(
    ("language", "said"),
    [("de", "es gibt keine"), ("fr", "il n'y en a pas"), ("it", "non ce ne sono")],
)
def test_it_speaks_the_language_of_the_site_or_the_one_asked_for(
    site: Settings, language: str, said: str
) -> None:
    _set(site, "site", language=language)

    of_site = CliRunner().invoke(app, ["--config", str(site.file), "doctor"]).stdout
    asked = CliRunner().invoke(app, ["--config", str(site.file), "doctor", "--lang", "en"]).stdout

    assert said.lower() in of_site.lower()
    assert "there are none" in asked


def test_each_finding_has_its_sentence_and_each_fault_its_fix_in_every_language() -> None:
    codes = set()
    for path in (ROOT / "cli" / "doctor").glob("*.py"):
        for level, code in re.findall(
            r'\b(ok|warn|fail)\(\s*(?:"[a-z ]+"|check|name[^,]*\)), "([a-z-]+)"', path.read_text()
        ):
            codes.add((level, code))

    assert len(codes) > 60
    for level, code in codes:
        for language in LANGUAGES:
            texts = catalogue(language)
            assert code in FOUND or f"doctor.found.{code}" in texts
            if level == "fail":
                assert code in FIXES or f"doctor.fix.{code}" in texts, code


def test_the_exit_code_and_json_are_for_machines(site: Settings) -> None:
    done = CliRunner().invoke(app, ["--config", str(site.file), "doctor", "--json"])

    assert done.exit_code == 1
    assert {"check", "level", "code", "text", "fix"} == set(json.loads(done.stdout)[0])


def test_a_bundle_for_support_holds_no_secret(site: Settings, tmp_path: Path) -> None:
    _set(site, "starface", oauth_client_secret="a-secret-of-the-pbx")
    CliRunner().invoke(
        app, ["--config", str(site.file), "doctor", "--support", str(tmp_path / "support.tgz")]
    )

    with tarfile.open(tmp_path / "support.tgz") as bundle:
        texts = [file.read().decode() for each in bundle if (file := bundle.extractfile(each))]
    assert len(texts) == 4
    assert "a-secret-of-the-pbx" not in "".join(texts)
    assert (tmp_path / "support.tgz").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("called +41 44 668 18 00 now", "called …00 now"),
        ("number=0446681800", "number=…00"),
        ("port 8080 answers at 192.0.2.10", "port 8080 answers at 192.0.2.10"),
        ("2026-11-29T22:25:01 started", "2026-11-29T22:25:01 started"),
        ("https://crm.example/x?token=abc", "https://crm.example/x?…"),
    ],
)
def test_numbers_and_queries_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
