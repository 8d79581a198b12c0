"""Checks of this machine: files and their owners, disk room, ports, what opens, numbers."""

import os
import pwd
import shutil
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from bus.numbers.number import read_number
from bus.settings import read_accounts
from cli.commands.site.extensions import unknown_extensions, wanted_settings
from cli.commands.watch import gateway_metrics
from cli.doctor.findings import Finding, fail, ok, some, warn
from cli.setup.service import disabled, units
from cli.site.configuration_file import shown_values
from cli.site.files import broker_folder
from cli.site.settings import Settings
from consumers.users import Users
from runtime.addresses import here, join_address, split_address
from starface.certificate import names_of

SOON = 21  # days before a certificate's end
_ROOM = 256  # megabytes beside the event log's own limit
_EXAMPLES = {"CH": "044 668 18 00", "DE": "030 123456", "AT": "01 58858 0", "LI": "237 74 00",
             "IT": "02 1234 5678", "FR": "01 42 68 53 00"}  # fmt: skip


def files(settings: Settings) -> Iterator[Finding]:
    """Check owners and modes of the site's files."""
    owner = settings.folder.stat().st_uid
    foreign = sorted(
        {
            path
            for folder in (settings.folder, settings.site.data_folder, settings.site.secrets_folder)
            if folder.exists()
            for path in folder.rglob("*")
            if path.lstat().st_uid != owner
        }
    )
    name = _name(owner)
    if foreign:
        yield fail(
            "owners", "owners-foreign", path=foreign[0], count=len(foreign), owner=name,
            folder=settings.folder, data=settings.site.data_folder,
        )  # fmt: skip
    else:
        yield ok("owners", "owners", owner=name)
    secrets = settings.site.secrets_folder
    open_ = [path for path in sorted(secrets.glob("*")) if path.stat().st_mode & 0o077]
    if open_:
        yield fail("secrets", "secrets-open", path=open_[0])
    missing = [key for key in ("site.key", "seal.key") if not (secrets / key).exists()]
    if missing:
        yield fail("secrets", "secrets-missing", path=secrets / missing[0])
    elif not open_:
        yield ok("secrets", "secrets")
    read_accounts(settings.broker.accounts_file)


def services(settings: Settings) -> Iterator[Finding]:
    """Check that what the package runs of this site starts with the machine."""
    conf = broker_folder(settings) / "mosquitto.conf"
    ours = conf.exists() and f"\nlistener {settings.broker.port}" in conf.read_text()
    names = units(settings.folder, broker=ours)
    if off := disabled(names):
        yield fail("services", "services-disabled", units=" ".join(off))
    elif names:
        yield ok("services", "services")


def disk(settings: Settings) -> Iterator[Finding]:
    """Check that there is room for the event log and an import."""
    folder = settings.site.data_folder
    if not folder.exists():
        yield fail("disk", "disk-missing", folder=folder)
        return
    if not os.access(folder, os.W_OK):
        yield fail("disk", "disk-read-only", folder=folder)
    free = shutil.disk_usage(folder).free // 1_000_000
    wanted = settings.gateway.log_megabytes + _ROOM
    if free < _ROOM:
        yield fail("disk", "disk-full", free=free, folder=folder)
    elif free < wanted:
        yield warn("disk", "disk-short", free=free, folder=folder, wanted=wanted)
    else:
        yield ok("disk", "disk", free=free)


def ports(settings: Settings, *, running: bool) -> Iterator[Finding]:
    """Check that the gateway's ports are free where it does not run, and open where it does."""
    yield from _only_for_this_machine(settings)
    running = running or bool(gateway_metrics(settings.gateway.operations))  # without a broker
    for listen in settings.gateway.listen:
        host, port = split_address(listen)
        answers = _answers(host, port)
        if not running and answers:
            yield fail("ports", "ports-used", port=port, program=program_at(port) or "?")
        elif running and not answers:
            yield fail("ports", "ports-silent", listen=listen)
        else:
            yield ok("ports", "ports-answer" if running else "ports-free", listen=listen)


