"""The certificates of the broker's listeners, as an account sees them that is not the broker's."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from cli.doctor.findings import Finding
from cli.doctor.network import broker_certificates
from tests import certificates

_LISTENER = ("listener 8883", "certfile first.crt", "keyfile first.key")
_ANYBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the broker that others may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for listener in ("first", "second"):
            pair = certificates.make(folder, listener, ends=timedelta(days=90))
            for file, ending in zip(pair, ("crt", "key"), strict=True):
                file.rename(folder / f"{listener}.{ending}")
        yield folder


@contextmanager
def _as_anybody() -> Iterator[None]:
    """Have root read only what everybody may."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(_ANYBODY)
    try:
        yield
    finally:
        os.seteuid(own)


def _checked(folder: Path, *lines: str) -> list[Finding]:
    with _as_anybody():
        return list(broker_certificates(folder, lines))


def test_each_listener_has_its_own_certificate_and_key(folder: Path) -> None:
    for file in folder.iterdir():
        file.chmod(0o644)
    second = ("listener 8884", "keyfile second.key", "certfile second.crt")

    found = _checked(folder, *_LISTENER, *second, "listener 1883")

    assert [one.level for one in found] == ["ok", "ok"]
    [mixed] = _checked(folder, *_LISTENER[:2], "keyfile second.key")
    assert mixed.level == "fail"


@pytest.mark.parametrize(
    ("ends", "level"), [(timedelta(days=90), "ok"), (timedelta(days=-3), "fail")]
)
def test_a_key_that_only_the_broker_may_read_is_left_alone(
    folder: Path, ends: timedelta, level: str
) -> None:
    shown, _ = certificates.make(folder, "third", ends=ends)
    shown.rename(folder / "first.crt")
    (folder / "first.crt").chmod(0o644)
    (folder / "first.key").chmod(0o000)

    [found] = _checked(folder, *_LISTENER)

    assert found.level == level


def test_a_key_that_is_missing_is_said(folder: Path) -> None:
    (folder / "first.crt").chmod(0o644)
    (folder / "first.key").unlink()

    [found] = _checked(folder, *_LISTENER)

    assert (found.level, "first.crt" in found.text("en")) == ("fail", True)
