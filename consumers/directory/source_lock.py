"""One process at a time changes a source; the system takes the claim back from a killed one."""

from contextlib import AbstractContextManager
from pathlib import Path

from runtime.lock import LockTaken as SourceClaimed
from runtime.lock import locked

__all__ = ["SourceClaimed", "source_lock"]


def source_lock(database: Path, source_id: int, patience: float) -> AbstractContextManager[None]:
    """Be the only one who changes a source; raise SourceClaimed after so many seconds."""
    return locked(database.with_name(f"{database.name}-import{source_id}"), patience)
