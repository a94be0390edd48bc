"""Print generated conversations: `python -m training.data.show --n 20 [--skill call]`."""

from __future__ import annotations

import argparse
import json
import sys
from random import Random

from training.data.mix import Stage, make, sample
from training.data.skills import SKILLS


def main() -> None:
    """Write `--n` conversations to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skill", choices=[*SKILLS, "long"])
    parser.add_argument("--held", action="store_true")
    given = parser.parse_args()
    rng, stage = Random(given.seed), Stage()
    for _ in range(given.n):
        example = (
            make(rng, given.skill, stage, held=given.held)
            if given.skill
            else sample(rng, stage=stage, held=given.held)
        )
        lines = [f"=== {example.skill} thinking={example.thinking} {example.effort or ''}"]
        lines += [json.dumps(message, ensure_ascii=False) for message in example.messages]
        sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
