"""Files that several processes may write at once, and that are whole or not there.

A file is written beside its place, under a name nobody else uses, and renamed. What
must stay true: whoever reads meanwhile gets all of the old or all of the new; a write
that fails leaves the old and nothing else; and one whose process was killed leaves a
file that can be told from one still being written. A lock tells: a writer holds it on
its unfinished file until that has its final name, and the system takes it from a
process that ends, however that ends. On Windows a file can't be deleted while it is
open, which does the same but for the moment between closing and renaming: a file swept
away then was not written, and its writer is told.

A file system without locks (some network ones) makes that unfinished files stay, and
that ``alone`` isn't.
"""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator
    from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Make ``text`` the content of ``path``.

    Raises:
        OSError: the folder doesn't exist or can't be written to.
    """
    with replacing(path) as file:
        file.write(text.encode())


@contextmanager
def replacing(
    path: Path, *, private: bool = False, durable: bool = False
) -> Iterator[IO[bytes]]:
    """A file to write, which takes the place of ``path`` when the block is through.

    If the block raises, or the file can't be written to its end, ``path`` is as it was.

    Args:
        path: What to replace, or a name that is still free.
        private: Only its owner can read the file; otherwise the umask says who can.
        durable: What was there before, or all of the new, survives a power cut, too.

    Raises:
        OSError: the folder doesn't exist, can't be written to, or is full.
    """
    file = _unfinished(path, 0o600 if private else 0o666)
    try:
        with file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
            if sys.platform != "win32":
                # Before it is closed, and with that unlocked.
                os.replace(file.name, path)
        if sys.platform == "win32":
            os.replace(file.name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(file.name)
        raise
    if durable:
        _sync(path.parent)


def sweep(folder: Path, names: re.Pattern[str]) -> None:
    """Delete what writers of files with such names began in ``folder`` and, having been
    killed, never finished. What a living process is writing stays."""
    for path in list(folder.iterdir()):
        name, _, token = path.name.removeprefix(".").rpartition(".")
        if path.name.startswith(".") and token.isalnum() and names.fullmatch(name):
            # BlockingIOError: it is being written. FileNotFoundError: it was, and is
            # finished now, or another process swept it away.
            with suppress(OSError):
                _delete_abandoned(path)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process or thread is in this block for ``folder``."""
    if sys.platform == "win32":  # where folders can't be opened, let alone locked
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            _lock(handle)
        yield
    finally:
        os.close(handle)


def _unfinished(path: Path, mode: int) -> IO[bytes]:
    """A new file beside ``path``, locked."""

    def create(name: str, flags: int) -> int:
        return os.open(name, flags, mode)

    while True:
        beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        file = open(beside, "xb", opener=create)  # noqa: SIM115  (the caller's to close)
        if _locked(file):
            return file
        file.close()


def _locked(file: IO[bytes]) -> bool:
    """Lock a new file. False if it was swept away in the moment before."""
    with suppress(OSError):
        _lock(file.fileno())
    return os.fstat(file.fileno()).st_nlink > 0


def _delete_abandoned(path: Path) -> None:
    """Delete an unfinished file.

    Raises:
        OSError: it isn't abandoned, or not there any more.
    """
    if sys.platform == "win32":
        path.unlink()
        return
    # Opened for writing because a network file system locks nothing else exclusively.
    with path.open("r+b") as file:
        _lock(file.fileno(), wait=False)
        path.unlink()


def _lock(handle: int, *, wait: bool = True) -> None:
    """Lock an open file, until it is closed.

    Raises:
        BlockingIOError: somebody has it, and this wasn't to wait.
        OSError: this file system has no locks.
    """
    if sys.platform != "win32":
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _sync(folder: Path) -> None:
    """Make a renaming survive a power cut, where the system can."""
    if sys.platform == "win32":
        return
    # The file is in its place by now: it would be wrong to report it as not written.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
