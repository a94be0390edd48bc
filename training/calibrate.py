"""Calibrate nano's drafter, and say how good it is: ``python -m training.calibrate``.

What ``dsagent calibrate`` does with a file of questions, here with the conversations of
the evaluation (words held out from training, grammar on, greedy and sampled), since
nano's traffic is calls and documents. Prints the table of the model's card.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import anyio

from dsagent.calibrate import Rounds, fit, store
from dsagent.encoding.tokenizer import Tokenizer
from dsagent.engine.config import EngineConfig
from dsagent.engine.constraint import GrammarBackend
from dsagent.engine.engine import Engine
from dsagent.engine.request import Sampling
from dsagent.engine.transformer import Transformer
from dsagent.loading import NANO
from training.cases import cases
from training.evaluation import AT_ONCE, request_of

SKILLS = (
    *("call", "calls", "no_tool", "results", "chain", "schema", "talk", "lookup"),
    *("copy", "mode high", "mode max"),
)
DOCUMENT = 100
SEED = 77
"""Other conversations than the evaluation's."""


async def accepted_lengths(
    folder: Path, n: int, rounds: Rounds
) -> dict[tuple[str, float], float]:
    """Tokens a round of every skill at temperature 0 and 1, blocks verified in full."""
    transformer = Transformer.load(folder)
    tokenizer = Tokenizer.from_file(folder / "tokenizer.json")
    grammars = GrammarBackend(tokenizer)
    assert transformer.drafter is not None
    length = transformer.drafter.block_size
    config = EngineConfig(max_running=AT_ONCE)
    found: dict[tuple[str, float], float] = {}

    def count(text: str) -> int:
        return len(tokenizer.encode_text(text))

    async with Engine(transformer, config, observe=rounds) as engine:
        for skill in (*SKILLS, "document"):
            tokens = DOCUMENT if skill == "document" else None
            asked = cases(skill, n, SEED, tokens=tokens, count=count)
            for temperature in (0.0, 1.0):
                steps = stood = 0
                for case in asked:
                    request = replace(
                        request_of(case, tokenizer, grammars),
                        sampling=Sampling(temperature, seed=SEED, speculation=length),
                    )
                    async with engine.submit(request) as generation:
                        async for _ in generation:
                            pass
                    steps += generation.stats.decode_steps
                    stood += generation.stats.accepted
                found[skill, temperature] = (steps + stood) / max(steps, 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=NANO)
    parser.add_argument("--n", type=int, default=20, help="conversations a skill")
    parser.add_argument("--dry", action="store_true", help="store nothing")
    given = parser.parse_args()
    rounds = Rounds()
    found = anyio.run(accepted_lengths, given.model, given.n, rounds)
    print("| skill | tokens a round, temperature 0 | temperature 1 |\n|---|--:|--:|")
    for skill in dict.fromkeys(skill for skill, _ in found):
        print(f"| {skill} | {found[skill, 0.0]:.2f} | {found[skill, 1.0]:.2f} |")
    report = fit(rounds)
    print(*report.lines(), sep="\n")
    if not given.dry:
        print(store(report, Transformer.load(given.model), given.model))


if __name__ == "__main__":
    main()
