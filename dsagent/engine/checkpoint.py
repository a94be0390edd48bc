"""Weights on disk: native V4 names and formats, decoded to float32 on the way in.

A model folder holds ``config.json`` and ``*.safetensors``. Tensors are found through
the index file or, without one, through the headers of all files; never through file
names. The configuration says which tensors there must be and of what shape, so every
difference (unknown, missing, misshapen) is known before any weight is read, and is
reported in one error. The drafter's ``mtp.*`` tensors are known by name and left alone.
"""

from __future__ import annotations

import json
import logging
import math
import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from dsagent.engine.config import CSA, ModelConfig
from dsagent.errors import CorruptCheckpoint, LoadError, MissingWeights
from dsagent.kernels import formats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

logger = logging.getLogger(__name__)

Precision = Literal["f32", "bf16", "fp8", "native"]
"""How matrices are stored; "native" is FP8 with experts in packed FP4."""

Shape = tuple[int, ...]

_INDEX = "model.safetensors.index.json"
_STAGE = re.compile(r"mtp\.(\d+)\.(.+)")
_STAGE_EXTRAS = re.compile(
    r"(main_proj|e_proj|h_proj)\.(weight|scale)"
    r"|(main_norm|norm|enorm|hnorm)\.weight"
    r"|hc_head_(fn|base|scale)"
    r"|markov_head\.markov_w[12]\.weight"
    r"|confidence_head\.proj\.weight"
    r"|(emb\.tok_emb|embed|head|shared_head\.head|shared_head\.norm)\.weight"
)
_FP8 = re.compile(
    r"attn\.(wq_a|wq_b|wkv|wo_a|wo_b)\.weight$|indexer\.wq_b\.weight$"
    r"|shared_experts\.w[123]\.weight$|main_proj\.weight$"
)
_FP4 = re.compile(r"ffn\.experts\.\d+\.w[123]\.weight$")
_F32 = re.compile(r"(^|\.)hc_\w+$|attn_sink$|\.ape$|gate\.bias$")


class Checkpoint:
    """The tensors of one model folder, checked against its configuration."""

    def __init__(self, path: str | Path) -> None:
        """Open and check ``path``; reads headers only.

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
        self._check()

    @property
    def stage_names(self) -> tuple[str, ...]:
        """Tensors of the drafter's stages, ``mtp.*``; none without a drafter."""
        return tuple(name for name in self._files.where if _STAGE.match(name))

    def tensor(self, name: str) -> Tensor:
        """A tensor decoded to float32; tables stay integers."""
        tensor = self._files.tensor(name)
        if tensor.dtype in (torch.int32, torch.int64):
            return tensor.long()
        if tensor.dtype in (torch.int8, torch.uint8, torch.float8_e4m3fn):
            scale = self._files.tensor(_scale_name(name))
            if tensor.dtype == torch.float8_e4m3fn:
                return formats.fp8_to_float(tensor, scale)
            return formats.fp4_to_float(tensor, scale)
        return tensor.float()

    def close(self) -> None:
        """Let go of the files."""
        self._files.close()

    def _check(self) -> None:
        wanted = tensor_shapes(self.config)
        found = dict(self._files.where)
        missing, misshapen = [], []
        for name, shape in wanted.items():
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
        unknown = [name for name in found if not _known_stage_tensor(name)]
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


def tensor_shapes(config: ModelConfig) -> dict[str, Shape]:
    """Every backbone tensor's native name and logical shape (scales not included)."""
    c = config
    m, D = c.hc_mult, c.hidden_size
    shapes: dict[str, Shape] = {
        "embed.weight": (c.vocab_size, D),
        "head.weight": (c.vocab_size, D),
        "norm.weight": (D,),
        "hc_head_fn": (m, m * D),
        "hc_head_base": (m,),
        "hc_head_scale": (1,),
    }
    for layer, ratio in enumerate(c.compress_ratios):
        block = {**_block_shapes(c), **_ratio_shapes(c, ratio)}
        if layer < c.num_hash_layers:
            block["ffn.gate.tid2eid"] = (c.vocab_size, c.num_experts_per_tok)
        else:
            block["ffn.gate.bias"] = (c.n_routed_experts,)
        shapes |= {f"layers.{layer}.{name}": shape for name, shape in block.items()}
    return shapes


