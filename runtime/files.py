"""Files of a site: private to the account that runs it, no matter who types the command.

A command typed as root must not leave files that the service cannot read. So what is replaced
keeps its owner, group and mode, and what is new belongs to the owner of the folder it lies in.
"""

import os
import stat
from pathlib import Path

from runtime.configuration import SettingsRefused


def private(path: Path) -> None:
    """Raise SettingsRefused when others may read a file that holds secrets."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SettingsRefused(
            f"{path}: others may read it (mode {mode:04o}); mend it with: chmod 600 {path}"
        )


def private_folder(path: Path) -> Path:
    """Return a folder only the owner can look into, made if need be; raise SettingsRefused."""
    try:
        if not path.parent.exists():
            private_folder(path.parent)
        if not path.is_dir():
            path.mkdir(mode=0o700, exist_ok=True)
            give_to_owner_of_folder(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def private_file(path: Path) -> Path:
    """Return a file only the owner can read, made empty if need be; raise SettingsRefused.

    Not for a database: nobody but SQLite may open one (runtime/sqlite.py).
    """
    private_folder(path.parent)
    try:
        if not path.exists():
            path.touch(mode=0o600, exist_ok=True)
            give_to_owner_of_folder(path)
        keep_private(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def matching(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder with such a name; raise SettingsRefused if it cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if path.match(pattern))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unwritable(folder, error) from error


def keep_private(path: Path) -> None:
    """Take a file of ours away from the eyes of others."""
    found = path.stat()
    if found.st_mode & 0o077 and hasattr(os, "getuid") and found.st_uid == os.getuid():
        path.chmod(0o600)


def replace(path: Path, text: str, *, durable: bool = True) -> None:
    """Write a file as a whole: the old content or the new, never half; raise OSError.

    It keeps owner, group and mode; a new one is private. `durable`: it survives a power cut.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        if path.exists():
            _keep_rights(path, fresh)
        else:
            give_to_owner_of_folder(fresh)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def give_to_owner_of_folder(path: Path) -> None:
    """Hand what root has just made to the owner of its folder."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)


def _keep_rights(old: Path, fresh: Path) -> None:
    found = old.stat()
    if hasattr(os, "chown"):
        own = fresh.stat()
        if (own.st_uid, own.st_gid) != (found.st_uid, found.st_gid):
            try:
                os.chown(fresh, found.st_uid, found.st_gid)
            except PermissionError:  # only root may give a file away
                return  # and so it stays private
    fresh.chmod(stat.S_IMODE(found.st_mode))


def _unwritable(path: Path, error: OSError) -> SettingsRefused:
    return SettingsRefused(
        f"{path}: {error.strerror or error}; the account this runs as must be able to write there"
    )
