"""Files and folders that are replaced whole: whoever looks finds the old one or the new one, and nothing in between."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import uuid
from pathlib import Path

_HERE = -100  # renameat2: a relative path is one of this folder
_EXCHANGE = 2  # renameat2: each takes the place of the other


def publish(new: Path, old: Path) -> None:
    """Put the finished folder `new` in the place of `old`, which stands until `new` does, and is then removed.

    Where the system cannot exchange two folders there is a moment with neither; `recover` ends it after a crash.
    """
    old.parent.mkdir(parents=True, exist_ok=True)
    if not old.exists():
        new.rename(old)
    elif _exchanged(new, old):
        shutil.rmtree(new, ignore_errors=True)
    else:
        aside = old.with_name(f".{old.name}-{uuid.uuid4().hex}")
        old.rename(aside)
        try:
            new.rename(old)
        except OSError:
            aside.rename(old)
            raise
        shutil.rmtree(aside, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Let two folders change places in one step. Returns whether that was done; only Linux can, not on every disk."""
    system = ctypes.CDLL(None)
    if not hasattr(system, "renameat2"):
        return False
    return system.renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0


def recover(published: Path) -> None:
    """Put a folder back that a crash caught while it was set aside, and remove what is no longer needed."""
    for aside in published.parent.glob(f".{published.name}-*"):
        if published.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.rename(published)


def write(path: Path, content: str | bytes) -> None:
    """Write a small file whole: it is there only once it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(beside, path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
