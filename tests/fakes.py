"""A scripted engine: real prompts in, real token ids out, no model.

It stands at the engine's own seam, so everything above it is the real thing: the
prompt is rendered and encoded, what it "samples" are ids of the real tokenizer, every
one of them must be allowed by the request's constraint, and the real parser reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from dsagent.encoding.render import render
from dsagent.encoding.tokens import BOS
from dsagent.engine.constraint import allocate_mask
from dsagent.engine.request import EngineStats, GenerationStats, TokenStep
from dsagent.errors import Closed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.request import Request, Stop
    from dsagent.errors import DSAgentError


@dataclass(frozen=True)
class Line:
    """One turn of the script."""

    text: str = ""
    thinking: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    """(name, arguments as JSON text)"""
    ids: tuple[int, ...] | None = None
    """Exactly these ids instead."""
    cut: int | None = None
    """End after so many ids, as if there were no more tokens."""
    hold: anyio.Event | None = None
    """Wait for this before the last ``held`` ids."""
    held: int = 1
    error: DSAgentError | None = None
    """Break with this instead of ending."""
    yields: bool = False
    """Where the constraint forces the end of thinking, sample that and go on behind
    the script's own, as a model would; otherwise a forced id is a failure."""


def say(text: str, thinking: str = "") -> Line:
    return Line(text, thinking)


def call(*calls: tuple[str, str], thinking: str = "", text: str = "") -> Line:
    return Line(text, thinking, calls)


def completion(tokenizer: Tokenizer, line: Line, *, thinking: bool) -> list[int]:
    """The ids of a turn as the template would write it."""
    message: Mapping[str, object] = {
        "role": "assistant",
        "content": line.text,
        "reasoning_content": line.thinking,
        "tool_calls": [
            {"id": "", "function": {"name": name, "arguments": arguments}}
            for name, arguments in line.calls
        ],
    }
    context = [{"role": "user", "content": "?"}]
    return tokenizer.encode(render([message], thinking=thinking, context=context))


@dataclass
class ScriptedEngine:
    """Answers each request with the next line of its script."""

    tokenizer: Tokenizer
    script: list[Line]
    context_limit: int = 8192
    default_max_tokens: int = 4096
    step: int = 3
    """Ids a step."""
    requests: list[Request] = field(default_factory=list)
    sampled: list[list[int]] = field(default_factory=list)
    """The ids given out, by request."""
    cancelled: int = 0
    open: int = 0
    """Generations that hold memory."""
    closed: bool = False

    @property
    def vocab_size(self) -> int:
        return self.tokenizer.vocab_size

    def submit(self, request: Request) -> ScriptedGeneration:
        if self.closed:
            raise Closed("the engine was closed")
        assert request.prompt[0] == self.tokenizer.id_of(BOS)
        room = self.context_limit - len(request.prompt)
        assert room >= (request.max_tokens or 1)
        line = self.script[len(self.requests)]
        self.requests.append(request)
        self.sampled.append([])
        ids = line.ids
        if ids is None:
            thinks = request.prompt[-1] == self.tokenizer.think
            ids = tuple(completion(self.tokenizer, line, thinking=thinks))
        self.open += 1
        return ScriptedGeneration(self, request, line, ids, self.sampled[-1])

    def stats(self) -> EngineStats:
        return EngineStats(self.open, 0, 0, 0, 0, 0, 0, 0, 0.0)

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.close()

    def assert_done(self) -> None:
        """The whole script was played and nothing is left open."""
        assert len(self.requests) == len(self.script)
        assert self.open == 0

    def prompt_text(self, index: int) -> str:
        return self.tokenizer.decode(self.requests[index].prompt)


class ScriptedGeneration:
    def __init__(
        self,
        engine: ScriptedEngine,
        request: Request,
        line: Line,
        ids: Sequence[int],
        sampled: list[int],
    ) -> None:
        self._engine = engine
        self._request = request
        self._line = line
        limit = request.max_tokens
        self._length = min(len(ids), line.cut or len(ids), limit or len(ids))
        self._ids = ids
        self._sampled = sampled
        self._prefilled = False
        self.stop: Stop | None = None
        self.error: DSAgentError | None = None

    @property
    def stats(self) -> GenerationStats:
        prompt = len(self._request.prompt)
        written = len(self._sampled)
        return GenerationStats(prompt, written, 0, 0.25, 0.5, 0.125 * written)

    def cancel(self) -> None:
        if self.stop is None:
            self.stop = "cancelled"
            self._engine.cancelled += 1

    async def aclose(self) -> None:
        self.cancel()
        self._engine.open -= 1

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TokenStep:
        await anyio.lowlevel.checkpoint()
        if not self._prefilled:
            self._prefilled = True
            size = len(self._request.prompt)
            return TokenStep(prefilled=size, prompt_tokens=size)
        done = len(self._sampled)
        if done == self._length or self.stop is not None:
            return self._end()
        until = min(done + self._engine.step, self._length)
        hold, held = self._line.hold, self._length - self._line.held
        if hold is not None and until > held:
            if done >= held:
                await hold.wait()
            else:
                until = held
        ids = tuple(self._ids[done:until])
        constraint = self._request.constraint
        assert constraint is not None
        # What the engine does before it samples; here only for what it may change.
        constraint.fill_mask(allocate_mask(1, self._engine.vocab_size), 0)
        accepted = constraint.accept(ids)
        if accepted < len(ids) and self._line.yields:
            return self._yield(ids[:accepted], constraint.forced())
        assert accepted == len(ids), (
            f"the grammar refuses {self._engine.tokenizer.decode(ids[accepted:])!r} "
            f"after {self._engine.tokenizer.decode(self._sampled)!r}"
        )
        self._sampled += ids
        return TokenStep(ids=ids)

    def _yield(self, ids: tuple[int, ...], forced: list[int]) -> TokenStep:
        """Sample the end of thinking where the script would have gone on thinking."""
        end_think = self._engine.tokenizer.end_think
        assert forced == [end_think]
        done = len(self._sampled) + len(ids)
        rest = self._ids[self._ids.index(end_think) :]
        self._ids = [*self._ids[:done], *rest]
        self._length = min(len(self._ids), self._request.max_tokens or len(self._ids))
        self._sampled += ids
        return TokenStep(ids=ids)

    def _end(self) -> TokenStep:
        if self._line.error is not None:
            self.stop, self.error = "error", self._line.error
            raise self._line.error
        if self.stop is None:
            ended = self._sampled[-1] in self._request.stop_ids
            self.stop = "stop" if ended else "length"
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