def _block_shapes(c: ModelConfig) -> dict[str, Shape]:
    """What every block has, without a prefix."""
    m, D, H, d = c.hc_mult, c.hidden_size, c.num_attention_heads, c.head_dim
    mix = (2 + m) * m
    shapes: dict[str, Shape] = {
        "attn_norm.weight": (D,),
        "ffn_norm.weight": (D,),
        "attn.attn_sink": (H,),
        "attn.wq_a.weight": (c.q_lora_rank, D),
        "attn.q_norm.weight": (c.q_lora_rank,),
        "attn.wq_b.weight": (H * d, c.q_lora_rank),
        "attn.wkv.weight": (d, D),
        "attn.kv_norm.weight": (d,),
        "attn.wo_a.weight": (c.o_groups * c.o_lora_rank, H * d // c.o_groups),
        "attn.wo_b.weight": (D, c.o_groups * c.o_lora_rank),
        "ffn.gate.weight": (c.n_routed_experts, D),
    }
    for part in ("attn", "ffn"):
        shapes[f"hc_{part}_fn"] = (mix, m * D)
        shapes[f"hc_{part}_base"] = (mix,)
        shapes[f"hc_{part}_scale"] = (3,)
    experts = {
        f"experts.{e}": c.moe_intermediate_size for e in range(c.n_routed_experts)
    }
    experts["shared_experts"] = c.moe_intermediate_size
    for name, width in experts.items():
        shapes[f"ffn.{name}.w1.weight"] = (width, D)
        shapes[f"ffn.{name}.w3.weight"] = (width, D)
        shapes[f"ffn.{name}.w2.weight"] = (D, width)
    return shapes


def _ratio_shapes(c: ModelConfig, ratio: int) -> dict[str, Shape]:
    """What a layer has beside, for its ratio."""
    if ratio == 0:
        return {}
    series = 2 if ratio == CSA else 1
    shapes = _compressor_shapes("attn.compressor", c, ratio, series, c.head_dim)
    if ratio == CSA:
        di = c.index_head_dim
        shapes["attn.indexer.wq_b.weight"] = (c.index_n_heads * di, c.q_lora_rank)
        shapes["attn.indexer.weights_proj.weight"] = (c.index_n_heads, c.hidden_size)
        shapes |= _compressor_shapes("attn.indexer.compressor", c, ratio, series, di)
    return shapes


def _compressor_shapes(
    prefix: str, c: ModelConfig, ratio: int, series: int, width: int
) -> dict[str, Shape]:
    return {
        f"{prefix}.ape": (ratio, series * width),
        f"{prefix}.wkv.weight": (series * width, c.hidden_size),
        f"{prefix}.wgate.weight": (series * width, c.hidden_size),
        f"{prefix}.norm.weight": (width,),
    }


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
        stored |= _stored(name, tensor, precision)
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
) -> Path:
    """Write a model of ``config`` with random weights; the same seed, the same bytes.

    The scales keep activations near 1 and every mechanism in play: routing is uneven,
    sinks and biases matter, the streams of mHC are really mixed.
    """
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        name: _random(name, shape, config, generator)
        for name, shape in tensor_shapes(config).items()
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
    if name.endswith(("_base", "attn_sink", ".ape", "embed.weight")):
        return x
    return x / math.sqrt(shape[-1])


def _stored(name: str, tensor: Tensor, precision: Precision) -> dict[str, Tensor]:
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


def _known_stage_tensor(name: str) -> bool:
    """Whether a DSpark stage, or the older MTP block, has a tensor of this name."""
    match = _STAGE.fullmatch(name)
    if match is None:
        return False
    rest = match[2]
    block = r"(hc_(attn|ffn)_(fn|base|scale)|(attn|ffn)_norm\.weight|attn\.attn_sink"
    block += (
        r"|attn\.(wq_a|wq_b|wkv|wo_a|wo_b)\.(weight|scale)|attn\.(q|kv)_norm\.weight"
    )
    block += r"|ffn\.gate\.(weight|bias|tid2eid)"
    block += r"|ffn\.(experts\.\d+|shared_experts)\.w[123]\.(weight|scale))"
    return bool(re.fullmatch(block, rest) or _STAGE_EXTRAS.fullmatch(rest))


def _listed(what: str, names: Sequence[str]) -> str:
    return f"; {what} ({len(names)}): " + ", ".join(sorted(names)) if names else ""


__all__ = [
    "Checkpoint",
    "LoadError",
    "Precision",
    "is_block_quantised",
    "random_checkpoint",
    "save_checkpoint",
    "tensor_shapes",
]
