"""Checks of this machine: files and their owners, disk room, ports, what opens, numbers."""

import os
import pwd
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from bus.numbers.number import read_number
from bus.settings import read_accounts
from cli.commands.site.extensions import advice
from cli.doctor.findings import Finding, fail, ok, warn
from cli.site.settings import Settings
from consumers.users import Users
from runtime.addresses import split_address

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
            "owners", f"{foreign[0]} and {len(foreign) - 1} more do not belong to {name}"
            if len(foreign) > 1 else f"{foreign[0]} does not belong to {name}",
            f"chown -R {name} {settings.folder} {settings.site.data_folder}",
        )  # fmt: skip
    else:
        yield ok("owners", f"all files belong to {name}")
    secrets = settings.site.secrets_folder
    open_ = [path for path in sorted(secrets.glob("*")) if path.stat().st_mode & 0o077]
    if open_:
        yield fail("secrets", f"{open_[0]}: others may read it", f"chmod 600 {open_[0]}")
    missing = [key for key in ("site.key", "seal.key") if not (secrets / key).exists()]
    if missing:
        yield fail("secrets", f"{secrets / missing[0]} is missing", "starface2mqtt restore BACKUP")
    elif not open_:
        yield ok("secrets", "keys exist, for their owner alone")
    read_accounts(settings.broker.accounts_file)


def disk(settings: Settings) -> Iterator[Finding]:
    """Check that there is room for the event log and an import."""
    folder = settings.site.data_folder
    if not folder.exists():
        yield fail("disk", f"{folder} is missing", f"install -d -m 700 {folder}")
        return
    if not os.access(folder, os.W_OK):
        yield fail("disk", f"{folder} cannot be written to", f"chmod u+w {folder}")
    free = shutil.disk_usage(folder).free // 1_000_000
    wanted = settings.gateway.log_megabytes + _ROOM
    if free < _ROOM:
        yield fail("disk", f"only {free} MB are free in {folder}", "make room on this disk")
    elif free < wanted:
        yield warn(
            "disk", f"{free} MB are free in {folder}; an outage of the broker may need {wanted}",
            "make room, or set [gateway] log_megabytes lower",
        )  # fmt: skip
    else:
        yield ok("disk", f"{free:,} MB are free")


def ports(settings: Settings, *, running: bool) -> Iterator[Finding]:
    """Check that the gateway's ports are free where it does not run, and open where it does."""
    for listen in settings.gateway.listen:
        host, port = split_address(listen)
        if not running and _answers(host, port):
            yield fail(
                "ports", f"port {port} is used by another program{_program_at(port)}",
                "end that program, or set another port in [gateway] listen",
            )  # fmt: skip
        elif running and not _answers(host, port):
            yield fail(
                "ports", f"the gateway runs, but nothing answers at {listen}",
                "journalctl -u starface2mqtt",
            )  # fmt: skip
        else:
            yield ok("ports", f"{listen} {'answers' if running else 'is free'}")


def opening(settings: Settings) -> Iterator[Finding]:
    """Check that something can open, and that the programs it takes exist."""
    caller = settings.caller
    unset = [name for name in ("matter", "dossier", "card") if not getattr(caller, name)]
    if len(unset) == 3 and not caller.hosts and not caller.webhooks and not caller.commands:
        yield warn(
            "opening", "no address is set for matter, dossier or card: a call is only announced",
            'set [caller] matter = "https://…/{id}" and the others',
        )  # fmt: skip
    else:
        yield ok("opening", "addresses or programs are set")
    for command in caller.commands:
        program = command.arguments[0]
        if shutil.which(program) is None:
            yield fail(
                "opening", f"the program of command {command.name!r} is missing: {program}",
                "install it, or correct [[caller.commands]] arguments",
            )  # fmt: skip


def numbers(settings: Settings) -> Iterator[Finding]:
    """Read numbers as this office writes them back to the person."""
    profile = settings.site.numbers
    if not profile.area_code:
        yield warn(
            "numbers", "no area code is set: numbers without one stay unknown",
            f'set [site] area_code, as "44"; the country is {profile.country}',
        )  # fmt: skip
    example = _EXAMPLES.get(profile.country)
    if example:
        yield ok("numbers", f"{example} is read as {read_number(example, profile).e164}")
    with Users(settings.database) as users:
        if sentence := advice([user.extension for user in users.all()], profile):
            yield warn("numbers", sentence, "see [site] internal_digits and extensions")


def _answers(host: str, port: int) -> bool:
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    try:
        with socket.create_connection((local, port), 1):
            return True
    except OSError:
        return False


def _program_at(port: int) -> str:
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
    return f" ({', '.join(sorted(names))})" if names else ""


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def certificate_days(path: Path) -> int:
    """Return for how many days a PEM certificate is still good; raise OSError or ValueError."""
    from datetime import UTC, datetime

    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    return (certificate.not_valid_after_utc - datetime.now(UTC)).days
