"""Makes nano's tokenizer: 4,096 tokens in which a prompt's fixed phrases cost one each.

The format may not eat up a small model's context: every run of text that the chat
format always writes the same way (`literals`) is one token, matched by the pre-tokenizer
before anything else. What is left is byte-level BPE over words,
with three rules that make copying easy, because most of what nano does is copying:

* digits come in groups of at most two, each pair its own token;
* a name is cut into the same pieces after a space as after a quote or a bracket. Merges
  are learned on words without their space; only the most frequent lower-case words also
  exist with the space in front, as whole entries (`ignore_merges` finds them);
* case changes and punctuation end a word (`getWeather` is `get`, `Weather`).

What must stay true: the vocabulary is exactly as large as asked for, the ids of BOS, EOS
and padding are 0, 1, 2, any byte string round-trips, and no literal starts with a letter
inside a word (the word rule would take it first).
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import re
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tokenizers import Regex, Tokenizer
from tokenizers.pre_tokenizers import Split

from training.data import words as w
from training.data.mix import DEFAULT_WEIGHTS, Stage, sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from training.data.talk import Message

VOCABULARY = 4096
SPACED = 1500
CONVERSATIONS = 6000
COMMON = """
the of and to in is that for it as was with be by on not he his but at are this have from
or had an they which one you were all her she there would their we him been has when who
will no more if out so up said what its about than into them can only other time new some
could these two may first then do any my now such like our over me even most made after
also did many off before must well back through much where your way down should because
long each just those people how too little good make very year still see work own day get
here old between both under three never know same last another us while might great go
come since right used take use without again around small found say part once high every
does got left number always something less put think enough far better set told nothing
find going look asked later want need tell give show please let help call send write read
"""
BOS, EOS, PAD = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"
CONTROL: tuple[tuple[str, bool], ...] = (
    (BOS, True),
    (EOS, True),
    (PAD, True),
    ("<｜User｜>", False),
    ("<｜Assistant｜>", False),
    ("<think>", False),
    ("</think>", False),
    ("｜DSML｜", False),
    ("<｜latest_reminder｜>", False),
    ("<｜action｜>", False),
    ("<｜query｜>", False),
    ("<｜authority｜>", False),
    ("<｜domain｜>", False),
    ("<｜title｜>", False),
    ("<｜extracted_url｜>", False),
    ("<｜read_url｜>", False),
    ("<｜end_of_query｜>", True),
    ("<｜place▁holder▁no▁799｜>", True),
)
"""Control tokens in id order, and whether they are flagged special, as V4 flags them."""

_TOOLS = (
    "\n\n## Tools\n\nYou have access to a set of tools to help answer the user's "
    'question. You can invoke tools by writing a "<｜DSML｜tool_calls>" block like the '
    'following:\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name="$TOOL_NAME">\n<｜DSML｜'
    'parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</｜DSML｜'
    'parameter>\n...\n</｜DSML｜invoke>\n<｜DSML｜invoke name="$TOOL_NAME2">\n...\n'
    "</｜DSML｜invoke>\n</｜DSML｜tool_calls>\n\nString parameters should be specified as is "
    'and set `string="true"`. For all other types (numbers, booleans, arrays, objects), '
    'pass the value in JSON format and set `string="false"`.\n\nIf thinking_mode is '
    "enabled (triggered by <think>), you MUST output your complete reasoning inside "
    "<think>...</think> BEFORE any tool calls or final response.\n\nOtherwise, output "
    "directly after </think> with tool calls or final response.\n\n### Available Tool "
    "Schemas\n\n"
)
_PHRASES = (
    "\n\nYou MUST strictly follow the above defined tool name and parameter schemas to "
    "invoke tool calls.\n",
    "\n\n## Response Format:\n\nYou MUST strictly adhere to the following schema to "
    "reply:\n",
    # The effort prefixes, sentence by sentence.
    "Reasoning Effort: Absolute maximum with no shortcuts permitted.\n",
    "You MUST be very thorough in your thinking and comprehensively decompose the "
    "problem to resolve the root cause, rigorously stress-testing your logic against all "
    "potential paths, edge cases, and adversarial scenarios.\n",
    "Explicitly write out your entire deliberation process, documenting every "
    "intermediate step, considered alternative, and rejected hypothesis to ensure "
    "absolutely no assumption is left unchecked.\n\n",
    "Reasoning Effort: Beyond maximum — exhaustive, relentless, and uncompromising.\n",
    "You MUST reason with the utmost depth and rigor, leaving absolutely nothing to "
    "chance: exhaustively decompose the problem into its most fundamental components, "
    "trace every causal chain to its root, and resolve the underlying cause rather than "
    "any surface symptom.\n",
    "Do not stop reasoning until you have independently verified the solution from "
    "multiple angles and are certain that no assumption remains unchecked and no error "
    "remains undiscovered.\n\n",
    # Calls and results.
    "\n\n<", "tool_calls>\n<", "tool_calls>", 'invoke name="', '">\n<', '">\n\n</',
    'parameter name="', '" string="true">', '" string="false">', "parameter>\n<",
    "parameter>\n</", "invoke>\n<", "invoke>\n</", "</", "<tool_result>",
    "</tool_result>", "</tool_result>\n\n<tool_result>",
    # Documents.
    "[file name]: ", "\n[file content begin]\n", "\n[file content end]\n",
    # Schemas, as json.dumps writes them.
    '{"name": "', '\n{"name": "', '", "description": "', '.", "parameters": ',
    '", "parameters": ', '{"type": "object", "properties": {"',
    '{"type": "object", "properties": {}}}', '{"type": "object", "properties": {}',
    '{"properties": {"', '"}}, "required": ["', '}}, "required": ["', '"}}}', '}}}',
    '"]}}', '"]}', '"}, "', '}, "', '", "', '": "', '": ["', '": [', '": {"', '": ',
    '{"', '"}', '"]', '["', '", "required": ["', '"], "type": "object"}',
    '"], "title": "', '", "type": "object"}', '"}, {"', '}, {"', '}}',
    '": {"type": "', '": {"type": "string"}, "', '": {"type": "integer"}, "',
    '": {"type": "number"}, "', '": {"type": "boolean"}, "',
    '": {"type": "string"}}, "required": ["', '": {"type": "integer"}}, "required": ["',
    '": {"type": "number"}}, "required": ["', '": {"type": "boolean"}}, "required": ["',
    '": {"type": "string", "description": "', '": {"type": "integer", "description": "',
    '": {"type": "number", "description": "', '": {"type": "boolean", "description": "',
    '": {"type": "string", "enum": ["', '", "enum": ["', '"], "default": "',
    '": {"type": "array", "items": {"type": "string"}}, "',
    '": {"type": "array", "items": {"type": "integer"}}, "',
    '": {"type": "array", "items": {"type": "number"}}, "',
    '": {"type": "array", "items": {"type": "string"}}}, "required": ["',
    '": {"type": "array", "items": {"type": "integer"}}}, "required": ["',
    '": {"type": "array", "items": {"type": "number"}}}, "required": ["',
    '": {"type": "array", "items": ', '": {"type": "array", "description": "',
    '", "items": {"type": "', '{"type": "', '": {"anyOf": [{"type": "string"}, {"type": "null"}]',
    '": {"anyOf": [{"type": "integer"}, {"type": "null"}]',
    '": {"anyOf": [{"type": "number"}, {"type": "null"}]', '": {"anyOf": [{"type": "',
    '"}, {"type": "null"}]', '{"description": "', '": {"description": "',
    '", "default": "', '", "default": ', ', "default": ', '": {"title": "',
    '", "type": "string"}, "', '", "type": "integer"}, "', '", "type": "number"}, "',
    '", "type": "boolean"}, "', '", "type": "', '": {"items": {"type": "string"}, "title": "',
    '", "type": "array"}, "', '": {"const": "', '": {"$ref": "#/$defs/', '"$defs": {"',
    ', "additionalProperties": false}', '"], "additionalProperties": false}',
    ', "format": "', ', "minimum": ', ', "maximum": ', '"type": "object", "properties": {"',
    # Answers and little things.
    '": true', '": false', '": null', "...", "\n\n", "\n- ", ": ", ", ", "; ", ". ",
    " -> ", " = ", "? ", "! ", "'s ", "'s", ": [", "], ", ', "', '], "', '": true, "', '": false, "',
    " (", ") ", " - ", " + ", " * ", " / ", "://",
)  # fmt: skip

WORD_RULES = (
    r"\p{N}{1,2}",
    r" ?\p{Lu}?[\p{Ll}\p{Lo}\p{Lm}\p{M}]+",
    r" ?\p{Lu}+(?!\p{Ll})",
    r" ?[\p{L}\p{M}]",
    r"[\r\n]+",
    r"[ \t]+",
    r"[^\s\p{L}\p{N}]",
    r"\s+",
)


def literals() -> list[str]:
    """The phrases that are one token each, longest first."""
    pieces = re.split("|".join(re.escape(text) for text, _ in CONTROL), _TOOLS)
    found = dict.fromkeys([*pieces, *_PHRASES])
    found.pop("", None)
    return sorted((text for text in found if len(text) > 1), key=len, reverse=True)


def pattern() -> str:
    """The one pre-tokenizer expression: literals, then words."""
    quoted = [
        re.escape(text).replace("\\\n", "\\n").replace("\\ ", " ")
        for text in literals()
    ]
    return "|".join([*quoted, *WORD_RULES])


def bytes_to_unicode() -> dict[int, str]:
    """GPT-2's printable stand-in for every byte (the ByteLevel alphabet)."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in kept}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + len(table) - len(kept))
    return table


