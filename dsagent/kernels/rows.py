"""How rows of a pool are stored, and what they read back as (model reference §5).

The model was trained with its keys, entries and index rows rounded to what is stored in
the native formats, so reading back gives what the model met in training: channels that
aren't rotated as E4M3 with a scale for 64 of them, the rotated ones as bfloat16; index
rows as E2M1 with a scale for 32, after a Hadamard transform. Scales are powers of two.

Row by row, parts one behind the other:

=============  ===========================================================
FP8            E4M3 codes, bfloat16 tail, E8M0 scales, zeros (584 bytes)
FP8 index      E4M3 codes, zeros, one float32 scale (132 bytes)
FP4 index      E2M1 codes in pairs, low nibble first, E8M0 scales (68)
=============  ===========================================================

with the bytes of a row of 512, 64 of them rotated, and of an index row of 128.
``layout`` says how other widths are filled up. Bytes that are all zero are a row of
zeros in every format.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final

import torch
import torch.nn.functional as F

from dsagent.kernels import formats, layout

if TYPE_CHECKING:
    from torch import Tensor

FP8_FLOOR: Final = 1e-4
"""Blocks of smaller magnitude are scaled as if this were their largest."""
FP4_FLOOR: Final = 6 * 2.0**-126


class RowFormat(ABC):
    """A way to store rows of ``channels`` numbers."""

    __slots__ = ()
    channels: int
    dtype: torch.dtype
    """Type of the elements of a stored row."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Elements of a stored row."""

    @property
    def width_bytes(self) -> int:
        """Bytes of a stored row."""
        return self.width * self.dtype.itemsize

    @abstractmethod
    def encode(self, rows: Tensor) -> Tensor:
        """``[n, channels]`` float32 as it is stored, ``[n, width]``."""

    @abstractmethod
    def decode(self, stored: Tensor) -> Tensor:
        """Stored ``[n, width]`` as float32 ``[n, channels]``."""

    def queries(self, q: Tensor) -> Tensor:
        """What is scored against decoded index rows instead of ``q [..., channels]``.

        Queries are treated as the rows are where that changes their products.
        """
        return q


@dataclass(frozen=True, slots=True)
class PlainRows(RowFormat):
    """Channels as they are, float32 or bfloat16."""

    channels: int
    dtype: torch.dtype = torch.float32

    @property
    def width(self) -> int:
        """As many as channels."""
        return self.channels

    def encode(self, rows: Tensor) -> Tensor:
        """Rounded to the nearest, ties to even, if narrower."""
        return rows.to(self.dtype)

    def decode(self, stored: Tensor) -> Tensor:
        """Exactly what is stored."""
        return stored.to(torch.float32)


