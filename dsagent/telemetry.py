"""Runs as OpenTelemetry sees them: spans and metrics by its conventions for GenAI.

A run is an ``invoke_agent`` span; in it, every turn of the model is a ``chat`` span and
every call an ``execute_tool`` span, beside each other, since tools run while the turn
is still being written. Tools run inside their spans, so what they trace themselves
hangs below. Metrics count tokens and time the same three operations.

Nothing has to be switched on, and nothing is imported here: an application that uses
OpenTelemetry has imported it, and one that has not costs a look into ``sys.modules``.
What must stay true: no word that somebody or the model wrote is recorded, unless the
environment says ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true``. The
conventions are still being developed, so all their names are in this module, as types:
a misspelt one is an error of the type checker.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from dsagent.encoding import jsontext
from dsagent.messages import Assistant, System, Text, Thinking, ToolResult, User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from opentelemetry.metrics import Histogram, Meter
    from opentelemetry.trace import Tracer

    from dsagent.engine.request import GenerationProtocol, GenerationStats, Request
    from dsagent.messages import Message, ToolCall
    from dsagent.reply import Reply, Usage
    from dsagent.tools.run import ToolOutcome

PROVIDER: Final = "dsagent"
CONTENT_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

Operation: TypeAlias = Literal["invoke_agent", "chat", "execute_tool"]

Attribute: TypeAlias = Literal[
    "error.type",
    "gen_ai.input.messages",
    "gen_ai.operation.name",
    "gen_ai.output.messages",
    "gen_ai.provider.name",
    "gen_ai.request.max_tokens",
    "gen_ai.request.model",
    "gen_ai.request.seed",
    "gen_ai.request.temperature",
    "gen_ai.request.top_p",
    "gen_ai.response.finish_reasons",
    "gen_ai.token.type",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.id",
    "gen_ai.tool.call.result",
    "gen_ai.tool.name",
    "gen_ai.tool.type",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
]
Metric: TypeAlias = Literal[
    "gen_ai.client.operation.duration",
    "gen_ai.client.token.usage",
    "gen_ai.server.time_per_output_token",
    "gen_ai.server.time_to_first_token",
]
Value: TypeAlias = "str | int | float | list[str]"
Attributes: TypeAlias = "dict[Attribute, Value]"

_TENTHS = [0.1, 0.25, 0.5, 0.75, 1.0, 2.5]
_METRICS: dict[Metric, tuple[str, list[float]]] = {
    "gen_ai.client.operation.duration": ("s", [0.01 * 2**n for n in range(14)]),
    "gen_ai.client.token.usage": ("{token}", [4.0**n for n in range(14)]),
    "gen_ai.server.time_per_output_token": ("s", [0.01, 0.025, 0.05, 0.075, *_TENTHS]),
    "gen_ai.server.time_to_first_token": ("s", [0.001, 0.005, 0.01, 0.04, *_TENTHS]),
}
"""Unit and bucket boundaries by name, those of the conventions or close to them."""


@contextmanager
def invoke_agent(
    model: str, messages: tuple[Message, ...], reply: Callable[[], Reply[object]]
) -> Iterator[None]:
    """Around a run.

    Args:
        model: Its name; empty if it has none.
        messages: What was asked.
        reply: The run as a value; only called if somebody watches, at the end.
    """
    observer = _observer()
    if observer is None:
        yield
        return
    with observer.operation("invoke_agent", model, model) as record:
        try:
            yield
        finally:
            said = reply()
            record(_usage(said.usage) | {"gen_ai.response.finish_reasons": [said.stop]})
            if _keeps_content():
                new = said.messages[len(messages) :]
                record({"gen_ai.input.messages": _content(messages)})
                record({"gen_ai.output.messages": _content(new)})


@contextmanager
def chat(
    model: str, request: Request, generation: GenerationProtocol
) -> Iterator[None]:
    """Around the writing of a turn."""
    observer = _observer()
    if observer is None:
        yield
        return
    # Not the current span: tools started meanwhile belong to the run, not to the turn.
    with observer.operation("chat", model, model, current=False) as record:
        record(_options(request))
        try:
            yield
        finally:
            stats = generation.stats
            record(
                {
                    "gen_ai.response.finish_reasons": [generation.stop or "cancelled"],
                    "gen_ai.request.seed": stats.seed,
                    "gen_ai.usage.input_tokens": stats.prompt_tokens,
                    "gen_ai.usage.cache_read.input_tokens": stats.cached_tokens,
                    "gen_ai.usage.output_tokens": stats.output_tokens,
                }
            )
            observer.count(model, stats)


@contextmanager
def execute_tool(call: ToolCall) -> Iterator[Callable[[ToolOutcome], None]]:
    """Around a call; takes what came of it."""
    observer = _observer()
    if observer is None:
        yield _ignore
        return
    with observer.operation("execute_tool", "", call.name) as record:
        record({"gen_ai.tool.name": call.name, "gen_ai.tool.type": "function"})
        record({"gen_ai.tool.call.id": call.id})

        def ended(outcome: ToolOutcome) -> None:
            if not outcome.ok and outcome.status != "pending":
                error = outcome.error
                kind = type(error).__qualname__ if error else outcome.status
                record({"error.type": kind})
            if _keeps_content():
                record({"gen_ai.tool.call.arguments": call.arguments})
                record({"gen_ai.tool.call.result": outcome.text})

        yield ended


@dataclass(frozen=True, slots=True)
class _Observer:
    """The application's OpenTelemetry."""

    tracer: Tracer
    metrics: dict[Metric, Histogram]

    @contextmanager
    def operation(
        self, name: Operation, model: str, subject: str, *, current: bool = True
    ) -> Iterator[Callable[[Attributes], None]]:
        """A span, timed; takes further attributes of it.

        Args:
            name: What is done.
            model: By which model, if any.
            subject: The rest of the span's name.
            current: Spans begun inside hang below this one.
        """
        from opentelemetry import trace

        shared = _shared(name, model)
        title = f"{name} {subject}".rstrip()
        span = self.tracer.start_span(title, attributes=_plain(shared))
        started = time.perf_counter()

        def record(attributes: Attributes) -> None:
            span.set_attributes(_plain(attributes))
            for key in ("error.type", "gen_ai.tool.name"):
                if key in attributes:
                    shared[key] = attributes[key]
            if "error.type" in attributes:
                span.set_status(trace.StatusCode.ERROR)

        try:
            if current:
                with trace.use_span(
                    span, record_exception=False, set_status_on_exception=False
                ):
                    yield record
            else:
                yield record
        except Exception as error:
            record({"error.type": type(error).__qualname__})
            raise
        finally:
            span.end()
            seconds = time.perf_counter() - started
            self._measure("gen_ai.client.operation.duration", seconds, shared)

    def count(self, model: str, stats: GenerationStats) -> None:
        """What a turn cost."""
        shared = _shared("chat", model)
        for kind, tokens in (
            ("input", stats.prompt_tokens),
            ("output", stats.output_tokens),
        ):
            labels: Attributes = shared | {"gen_ai.token.type": kind}
            self._measure("gen_ai.client.token.usage", tokens, labels)
        if stats.output_tokens > 0:
            first = stats.first_token
            self._measure("gen_ai.server.time_to_first_token", first, shared)
        if stats.output_tokens > 1:
            each = stats.decode / (stats.output_tokens - 1)
            self._measure("gen_ai.server.time_per_output_token", each, shared)

    def _measure(self, name: Metric, amount: float, labels: Attributes) -> None:
        self.metrics[name].record(amount, _plain(labels))


