"""One file with all of a site: configuration, secrets, the broker's files, every database.

Databases are copied by SQLite while processes write to them. A restored event log gets a new
identity, so no number is ever given to two events: consumers take it for a further gateway.
"""

import base64
import json
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import BinaryIO

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from bus.settings import SettingsRefused
from cli.site.broker_configuration import FILE as BROKER_FILE
from cli.site.broker_configuration import reads_in_place
from cli.site.files import broker_folder
from cli.site.progress import with_progress
from cli.site.settings import FILE, Settings, read
from gateway.eventlog.file import NAME as EVENT_LOG
from runtime.files import give_to_owner_of_folder, private_file, private_folder
from runtime.sqlite import open_database, open_to_read, transaction

_KIND = "starface2mqtt backup 1"
_SEALED = b"starface2mqtt sealed backup 1\n"
_CHUNK = 1 << 20  # bytes sealed at a time
_MADE_AGAIN = (
    "mosquitto.db", "mosquitto.db.new",
    ".lock", ".pid", "-wal", "-shm", "-journal", ".draft",
)  # fmt: skip


def write_backup(settings: Settings, path: Path, passphrase: str | None = None) -> None:
    """Write the backup, private, sealed if there is a passphrase; raise SettingsRefused."""
    if path.exists():
        raise SettingsRefused(f"{path} exists already; name another file")
    private_folder(path.parent)
    with TemporaryDirectory(dir=path.parent, prefix=".backup-") as name:
        draft = Path(name)
        manifest = {
            "kind": _KIND, "version": version("starface2mqtt"), "folder": str(settings.folder),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        (draft / "manifest.json").write_text(json.dumps(manifest, indent=2))
        files = [
            pair
            for part, source in _parts(settings).items()
            for pair in _to_copy(source, draft / part, leave=_inside(settings, source))
        ]
        for file, place in with_progress(files, "backup"):
            _copy(file, place)
        packed = draft / "packed"
        with tarfile.open(packed, "w:gz") as archive:
            for each in sorted(draft.iterdir()):
                if each != packed:
                    archive.add(each, each.name)
        finished = draft / "finished"
        with packed.open("rb") as plain, private_file(finished).open("wb") as target:
            if passphrase is None:
                shutil.copyfileobj(plain, target)
            else:
                _seal(plain, target, passphrase)
            target.flush()
            os.fsync(target.fileno())
        finished.replace(path)
        give_to_owner_of_folder(path)


def restore_backup(path: Path, folder: Path | None, passphrase: str | None = None) -> Settings:
    """Put a site back where it was or into another folder; raise SettingsRefused.

    Nothing is overwritten: where a site is already, it is refused.
    """
    with _unpacked(path, passphrase) as draft:
        manifest = json.loads((draft / "manifest.json").read_text())
        target = folder or Path(manifest["folder"])
        if (target / FILE).exists():
            raise SettingsRefused(
                f"{target / FILE} exists already; move that site away first, or name a folder"
            )
        (draft / "site" / FILE).chmod(0o600)
        given = read(draft / "site" / FILE)
        elsewhere = {
            "data": _moved(given.site.data_folder, given.folder, target),
            "secrets": _moved(given.site.secrets_folder, given.folder, target),
        }
        data = elsewhere["data"]
        if data.exists() and any(data.glob("*.db")):
            raise SettingsRefused(f"{data} holds the data of a site already; move it away first")
        _give_new_identity(draft / "data" / EVENT_LOG)
        for part, place in ({"site": target} | elsewhere).items():
            if (draft / part).is_dir():
                _put(draft / part, private_folder(place))
    settings = read(target / FILE)
    broker = broker_folder(settings)
    conf = broker / BROKER_FILE
    if conf.exists():
        conf.write_text(conf.read_text().replace(f" {manifest['folder']}/", f" {target}/"))
    if reads_in_place(broker):
        for file in broker.iterdir():
            file.chmod(0o640)
    return settings


def _parts(settings: Settings) -> dict[str, Path]:
    return {
        "site": settings.folder, "data": settings.site.data_folder,
        "secrets": settings.site.secrets_folder,
    }  # fmt: skip


def _inside(settings: Settings, source: Path) -> set[Path]:
    return {other for other in _parts(settings).values() if other != source}


def _to_copy(source: Path, target: Path, leave: set[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield what goes into a backup, and where; make the folders."""
    if not source.is_dir():
        return
    target.mkdir(mode=0o700)
    for each in sorted(source.iterdir()):
        if each in leave or each.name.endswith(_MADE_AGAIN) or each.is_symlink():
            continue
        if each.is_dir():
            yield from _to_copy(each, target / each.name, leave)
        elif each.is_file():
            yield each, target / each.name


def _copy(source: Path, target: Path) -> None:
    if source.suffix != ".db":
        shutil.copy2(source, target)
        return
    with closing(open_to_read(source)) as db:  # never opened beside SQLite, copied by it
        db.execute("VACUUM INTO ?", (str(target),))


def _moved(place: Path, old: Path, new: Path) -> Path:
    """Return a folder of the old site in the new one; one that lay elsewhere stays there."""
    return new / place.relative_to(old) if place.is_relative_to(old) else place


def _put(source: Path, target: Path) -> None:
    for each in sorted(source.iterdir()):
        place = target / each.name
        if each.is_dir():
            _put(each, private_folder(place))
        else:
            shutil.copyfile(each, place)
            place.chmod(0o600)
            give_to_owner_of_folder(place)


def _give_new_identity(log: Path) -> None:
    if log.exists():
        with closing(open_database(log)) as db, transaction(db):
            db.execute(
                "UPDATE facts SET value = ? WHERE name = 'identity'", (secrets.token_hex(4),)
            )


@contextmanager
def _unpacked(path: Path, passphrase: str | None) -> Iterator[Path]:
    with TemporaryDirectory(prefix="starface2mqtt-restore-") as name:
        draft = Path(name)
        try:
            with path.open("rb") as source, (draft / "packed").open("wb") as plain:
                if source.read(len(_SEALED)) == _SEALED:
                    if passphrase is None:
                        raise SettingsRefused(f"{path} is sealed: give --passphrase-file")
                    _unseal(source, plain, passphrase)
                else:
                    source.seek(0)
                    shutil.copyfileobj(source, plain)
            with tarfile.open(draft / "packed") as archive:
                members = with_progress(_harmless(archive), "restore")
                archive.extractall(draft, members)  # noqa: S202
            kind = json.loads((draft / "manifest.json").read_text())["kind"]
        except OSError as error:
            raise SettingsRefused(f"{path}: {error.strerror or error}") from error
        except (InvalidToken, EOFError):
            raise SettingsRefused(
                f"{path}: another passphrase, or the file is damaged; nothing was restored"
            ) from None
        except (tarfile.TarError, KeyError, ValueError) as error:
            raise SettingsRefused(f"{path} is no whole backup; nothing was restored") from error
        if kind != _KIND:
            raise SettingsRefused(f"{path} is a backup of another kind: {kind}")
        yield draft


def _harmless(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members; raise TarError for one that would lead out of the folder.

    The filter of Python's own came with 3.11.4; Debian 12 has 3.11.2.
    """
    for member in archive:
        place = PurePosixPath(member.name)
        if place.is_absolute() or ".." in place.parts or not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"a backup has no such member: {member.name}")
        yield member


def _seal(plain: BinaryIO, target: BinaryIO, passphrase: str) -> None:
    salt = os.urandom(16)
    box = _box(passphrase, salt)
    target.write(_SEALED + salt)
    while chunk := plain.read(_CHUNK):
        target.write(box.encrypt(chunk) + b"\n")
    target.write(box.encrypt(b"") + b"\n")  # the end: a file that was cut is noticed


def _unseal(sealed: BinaryIO, target: BinaryIO, passphrase: str) -> None:
    box = _box(passphrase, sealed.read(16))
    for line in sealed:
        chunk = box.decrypt(line.rstrip(b"\n"))
        if not chunk:
            return
        target.write(chunk)
    raise EOFError


def _box(passphrase: str, salt: bytes) -> Fernet:
    key = Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode())
    return Fernet(base64.urlsafe_b64encode(key))
