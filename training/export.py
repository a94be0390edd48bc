"""Write a run's model as a native checkpoint.

``python -m training.export --run DIR`` writes the backbone of a run of
`training.train`; with ``--draft`` the run is one of `training.draft`, and its drafter
joins the backbone it was trained for, which is copied as it is.

Experts become FP4 groups and other matrices FP8 blocks, what the released checkpoints
keep in bfloat16 or float32 stays so; the auxiliary teacher and the optimisers are left
behind.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import load_file, save_file

from dsagent.engine.checkpoint import as_stored, save_checkpoint
from dsagent.engine.config import ModelConfig
from training.draft import Settings, draft_shape
from training.quantise import PRECISION
from training.run import STATE, read_settings
from training.train import NANO

if TYPE_CHECKING:
    from torch import Tensor

_BACKBONE = "run.model."
_DRAFTER = "run.drafter."
WEIGHTS = "model.safetensors"


def export(run: Path, nano: Path, out: Path) -> int:
    """Write ``out/model.safetensors`` and ``config.json``; bytes of the former."""
    config = (nano / "config.json").read_text(encoding="utf-8")
    tensors = _part(run, _BACKBONE)
    save_checkpoint(out, ModelConfig.read(nano), tensors, precision=PRECISION)
    (out / "config.json").write_text(config, encoding="utf-8")
    return (out / WEIGHTS).stat().st_size


def export_drafter(run: Path, model: Path, out: Path) -> int:
    """Write the model in ``model`` with the drafter of ``run``, as :func:`export` does.

    A drafter that ``model`` already has is replaced.
    """
    settings = read_settings(run, Settings())
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    layers = config["num_hidden_layers"]
    shape = draft_shape(settings, layers, model / "tokenizer.json")
    config |= shape.to_json()
    ratios = config["compress_ratios"][:layers]
    config["compress_ratios"] = ratios + [0] * shape.stages
    stored = {
        name: tensor
        for name, tensor in load_file(model / WEIGHTS).items()
        if not name.startswith("mtp.")
    }
    for name, tensor in _part(run, _DRAFTER).items():
        stored |= as_stored(name, tensor, PRECISION)
    return write(out, stored, config)


def write(out: Path, tensors: dict[str, Tensor], config: dict[str, object]) -> int:
    """Write a checkpoint of stored tensors; bytes of its weights. It may take the place
    of the one that they are read from."""
    out.mkdir(parents=True, exist_ok=True)
    new = out / "model.new"
    save_file(tensors, new, {"format": "pt"})
    new.replace(out / WEIGHTS)
    text = json.dumps(config, indent=2) + "\n"
    (out / "config.json").write_text(text, encoding="utf-8")
    return (out / WEIGHTS).stat().st_size


def _part(run: Path, prefix: str) -> dict[str, Tensor]:
    """The tensors of a run's state under ``prefix``, by what follows it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in load_file(run / STATE).items()
        if name.startswith(prefix)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--draft", action="store_true", help="the run is a drafter's")
    parser.add_argument(
        "--nano", type=Path, default=NANO, help="config, tokenizer; a drafter's model"
    )
    parser.add_argument("--out", type=Path, default=NANO)
    args = parser.parse_args()
    size = (export_drafter if args.draft else export)(args.run, args.nano, args.out)
    print(f"{args.out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
