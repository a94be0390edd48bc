"""A scripted engine: real prompts in, real token ids out, no model.

It stands at the engine's own seam, so everything above it is the real thing: the
prompt is rendered and encoded, what it "samples" are ids of a real tokenizer, every one
of them must be allowed by the request's constraint, and the real parser reads them. A
script that the model could never have written is an AssertionError, not a guess.
"""

from __future__ import annotations

import hashlib
import math
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio.lowlevel

from dsagent.encoding.tokens import BOS
from dsagent.engine.constraint import allocate_mask
from dsagent.engine.memory import Memory, Share
from dsagent.engine.request import EngineStats, GenerationStats, TokenStep
from dsagent.errors import Closed, ContextOverflow
from dsagent.testing.hold import ScriptedHold, hold_file
from dsagent.testing.script import Asked, Step, completion, step_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.request import HoldSource, Request, Stop
    from dsagent.errors import DSAgentError
    from dsagent.testing.script import Answer

_SHOWN = 60
"""Characters of a prompt that an error shows."""


@dataclass
class ScriptedEngine:
    """Answers each request with the next step of its script."""

    tokenizer: Tokenizer
    script: Sequence[Answer] | Callable[[Asked], str | Step]
    """The turns, in order, or one function that makes them all."""
    context_limit: int = 8192
    default_max_tokens: int = 4096
    step: int = 3
    """Ids that come at a time."""
    requests: list[Request] = field(default_factory=list)
    sampled: list[list[int]] = field(default_factory=list)
    """The ids given out, by request."""
    prefilled: list[Request] = field(default_factory=list)
    """Requests for no tokens, which take no step of the script."""
    holds: weakref.WeakSet[ScriptedHold] = field(default_factory=weakref.WeakSet)
    """Those that are kept."""
    chunk: int = 1 << 20
    """Tokens of a prompt that are read at a time."""
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
        if request.max_tokens == 0:
            assert room >= 0
            self.prefilled.append(request)
            self.open += 1
            return ScriptedGeneration(self, request, Step(), (), [])
        assert room >= (request.max_tokens or 1)
        asked = Asked(request, self.tokenizer.decode(request.prompt))
        step = step_of(self._next(asked), asked)
        ids = self._ids(step, request)
        self.requests.append(request)
        self.sampled.append([])
        self.open += 1
        return ScriptedGeneration(self, request, step, ids, self.sampled[-1])

    @property
    def fingerprint(self) -> str:
        """That of the tokenizer, which is all there is of a model."""
        return hashlib.sha256(self.tokenizer.content_json.encode()).hexdigest()

    async def hold(
        self,
        ids: Sequence[int],
        *,
        folder: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> ScriptedHold:
        """Remember ``ids``: requests that begin with them are said to be cached."""
        await anyio.lowlevel.checkpoint()
        if self.closed:
            raise Closed("the engine was closed")
        size = len(ids)
        if size >= self.context_limit:
            parts = {"prompt": size, "output": 1}
            raise ContextOverflow(size + 1, self.context_limit, parts)
        source: HoldSource = "computed"
        if any(hold.ids[:size] == tuple(ids) for hold in self.holds):
            source = "memory"
        elif folder is not None and hold_file(folder, self.fingerprint, ids).exists():
            source = "disk"
        else:
            for done in range(min(self.chunk, size), size + 1, self.chunk):
                await anyio.lowlevel.checkpoint()
                if progress is not None:
                    progress(done, size)
        hold = ScriptedHold(tuple(ids), source, self.fingerprint, self.holds)
        self.holds.add(hold)
        return hold

    def cached(self, prompt: Sequence[int]) -> int:
        """Tokens of a prompt that are kept; its last one is read all the same."""
        kept = (h.ids for h in self.holds if tuple(prompt[: len(h.ids)]) == h.ids)
        return min(max(map(len, kept), default=0), len(prompt) - 1)

    def stats(self) -> EngineStats:
        return EngineStats(
            running=self.open,
            paused=0,
            waiting=0,
            cache_tokens=0,
            cache_bytes=0,
            steps=0,
            prefill_tokens=0,
            decode_tokens=0,
            busy=0.0,
        )

    def memory(self) -> Memory:
        nothing = Share(0, 0)
        return Memory(
            budget=0,
            weights=nothing,
            sequences=nothing,
            checkpoints=nothing,
            pages=nothing,
        )

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.close()

    def assert_done(self) -> None:
        """The whole script was played and nothing is left open."""
        asked = len(self.requests)
        if not callable(self.script):
            left = len(self.script) - asked
            assert not left, (
                f"the script has {len(self.script)} steps and {asked} were asked for: "
                f"{left} left, from {self.script[asked]!r}"
            )
        assert self.open == 0, f"{self.open} generations are still open"

    def prompt_text(self, index: int) -> str:
        """The prompt of a request as text."""
        return self.tokenizer.decode(self.requests[index].prompt)

    def _next(self, asked: Asked) -> Answer:
        if callable(self.script):
            return self.script
        done = len(self.requests)
        assert done < len(self.script), (
            f"the script is over: it has {len(self.script)} steps, and the model was "
            f"asked for one more; the prompt ends in {asked.text[-_SHOWN:]!r}"
        )
        return self.script[done]

    def _ids(self, step: Step, request: Request) -> Sequence[int]:
        if step.ids is not None:
            return step.ids
        thinks = request.prompt[-1] == self.tokenizer.think
        assert thinks or not step.thinking, (
            f"step {len(self.requests) + 1} of the script thinks, and the run was "
            "asked not to (thinking='off')"
        )
        return completion(self.tokenizer, step, thinking=thinks)


class ScriptedGeneration:
    """One step of a script, given out as an engine gives out ids."""

    def __init__(
        self,
        engine: ScriptedEngine,
        request: Request,
        step: Step,
        ids: Sequence[int],
        sampled: list[int],
    ) -> None:
        self._engine = engine
        self._request = request
        self._step = step
        limit = request.max_tokens
        self._length = min(len(ids), step.cut or len(ids), limit or len(ids))
        self._ids = ids
        self._sampled = sampled
        self._cached = engine.cached(request.prompt)
        self._prefilled = self._cached
        self.stop: Stop | None = None
        self.error: DSAgentError | None = None

    @property
    def stats(self) -> GenerationStats:
        """Counts as they are, as if all but one id of a step were drafts that stood;
        times made up, and always the same."""
        prompt = len(self._request.prompt)
        written = len(self._sampled)
        decoded = max(written - 1, 0)
        steps = math.ceil(decoded / self._engine.step)
        return GenerationStats(
            prompt_tokens=prompt,
            output_tokens=written,
            seed=0,
            queued=0.25,
            prefill=0.5,
            decode=0.125 * written,
            prefilled=self._prefilled,
            cached_tokens=self._cached,
            decode_steps=steps,
            drafted=decoded - steps,
            accepted=decoded - steps,
        )

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
        size = len(self._request.prompt)
        if self._prefilled < size and self.stop is None:
            self._prefilled = min(self._prefilled + self._engine.chunk, size)
            return TokenStep(prefilled=self._prefilled, prompt_tokens=size)
        done = len(self._sampled)
        if done == self._length or self.stop is not None:
            return self._end()
        until = min(done + self._engine.step, self._length)
        hold, held = self._step.hold, self._length - self._step.held
        if hold is not None and until > held:
            if done >= held:
                await hold.wait()
            else:
                until = held
        ids = self._accepted(tuple(self._ids[done:until]))
        self._sampled += ids
        return TokenStep(ids=ids)

    def _accepted(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        """Hold that a model under this constraint could have written ``ids`` next."""
        constraint = self._request.constraint
        assert constraint is not None
        # What an engine does before it samples; here only for what it may change.
        constraint.fill_mask(allocate_mask(1, self._engine.vocab_size), 0)
        accepted = constraint.accept(ids)
        if accepted < len(ids) and self._step.yields:
            return self._yield(ids[:accepted], constraint.forced())
        decode = self._engine.tokenizer.decode
        assert accepted == len(ids), (
            f"the grammar refuses {decode(ids[accepted:])!r} after "
            f"{decode(self._sampled)!r}: no model can write {self._step!r} here"
        )
        return ids

    def _yield(self, ids: tuple[int, ...], forced: list[int]) -> tuple[int, ...]:
        """Sample the end of thinking where the script would have gone on thinking."""
        end_think = self._engine.tokenizer.end_think
        assert forced == [end_think], "the grammar forces an end, not that of thinking"
        done = len(self._sampled) + len(ids)
        rest = self._ids[self._ids.index(end_think) :]
        self._ids = [*self._ids[:done], *rest]
        self._length = min(len(self._ids), self._request.max_tokens or len(self._ids))
        return ids

    def _end(self) -> TokenStep:
        if self._step.error is not None:
            self.stop, self.error = "error", self._step.error
            raise self._step.error
        if self.stop is None:
            ended = self._sampled[-1:] and self._sampled[-1] in self._request.stop_ids
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
