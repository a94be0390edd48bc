"""One saved prefix as a file: token ids, and tensors that can be mapped into memory.

The file is in the safetensors format, so that any tool that reads it can look inside::

    8 bytes     length of the header
    header      JSON: name, dtype, shape and place of each tensor; under "__metadata__"
                what the file is (below), padded with blanks to a multiple of 8
    tensors     back to back, those of wide elements first, so that each is aligned
    "__ids__"   int32, the tokens, among the others
    "__crc__"   4 bytes at the very end: CRC-32 of all that comes before them

The checksum stands at the end because it can then be computed while writing, and covers
the header, too. It finds accidents, not forgery. What must stay true: a file is used as
a whole or refused by name, and never read beyond its end; and no file is changed once
it has its name, because mapped tensors of other processes would change with it.

``VERSION`` goes up when an older reader would misread a file.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import zlib
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np
import torch

from dsagent.errors import PrefixFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from io import BufferedReader
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

FORMAT: Final = "dsagent prefix"
VERSION: Final = 1

_IDS: Final = "__ids__"
_CRC: Final = "__crc__"
_CRC_BYTES: Final = 4
_CHUNK: Final = 1 << 22
"""Bytes that are summed and written at once: few enough to be in the cache still."""
_LONGEST_HEADER: Final = 100_000_000
"""Bytes; the format's own limit."""
_DTYPES: Final[Mapping[str, torch.dtype]] = {
    "F64": torch.float64,
    "I64": torch.int64,
    "F32": torch.float32,
    "I32": torch.int32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I16": torch.int16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E8M0": torch.float8_e8m0fnu,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES: Final = {dtype: name for name, dtype in _DTYPES.items()}


@dataclass(frozen=True, slots=True)
class Saved:
    """What a file holds."""

    ids: tuple[int, ...]
    tensors: Mapping[str, Tensor]
    """Mapped from the file and read when they are used. They may be written to, which
    changes this process's memory and not the file. They stay valid when the file is
    deleted or replaced."""
    meta: Mapping[str, object]


class Tokens:
    """Token ids as they are stored, with the hash they are found by."""

    def __init__(self, ids: Sequence[int]) -> None:
        """
        Raises:
            ValueError: there is none, or one isn't an int32.
        """
        try:
            self.array: NDArray[np.int32] = np.ascontiguousarray(ids, dtype="<i4")
        except OverflowError as error:
            raise ValueError(f"token ids are 32 bit integers: {error}") from error
        if not len(self.array):
            raise ValueError("a prefix has at least one token")

    def __len__(self) -> int:
        return len(self.array)

    def digest(self) -> str:
        """SHA-256 of all ids, in hexadecimal."""
        return sha256(self.array.data).hexdigest()

    def digests(self, lengths: Sequence[int]) -> Iterator[str]:
        """The same of their beginnings, of ascending lengths, in one pass."""
        state, start = sha256(), 0
        for length in lengths:
            state.update(self.array[start:length].data)
            start = length
            yield state.copy().hexdigest()


class Image:
    """A file's content, laid out but not yet written."""

    def __init__(
        self,
        model: str,
        tokens: Tokens,
        tensors: Mapping[str, Tensor],
        meta: Mapping[str, object],
    ) -> None:
        """
        Raises:
            ValueError: a tensor's name begins with "__", or its dtype can't be stored.
            TypeError: ``meta`` can't be written as JSON.
        """
        for name, tensor in tensors.items():
            if name.startswith("__"):
                raise ValueError(f"{name!r}: names that begin with __ are the file's")
            if tensor.dtype not in _NAMES:
                raise ValueError(f"{name} is {tensor.dtype}, which can't be stored")
        parts = {**tensors, _IDS: torch.from_numpy(tokens.array.copy())}
        by_width = sorted(parts.items(), key=lambda part: -part[1].itemsize)
        self._parts = [tensor for _, tensor in by_width]
        header: dict[str, object] = {
            "__metadata__": {
                "format": FORMAT,
                "version": str(VERSION),
                "model": model,
                "tokens": str(len(tokens)),
                "tokens_sha256": tokens.digest(),
                "meta": json.dumps(dict(meta)),
            }
        }
        end = 0
        for name, tensor in by_width:
            start, end = end, end + tensor.nbytes
            header[name] = _entry(_NAMES[tensor.dtype], list(tensor.shape), start, end)
        header[_CRC] = _entry("U8", [_CRC_BYTES], end, end + _CRC_BYTES)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        self._head = len(text).to_bytes(8, "little") + text
        self.nbytes = len(self._head) + end + _CRC_BYTES
        """Size of the file."""

    def write(self, file: IO[bytes]) -> None:
        """Write it. One tensor at a time is in the processor's memory besides those
        that are there already.

        Raises:
            OSError: the disk is full, for one.
        """
        crc = 0
        for chunk in self._chunks():
            crc = zlib.crc32(chunk, crc)
            file.write(chunk)
        file.write(crc.to_bytes(_CRC_BYTES, "little"))

    def _chunks(self) -> Iterator[bytes | memoryview]:
        yield self._head
        for tensor in self._parts:
            flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            data = flat.numpy().data
            for start in range(0, len(data), _CHUNK):
                yield data[start : start + _CHUNK]


def _entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tensor is in its file."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    """Offset in bytes from the beginning of the file."""

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class _Header:
    places: Mapping[str, _Place]
    meta: Mapping[str, object]


def check(path: Path, model: str, digest: str) -> None:
    """Whether ``path`` seems to be the prefix with that hash: reads the header only.

    Raises:
        FileNotFoundError: there is no such file.
        PrefixFileError: it is something else, or cut off.
    """
    with _open(path) as file:
        _read_header(file, path, model, digest)


def read(path: Path, model: str, tokens: Tokens, *, verify: bool = True) -> Saved:
    """The prefix in ``path``.

    Args:
        path: The file.
        model: The model it must be of.
        tokens: The ids it must be of.
        verify: Compare the checksum, which reads the whole file.

    Raises:
        FileNotFoundError: there is no such file.
        PrefixFileError: it is something else, or damaged.
    """
    with _open(path) as file:
        header = _read_header(file, path, model, tokens.digest())
        if verify:
            _compare_checksum(file, path)
        data = _map(file, path)
    tensors = {name: _tensor(data, place) for name, place in header.places.items()}
    ids = tensors.pop(_IDS)
    if not np.array_equal(ids.numpy(), tokens.array):
        raise _damaged(path, "its tokens are not those that its header tells of")
    del tensors[_CRC]
    return Saved(tuple(ids.tolist()), tensors, header.meta)


def _open(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from error


def _read_header(file: BufferedReader, path: Path, model: str, digest: str) -> _Header:
    """The header, checked against the file's size and against what is wanted."""
    size = os.fstat(file.fileno()).st_size
    try:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= min(_LONGEST_HEADER, size - 8):
            raise ValueError(f"{size:,} bytes can't hold its header")
        header = json.loads(file.read(length))
        facts = header.pop("__metadata__")
        _check_facts(path, facts, model, digest)
        places = _places(header, 8 + length, size)
        meta = json.loads(facts["meta"])
        if not isinstance(meta, dict):
            raise ValueError("its meta is no object")
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, "its header isn't one of a saved prefix") from error
    return _Header(places, meta)


