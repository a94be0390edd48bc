"""Spans and metrics, read back through OpenTelemetry's own SDK."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, get_args

import anyio
import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import error_attributes as errors
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as genai
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

from dsagent import Document, EngineError, Limits, Sampling, telemetry, tool
from dsagent.testing import ScriptedModel, Step, call, say, think

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan

SECRET = "xyzzy"


@tool
def weather(city: str) -> str:
    """Weather in a city."""
    if city == "Atlantis":
        raise LookupError(f"no {SECRET} there")
    with trace.get_tracer("app").start_as_current_span("GET /weather"):
        return f"sunny, {SECRET}"


class Watch:
    """What was exported."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._metrics = InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meters = MeterProvider([self._metrics], shutdown_on_exit=False)

    @property
    def spans(self) -> list[ReadableSpan]:
        """In the order in which they began."""
        return sorted(self._spans.get_finished_spans(), key=lambda s: s.start_time or 0)

    def one(self, name: str) -> ReadableSpan:
        (span,) = (span for span in self.spans if span.name == name)
        return span

    def points(self, name: str) -> list[HistogramDataPoint]:
        data = self._metrics.get_metrics_data()
        assert data is not None
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
            if isinstance(point, HistogramDataPoint)
        ]


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """OpenTelemetry set up in memory, for one test."""
    watch = Watch()
    monkeypatch.setattr(trace, "get_tracer", watch.tracers.get_tracer)
    monkeypatch.setattr(metrics, "get_meter", watch.meters.get_meter)
    monkeypatch.delenv(telemetry.CONTENT_VARIABLE, raising=False)
    telemetry._connect.cache_clear()
    yield watch
    telemetry._connect.cache_clear()


def script() -> list[Step | str]:
    return [
        think(SECRET) + say(SECRET) + call("weather", city="Oslo"),
        f"Sunny, {SECRET}.",
    ]


def _parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def _id(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


async def test_a_run_is_a_tree_of_spans(watch: Watch) -> None:
    model = ScriptedModel(script())
    sampling = Sampling(temperature=0.5, top_p=0.9)
    with watch.tracers.get_tracer("app").start_as_current_span("request") as outer:
        reply = await model.chat("Oslo?", tools=[weather], sampling=sampling)
    names = [span.name for span in watch.spans]
    assert sorted(names) == [
        "GET /weather",
        "chat",
        "chat",
        "execute_tool weather",
        "invoke_agent",
        "request",
    ]
    run = watch.one("invoke_agent")
    call_span = watch.one("execute_tool weather")
    turns = [span for span in watch.spans if span.name == "chat"]
    assert _parent(run) == outer.get_span_context().span_id
    assert {_parent(span) for span in (*turns, call_span)} == {_id(run)}
    assert _parent(watch.one("GET /weather")) == _id(call_span)

    assert run.attributes == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "dsagent",
        "gen_ai.usage.input_tokens": reply.usage.prompt_tokens,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.output_tokens": reply.usage.output_tokens,
        "gen_ai.response.finish_reasons": ("done",),
    }
    assert turns[0].attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "dsagent",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.max_tokens": model._engine.default_max_tokens,
        "gen_ai.request.seed": 0,
        "gen_ai.usage.input_tokens": len(model.asked[0].ids),
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.output_tokens": len(model._engine.sampled[0]),
        "gen_ai.response.finish_reasons": ("stop",),
    }
    assert call_span.attributes == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.provider.name": "dsagent",
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": reply.calls[0].id,
    }


async def test_no_word_is_recorded_by_default(watch: Watch) -> None:
    bad = call("weather", city="Atlantis")
    model = ScriptedModel([*script(), bad, "None."])
    await model.chat(SECRET, system=SECRET, tools=[weather])
    await model.chat(SECRET, tools=[weather])
    recorded = "".join(span.to_json() for span in watch.spans)
    assert "execute_tool" in recorded
    assert SECRET not in recorded
    assert "Oslo" not in recorded


async def test_words_are_recorded_if_the_environment_says_so(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(telemetry.CONTENT_VARIABLE, "true")
    await ScriptedModel(script()).chat(
        "Oslo?",
        system="Be brief.",
        tools=[weather],
        documents=[Document("a.txt", "Alpha.")],
    )
    run = watch.one("invoke_agent").attributes
    assert run is not None
    text = {"type": "text", "content": SECRET}
    asked = (
        "[file name]: a.txt\n[file content begin]\nAlpha.\n[file content end]\nOslo?"
    )
    assert json.loads(str(run["gen_ai.input.messages"])) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": asked}]},
    ]
    first, result, last = json.loads(str(run["gen_ai.output.messages"]))
    made = {
        "type": "tool_call",
        "id": "call_1",
        "name": "weather",
        "arguments": '{"city": "Oslo"}',
    }
    thought = {"type": "reasoning", "content": SECRET}
    assert first == {"role": "assistant", "parts": [thought, text, made]}
    answer = {"type": "tool_call_response", "id": "call_1"}
    answer["response"] = f"sunny, {SECRET}"
    assert result == {"role": "tool", "parts": [answer]}
    assert last["parts"][0]["content"] == f"Sunny, {SECRET}."
    ran = watch.one("execute_tool weather").attributes
    assert ran is not None
    assert ran["gen_ai.tool.call.arguments"] == '{"city": "Oslo"}'
    assert ran["gen_ai.tool.call.result"] == f"sunny, {SECRET}"


