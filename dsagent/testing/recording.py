"""Conversations with a real model, kept in a file and played again without one.

::

    with record(model, "weather.json") as recorded:     # once, with the weights
        await recorded.chat("How is Oslo?", tools=[weather])

    model = replay("weather.json")                      # in every test since
    await model.chat("How is Oslo?", tools=[weather])
    model.assert_done()

A turn is found by the token ids of its prompt, so a replay is exact or fails: a prompt
that has changed in any way is an AssertionError that shows where. What must stay true:
the file is text that a person can review; a block that raised leaves it as it was.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from dsagent.encoding.templates import Profile  # noqa: TC001  read by pydantic
from dsagent.errors import LoadError
from dsagent.model import Model
from dsagent.testing.model import ScriptedModel, nano_tokenizer
from dsagent.testing.script import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.memory import Memory
    from dsagent.engine.request import (
        EngineProtocol,
        EngineStats,
        GenerationProtocol,
        GenerationStats,
        HoldProtocol,
        Request,
        Stop,
        TokenStep,
    )
    from dsagent.errors import DSAgentError
    from dsagent.testing.script import Asked

_AROUND = 40
"""Characters shown around the place where two prompts part."""


class _Turn(BaseModel):
    """A turn of the model, as it is in the file."""

    model_config = ConfigDict(extra="forbid")

    prompt: str
    """For people; the hash is what counts."""
    prompt_sha256: str
    text: str
    """For people; the ids are what counts."""
    ids: tuple[int, ...]


class _Recording(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["dsagent-recording"] = "dsagent-recording"
    version: Literal[1] = 1
    tokenizer_sha256: str
    profile: Profile
    context_limit: int
    default_max_tokens: int
    turns: list[_Turn] = []


@contextmanager
def record(model: Model, path: str | Path) -> Iterator[Model]:
    """Write down what ``model`` says in the block.

    Args:
        model: Any model; it stays open.
        path: The file, written when the block is left without an exception.

    Yields:
        The model to talk to: the same one, overheard.
    """
    backend = model._backend
    recording = _Recording(
        tokenizer_sha256=_fingerprint(backend.tokenizer),
        profile=model._profile,
        context_limit=model.context_limit,
        default_max_tokens=backend.engine.default_max_tokens,
    )
    yield Model(
        _RecordingEngine(backend.engine, backend.tokenizer, recording.turns),
        backend.tokenizer,
        grammars=backend.grammars,
        profile=model._profile,
        sampling=model._sampling,
        clock=backend.clock,
        name=model.name,
    )
    Path(path).write_text(recording.model_dump_json(indent=1) + "\n", "utf-8")


class ReplayedModel(ScriptedModel):
    """A model that says again what a recording holds. Made by ``replay``."""

    def __init__(self, recording: _Recording, tokenizer: Tokenizer) -> None:
        self._turns = recording.turns
        self._left: defaultdict[str, list[_Turn]] = defaultdict(list)
        for turn in recording.turns:
            self._left[turn.prompt_sha256].append(turn)
        super().__init__(
            self._again,
            tokenizer=tokenizer,
            context_limit=recording.context_limit,
            default_max_tokens=recording.default_max_tokens,
            profile=recording.profile,
        )

    def assert_done(self) -> None:
        """Hold that every recorded turn was asked for.

        Raises:
            AssertionError: naming the first turn that was not.
        """
        super().assert_done()
        left = [turn for turns in self._left.values() for turn in turns]
        assert not left, (
            f"{len(left)} of {len(self._turns)} recorded turns were not asked for; the "
            f"first of them says {left[0].text!r}"
        )

    def _again(self, asked: Asked) -> Step:
        turns = self._left[_hash(asked.ids)]
        assert turns, _difference(asked.text, [turn.prompt for turn in self._turns])
        return Step(ids=turns.pop(0).ids)


def replay(path: str | Path, *, tokenizer: Tokenizer | None = None) -> ReplayedModel:
    """The model that ``record`` overheard, as far as it was.

    Args:
        path: The file.
        tokenizer: The recorded model's, if that wasn't nano.

    Raises:
        LoadError: the file is no recording, or one with another tokenizer.
    """
    tokenizer = tokenizer or nano_tokenizer()
    try:
        recording = _Recording.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise LoadError(f"there is no recording {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "the whole text"
        raise LoadError(
            f"{path} is no recording: at {place}: {first['msg']}"
        ) from error
    if recording.tokenizer_sha256 != _fingerprint(tokenizer):
        raise LoadError(
            f"{path} was recorded with another tokenizer; give that of the recorded "
            "model with tokenizer=..., or record it again"
        )
    return ReplayedModel(recording, tokenizer)


def _hash(ids: Sequence[int]) -> str:
    return hashlib.sha256(" ".join(map(str, ids)).encode()).hexdigest()


def _fingerprint(tokenizer: Tokenizer) -> str:
    return hashlib.sha256(tokenizer.content_json.encode()).hexdigest()


def _difference(asked: str, recorded: Sequence[str]) -> str:
    """How a prompt differs from the recorded one that is most like it."""
    if asked in recorded:
        return (
            "this prompt was asked for more often than it was recorded, or is the same "
            f"text in other tokens; it ends in {asked[-_AROUND:]!r}"
        )
    at, nearest = max(((_common(asked, t), t) for t in recorded), default=(0, ""))
    start = max(at - _AROUND, 0)
    return (
        f"this prompt is not in the recording; from character {at} on it differs from "
        f"the nearest one there:\n  recorded: {nearest[start : at + _AROUND]!r}\n"
        f"  asked:    {asked[start : at + _AROUND]!r}\nrecord it again if that is meant"
    )


def _common(one: str, other: str) -> int:
    """How many characters two texts share at their beginning."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