def _check_facts(path: Path, facts: Any, model: str, digest: str) -> None:
    """Refuse what is another program's, version's, model's, or another prefix."""
    found = facts["format"], facts["version"], facts["model"]
    wanted = FORMAT, str(VERSION), model
    words = (
        f"is no {FORMAT} but {found[0]!r}",
        f"has format version {found[1]}; this version of dsagent reads {VERSION}",
        f"is of the model {found[2]!r}, not of {model!r}",
    )
    for is_, must_be, problem in zip(found, wanted, words, strict=True):
        if is_ != must_be:
            raise PrefixFileError(
                f"the file {path} {problem}. It is left as it is; keep the prefixes in "
                "another folder, or save this one again in its place"
            )
    if facts["tokens_sha256"] != digest:
        raise ValueError("it is of other tokens than its name says")


def _places(header: Mapping[str, Any], start: int, size: int) -> dict[str, _Place]:
    """The tensors of a file of ``size`` bytes, which they must fill from ``start``."""
    places = {}
    end = start
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        shape = tuple(entry["shape"])
        place = _Place(_DTYPES[entry["dtype"]], shape, end)
        if any(type(n) is not int or n < 0 for n in shape):
            raise ValueError(f"{name} has the shape {list(shape)}")
        if entry["data_offsets"] != [end - start, end - start + place.nbytes]:
            raise ValueError(f"{name} is not where it must be")
        end += place.nbytes
        places[name] = place
    if end != size:
        raise ValueError(f"it has {size:,} of {end:,} bytes")
    if places[_IDS].dtype != torch.int32 or places[_CRC] != _Place(
        torch.uint8, (_CRC_BYTES,), size - _CRC_BYTES
    ):
        raise ValueError("its ids or its checksum are not where they must be")
    return places


def _compare_checksum(file: BufferedReader, path: Path) -> None:
    """Read the file as a whole.

    Not through the map: what a disk can't read would be a signal there that ends the
    process, and is an error here.
    """
    file.seek(0)
    left = os.fstat(file.fileno()).st_size - _CRC_BYTES
    buffer = memoryview(bytearray(min(left, _CHUNK)))
    crc = 0
    try:
        while left and (count := file.readinto(buffer[: min(left, _CHUNK)])):
            crc = zlib.crc32(buffer[:count], crc)
            left -= count
        stored = int.from_bytes(file.read(_CRC_BYTES), "little")
    except OSError as error:
        # Its header could be read, so it is there, and what is behind that is lost.
        raise _damaged(path, error.strerror or str(error)) from error
    if crc != stored:
        raise _damaged(path, f"its checksum is {crc:08x}, must be {stored:08x}")


def _map(file: BufferedReader, path: Path) -> mmap.mmap:
    """The file as memory that may be written to, which copies the page; it stays when
    the file is closed, deleted or replaced."""
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except OSError as error:
        raise _unreadable(path, error) from error


def _tensor(data: mmap.mmap, place: _Place) -> Tensor:
    count = math.prod(place.shape)
    if not count:
        return torch.empty(place.shape, dtype=place.dtype)
    flat = torch.frombuffer(data, dtype=place.dtype, count=count, offset=place.start)
    return flat.view(place.shape)


def _unreadable(path: Path, error: OSError) -> PrefixFileError:
    return PrefixFileError(
        f"the saved prefix {path} can't be read: {error.strerror or error}"
    )


def _damaged(path: Path, problem: str) -> PrefixFileError:
    return PrefixFileError(
        f"the saved prefix {path} is damaged: {problem}. It has to be computed and "
        "saved again",
        damaged=True,
    )
