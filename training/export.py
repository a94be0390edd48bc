"""Write a run's model as a native checkpoint: ``python -m training.export --run DIR``.

Matrices become FP8 blocks, what the released checkpoints keep in bfloat16 or float32
stays so; the auxiliary teacher and the optimisers are left behind.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from safetensors.torch import load_file

from dsagent.engine.checkpoint import save_checkpoint
from dsagent.engine.config import ModelConfig
from training.train import NANO

_PREFIX = "run.model."


def export(run: Path, nano: Path, out: Path) -> int:
    """Write ``out/model.safetensors`` and ``config.json``; bytes of the former."""
    state = load_file(run / "state.safetensors")
    tensors = {
        name.removeprefix(_PREFIX): tensor
        for name, tensor in state.items()
        if name.startswith(_PREFIX)
    }
    config = (nano / "config.json").read_text(encoding="utf-8")
    save_checkpoint(out, ModelConfig.read(nano), tensors, precision="fp8")
    (out / "config.json").write_text(config, encoding="utf-8")
    return (out / "model.safetensors").stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--nano", type=Path, default=NANO, help="config and tokenizer")
    parser.add_argument("--out", type=Path, default=NANO)
    args = parser.parse_args()
    size = export(args.run, args.nano, args.out)
    print(f"{args.out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
