"""What a scripted engine keeps of a prefix: its ids, for want of any state."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import MutableSet, Sequence
    from pathlib import Path

    from dsagent.engine.request import HoldSource


class ScriptedHold:
    """A prefix that a scripted engine was asked to keep."""

    def __init__(
        self,
        ids: tuple[int, ...],
        source: HoldSource,
        fingerprint: str,
        kept: MutableSet[ScriptedHold],
    ) -> None:
        self.ids = ids
        self.source: HoldSource = source
        self.nbytes = 0
        self._fingerprint = fingerprint
        self._kept = kept

    async def save(self, folder: Path, *, limit: int | None = None) -> Path:
        """Leave a mark of these ids in ``folder``."""
        await anyio.Path(folder).mkdir(parents=True, exist_ok=True)
        path = hold_file(folder, self._fingerprint, self.ids)
        await anyio.Path(path).touch()
        return path

    def release(self) -> None:
        self._kept.discard(self)


def hold_file(folder: Path, fingerprint: str, ids: Sequence[int]) -> Path:
    """The file that a hold of these ids leaves in ``folder``."""
    content = f"{fingerprint} {' '.join(map(str, ids))}"
    return folder / f"{hashlib.sha256(content.encode()).hexdigest()}.scripted"
