"""A disk that fails when it is asked to: SQLite's own file methods, with a fault at the n-th call.

It stands between SQLite and the system in a gateway of the tests, so it needs neither a compiler
nor rights. The test decides from outside, in a few shared bytes, which call fails.
"""

import _sqlite3
import ctypes
import mmap
import struct
import sys
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p, cast
from pathlib import Path
from typing import Any, Literal

NAME = "faults"
Fault = Literal["write", "torn", "sync"]
FAULTS: tuple[Fault, ...] = ("write", "torn", "sync")

_SHARED = struct.Struct("iiii")  # fault, calls until it, calls it lasts, how often it came
_CODES: dict[Fault, int] = {  # SQLite's
    "write": 778,  # SQLITE_IOERR_WRITE
    "torn": 778,
    "sync": 1034,  # SQLITE_IOERR_FSYNC
}


class Faults:
    """The shared bytes: the test sets them, the gateway counts them down."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_SHARED.size))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _SHARED.size)

    def at(self, fault: Fault, number: int, lasting: int = 1) -> None:
        """Have the n-th call from now fail, and some after it."""
        _SHARED.pack_into(self._shared, 0, FAULTS.index(fault) + 1, number, lasting, 0)

    def end(self) -> None:
        """Have no more calls fail."""
        _SHARED.pack_into(self._shared, 0, 0, 0, 0, self.came)

    @property
    def left(self) -> int:
        """How many calls there are to the first that fails, and that one."""
        return int(_SHARED.unpack_from(self._shared)[1])

    @property
    def came(self) -> int:
        """How many calls failed since `at`."""
        return int(_SHARED.unpack_from(self._shared)[3])

    def strikes(self, call: Literal["write", "sync"]) -> Fault | None:
        """Return whether this call is to fail, and how."""
        fault, left, lasting, came = _SHARED.unpack_from(self._shared)
        if not fault or not lasting:
            return None
        kind: Fault = FAULTS[fault - 1]
        if call != ("sync" if kind == "sync" else "write"):
            return None
        if left > 1:
            _SHARED.pack_into(self._shared, 0, fault, left - 1, lasting, came)
            return None
        _SHARED.pack_into(self._shared, 0, fault, left, lasting - 1, came + 1)
        return kind


_XOpen = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_XWrite = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_XSync = CFUNCTYPE(c_int, c_void_p, c_int)


class _Methods(Structure):
    """`sqlite3_io_methods`, https://sqlite.org/c3ref/io_methods.html, as of its third version."""

    _fields_ = [
        ("iVersion", c_int), ("xClose", c_void_p), ("xRead", c_void_p), ("xWrite", _XWrite),
        ("xTruncate", c_void_p), ("xSync", _XSync), ("others", c_void_p * 13),
    ]  # fmt: skip


class _System(Structure):
    """The beginning of `sqlite3_vfs`, https://sqlite.org/c3ref/vfs.html."""

    _fields_ = [
        ("iVersion", c_int), ("szOsFile", c_int), ("mxPathname", c_int), ("pNext", c_void_p),
        ("zName", c_char_p), ("pAppData", c_void_p), ("xOpen", _XOpen),
    ]  # fmt: skip


_kept: list[Any] = []  # what C points to must not be collected, not even at the very end
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_kept))


def install(faults: Faults) -> None:
    """Put the faults between SQLite and the system, in this process."""
    library = ctypes.CDLL(_sqlite3.__file__)
    library.sqlite3_vfs_find.restype = POINTER(_System)
    system = library.sqlite3_vfs_find(None).contents
    opened = _XOpen(_address(system.xOpen))
    replaced: dict[int, _Methods] = {}

    def open_file(vfs: int, name: int, file: int, flags: int, out: int) -> int:
        code = int(opened(vfs, name, file, flags, out))
        place = cast(file, POINTER(c_void_p))
        methods = place[0]
        if code == 0 and methods:
            if methods not in replaced:
                replaced[methods] = _failing(cast(methods, POINTER(_Methods)).contents, faults)
            place[0] = ctypes.addressof(replaced[methods])
        return code

    hook = _XOpen(open_file)
    _kept.extend((library, opened, hook, replaced))
    system.xOpen = hook


def _failing(real: _Methods, faults: Faults) -> _Methods:
    write = _XWrite(_address(real.xWrite))
    sync = _XSync(_address(real.xSync))

    def failing_write(file: int, data: int, size: int, at: int) -> int:
        fault = faults.strikes("write")
        if fault == "torn":
            write(file, data, size // 2, at)
        return _CODES[fault] if fault else int(write(file, data, size, at))

    def failing_sync(file: int, flags: int) -> int:
        fault = faults.strikes("sync")
        return _CODES[fault] if fault else int(sync(file, flags))

    methods = _Methods.from_buffer_copy(real)
    methods.xWrite = _XWrite(failing_write)
    methods.xSync = _XSync(failing_sync)
    _kept.extend((write, sync))
    return methods


def _address(function: Any) -> int:
    """Return where the system's function is, as its field is going to be changed."""
    found = cast(function, c_void_p).value
    assert found is not None
    return found


def main() -> None:
    """Be the program that is given, on such a disk; the last argument is its data folder."""
    install(Faults(Path(sys.argv[-1]).parent / NAME))
    program = sys.argv.pop(1)
    exec(program, {"__name__": "__main__"})  # noqa: S102
