"""Clients that ask an engine real questions, and what they notice of it.

The questions are held out from nano's training, and constrained as the product
constrains them. A client asks the next one when it has its answer, so that as many are
under way as there are clients. What is counted begins when there have been as many
answers as clients and ends some seconds later: neither the first rush is in it nor an
end in which few are left.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Literal, TypeAlias

import anyio

from dsagent.encoding.tokenizer import Tokenizer
from dsagent.engine.constraint import GrammarBackend
from dsagent.engine.request import Sampling
from dsagent.loading import NANO
from training.cases import cases
from training.evaluation import request_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dsagent.engine.engine import Engine
    from dsagent.engine.request import Request, Speculation

Kind: TypeAlias = Literal["none", "shared", "own"]
"""What stands in front of a question: nothing, what stands in front of all, or a text
of its own."""

SKILLS = ("call", "results", "chain", "calls", "schema", "lookup", "mode high")
PREFIX = 1024
"""Tokens in front of a question, if there are any."""
SEED = 5


@dataclass
class Traffic:
    """What the clients of an engine saw while it was counted. Times are in seconds."""

    tokens: int = 0
    seconds: float = 0.0
    first: list[float] = field(default_factory=list)
    """From a submission to the first delivery."""
    gaps: list[float] = field(default_factory=list)
    """Between deliveries. With drafts there may be several tokens in one."""
    prompt: int = 0
    cached: int = 0
    """Those among the prompts' tokens that weren't computed."""

    @property
    def rate(self) -> float:
        """Tokens a second, of all answers together."""
        return self.tokens / max(self.seconds, 1e-9)

    @property
    def hits(self) -> float:
        return self.cached / max(self.prompt, 1)


class Questions:
    """What is asked, the same in every run."""

    def __init__(self) -> None:
        self.tokenizer = Tokenizer.from_file(NANO / "tokenizer.json")
        self._grammars = GrammarBackend(self.tokenizer)

    def document(self, number: int, tokens: int) -> str:
        """A text of about ``tokens``: the facts that nano is examined on."""
        (case,) = cases("document", 1, number, tokens=tokens, count=self._count)
        said = [str(m["content"]) for m in case.messages if m["role"] == "user"]
        return max(said, key=len)

    def requests(self, kind: Kind, speculation: Speculation) -> Iterator[Request]:
        """Without end, one skill after the other."""
        for i in itertools.count():
            (case,) = cases(SKILLS[i % len(SKILLS)], 1, SEED + i)
            messages = [dict(message) for message in case.messages]
            if kind != "none":
                text = self.document(0 if kind == "shared" else i, PREFIX)
                if messages[0]["role"] != "system":
                    messages.insert(0, {"role": "system", "content": ""})
                messages[0]["content"] = f"{text}\n\n{messages[0]['content']}"
            # An effort would stand in front of everything else.
            asked = replace(case, messages=tuple(messages), effort=None)
            request = request_of(asked, self.tokenizer, self._grammars)
            yield replace(request, sampling=Sampling(0.0, speculation=speculation))

    def _count(self, text: str) -> int:
        return len(self.tokenizer.encode_text(text))


class Clients:
    """Tasks that ask, each of them one question after the other."""

    def __init__(self, engine: Engine, requests: Iterator[Request]) -> None:
        self._engine = engine
        self._requests = requests
        self._traffic = Traffic()
        self._answers = 0
        self._begin = self._end = inf

    async def ask(self, clients: int, seconds: float) -> Traffic:
        """What so many of them see in ``seconds``, once each had its turn."""
        self._clients, self._seconds = clients, seconds
        self._over = anyio.Event()
        async with anyio.create_task_group() as group:
            for _ in range(clients):
                group.start_soon(self._client)
            await self._over.wait()
            group.cancel_scope.cancel()
        return self._traffic

    async def _client(self) -> None:
        for request in self._requests:
            await self._answer(request)
            self._answers += 1
            if self._answers == self._clients:
                self._begin = time.perf_counter()
                self._end = self._begin + self._seconds

    async def _answer(self, request: Request) -> None:
        traffic, last = self._traffic, time.perf_counter()
        times = traffic.first
        async with self._engine.submit(request) as generation:
            async for step in generation:
                if not step.ids:
                    continue
                now = time.perf_counter()
                if self._begin < now and not self._over.is_set():
                    traffic.tokens += len(step.ids)
                    traffic.seconds = now - self._begin
                    times.append(now - last)
                last, times = now, traffic.gaps
                if now > self._end:
                    self._over.set()
        if last > self._begin:
            traffic.prompt += generation.stats.prompt_tokens
            traffic.cached += generation.stats.cached_tokens
