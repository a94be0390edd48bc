"""Bytes of a stored row, format by format (model reference §5).

Arithmetic without torch: how much a model of any width takes is asked before anything
is loaded. What the bytes mean is in ``rows``.
"""

from __future__ import annotations

from typing import Final, Literal

KvFormat = Literal["float32", "bfloat16", "fp8"]
"""How rows of window, entries and drafts are stored."""
IndexFormat = Literal["float32", "bfloat16", "fp8", "fp4"]
"""How the indexer's rows are stored."""

PLAIN: Final = {"float32": 4, "bfloat16": 2}
"""Bytes a channel, where all are stored alike."""
KV_BLOCK: Final = 64
"""Channels that share the scale of an FP8 row of keys and values."""
INDEX_GROUP: Final = 32
"""Channels that share the scale of an FP4 index row."""


def kv_bytes(kind: KvFormat, channels: int, rotated: int) -> int:
    """Bytes of a row of keys and values, its last ``rotated`` channels turned.

    FP8: a byte for every channel that isn't rotated, two for those that are, a byte for
    every block of 64 of the former, begun ones too, and zeros after these up to a
    multiple of 8. 448 + 128 + 8 for a row of 512.
    """
    if kind != "fp8":
        return PLAIN[kind] * channels
    scales = -(-(channels - rotated) // KV_BLOCK)
    return channels - rotated + 2 * rotated + -(-scales // 8) * 8


def index_bytes(kind: IndexFormat, channels: int) -> int:
    """Bytes of an index row.

    FP8: a byte a channel, zeros up to a multiple of 4, and a float32 scale; 132 for 128
    channels. FP4: half a byte a channel, and a byte for every group of 32, begun ones
    too; 68.
    """
    if kind == "fp4":
        return -(-channels // 2) + -(-channels // INDEX_GROUP)
    if kind == "fp8":
        return -(-channels // 4) * 4 + 4
    return PLAIN[kind] * channels
