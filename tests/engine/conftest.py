"""Fixtures of the engine tests: an engine on the fake that is always closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from dsagent.engine.config import EngineConfig
from dsagent.engine.engine import Engine
from tests.engine.fakes import FakeTransformer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dsagent.engine.transformer import Transformer

    MakeEngine = Callable[..., Engine]


@pytest.fixture
def fake() -> FakeTransformer:
    return FakeTransformer()


@pytest.fixture
def make_engine(fake: FakeTransformer) -> Iterator[MakeEngine]:
    """Engines on ``fake``, with EngineConfig fields as keywords."""
    engines: list[Engine] = []

    def make(transformer: object = fake, **options: Any) -> Engine:
        engine = Engine(cast("Transformer", transformer), EngineConfig(**options))
        engines.append(engine)
        return engine

    yield make
    fake.open_gate()
    for engine in engines:
        engine.close()


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine(memory=4096, prefill_chunk=16, max_running=8)