@dataclass(frozen=True, slots=True)
class Fp8Rows(RowFormat):
    """Keys and values: E4M3 but for the trailing ``rotated`` channels, bfloat16."""

    channels: int
    rotated: int
    dtype: torch.dtype = field(default=torch.uint8, init=False)

    @property
    def width(self) -> int:
        """584 of 512 channels, 64 of them rotated."""
        return layout.kv_bytes("fp8", self.channels, self.rotated)

    def encode(self, rows: Tensor) -> Tensor:
        """By blocks of 64 and to bfloat16, ties to even."""
        straight = self.channels - self.rotated
        codes, scales = _e4m3(rows[:, :straight], layout.KV_BLOCK)
        tail = rows[:, straight:].to(torch.bfloat16).view(torch.uint8)
        parts = torch.cat((codes, tail, scales), 1)
        return F.pad(parts, (0, self.width - parts.shape[1]))

    def decode(self, stored: Tensor) -> Tensor:
        """Exactly what is stored."""
        straight = self.channels - self.rotated
        end = straight + 2 * self.rotated
        blocks = -(-straight // layout.KV_BLOCK)
        scales = formats.e8m0_to_float(stored[:, end : end + blocks])
        values = formats.e4m3_to_float(stored[:, :straight])
        values *= scales.repeat_interleave(layout.KV_BLOCK, 1)[:, :straight]
        tail = stored[:, straight:end].view(torch.bfloat16)
        return torch.cat((values, tail.to(torch.float32)), 1)


@dataclass(frozen=True, slots=True)
class Fp8IndexRows(RowFormat):
    """Index rows as E4M3 with one scale."""

    channels: int
    dtype: torch.dtype = field(default=torch.uint8, init=False)

    @property
    def width(self) -> int:
        """132 of 128 channels."""
        return layout.index_bytes("fp8", self.channels)

    def encode(self, rows: Tensor) -> Tensor:
        """The row is one block; its scale is a power of two here, too."""
        codes, scales = _e4m3(rows, self.channels)
        codes = F.pad(codes, (0, self.width - 4 - self.channels))
        scale = formats.e8m0_to_float(scales).view(torch.uint8)
        return torch.cat((codes, scale), 1)

    def decode(self, stored: Tensor) -> Tensor:
        """Exactly what is stored."""
        scale = stored[:, self.width - 4 :].view(torch.float32)
        return formats.e4m3_to_float(stored[:, : self.channels]).mul_(scale)


@dataclass(frozen=True, slots=True)
class Fp4IndexRows(RowFormat):
    """Index rows as E2M1, in the basis of a Hadamard transform.

    The transform spreads a channel over all of them before the rounding. It is
    orthogonal, so queries in the same basis have the same products, and rows are never
    turned back.
    """

    channels: int
    dtype: torch.dtype = field(default=torch.uint8, init=False)

    @property
    def width(self) -> int:
        """68 of 128 channels."""
        return layout.index_bytes("fp4", self.channels)

    def encode(self, rows: Tensor) -> Tensor:
        """Transformed, then rounded by groups of 32, ties to the even code."""
        turned = F.pad(hadamard(rows), (0, -self.channels % layout.INDEX_GROUP))
        packed, scales = formats.float_to_fp4(turned, FP4_FLOOR)
        pairs = packed[:, : -(-self.channels // 2)].view(torch.uint8)
        return torch.cat((pairs, scales.view(torch.uint8)), 1)

    def decode(self, stored: Tensor) -> Tensor:
        """What is stored, in the transform's basis."""
        pairs, group = -(-self.channels // 2), layout.INDEX_GROUP
        values = formats.e2m1_to_float(stored[:, :pairs])[:, : self.channels]
        scales = formats.e8m0_to_float(stored[:, pairs:])
        return values * scales.repeat_interleave(group, 1)[:, : self.channels]

    def queries(self, q: Tensor) -> Tensor:
        """Transformed and rounded as rows are."""
        return self.decode(self.encode(q.reshape(-1, self.channels))).view(q.shape)


def read_rows(pool: Tensor, numbers: Tensor, stored: RowFormat | None) -> Tensor:
    """Rows of a pool as float32, which they are already if ``stored`` is ``None``."""
    rows = pool.index_select(0, numbers)
    return rows if stored is None else stored.decode(rows)


def decoding_bytes(stored: RowFormat | None) -> int:
    """What one row takes while it is decoded, at most, besides the result."""
    return 0 if stored is None else stored.width_bytes + 8 * stored.channels


def kv_rows(kind: layout.KvFormat, channels: int, rotated: int) -> RowFormat:
    """The format for window, entries and drafts of that name."""
    if kind == "fp8":
        return Fp8Rows(channels, rotated)
    return PlainRows(channels, _PLAIN[kind])


def index_rows(kind: layout.IndexFormat, channels: int) -> RowFormat:
    """The indexer's format of that name."""
    match kind:
        case "fp8":
            return Fp8IndexRows(channels)
        case "fp4":
            return Fp4IndexRows(channels)
        case _:
            return PlainRows(channels, _PLAIN[kind])


_PLAIN: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def hadamard(x: Tensor) -> Tensor:
    """The normalised Walsh-Hadamard transform of ``x [..., d]``, in natural order.

    Where d is no power of two, of parts as wide as the largest that divides it.
    """
    d = x.shape[-1]
    matrix = _sylvester(d & -d, x.device)
    turned: Tensor = x.unflatten(-1, (-1, len(matrix))) @ matrix
    return turned.flatten(-2)


@cache
def _sylvester(size: int, device: torch.device) -> Tensor:
    matrix = torch.tensor([[size**-0.5]], device=device)
    while len(matrix) < size:
        above = torch.cat((matrix, matrix), 1)
        matrix = torch.cat((above, torch.cat((matrix, -matrix), 1)))
    return matrix


def _e4m3(x: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """Codes ``[n, d]`` and E8M0 scales ``[n, ⌈d/block⌉]`` of rows, both as bytes."""
    d = x.shape[1]
    padded = F.pad(x, (0, -d % block)).unflatten(1, (-1, block))
    exponent = formats.shared_exponent(
        padded.abs().amax(2), formats.E4M3_MAX, FP8_FLOOR
    )
    scaled = torch.ldexp(padded, -exponent.unsqueeze(2))
    codes = scaled.to(torch.float8_e4m3fn).view(torch.uint8).flatten(1)
    return codes[:, :d], formats.e8m0(exponent).view(torch.uint8)
