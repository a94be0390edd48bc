"""The errors: one tree, facts as attributes, messages that say what to do."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from dsagent import errors
from dsagent.errors import (
    Closed,
    ContextOverflow,
    CorruptCheckpoint,
    DeadlineExceeded,
    DSAgentError,
    EngineError,
    InvalidOutput,
    LimitReached,
    LoadError,
    MemoryTooSmall,
    MissingWeights,
    RunError,
    ToolFailed,
    UnsupportedDevice,
)
from dsagent.messages import ToolCall

CLASSES = [getattr(errors, name) for name in errors.__all__]


def test_everything_is_a_dsagent_error() -> None:
    assert all(issubclass(cls, DSAgentError) for cls in CLASSES)
    defined = [
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    ]
    assert sorted(defined) == errors.__all__


def test_the_tree_is_the_one_in_the_docstring() -> None:
    drawn = errors.__doc__ or ""
    assert all(cls.__name__ in drawn for cls in CLASSES)
    tree: dict[type[DSAgentError], tuple[type[DSAgentError], ...]] = {
        LoadError: (
            MissingWeights,
            CorruptCheckpoint,
            UnsupportedDevice,
            MemoryTooSmall,
        ),
        RunError: (
            LimitReached,
            InvalidOutput,
            ToolFailed,
            EngineError,
            DeadlineExceeded,
        ),
    }
    for parent, children in tree.items():
        assert all(child.__base__ is parent for child in children)
    assert Closed.__base__ is DSAgentError


def test_context_overflow_says_what_takes_the_room() -> None:
    error = ContextOverflow(9000, 8192, {"documents": 8500, "messages": 500})
    assert (error.needed, error.limit) == (9000, 8192)
    assert error.parts == {"documents": 8500, "messages": 500}
    assert str(error) == (
        "9,000 tokens are needed and 8,192 fit (documents 8,500, messages 500); "
        "shorten the largest part, ask for less output, or load the model with a "
        "larger context"
    )


@pytest.mark.parametrize(
    "error",
    [
        ContextOverflow(3, 2, {"a": 1}),
        EngineError("broke"),
        DeadlineExceeded("decoding", 1.5, 3, 40),
        Closed("shut"),
    ],
)
@pytest.mark.parametrize("through", ["pickle", "copy"])
def test_errors_cross_processes(error: DSAgentError, through: str) -> None:
    other = (
        pickle.loads(pickle.dumps(error)) if through == "pickle" else copy.copy(error)
    )
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert vars(other) == vars(error)


def test_a_deadline_says_where_it_struck() -> None:
    assert str(DeadlineExceeded("queued", 0.5, 0, 9)) == (
        "the deadline of 0.5 s passed when the request was still waiting for others to "
        "end; give it more time or a higher priority, or ask less at once"
    )
    assert "1,000 of 20,000 prompt tokens" in str(
        DeadlineExceeded("prefilling", 2, 1000, 20_000)
    )
    assert "3 of at most 40 tokens" in str(DeadlineExceeded("decoding", 2, 3, 40))


def test_run_errors_keep_their_facts() -> None:
    made = ToolCall("call_1", "f")
    assert ToolFailed("no", call=made).call == made
    assert InvalidOutput("no", errors=["a", "b"]).errors == ("a", "b")
    assert RunError("no").reply is None
