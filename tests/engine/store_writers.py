"""Processes that save prefixes, to be killed or to get in each other's way.

Run as a program, ``python -m tests.engine.store_writers FOLDER``: torch is imported
once, and each line of standard input forks a process. Orders, and what is answered:

``generations FIRST EVENT``
    Saves the prefixes of ``LENGTHS`` in turn, as generations FIRST, FIRST + 1, ... and
    says ``saved LENGTH GENERATION`` after each. With an EVENT it kills itself there: at
    that many calls and returns of any function, counted within the saves. With 0 it
    goes on until somebody kills it.
``crowd SEED``
    Saves and loads prefixes in a folder with room for three of them; ends with
    ``done``, or with what went wrong.

Each begins with ``pid PID``. When a process has ended there is a line ``ended``.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from dsagent.engine.store import Store

if TYPE_CHECKING:
    from types import FrameType

    from torch import Tensor

LENGTHS = (3, 200, 5000)
ROOM_FOR_THREE = 1_300_000
"""Bytes: more than three of the crowd's files and less than four."""


def ids(length: int) -> list[int]:
    return [7 * n % 1000 for n in range(length)]


def state(generation: int) -> dict[str, Tensor]:
    """About 400 KB, of which each element tells the generation."""
    return {
        "pool": torch.full((300, 128), generation, dtype=torch.int64),
        "ring": torch.full((12345,), generation, dtype=torch.int32),
        "odd": torch.full((7,), generation % 128, dtype=torch.uint8),
    }


def generation_of(store: Store, length: int) -> int | None:
    """Which generation is saved; None if none is. Fails if it is a mixture."""
    saved = store.load(ids(length))
    if saved is None:
        return None
    generation = saved.meta["generation"]
    assert isinstance(generation, int)
    assert saved.ids == tuple(ids(length))
    for name, expected in state(generation).items():
        assert torch.equal(saved.tensors[name], expected), (length, name)
    return generation


def generations(folder: Path, first: int, event: int) -> None:
    store = Store(folder, model="m")
    seen = 0

    def count(frame: FrameType, kind: str, function: object) -> None:
        nonlocal seen
        seen += 1
        if seen == event:
            os.kill(os.getpid(), signal.SIGKILL)

    generation = first
    while True:
        for length in LENGTHS:
            sys.setprofile(count if event else None)
            store.save(ids(length), state(generation), {"generation": generation})
            sys.setprofile(None)
            say(f"saved {length} {generation}")
        generation += 1


def crowd(folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    store = Store(folder, model="m", limit=ROOM_FOR_THREE)
    for generation in range(40):
        length = rng.randint(1, 6)
        store.save(ids(length), state(generation), {"generation": generation})
        generation_of(store, rng.randint(1, 6))
        if (entry := store.find(ids(6))) and rng.random() < 0.2:
            store.delete(entry)
    say("done")


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def fork(folder: Path, order: str, *numbers: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        say(f"pid {os.getpid()}")
        if order == "generations":
            first, event = map(int, numbers)
            generations(folder, first, event)
        else:
            crowd(folder, int(*numbers))
    except BaseException as error:
        say(f"{type(error).__name__}: {error}")
    finally:
        os._exit(0)


def main() -> None:
    torch.set_num_threads(1)
    assert threading.active_count() == 1  # or it would be wrong to fork
    say("ready")
    folder = Path(sys.argv[1])
    running = 0
    for line in sys.stdin:
        for order in line.split(";"):
            fork(folder, *order.split())
            running += 1
        while running:
            os.wait()
            running -= 1
            say("ended")


if __name__ == "__main__":
    main()