def _observer() -> _Observer | None:
    """The application's OpenTelemetry, None if it doesn't use any."""
    modules = sys.modules
    used = "opentelemetry.trace" in modules or "opentelemetry.metrics" in modules
    return _connect() if used else None


@lru_cache(maxsize=1)
def _connect() -> _Observer:
    """Tracer and instruments. Providers may be set later: until then these are
    stand-ins, which then become real."""
    from opentelemetry import metrics, trace

    from dsagent import __version__

    meter = metrics.get_meter("dsagent", __version__)
    return _Observer(
        trace.get_tracer("dsagent", __version__),
        {name: _histogram(meter, name) for name in _METRICS},
    )


def _histogram(meter: Meter, name: Metric) -> Histogram:
    unit, boundaries = _METRICS[name]
    return meter.create_histogram(
        name, unit, explicit_bucket_boundaries_advisory=boundaries
    )


def _shared(name: Operation, model: str) -> Attributes:
    attributes: Attributes = {
        "gen_ai.operation.name": name,
        "gen_ai.provider.name": PROVIDER,
    }
    return attributes | ({"gen_ai.request.model": model} if model else {})


def _options(request: Request) -> Attributes:
    options: Attributes = {
        "gen_ai.request.temperature": request.sampling.temperature,
        "gen_ai.request.top_p": request.sampling.top_p,
    }
    if request.max_tokens is not None:
        options["gen_ai.request.max_tokens"] = request.max_tokens
    return options


def _usage(usage: Usage) -> Attributes:
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
    }


def _plain(attributes: Attributes) -> dict[str, Value]:
    """The attributes as OpenTelemetry's own types want them."""
    return dict(attributes.items())


def _ignore(outcome: ToolOutcome) -> None:
    """Takes what came of a call that nobody watches."""


def _keeps_content() -> bool:
    value = os.environ.get(CONTENT_VARIABLE, "").lower()
    return value in ("true", "span_only", "span_and_event")


def _content(messages: Iterable[Message]) -> str:
    """A conversation in the conventions' own JSON."""
    return jsontext.dump([_message(message) for message in messages])


def _message(message: Message) -> dict[str, object]:
    match message:
        case System(text):
            return {"role": "system", "parts": [{"type": "text", "content": text}]}
        case User():
            text = message.content
            return {"role": "user", "parts": [{"type": "text", "content": text}]}
        case ToolResult(call_id, text):
            part = {"type": "tool_call_response", "id": call_id, "response": text}
            return {"role": "tool", "parts": [part]}
        case Assistant(parts):
            return {"role": "assistant", "parts": [_part(part) for part in parts]}


def _part(part: Text | Thinking | ToolCall) -> dict[str, object]:
    match part:
        case Text(text):
            return {"type": "text", "content": text}
        case Thinking(text):
            return {"type": "reasoning", "content": text}
    return {
        "type": "tool_call",
        "id": part.id,
        "name": part.name,
        "arguments": part.arguments,
    }