_BYTES = bytes_to_unicode()


def byte_level(text: str) -> str:
    """`text` in the ByteLevel alphabet."""
    return "".join(_BYTES[byte] for byte in text.encode())


def corpus(seed: int, count: int) -> Iterable[str]:
    """Texts to count words in: a conversation each, then invented words."""
    rng = Random(seed)
    stage = Stage({**DEFAULT_WEIGHTS, "copy": 3, "lookup": 3, "talk": 3})
    for _ in range(count):
        messages = sample(rng, stage=stage).messages
        yield "\n".join(text for message in messages for text in _said(message))
    for _ in range(4000):
        yield w.syllables(rng)
        yield w.invented_name(rng)


def _said(message: Message) -> Iterable[str]:
    yield str(message.get("content", ""))
    yield str(message.get("reasoning_content", ""))
    for tool in _list(message.get("tools")):
        yield json.dumps(tool["function"], ensure_ascii=False)
    for call in _list(message.get("tool_calls")):
        yield str(call["function"]["name"])


def _list(value: object) -> list[dict[str, dict[str, object]]]:
    return value if isinstance(value, list) else []


def pools() -> list[str]:
    """Every training word of every list, with and without its capital."""
    found: list[str] = []
    for value in vars(w).values():
        if isinstance(value, w.Pool):
            for entry in value.train:
                found += entry.split()
    return found


