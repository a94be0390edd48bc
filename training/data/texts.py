"""Templates kept as text files, in `texts/`.

A line beginning with `## ` is a heading, one beginning with a single `# ` a comment;
every other line is an entry of the heading above it. `\\n` in an entry is a line's end.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "texts"


def blocks(name: str) -> list[tuple[str, tuple[str, ...]]]:
    """(heading with its marks, lines) of the file `name`, in order."""
    found: list[tuple[str, list[str]]] = []
    for line in (FOLDER / f"{name}.txt").read_text("utf-8").splitlines():
        if line.startswith("##"):
            found.append((line, []))
        elif line.strip() and not line.startswith("#"):
            found[-1][1].append(line.replace("\\n", "\n"))
    return [(heading, tuple(dict.fromkeys(lines))) for heading, lines in found]


@cache
def sections(name: str) -> dict[str, tuple[str, ...]]:
    """The entries of the file `name` by heading."""
    joined: dict[str, tuple[str, ...]] = {}
    for heading, lines in blocks(name):
        key = heading.removeprefix("## ").strip()
        joined[key] = tuple(dict.fromkeys(joined.get(key, ()) + lines))
    return joined


def entries(name: str, heading: str, *known: str) -> tuple[str, ...]:
    """The entries under a heading, after those `known` already."""
    return tuple(dict.fromkeys(known + sections(name)[heading]))
