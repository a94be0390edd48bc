"""Rings: the newest rows of a sequence, addressed by absolute position.

The row of position p lies in slot ``p mod size``. A ring is wider than what is ever
read back, so a row that was computed and then given up is overwritten before its slot
is read again: rolling back moves nothing (model reference §8.3).

A *window* ring fills from its end, position p in slot ``-1 - p mod size``, so that what
a decoded token sees of a short sequence is one slice that ends where the ring does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def read_ring(ring: Tensor, start: int, n: int) -> Tensor:
    """Rows of positions ``start`` to ``start + n``; a view where they are together."""
    size = ring.shape[0]
    i = start % size
    if i + n <= size:
        return ring[i : i + n]
    return torch.cat((ring[i:], ring[: i + n - size]))


def write_ring(ring: Tensor, rows: Tensor, start: int) -> None:
    """Put rows of positions from ``start`` on in their places; the last ring-full."""
    size, n = ring.shape[0], rows.shape[0]
    if n > size:
        start, rows, n = start + n - size, rows[-size:], size
    i = start % size
    head = min(n, size - i)
    ring[i : i + head] = rows[:head]
    if head < n:
        ring[: n - head] = rows[head:]


def read_window(ring: Tensor, end: int, n: int) -> Tensor:
    """Rows of the n positions before ``end``, from a ring that fills from its end."""
    return read_ring(ring, -end, n).flip(0)


def write_window(ring: Tensor, rows: Tensor, end: int) -> None:
    """The inverse; the last ring-full if there are more rows."""
    write_ring(ring, rows[-len(ring) :].flip(0), -end)
