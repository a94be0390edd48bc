"""How a blocking function says what it is the blocking form of."""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")


def like(method: object) -> Callable[[F], F]:
    """Says that a function is ``method``, blocking, and documented there.

    Overloads are written out: a checker keeps the signatures of ``method`` for a
    wrapper, but not that the type of ``output`` is that of the answer.
    """

    def described(function: F) -> F:
        update_wrapper(function, cast("Callable[..., object]", method))
        return function

    return described
