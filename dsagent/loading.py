"""From the name of a model to its files, and from its files to something that runs.

This is the one place that imports torch, and it does so late: importing dsagent,
defining tools and building prompts cost nothing but themselves. Everything here blocks
and is run in a thread by ``Model.load``.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dsagent.encoding.tokenizer import Tokenizer
from dsagent.engine.constraint import GrammarBackend
from dsagent.engine.request import Sampling
from dsagent.errors import LoadError, MissingWeights, UnsupportedDevice

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsagent.encoding.templates import Profile
    from dsagent.engine.config import EngineConfig
    from dsagent.engine.engine import Engine

NANO = Path(__file__).parent / "nano"
"""The model that comes with the package."""
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_FILES = ("*.json", "*.safetensors", "encoding/*")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model, ready to run."""

    name: str
    """The repository it came from, or the folder's name."""
    engine: Engine
    tokenizer: Tokenizer
    grammars: GrammarBackend
    profile: Profile
    sampling: Sampling
    """How the model's makers say it should be sampled."""


def load(
    source: str | Path | None,
    *,
    device: str,
    context: int | None,
    revision: str | None,
    profile: Profile | None,
    config: EngineConfig | None,
    progress: Callable[[int, int], None] | None = None,
) -> Loaded:
    """Load a model; the arguments are those of ``Model.load``."""
    _check_device(device)
    folder = find(source, revision)
    tokenizer = Tokenizer.from_file(folder / "tokenizer.json")
    sampling = _sampling(folder)
    return Loaded(
        name=_name(source, folder),
        engine=_engine(folder, context, config, progress),
        tokenizer=tokenizer,
        grammars=GrammarBackend(tokenizer),
        profile=profile or _profile(folder),
        sampling=sampling,
    )


def writing(source: str | Path | None) -> tuple[Tokenizer, Profile]:
    """What writes a model's prompts, without its weights.

    Raises:
        MissingWeights, LoadError: as ``load``.
    """
    folder = find(source, weights=False)
    return Tokenizer.from_file(folder / "tokenizer.json"), _profile(folder)


def find(
    source: str | Path | None, revision: str | None = None, *, weights: bool = True
) -> Path:
    """The folder that holds a model, downloaded if need be.

    Args:
        source: As for ``Model.load``.
        revision: Of a repository.
        weights: False leaves them where they are.

    Raises:
        MissingWeights: there is no such model, or the folder isn't one.
    """
    if source is None or source == "nano":
        return _checked(NANO, weights)
    folder = Path(source).expanduser()
    if folder.is_dir():
        return _checked(folder, weights)
    if isinstance(source, str) and _REPOSITORY.fullmatch(source):
        return _checked(_download(source, revision, weights), weights)
    if folder.exists():
        raise MissingWeights(
            f"{folder} is a file; a model is the folder that holds config.json, "
            "tokenizer.json and the safetensors files"
        )
    raise MissingWeights(
        f"there is no model {str(source)!r}: it is neither a folder here nor the name "
        "of a repository (owner/name); leave it out to load the bundled nano"
    )


def _name(source: str | Path | None, folder: Path) -> str:
    fetched = isinstance(source, str) and not Path(source).expanduser().is_dir()
    return str(source) if fetched else folder.name


def _checked(folder: Path, weights: bool) -> Path:
    missing = [
        n for n in ("config.json", "tokenizer.json") if not (folder / n).exists()
    ]
    if weights and not any(folder.glob("*.safetensors")):
        missing.append("model.safetensors")
    if missing:
        raise MissingWeights(f"{folder} is no model: it has no {', no '.join(missing)}")
    return folder


def _download(repository: str, revision: str | None, weights: bool) -> Path:
    """Fetch a repository's files, or find them in the local cache."""
    from huggingface_hub import snapshot_download

    wanted = [name for name in _FILES if weights or "safetensors" not in name]
    try:
        return Path(
            snapshot_download(repository, revision=revision, allow_patterns=wanted)
        )
    except Exception as error:  # the client raises its own, httpx's and the system's
        at = f" at revision {revision!r}" if revision else ""
        raise MissingWeights(
            f"the model {repository!r}{at} can't be fetched "
            f"({type(error).__name__}: {_first_line(error)}); check the name and the "
            "connection, or give the path of a local folder"
        ) from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "no details")


def _engine(
    folder: Path,
    context: int | None,
    config: EngineConfig | None,
    progress: Callable[[int, int], None] | None,
) -> Engine:
    # An OpenMP thread that waits spins by default, for 200 ms after each operator, on
    # the very cores that the event loop and the tools need. The runtime reads this
    # once, when torch is first imported, and a choice of the user's stands.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("KMP_BLOCKTIME", "0")  # the same for Intel's runtime
    # oneDNN compiles a product for every shape it meets and keeps a thousand of them:
    # prompts come in all lengths, and these were 200 MB that nothing accounts for.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")

    from dsagent.engine.config import EngineConfig
    from dsagent.engine.engine import Engine
    from dsagent.engine.setup import read_calibration, step_profile
    from dsagent.engine.transformer import Transformer

    config = config or EngineConfig()
    if context is not None:
        config = replace(
            config,
            context=context,
        )
    transformer = Transformer.load(folder, progress)
    return Engine(
        transformer,
        config,
        profile=step_profile(transformer, config),
        calibration=read_calibration(transformer, folder),
    )


def _check_device(device: str) -> None:
    if device != "cpu":
        raise UnsupportedDevice(
            f"the device {device!r} can't be used: this version computes on the CPU "
            "only (device='cpu')"
        )


def _profile(folder: Path) -> Profile:
    """Which generation of weights this is, by the encoder published beside them.

    Only that file tells them apart; the config and the tensors of both are alike.
    """
    for path in sorted(folder.glob("encoding/*.py")):
        if "REASONING_EFFORT_PROMPTS" in path.read_text("utf-8", "replace"):
            return "0731"
    return "preview"


def _sampling(folder: Path) -> Sampling:
    """The defaults in generation_config.json; without it, sample as trained."""
    path = folder / "generation_config.json"
    if not path.exists():
        return Sampling()
    try:
        values = json.loads(path.read_text("utf-8"))
        if values.get("do_sample") is False:
            return Sampling(temperature=0.0)
        return Sampling(
            temperature=float(values.get("temperature", 1.0)),
            top_p=float(values.get("top_p", 1.0)),
            min_p=float(values.get("min_p") or 0.0),
        )
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise LoadError(f"{path} can't be used: {error}") from error
