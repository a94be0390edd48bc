"""What every benchmark shares: its two options, its table, its JSON, its setting.

``--quick`` gives the same figures from fewer repeats in under 50 seconds. ``--json``
writes ``{"figures": {name: number}, "setup": {...}}`` beside the printed table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Options:
    quick: bool
    json: Path | None


@dataclass(frozen=True, slots=True)
class Sample:
    """Repeats of one measurement, in seconds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, over the median."""
        if len(self.seconds) < 4:
            low, high = min(self.seconds), max(self.seconds)
        else:
            low, _, high = statistics.quantiles(self.seconds, n=4)
        return (high - low) / 2 / self.median


def arguments(description: str) -> argparse.ArgumentParser:
    """The command line of every benchmark, to which it may add its own."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--quick", action="store_true", help="under 50 s, fewer repeats"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    return parser


def options(description: str) -> Options:
    """The command line of a benchmark that adds nothing."""
    parsed = arguments(description).parse_args()
    return Options(parsed.quick, parsed.json)


def setup() -> dict[str, object]:
    """The machine and versions a figure belongs to."""
    import torch
    import transformers

    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else 0,
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else [],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns, the first one to the left."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, tuple("-" * width for width in widths), *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [
            cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)
        ]
        print("  ".join(cells).rstrip())


def report(
    options: Options | argparse.Namespace,
    figures: Mapping[str, float],
    setup: Mapping[str, object],
) -> None:
    """Write the JSON, if a file was asked for."""
    if options.json is not None:
        rounded = {name: round(value, 4) for name, value in figures.items()}
        text = json.dumps({"figures": rounded, "setup": dict(setup)}, indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
