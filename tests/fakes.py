"""The scripted engine of ``dsagent.testing``, in the shorthand of these tests."""

from __future__ import annotations

from dsagent.testing.engine import ScriptedEngine, ScriptedGeneration
from dsagent.testing.script import Step, completion, say

__all__ = ["Line", "ScriptedEngine", "ScriptedGeneration", "call", "completion", "say"]

Line = Step


def call(*calls: tuple[str, str], thinking: str = "", text: str = "") -> Step:
    """A turn of calls whose arguments are JSON as the model spells it."""
    return Step(text, thinking, calls)
