"""What sequences left behind, found again by what they begin with.

A radix tree over pages: a node is a page's worth of token ids behind those of its
parent, and the page that holds their entries. A page alone is of no use, since going
on takes the rings' residue, too, so what is looked for are *checkpoints*: a residue at
some position, in or at the end of the node's page. A hit begins with everything a
fresh prefill would have, the drafter's context included.

Residues have a byte limit of their own; pages are the cache's, which may ask for them
back (``make_room``). Both are met by forgetting the checkpoints that were used least
recently, never one that is pinned; a page that a sequence uses stays until that ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dsagent.engine.cache import Start
from dsagent.engine.memory import PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dsagent.engine.cache import Cache, Residue

Ids = tuple[int, ...]


@dataclass(slots=True, eq=False)
class _Node:
    """A page of a known text."""

    ids: Ids
    page: int
    parent: _Node | None
    children: dict[Ids, _Node] = field(default_factory=dict)
    ends: list[Checkpoint] = field(default_factory=list)
    """Checkpoints in the page that would come next, or at its beginning."""


@dataclass(slots=True, eq=False)
class Checkpoint:
    """A position that can be gone on from."""

    residue: Residue
    _node: _Node
    _tail: Ids
    """The ids behind the last full page, fewer than a page."""
    _page: int | None
    """Theirs, if there are any."""
    _used: int = 0
    pins: int = 0

    @property
    def position(self) -> int:
        return self.residue.position

    @property
    def start(self) -> Start:
        """What the cache needs to go on from here."""
        pages = [] if self._page is None else [self._page]
        node: _Node | None = self._node
        while node is not None and node.parent is not None:
            pages.append(node.page)
            node = node.parent
        return Start(tuple(reversed(pages)), self.residue)


class Prefixes:
    """The checkpoints of one cache. Belongs to its thread."""

    def __init__(self, cache: Cache, limit: int) -> None:
        """``limit``: bytes that residues may take together."""
        self._cache = cache
        self._limit = limit
        self._root = _Node((), -1, None)
        self._all: dict[Checkpoint, None] = {}
        self._clock = 0
        self.nbytes = 0
        """Bytes of all residues."""

    def __len__(self) -> int:
        return len(self._all)

    def find(
        self, ids: Sequence[int], most: int, *, drafts: bool = False
    ) -> Checkpoint | None:
        """The longest known beginning of ``ids``.

        Args:
            ids: Token ids.
            most: How many of them may be known at most.
            drafts: Only what the drafter can go on from, too.
        """
        best: Checkpoint | None = None
        for position, node in self._walk(ids):
            for end in node.ends:
                fits = end.position <= most and not (drafts and _undrafted(end))
                longest = best is None or end.position > best.position
                if fits and longest and _follows(ids, position, end._tail):
                    best = end
        if best is not None:
            self._touch(best)
        return best

    def add(self, ids: Sequence[int], start: Start) -> Checkpoint | None:
        """Keep ``start``, which is behind ``ids``, if there is room for it.

        Its pages are held from here on, but for those the tree knows already.
        """
        p = start.position
        assert p == len(ids)
        if not p:
            return None
        known = self.find(ids, p)
        if known is not None and known.position == p:
            if not (_undrafted(known) and start.residue.drafts is not None):
                return known
            return known if self._replace(known, start.residue) else None
        if not self._fits(start.residue.nbytes):
            return None
        node = self._root
        for i, page in zip(range(0, p - PAGE + 1, PAGE), start.pages, strict=False):
            key = tuple(ids[i : i + PAGE])
            child = node.children.get(key)
            if child is None:
                child = node.children[key] = _Node(key, page, node)
                self._cache.pages.hold((page,))
            node = child
        tail = tuple(ids[p - p % PAGE : p])
        end = Checkpoint(start.residue, node, tail, start.pages[-1] if tail else None)
        if end._page is not None:
            self._cache.pages.hold((end._page,))
        node.ends.append(end)
        self._all[end] = None
        self.nbytes += end.residue.nbytes
        self._touch(end)
        return end

    def make_room(self, pages: int) -> None:
        """Forget what isn't pinned until so many pages are free, or nothing is left."""
        while self._cache.pages.free < pages and self._forget_oldest():
            pass

    def clear(self) -> None:
        """Forget all that isn't pinned."""
        while self._forget_oldest():
            pass

    def _walk(self, ids: Sequence[int]) -> Iterator[tuple[int, _Node]]:
        """Nodes along ``ids``, each with the number of ids up to its end."""
        node: _Node | None = self._root
        position = 0
        while node is not None:
            yield position, node
            node = node.children.get(tuple(ids[position : position + PAGE]))
            position += PAGE

    def _fits(self, nbytes: int) -> bool:
        """Make room for a residue; whether that was possible."""
        pinned = sum(end.residue.nbytes for end in self._all if end.pins)
        if pinned + nbytes > self._limit:
            return False
        while self.nbytes + nbytes > self._limit:
            self._forget_oldest()
        return True

    def _replace(self, end: Checkpoint, residue: Residue) -> bool:
        """Keep another residue in its place, if there is room for it."""
        more = residue.nbytes - end.residue.nbytes
        end.pins += 1
        fits = self._fits(more)
        end.pins -= 1
        if fits:
            self.nbytes += more
            end.residue = residue
        return fits

    def _touch(self, end: Checkpoint) -> None:
        self._clock += 1
        end._used = self._clock

    def _forget_oldest(self) -> bool:
        oldest = min(
            (end for end in self._all if not end.pins),
            key=lambda end: end._used,
            default=None,
        )
        if oldest is None:
            return False
        self._forget(oldest)
        return True

    def _forget(self, end: Checkpoint) -> None:
        del self._all[end]
        self.nbytes -= end.residue.nbytes
        if end._page is not None:
            self._cache.pages.drop((end._page,))
        node = end._node
        node.ends.remove(end)
        while node.parent is not None and not (node.ends or node.children):
            del node.parent.children[node.ids]
            self._cache.pages.drop((node.page,))
            node = node.parent


def checkpoints(length: int) -> tuple[int, ...]:
    """Where a prompt of so many tokens is worth remembering, in order.

    Beginnings of pages, the last one first and then ever farther apart: another prompt
    that shares all but its end goes on from a place at most about twice as far back.

    >>> checkpoints(5000)
    (1024, 3072, 4096, 4608, 4864)
    """
    found = []
    place, step = (length - 1) // PAGE * PAGE, PAGE
    while place > 0:
        found.append(place)
        place -= step
        step *= 2
    return tuple(reversed(found))


def _undrafted(end: Checkpoint) -> bool:
    return end.residue.drafts is None


def _follows(ids: Sequence[int], position: int, tail: Ids) -> bool:
    return tuple(ids[position : position + len(tail)]) == tail
