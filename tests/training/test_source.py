"""What a run is fed with: thoughts in every turn, documents of every length."""

from __future__ import annotations

import random
from collections import Counter

from dsagent.loading import NANO
from training.source import Source, stage


def test_two_turns_in_five_are_thought_about() -> None:
    # 45 % of the conversations think. If only their last turns did, where there are no
    # tools, it would be one turn in four.
    source = Source(NANO / "tokenizer.json", 2048)
    rng = random.Random(3)
    begins = source.tokenizer.token_to_id("<｜Assistant｜>")
    thinks = source.tokenizer.token_to_id("<think>")
    turns: Counter[bool] = Counter()
    for _ in range(300):
        ids, weights, _ = source(rng, 0.7)
        assert len(ids) == len(weights)
        for place, entry in enumerate(ids[:-2]):
            if entry == begins:
                turns[ids[place + 1] == thinks] += 1
                # What follows is what nano writes.
                assert weights[place + 2] >= 1
    share = turns[True] / turns.total()
    assert 0.33 < share < 0.47


def test_documents_grow_with_the_run_and_fit_the_rows() -> None:
    assert stage(0.1, 2048).weights["long"] == 0
    early, late = stage(0.2, 2048), stage(0.7, 2048)
    assert early.sentences[1] < late.sentences[1]
    # Short documents have eight facts at most; these go on from there.
    assert late.sentences[0] <= 9
    assert late.sentences[1] * 25 <= 2048
