"""A folder of saved prefixes: what was computed of a document, for the next process.

Each prefix is one file (``prefixfile.py``), named by a hash of its model, its length
and a hash of its tokens, so that the longest one that begins a prompt is found by the
folder's names alone and no content can become a path. Several processes may share the
folder, and nothing in it that isn't a prefix is touched.

What must stay true: a file appears whole or not at all (``files.replacing``); one that
is damaged is refused, deleted and from then on absent, so that whoever wanted it
computes it and saves it again; one of another model or version is refused and left
alone; and whatever becomes of a file between two calls, the second finds it absent.

A file may be deleted while its tensors are in use: on POSIX they stay as they are. On
Windows such a file can't be deleted, so it is passed over when room is made, and can't
be replaced, so saving the same prefix again is an error.
"""

from __future__ import annotations

import logging
import re
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from os import utime
from stat import S_ISREG
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from dsagent.engine import prefixfile
from dsagent.engine.files import alone, replacing, sweep
from dsagent.engine.prefixfile import Image, Tokens
from dsagent.errors import PrefixFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from dsagent.engine.prefixfile import Saved

logger = logging.getLogger(__name__)

_NAME: Final = re.compile(
    r"prefix-(?P<model>[0-9a-f]{16})-(?P<length>[0-9]{1,10})-(?P<tokens>[0-9a-f]{32})"
    r"\.safetensors"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A saved prefix, as far as its name tells."""

    path: Path
    length: int
    """Tokens."""
    nbytes: int
    """Size of the file."""
    used: int
    """When it was last saved or loaded: nanoseconds since 1970."""


class Store:
    """The prefixes of one model in a folder. Any thread may use it."""

    def __init__(self, folder: Path, *, model: str, limit: int | None = None) -> None:
        """
        Args:
            folder: Created when something is saved.
            model: The model's fingerprint; other models' prefixes aren't found.
            limit: Bytes that all prefixes in the folder may take, those of other
                models, too. What is being written comes on top.
        """
        self.folder = folder
        self._model = model
        self._key = sha256(model.encode()).hexdigest()[:16]
        self._limit = limit

    def save(
        self,
        ids: Sequence[int],
        tensors: Mapping[str, Tensor],
        meta: Mapping[str, object] = MappingProxyType({}),
    ) -> Path:
        """Write a prefix, in place of what may be there under these ids; make room.

        The prefixes that weren't used for longest go, until all are within the limit.

        Args:
            ids: Its tokens.
            tensors: Its state, of any names that don't begin with "__".
            meta: More to know about it, as JSON knows it: tuples come back as lists.

        Returns:
            The file. Only its owner can read it.

        Raises:
            PrefixFileError: it is larger than the limit, or can't be written. What
                was there is as it was.
            ValueError, TypeError: a prefix that can't be saved, whatever the disk.
        """
        tokens = Tokens(ids)
        path = self._path(len(tokens), tokens.digest())
        image = Image(self._model, tokens, tensors, meta)
        if self._limit is not None and image.nbytes > self._limit:
            raise PrefixFileError(
                f"the prefix {path} takes {image.nbytes:,} bytes and the limit of its "
                f"folder is {self._limit:,}; raise the limit or save a shorter prefix",
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            sweep(self.folder, _NAME)
            with ExitStack() as stack:
                with replacing(path, private=True, durable=True) as file:
                    image.write(file)
                    # Until here others may write, too; from here on it is one.
                    stack.enter_context(alone(self.folder))
                self._make_room(path)
        except OSError as error:
            raise PrefixFileError(
                f"the prefix can't be saved as {path}: {error.strerror or error}; "
                "make room there or choose another folder",
            ) from error
        return path

    def load(self, ids: Sequence[int], *, verify: bool = True) -> Saved | None:
        """The prefix of exactly these ids; None if there is none that can be used.

        A file that can't be used is logged as a warning.

        Args:
            ids: Its tokens.
            verify: Compare the checksum, which reads the whole file once.
        """
        tokens = Tokens(ids)
        path = self._path(len(tokens), tokens.digest())
        with self._refusing(path):
            saved = prefixfile.read(path, self._model, tokens, verify=verify)
            with suppress(OSError):  # deleted meanwhile, or another user's
                utime(path)
            return saved
        return None

    def find(self, ids: Sequence[int]) -> Entry | None:
        """The longest saved prefix of ``ids``, which may be all of them; or None.

        Reads the header of what it finds and no tensors: that there is an entry means
        that ``load`` will probably have a prefix.

        Raises:
            PrefixFileError: the folder can't be read.
        """
        if not len(ids):
            return None
        tokens = Tokens(ids)
        entries = [entry for entry in self.entries() if entry.length <= len(tokens)]
        lengths = sorted({entry.length for entry in entries})
        digests = dict(zip(lengths, tokens.digests(lengths), strict=True))
        for entry in sorted(entries, key=lambda entry: -entry.length):
            digest = digests[entry.length]
            if entry.path == self._path(entry.length, digest):
                with self._refusing(entry.path):
                    prefixfile.check(entry.path, self._model, digest)
                    return entry
        return None

    def entries(self) -> list[Entry]:
        """The prefixes of this model, the last used first.

        Raises:
            PrefixFileError: the folder can't be read.
        """
        mine = f"prefix-{self._key}-"
        return [entry for entry in self._all() if entry.path.name.startswith(mine)]

    def delete(self, entry: Entry) -> None:
        """Delete a prefix; nothing happens if it is gone already.

        Raises:
            PrefixFileError: it can't be deleted.
        """
        try:
            entry.path.unlink(missing_ok=True)
        except OSError as error:
            raise PrefixFileError(
                f"the saved prefix {entry.path} can't be deleted: "
                f"{error.strerror or error}",
            ) from error

    def _path(self, length: int, digest: str) -> Path:
        return self.folder / f"prefix-{self._key}-{length}-{digest[:32]}.safetensors"

    def _all(self) -> list[Entry]:
        """The prefixes of every model, the last used first."""
        entries = []
        try:
            paths = list(self.folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise PrefixFileError(
                f"the folder {self.folder} of saved prefixes can't be read: "
                f"{error.strerror or error}; choose another"
            ) from error
        for path in paths:
            if named := _NAME.fullmatch(path.name):
                with suppress(OSError):  # deleted meanwhile
                    entry = path.lstat()
                    if S_ISREG(entry.st_mode):
                        used, size = entry.st_mtime_ns, entry.st_size
                        entries.append(Entry(path, int(named["length"]), size, used))
        return sorted(entries, key=lambda entry: (-entry.used, entry.path.name))

    def _make_room(self, kept: Path) -> None:
        """Delete what wasn't used for longest until all is within the limit.

        The caller is alone: two that each keep their own would delete each other's.
        """
        if self._limit is None:
            return
        entries = self._all()
        size = sum(entry.nbytes for entry in entries)
        while entries and size > self._limit:
            entry = entries.pop()
            if entry.path != kept:
                # One that can't be deleted, as on Windows while it is in use, counts.
                with suppress(OSError):
                    entry.path.unlink(missing_ok=True)
                    size -= entry.nbytes

    @contextmanager
    def _refusing(self, path: Path) -> Iterator[None]:
        """What is read in this block is the file ``path``; leave it if there is none,
        or none to be used, which is logged. A damaged one is deleted."""
        before = _stamp(path)
        try:
            yield
        except FileNotFoundError:
            pass
        except PrefixFileError as error:
            logger.warning("%s", error)
            if error.damaged:
                with suppress(OSError), alone(self.folder):
                    # Not the good one that another process may have put there since.
                    if _stamp(path) == before:
                        path.unlink()


def _stamp(path: Path) -> tuple[int, ...]:
    """What tells a file from another of the same name; empty if there is none."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
