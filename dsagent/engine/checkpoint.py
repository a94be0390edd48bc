"""Weights on disk: native V4 names and formats, decoded to float32 on the way in.

A model folder holds ``config.json`` and ``*.safetensors``. Tensors are found through
the index file or, without one, through the headers of all files; never through file
names. The configuration says which tensors there must be and of what shape, so every
difference (unknown, missing, misshapen) is known before any weight is read, and is
reported in one error. Only how many stages the drafter has (``mtp.*``) is for the
tensors to say; without one, or with the older MTP block, a model runs undrafted.
"""

from __future__ import annotations

import json
import logging
import math
import re
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from dsagent.engine.config import ModelConfig
from dsagent.engine.tensors import is_stage_tensor, stage_indices, tensor_shapes
from dsagent.errors import CorruptCheckpoint, LoadError, MissingWeights
from dsagent.kernels import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from dsagent.engine.tensors import Shape

logger = logging.getLogger(__name__)

Precision = Literal["f32", "bf16", "fp8", "native"]
"""How matrices are stored; "native" is FP8 with experts in packed FP4."""

SAMPLES, SAMPLE = 16, 1 << 16
"""How many pieces of a file tell it from others, and their bytes."""
_INDEX = "model.safetensors.index.json"
_FP8 = re.compile(
    r"attn\.(wq_a|wq_b|wkv|wo_a|wo_b)\.weight$|indexer\.wq_b\.weight$"
    r"|shared_experts\.w[123]\.weight$|main_proj\.weight$"
)
_FP4 = re.compile(r"ffn\.experts\.\d+\.w[123]\.weight$")
_F32 = re.compile(r"(^|\.)hc_\w+$|attn_sink$|\.ape$|gate\.bias$")


