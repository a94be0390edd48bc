"""How much memory a call takes."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable


def peak(call: Callable[[], object]) -> int:
    """Bytes that ``call`` holds at most: numpy's, and torch's on top."""
    tracemalloc.start()
    call()
    numpys = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    with torch.profiler.profile(profile_memory=True) as profile:
        call()
    results: Any = profile.profiler
    held = most = 0
    for event in results.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most + numpys
