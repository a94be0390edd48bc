"""The operations of the model: one name, one signature each.

``reference`` says in plain torch what each computes, and is what runs on a CPU. Code
above this package takes its operations from here and never asks which it got.

``ops`` is loaded when it is first used, and torch with it: ``layout`` needs neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsagent.kernels import reference as ops

__all__ = ["ops"]


def __getattr__(name: str) -> object:
    if name != "ops":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dsagent.kernels import reference

    globals()["ops"] = reference
    return reference
