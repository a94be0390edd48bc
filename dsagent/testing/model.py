"""``ScriptedModel``: a model that says what a test tells it to."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from dsagent.encoding.tokenizer import Tokenizer
from dsagent.engine.constraint import GrammarBackend
from dsagent.loading import NANO
from dsagent.model import Model
from dsagent.testing.engine import ScriptedEngine
from dsagent.testing.script import Asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dsagent.encoding.templates import Profile
    from dsagent.engine.request import Sampling
    from dsagent.testing.script import Answer, Step


class ScriptedModel(Model):
    """A model whose turns are given, and all else is real.

    ::

        model = ScriptedModel([call("weather", city="Oslo"), "Sunny."])
        reply = await model.chat("How is Oslo?", tools=[weather])
        assert "21 degrees" in model.asked[1].text
        model.assert_done()

    Prompts are rendered and encoded, turns are checked against the grammar and parsed,
    tools are run, limits hold. It takes no weights, and no time.
    """

    def __init__(
        self,
        script: Iterable[Answer] | Callable[[Asked], str | Step],
        *,
        tokenizer: Tokenizer | None = None,
        context_limit: int = 8192,
        default_max_tokens: int = 4096,
        profile: Profile = "preview",
        sampling: Sampling | None = None,
    ) -> None:
        """Make a model that follows ``script``.

        Args:
            script: Its turns, in the order in which they are asked for: words, steps,
                or functions of what is asked. Or one such function for all of them,
                which suits runs side by side.
            tokenizer: Nano's by default.
            context_limit: Most tokens a conversation may have.
            default_max_tokens: Tokens of a turn, if limits don't say.
            profile: How efforts are written.
            sampling: What a run uses that doesn't say; only to be seen in ``asked``.
        """
        tokenizer = tokenizer or nano_tokenizer()
        turns = script if callable(script) else list(script)
        self._engine = ScriptedEngine(
            tokenizer, turns, context_limit, default_max_tokens
        )
        super().__init__(
            self._engine,
            tokenizer,
            grammars=_grammars(tokenizer),
            profile=profile,
            sampling=sampling,
        )

    @property
    def asked(self) -> tuple[Asked, ...]:
        """What the model was asked, a turn each, in order."""
        decode = self.tokenizer.decode
        return tuple(Asked(r, decode(r.prompt)) for r in self._engine.requests)

    def assert_done(self) -> None:
        """Hold that every step was asked for, and that no run is left half way.

        Raises:
            AssertionError: naming the first step that was not.
        """
        self._engine.assert_done()


@lru_cache(maxsize=1)
def nano_tokenizer() -> Tokenizer:
    """The tokenizer that comes with the package."""
    return Tokenizer.from_file(NANO)


@lru_cache(maxsize=4)
def _grammars(tokenizer: Tokenizer) -> GrammarBackend:
    return GrammarBackend(tokenizer)