@dataclass(frozen=True, slots=True)
class _RecordingEngine:
    """An engine that keeps what another one writes. Closing it closes nothing."""

    engine: EngineProtocol
    tokenizer: Tokenizer
    turns: list[_Turn]

    @property
    def context_limit(self) -> int:
        return self.engine.context_limit

    @property
    def vocab_size(self) -> int:
        return self.engine.vocab_size

    @property
    def default_max_tokens(self) -> int:
        return self.engine.default_max_tokens

    def submit(self, request: Request) -> _RecordingGeneration:
        return _RecordingGeneration(self, self.engine.submit(request), request)

    @property
    def fingerprint(self) -> str:
        return self.engine.fingerprint

    async def hold(
        self,
        ids: Sequence[int],
        *,
        folder: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> HoldProtocol:
        return await self.engine.hold(ids, folder=folder, progress=progress)

    def stats(self) -> EngineStats:
        return self.engine.stats()

    def memory(self) -> Memory:
        return self.engine.memory()

    def close(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    def keep(self, request: Request, ids: Sequence[int]) -> None:
        turn = _Turn(
            prompt=self.tokenizer.decode(request.prompt),
            prompt_sha256=_hash(request.prompt),
            text=self.tokenizer.decode(ids),
            ids=tuple(ids),
        )
        self.turns.append(turn)


class _RecordingGeneration:
    """A generation that is kept if it ends by itself."""

    def __init__(
        self, recorder: _RecordingEngine, inner: GenerationProtocol, request: Request
    ) -> None:
        self._recorder = recorder
        self._inner = inner
        self._request = request
        self._ids: list[int] = []

    @property
    def stop(self) -> Stop | None:
        return self._inner.stop

    @property
    def error(self) -> DSAgentError | None:
        return self._inner.error

    @property
    def stats(self) -> GenerationStats:
        return self._inner.stats

    def cancel(self) -> None:
        self._inner.cancel()

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TokenStep:
        try:
            step = await anext(self._inner)
        except StopAsyncIteration:
            if self.stop in ("stop", "length") and self._ids:
                self._recorder.keep(self._request, self._ids)
            raise
        self._ids += step.ids
        return step

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._inner.__aexit__(kind, error, traceback)
