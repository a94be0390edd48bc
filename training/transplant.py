"""Give a checkpoint another tokenizer, and let it keep what it knows.

``python -m training.transplant --tokenizer NEW.json --out DIR`` writes nano with that
tokenizer, to be trained on with ``training.train --start DIR --nano DIR``.

An entry that both tokenizers have keeps its rows, wherever its id has gone. A new one
begins as what has spelled it so far: the mean of its pieces' rows, and the experts of
the last of them where experts are chosen by token. Everything else in the checkpoint
knows of rows only, and stays byte for byte.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from training.export import WEIGHTS, write
from training.tokenizer import bytes_to_unicode
from training.train import NANO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_TABLE = re.compile(r"(^|\.)(embed|head|markov_w[12])\.weight$")
_EXPERTS = re.compile(r"\.tid2eid$")
_BYTES = {char: byte for byte, char in bytes_to_unicode().items()}


def entries(tokenizer: Tokenizer) -> list[str]:
    """The vocabulary, by id."""
    return sorted(vocabulary := tokenizer.get_vocab(), key=vocabulary.__getitem__)


def spellings(old: Tokenizer, new: Tokenizer) -> list[list[int]]:
    """For each id of ``new``, the ids of ``old`` that write the same text.

    Raises:
        ValueError: a control token of ``new`` is none of ``old``.
    """
    return [_spelling(old, entry) for entry in entries(new)]


def _spelling(old: Tokenizer, entry: str) -> list[int]:
    known = old.token_to_id(entry)
    if known is not None:
        return [known]
    if any(char not in _BYTES for char in entry):
        raise ValueError(f"the control token {entry} has no place in the old tokenizer")
    try:
        text = bytes(_BYTES[char] for char in entry).decode("utf-8")
    except UnicodeDecodeError:  # part of a character
        byte_ids = old.get_vocab()
        return [byte_ids[byte] for byte in entry]
    ids: list[int] = old.encode(text, add_special_tokens=False).ids
    return ids


def transplanted(name: str, tensor: Tensor, spelled: Sequence[list[int]]) -> Tensor:
    """The tensor ``name`` for ids that are spelled so by the ids it has rows of."""
    if _TABLE.search(name):
        rows = [tensor[ids].double().mean(0) for ids in spelled]
        return torch.stack(rows).to(tensor.dtype)
    if _EXPERTS.search(name):
        return tensor[[ids[-1] for ids in spelled]].contiguous()
    return tensor


def transplant(model: Path, tokenizer: Path, out: Path) -> int:
    """Write ``model`` with ``tokenizer`` to ``out``; how many entries are new.

    Raises:
        ValueError: as of :func:`spellings`.
    """
    old = Tokenizer.from_file(str(model / "tokenizer.json"))
    new = Tokenizer.from_file(str(tokenizer))
    spelled = spellings(old, new)
    tensors = {
        name: transplanted(name, tensor, spelled)
        for name, tensor in load_file(model / WEIGHTS).items()
    }
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config["vocab_size"] = len(spelled)
    kept = {
        "tokenizer.json": tokenizer.read_bytes(),
        "generation_config.json": (model / "generation_config.json").read_bytes(),
    }
    write(out, tensors, config)
    for name, content in kept.items():
        (out / name).write_bytes(content)
    return len(set(entries(new)) - set(entries(old)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=NANO)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    added = transplant(args.model, args.tokenizer, args.out)
    print(f"{args.out}: {added} entries are new")


if __name__ == "__main__":
    main()