async def test_half_a_character_is_recorded_as_the_model_reads_it(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(telemetry.CONTENT_VARIABLE, "true")
    await ScriptedModel(["Yes."]).chat("Half \ud83d?")
    run = watch.one("invoke_agent").attributes
    assert run is not None
    (said,) = json.loads(str(run["gen_ai.input.messages"]))
    assert said["parts"][0]["content"] == "Half \ufffd?"


async def test_what_fails_is_marked(watch: Watch) -> None:
    broken = EngineError(SECRET)
    model = ScriptedModel(
        [call("weather", city="Atlantis"), Step("one two", error=broken)]
    )
    with pytest.raises(EngineError):
        await model.chat("Go.", tools=[weather])
    failed = {
        span.name: (span.attributes or {}).get("error.type")
        for span in watch.spans
        if span.status.status_code is trace.StatusCode.ERROR
    }
    assert failed == {
        "invoke_agent": "EngineError",
        "chat": "EngineError",
        "execute_tool weather": "LookupError",
    }


async def test_a_refused_call_is_not_executed(watch: Watch) -> None:
    twice = call("weather", city="Oslo") + call("weather", city="Rome")
    model = ScriptedModel([twice, "No."])
    await model.chat("Go.", tools=[weather], limits=Limits(tool_calls=1))
    assert [span.name for span in watch.spans].count("execute_tool weather") == 1


async def test_a_call_that_runs_out_of_time_is_marked(watch: Watch) -> None:
    @tool
    async def hangs() -> None:
        """Waits for ever."""
        await anyio.sleep_forever()

    model = ScriptedModel([call("hangs"), "So be it."])
    await model.chat("Go.", tools=[hangs], limits=Limits(seconds=0.2))
    span = watch.one("execute_tool hangs")
    assert span.attributes is not None
    assert span.attributes["error.type"] == "interrupted"


async def test_a_cancelled_run_is_no_failure(watch: Watch) -> None:
    model = ScriptedModel([Step("one two three", hold=anyio.Event(), held=3)])
    async with model.stream("Count.") as stream:
        await anext(aiter(stream))
    for name in ("invoke_agent", "chat"):
        span = watch.one(name)
        assert span.status.status_code is trace.StatusCode.UNSET
        assert (span.attributes or {})["gen_ai.response.finish_reasons"] == (
            "cancelled",
        )


async def test_tokens_and_times_are_measured(watch: Watch) -> None:
    model = ScriptedModel(script())
    reply = await model.chat("Oslo?", tools=[weather])
    tokens = {
        (point.attributes or {})["gen_ai.token.type"]: (point.count, point.sum)
        for point in watch.points("gen_ai.client.token.usage")
    }
    assert tokens == {
        "input": (2, reply.usage.prompt_tokens),
        "output": (2, reply.usage.output_tokens),
    }
    counts = {
        (point.attributes or {})["gen_ai.operation.name"]: point.count
        for point in watch.points("gen_ai.client.operation.duration")
    }
    assert counts == {"invoke_agent": 1, "chat": 2, "execute_tool": 1}
    # The scripted engine's times: 0.25 s in the queue, 0.5 s of prefill, then
    # 0.125 s a token written.
    (first,) = watch.points("gen_ai.server.time_to_first_token")
    assert (first.count, first.sum) == (2, 1.5)
    (each,) = watch.points("gen_ai.server.time_per_output_token")
    written = [len(ids) for ids in model._engine.sampled]
    assert each.sum == pytest.approx(sum(0.125 * n / (n - 1) for n in written))


def test_the_names_are_the_conventions() -> None:
    known = {value for value in vars(genai).values() if isinstance(value, str)}
    known |= {value for value in vars(errors).values() if isinstance(value, str)}
    assert set(get_args(telemetry.Attribute)) <= known
    names = {value for value in vars(gen_ai_metrics).values() if isinstance(value, str)}
    assert set(get_args(telemetry.Metric)) <= names
    assert set(telemetry._METRICS) == set(get_args(telemetry.Metric))
    operations = {item.value for item in genai.GenAiOperationNameValues}
    assert set(get_args(telemetry.Operation)) <= operations


def test_nothing_is_imported_for_those_who_don_t_watch() -> None:
    code = (
        "import anyio, sys\n"
        "from dsagent.testing import ScriptedModel\n"
        "print(anyio.run(ScriptedModel(['ok']).chat, 'Well?').text)\n"
        "print('opentelemetry' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["ok", "False"]