def _only_for_this_machine(settings: Settings) -> Iterator[Finding]:
    """Check that the port that the PBX is given is not open on the loopback address alone."""
    starface = settings.starface
    if starface.callback_host or not starface.host or is_loopback(starface.host):
        return  # a proxy may stand before us, or the PBX is here too
    ours = [split_address(listen) for listen in settings.gateway.listen]
    hosts = [host for host, port in ours if port == starface.callback_port]
    if hosts and all(map(is_loopback, hosts)):
        wanted = ", ".join(f'"{join_address("0.0.0.0", port)}"' for _, port in ours)
        yield fail("ports", "ports-loopback", port=starface.callback_port, wanted=wanted)


def opening(settings: Settings) -> Iterator[Finding]:
    """Check that something can open, and that the programs it takes exist."""
    caller = settings.caller
    unset = not any((caller.matter, caller.dossier, caller.card))
    if unset and not caller.hosts and not caller.webhooks and not caller.commands:
        yield warn("opening", "opening-unset")
    else:
        yield ok("opening", "opening")
    for command in caller.commands:
        program = command.arguments[0]
        if shutil.which(program) is None:
            yield fail("opening", "opening-program", name=command.name, program=program)


def numbers(settings: Settings) -> Iterator[Finding]:
    """Read numbers as this office writes them back to the person."""
    profile = settings.site.numbers
    if not profile.area_code:
        yield warn("numbers", "numbers-area", country=profile.country)
    example = _EXAMPLES.get(profile.country)
    if example:
        yield ok("numbers", "numbers", example=example, e164=read_number(example, profile).e164)
    with Users(settings.database) as users:
        extensions = [user.extension for user in users.all()]
    if unknown := unknown_extensions(extensions, profile):
        wanted = shown_values(wanted_settings(extensions, profile)) or "-"
        yield warn(
            "numbers", "numbers-extensions", extensions=", ".join(unknown[:5]), wanted=wanted
        )


def certificate(check: str, certificate: Path, private_key: Path | None, host: str = "") -> Finding:
    """Return whether a certificate of ours is good, belongs to its key, and is for a host."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key)
    except OSError as error:  # ssl.SSLError is one too
        return _unusable(check, certificate, error)
    return certificate_alone(check, certificate, host)


def certificate_alone(check: str, certificate: Path, host: str = "") -> Finding:
    """Return whether a certificate is good and is for a host, whatever its key."""
    from cryptography import x509

    try:
        read = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError) as error:
        return _unusable(check, certificate, error)
    left = read.not_valid_after_utc - datetime.now(UTC)
    if left < timedelta():
        return fail(check, "certificate-expired", path=certificate, days=-left // timedelta(days=1))
    days = left.days
    names = names_of(read)
    if host and not any(_is_for(host, name) for name in names):
        return warn(check, "certificate-name", host=host, names=some(names) or "-")
    if days < SOON:
        return warn(check, "certificate-ends", days=days)
    return ok(check, "certificate", days=days)


def _unusable(check: str, certificate: Path, error: Exception) -> Finding:
    reason = getattr(error, "strerror", None) or error
    return fail(check, "certificate-unusable", path=certificate, reason=reason)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def program_at(port: int) -> str:
    """Return the programs that listen at a port, empty if that cannot be seen."""
    import psutil

    try:
        found = [
            connection.pid
            for connection in psutil.net_connections("tcp")
            if connection.laddr and connection.laddr.port == port and connection.status == "LISTEN"
        ]
        names = {psutil.Process(pid).name() for pid in found if pid}
    except psutil.Error:
        return ""
    return ", ".join(sorted(names))


def _is_for(host: str, name: str) -> bool:
    """Return whether a name in a certificate, which may begin with an asterisk, is that host's."""
    host, name = host.lower(), name.lower()
    return host == name or (name.startswith("*.") and host.partition(".")[2] == name[2:])


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((here(host), port), 1):
            return True
    except OSError:
        return False


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
