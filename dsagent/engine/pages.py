"""Pages: who holds which part of the pools, and where a sequence's entries lie.

A page is room for what ``PAGE`` tokens leave behind in every compressed layer: ``PAGE``
over its ratio entries, the same page number in all pools. Pages are counted, not owned:
a sequence holds those of its page table, the prefix cache holds those of its
checkpoints, and one that nobody holds is free. Nobody writes to a page that somebody
else holds, too.

Pages of one request are taken together where there is room for that: what lies in one
run is read as a slice.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import torch

from dsagent.engine.memory import PAGE
from dsagent.errors import QueueFull

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from dsagent.kernels.rows import RowFormat

MANY: Final = 8
"""Slices that are worth an operation each."""


class Pages:
    """Counts the holders of every page."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._holders = [0] * count
        self._free = count

    @property
    def free(self) -> int:
        """Pages nobody holds."""
        return self._free

    @property
    def held(self) -> int:
        """Pages somebody holds, each counted once."""
        return self.count - self._free

    def take(self, n: int) -> list[int]:
        """n free pages, held once: the first run that is long enough, or the lowest.

        Raises:
            QueueFull: there aren't so many.
        """
        if n > self._free:
            raise QueueFull(
                f"the cache has {self._free} of {self.count} pages of {PAGE} tokens "
                f"left; {n} were asked for"
            )
        pages = self._run(n) if n else []
        self.hold(pages)
        return pages

    def hold(self, pages: Iterable[int]) -> None:
        """Hold pages once more."""
        for page in pages:
            self._free -= self._holders[page] == 0
            self._holders[page] += 1

    def drop(self, pages: Iterable[int]) -> None:
        """Hold pages once less."""
        for page in pages:
            self._holders[page] -= 1
            assert self._holders[page] >= 0, f"page {page} was dropped twice"
            self._free += self._holders[page] == 0

    def holders(self, page: int) -> int:
        """How many hold a page."""
        return self._holders[page]

    def _run(self, n: int) -> list[int]:
        start, found = 0, 0
        for page, holders in enumerate(self._holders):
            if holders:
                start, found = page + 1, 0
                continue
            found += 1
            if found == n:
                return list(range(start, start + n))
        free = (page for page, holders in enumerate(self._holders) if not holders)
        return [page for page, _ in zip(free, range(n), strict=False)]


class Table:
    """A sequence's page table: its i-th page of tokens is page ``pages[i]``."""

    def __init__(self, pages: Sequence[int]) -> None:
        self.pages = tuple(pages)
        self.runs = _runs(self.pages)
        """(index in the table, page, length) of every run of neighbours."""
        self.numbers = torch.tensor(self.pages, dtype=torch.int64)

    def rows(self, first: int, last: int, per_page: int) -> list[tuple[int, int]]:
        """Where entries ``first`` to ``last`` lie: (row of the pool, how many)."""
        found = []
        for index, page, length in self.runs:
            begin, end = index * per_page, (index + length) * per_page
            low, high = max(first, begin), min(last, end)
            if low < high:
                found.append((page * per_page + low - begin, high - low))
        return found


class Entries:
    """A sequence's rows of one pool, numbered from 0."""

    __slots__ = ("_per_page", "_pool", "_table", "_whole", "stored")

    def __init__(
        self,
        pool: Tensor,
        per_page: int,
        table: Table,
        stored: RowFormat | None = None,
    ) -> None:
        """
        Args:
            pool: ``[pages · per_page, width]``.
            per_page: Rows of a page.
            table: The sequence's.
            stored: How rows are stored, if not as float32.
        """
        self._pool, self._per_page, self._table = pool, per_page, table
        self.stored = stored
        self._whole: Tensor | None = None
        if len(table.runs) == 1:
            _, page, length = table.runs[0]
            self._whole = pool[page * per_page : (page + length) * per_page]

    @property
    def width(self) -> int:
        """Numbers in a row, as it is stored."""
        return self._pool.shape[1]

    @property
    def dtype(self) -> torch.dtype:
        """Of these numbers."""
        return self._pool.dtype

    def __len__(self) -> int:
        return len(self._table.pages) * self._per_page

    def read(self, first: int, last: int) -> list[Tensor]:
        """Rows ``first`` to ``last`` in order, as the slices they lie in.

        Where those may be many it is a copy: an operation for each would cost more.
        """
        if len(self._table.runs) > MANY:
            return [self.pick(torch.arange(first, last))] if first < last else []
        slices = self.as_stored(first, last)
        if self.stored is None:
            return slices
        return [self.stored.decode(rows) for rows in slices]

    def write(self, first: int, rows: Tensor) -> None:
        """Store ``rows`` as those from ``first`` on."""
        self.restore(first, rows if self.stored is None else self.stored.encode(rows))

    def pick(self, numbers: Tensor) -> Tensor:
        """Copies of the rows ``numbers [...]``, ``[..., channels]``."""
        rows = self._gather(numbers.flatten())
        rows = rows if self.stored is None else self.stored.decode(rows)
        return rows.view(*numbers.shape, -1)

    def as_stored(self, first: int, last: int) -> list[Tensor]:
        """``read`` without decoding: slices of the pool."""
        if self._whole is not None:
            return [self._whole[first:last]] if first < last else []
        where = self._table.rows(first, last, self._per_page)
        return [self._pool[row : row + n] for row, n in where]

    def restore(self, first: int, rows: Tensor) -> None:
        """``write`` of rows as they are stored."""
        if self._whole is not None:
            self._whole[first : first + len(rows)] = rows
            return
        done = 0
        for row, n in self._table.rows(first, first + len(rows), self._per_page):
            self._pool[row : row + n] = rows[done : done + n]
            done += n

    def _gather(self, numbers: Tensor) -> Tensor:
        if self._whole is not None:
            return self._whole.index_select(0, numbers)
        pages = self._table.numbers.index_select(0, numbers // self._per_page)
        rows = pages * self._per_page + numbers % self._per_page
        return self._pool.index_select(0, rows)


def _runs(pages: Sequence[int]) -> list[tuple[int, int, int]]:
    if not pages:
        return []
    breaks = [i + 1 for i, (a, b) in enumerate(pairwise(pages)) if b != a + 1]
    ends = [*breaks, len(pages)]
    return [(i, pages[i], end - i) for i, end in zip([0, *breaks], ends, strict=True)]