def count_words(texts: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """(words without their space, words seen with a space): in how many texts each is.

    A name that a conversation is about comes up in every line of it, and is no word.
    """
    split = Split(Regex(pattern()), behavior="isolated")
    known = set(literals())
    bare: Counter[str] = Counter()
    spaced: Counter[str] = Counter()
    for text in texts:
        pieces = {piece for piece, _ in split.pre_tokenize_str(text)} - known
        spaced.update(piece for piece in pieces if piece[0] == " " and piece.strip())
        bare.update({word for piece in pieces if (word := piece.strip()).isalpha()})
    return bare, spaced


def learn_merges(
    words: Counter[str], count: int, damping: float = 0.6
) -> list[tuple[str, str]]:
    """`count` byte-pair merges over `words` (ByteLevel alphabet), most frequent first.

    Counts are damped by a power, so that rare names get their share of the merges.
    """
    parts = {word: list(byte_level(word)) for word in words}
    weight = {word: math.pow(n, damping) for word, n in words.items()}
    merges: list[tuple[str, str]] = []
    pairs: Counter[tuple[str, str]] = Counter()
    where: dict[tuple[str, str], set[str]] = {}

    def tally(word: str, sign: int) -> None:
        pieces = parts[word]
        for pair in itertools.pairwise(pieces):
            pairs[pair] += sign * weight[word]  # type: ignore[assignment]
            where.setdefault(pair, set()).add(word)

    for word in parts:
        tally(word, 1)
    seen = set(_BYTES.values())
    while len(merges) < count:
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        joined = best[0] + best[1]
        for word in sorted(where[best]):
            pieces = parts[word]
            if not any(p == best for p in itertools.pairwise(pieces)):
                continue
            tally(word, -1)
            merged: list[str] = []
            for piece in pieces:
                if merged and (merged[-1], piece) == best:
                    merged[-1] = joined
                else:
                    merged.append(piece)
            parts[word] = merged
            tally(word, 1)
        pairs.pop(best, None)
        if joined not in seen:
            seen.add(joined)
        merges.append(best)
    return merges


def build(
    size: int = VOCABULARY,
    seed: int = 0,
    conversations: int = CONVERSATIONS,
    spaced_words: int = SPACED,
    damping: float = 0.8,
) -> Tokenizer:
    """The tokenizer of `size` entries, deterministic in its arguments.

    `spaced_words` of them are the most frequent words with the space before them.
    """
    bare, spaced = count_words(corpus(seed, conversations))
    for piece, count in count_words(pools())[0].items():
        bare[piece] += 6 * count
    for word in COMMON.split():
        bare[word] += 30
        spaced[" " + word] += max(0, 40 - spaced[" " + word])
    ordinary = [
        byte_level(word)
        for word, _ in spaced.most_common()
        if word[1:].islower() and len(word) > 1
    ]
    vocabulary = [text for text, _ in CONTROL]
    vocabulary += [_BYTES[byte] for byte in range(256)]
    vocabulary += [byte_level(text) for text in literals()]
    pairs = [(str(a), str(b)) for a in range(10) for b in range(10)]
    vocabulary += [a + b for a, b in pairs]
    vocabulary = list(dict.fromkeys(vocabulary))
    capital = [byte_level(" " + word) for word in ("I", "The", "What", "A", "It")]
    vocabulary += [
        word for word in [*capital, *ordinary[:spaced_words]] if word not in vocabulary
    ]
    merges = _fitting(learn_merges(bare, size, damping), vocabulary, size)
    return _assemble(vocabulary, [*pairs, *merges])


def _fitting(
    merges: Sequence[tuple[str, str]], vocabulary: list[str], size: int
) -> list[tuple[str, str]]:
    """The first merges that fill `vocabulary` (extended in place) to `size`."""
    known = set(vocabulary)
    kept: list[tuple[str, str]] = []
    for pair in merges:
        joined = "".join(pair)
        if joined not in known:
            if len(vocabulary) == size:
                break
            known.add(joined)
            vocabulary.append(joined)
        kept.append(pair)
    if len(vocabulary) != size:
        raise ValueError(f"the vocabulary has {len(vocabulary)} entries, not {size}")
    return kept


def _assemble(
    vocabulary: Sequence[str], merges: Sequence[tuple[str, str]]
) -> Tokenizer:
    """The tokenizer.json of a vocabulary (control tokens first) and its merges."""
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": index, "content": text, "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False, "special": special}
            for index, (text, special) in enumerate(CONTROL)
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern()}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        ]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None,
            "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": False, "byte_fallback": False, "ignore_merges": True,
            "vocab": {text: index for index, text in enumerate(vocabulary)},
            "merges": [list(pair) for pair in merges],
        },
    }  # fmt: skip
    return Tokenizer.from_str(json.dumps(document, ensure_ascii=False))


def main() -> None:
    """Write `--out` (dsagent/nano/tokenizer.json)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("dsagent/nano/tokenizer.json"))
    parser.add_argument("--size", type=int, default=VOCABULARY)
    parser.add_argument("--spaced-words", type=int, default=SPACED)
    parser.add_argument("--conversations", type=int, default=CONVERSATIONS)
    given = parser.parse_args()
    tokenizer = build(
        given.size,
        conversations=given.conversations,
        spaced_words=given.spaced_words,
    )
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(tokenizer.to_str(pretty=False), encoding="utf-8")


if __name__ == "__main__":
    main()