class Checkpoint:
    """The tensors of one model folder, checked against its configuration."""

    def __init__(
        self, path: str | Path, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Open and check ``path``; reads headers only.

        Args:
            path: The folder.
            progress: Called as (tensors read, tensors there are) after each of them.

        Raises:
            MissingWeights: no such folder, or a file or a tensor is not there.
            CorruptCheckpoint: a file can't be read, or a tensor isn't as it must be.
            Unsupported: the model needs something this engine doesn't implement.
        """
        self.path = Path(path)
        if not self.path.is_dir():
            msg = f"{self.path} is no model folder (config.json and *.safetensors)"
            raise MissingWeights(msg)
        self.config = ModelConfig.read(self.path)
        self._files = _Files(self.path)
        self.stages = self._count_stages()
        """Stages of the drafter; 0 without one."""
        self._wanted = tensor_shapes(self.config, self.stages)
        self._check()
        self._progress = progress
        self._read: set[str] = set()

    def tensor(self, name: str) -> Tensor:
        """A tensor decoded to float32; tables stay integers."""
        tensor = self._files.tensor(name)
        if self._progress is not None and name not in self._read:
            self._read.add(name)
            self._progress(len(self._read), len(self._wanted))
        if tensor.dtype in (torch.int32, torch.int64):
            return tensor.long()
        if tensor.dtype in (torch.int8, torch.uint8, torch.float8_e4m3fn):
            scale = self._files.tensor(_scale_name(name))
            if tensor.dtype == torch.float8_e4m3fn:
                return formats.fp8_to_float(tensor, scale)
            return formats.fp4_to_float(tensor, scale)
        return tensor.float()

    def fingerprint(self) -> str:
        """What tells this checkpoint from others: a hash of its configuration, and of
        every file's size, header and a few samples of its contents. Reading all of a
        large model would take minutes, and another training changes every sample."""
        found = sha256((self.path / "config.json").read_bytes())
        for path in sorted(self.path.glob("*.safetensors")):
            with path.open("rb") as file:
                size = file.seek(0, 2)
                found.update(f"{path.name} {size}".encode())
                for i in range(SAMPLES):
                    file.seek(i * max(0, size - SAMPLE) // (SAMPLES - 1))
                    found.update(file.read(SAMPLE))
        return found.hexdigest()

    def close(self) -> None:
        """Let go of the files."""
        self._files.close()

    def _count_stages(self) -> int:
        """Stages to draft with. Says so if there are none."""
        found = stage_indices(self._files.where)
        if self.config.dspark is None:
            reason = (
                "its mtp.* tensors are an older MTP block" if found else "it has none"
            )
            logger.info("%s runs without a drafter: %s", self.path, reason)
            return 0
        if not found:
            logger.warning(
                "%s runs without a drafter: config.json has dspark_* keys, but there "
                "are no mtp.* tensors",
                self.path,
            )
            return 0
        gaps = sorted(set(range(len(found))) - set(found))
        if gaps:
            raise MissingWeights(
                f"{self.path} holds the drafter's stages {found} without "
                f"{', '.join(f'mtp.{stage}' for stage in gaps)}"
            )
        return len(found)

    def _check(self) -> None:
        found = dict(self._files.where)
        missing, misshapen = [], []
        for name, shape in self._wanted.items():
            if name not in found:
                missing.append(name)
                continue
            del found[name]
            problem = self._misfit(name, shape)
            if problem:
                misshapen.append(problem)
            if self._files.dtype(name) in ("I8", "U8", "F8_E4M3"):
                scale = _scale_name(name)
                if scale not in found:
                    missing.append(scale)
                    continue
                del found[scale]
                problem = self._misfit(scale, self._scale_shape(name, shape))
                if problem:
                    misshapen.append(problem)
        unknown = [
            name for name in found if self.config.dspark or not is_stage_tensor(name)
        ]
        if not (missing or misshapen or unknown):
            return
        kind = MissingWeights if missing else CorruptCheckpoint
        raise kind(
            f"{self.path} doesn't hold the tensors its config.json asks for"
            + _listed("missing", missing)
            + _listed("unknown", unknown)
            + _listed("misshapen", misshapen)
        )

    def _misfit(self, name: str, shape: Shape) -> str | None:
        """What is wrong with a tensor's stored shape or dtype, if anything."""
        dtype, stored = self._files.dtype(name), self._files.shape(name)
        if dtype in ("I8", "U8"):
            shape = (shape[0], -(-shape[1] // 2))
        if stored != shape:
            return f"{name} is {list(stored)}, must be {list(shape)}"
        allowed: tuple[str, ...] = ("F32", "BF16", "F16", "F64")
        if name.endswith(".tid2eid"):
            allowed = ("I64", "I32")
        elif name.endswith(".scale"):
            allowed = ("F8_E8M0", "U8") if len(shape) == 2 else allowed
        elif _FP8.search(name) or _FP4.search(name):
            allowed = (*allowed, "F8_E4M3", "I8", "U8")
        if dtype not in allowed:
            return f"{name} is {dtype}, must be {' or '.join(allowed)}"
        return None

    def _scale_shape(self, name: str, shape: Shape) -> Shape:
        if self._files.dtype(name) == "F8_E4M3":
            return -(-shape[0] // formats.FP8_BLOCK), -(-shape[1] // formats.FP8_BLOCK)
        return shape[0], shape[1] // formats.FP4_GROUP


class _Files:
    """Where every tensor of a folder is, and the open files."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = ExitStack()
        self._open: dict[str, safe_open] = {}
        self._held: dict[str, set[str]] = {}
        index = path / _INDEX
        if index.is_file():
            self.where = _read_index(index)
        else:
            files = sorted(file.name for file in path.glob("*.safetensors"))
            if not files:
                msg = f"{path} holds no *.safetensors: its weights are missing"
                raise MissingWeights(msg)
            self.where = {name: file for file in files for name in self._names(file)}
        for name, file in self.where.items():
            if name not in self._names(file):
                msg = f"{path / file} doesn't hold {name}, which {_INDEX} puts there"
                raise MissingWeights(msg)

    def tensor(self, name: str) -> Tensor:
        tensor: Tensor = self._file(self.where[name]).get_tensor(name)
        return tensor

    def shape(self, name: str) -> Shape:
        return tuple(self._file(self.where[name]).get_slice(name).get_shape())

    def dtype(self, name: str) -> str:
        return str(self._file(self.where[name]).get_slice(name).get_dtype())

    def close(self) -> None:
        self._stack.close()
        self._open.clear()

    def _names(self, file: str) -> set[str]:
        if file not in self._held:
            self._held[file] = set(self._file(file).keys())
        return self._held[file]

    def _file(self, file: str) -> safe_open:
        if file not in self._open:
            path = self._path / file
            if not path.is_file():
                raise MissingWeights(f"{path} is missing; {_INDEX} names it")
            try:
                handle = safe_open(str(path), "pt")
                self._open[file] = self._stack.enter_context(handle)
            except (SafetensorError, OSError, ValueError) as error:
                msg = f"{path} is no intact safetensors file: {error}; fetch it again"
                raise CorruptCheckpoint(msg) from error
        return self._open[file]


def save_checkpoint(
    path: str | Path,
    config: ModelConfig,
    tensors: Mapping[str, Tensor],
    *,
    precision: Precision = "native",
    shards: int = 1,
) -> None:
    """Write a model folder in the native names.

    Args:
        path: created if absent.
        config: becomes ``config.json``.
        tensors: by native name, float32 (tables int64).
        precision: of the matrices; norms, mHC, sinks and biases are float32 or
            bfloat16 as in the release.
        shards: number of files; with more than one an index is written.
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    text = json.dumps(config.to_json(), indent=2) + "\n"
    (path / "config.json").write_text(text, encoding="utf-8")
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        stored |= as_stored(name, tensor, precision)
    names = list(stored)
    if shards == 1:
        save_file(stored, path / "model.safetensors", {"format": "pt"})
        return
    where: dict[str, str] = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {name: stored[name] for name in names[shard::shards]}
        save_file(part, path / file, {"format": "pt"})
        where |= dict.fromkeys(part, file)
    size = sum(tensor.nbytes for tensor in stored.values())
    index = {"metadata": {"total_size": size}, "weight_map": where}
    (path / _INDEX).write_text(json.dumps(index, indent=2), encoding="utf-8")


def random_checkpoint(
    config: ModelConfig,
    seed: int,
    path: str | Path,
    *,
    precision: Precision = "bf16",
    shards: int = 1,
    stages: int = 0,
) -> Path:
    """Write a model of ``config`` with random weights; the same seed, the same bytes.

    With ``stages``, it has a drafter beside the same backbone. The scales keep
    activations near 1 and every mechanism in play: routing is uneven, sinks and biases
    matter, the streams of mHC are really mixed.
    """
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        name: _random(name, shape, config, generator)
        for name, shape in tensor_shapes(config, stages).items()
    }
    save_checkpoint(path, config, tensors, precision=precision, shards=shards)
    return Path(path)


def _random(
    name: str, shape: Shape, config: ModelConfig, generator: torch.Generator
) -> Tensor:
    if name.endswith("tid2eid"):
        order = torch.rand(shape[0], config.n_routed_experts, generator=generator)
        return order.argsort(-1)[:, : shape[1]].contiguous()
    x = torch.randn(shape, generator=generator)
    if name.endswith("norm.weight"):
        return 1 + 0.1 * x
    if name.endswith(("_scale", "gate.bias")):
        return 1 + 0.1 * x if name.endswith("_scale") else 0.1 * x
    if name.endswith(
        ("_base", "attn_sink", ".ape", "embed.weight", "markov_w1.weight")
    ):
        return x
    return x / math.sqrt(shape[-1])


def as_stored(name: str, tensor: Tensor, precision: Precision) -> dict[str, Tensor]:
    """A tensor as it lies on disk: itself in its stored type, or weight and scale."""
    if not tensor.is_floating_point():
        return {name: tensor}
    if precision == "f32" or _F32.search(name):
        return {name: tensor.float().contiguous()}
    if precision in ("fp8", "native"):
        grouped = tensor.shape[-1] % formats.FP4_GROUP == 0
        if precision == "native" and grouped and _FP4.search(name):
            weight, scale = formats.float_to_fp4(tensor)
            return {name: weight, _scale_name(name): scale}
        if is_block_quantised(name):
            weight, scale = formats.float_to_fp8(tensor)
            return {name: weight, _scale_name(name): scale}
    return {name: tensor.bfloat16().contiguous()}


def _read_index(index: Path) -> dict[str, str]:
    try:
        where = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        return {str(name): str(file) for name, file in where.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{index} is no safetensors index: {type(error).__name__}: {error}"
        raise CorruptCheckpoint(msg) from error


def is_block_quantised(name: str) -> bool:
    """Whether the released checkpoints quantise this tensor (FP8 or FP4)."""
    return bool(_FP8.search(name) or _FP4.search(name))


def _scale_name(name: str) -> str:
    return name.removesuffix(".weight") + ".scale"


def _listed(what: str, names: Sequence[str]) -> str:
    return f"; {what} ({len(names)}): " + ", ".join(sorted(names)) if names else ""


__all__ = [
    "Checkpoint",
    "LoadError",
    "Precision",
    "as_stored",
    "is_block_quantised",
    "random_checkpoint",
    "save_checkpoint",
]
