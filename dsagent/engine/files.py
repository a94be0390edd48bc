"""Small files that several processes may write at once."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Make ``text`` the content of ``path``; whoever reads it meanwhile gets all of the
    old or all of the new.

    Raises:
        OSError: the folder doesn't exist or can't be written to.
    """
    # Not a tempfile: those are private, and a checkpoint's folder may be shared.
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with unfinished.open("x", encoding="utf-8") as file:
            file.write(text)
        os.replace(unfinished, path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise
