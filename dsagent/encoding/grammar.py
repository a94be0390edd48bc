"""Tools and an output schema, turned into one grammar for the model's whole turn.

One grammar covers everything from the first token to the end-of-turn token: thinking,
then text, a block of tool calls, or a JSON answer. A grammar that began only where
thinking ends would have to be switched on in the middle of a stream, which is where
other systems lose it. The language is llguidance's Lark dialect.

What must stay true:

* The DSML marker, ``</think>`` and the end of the turn are single tokens here, never
  their letters. That holds only if the tokenizer given to llguidance flags every added
  token special (``Tokenizer.content_json``); otherwise free text would match the
  marker's letters and the grammar would accept anything.
* Free text is a greedy terminal that ends in the ``<`` before the marker, and a raw
  value one that ends in ``</``. Lazy terminals mean the same and are forty times
  slower, since they defeat llguidance's shortcuts over the vocabulary.
* What a schema asks and the grammar can't hold is in ``Grammar.notes``.
* After a block of calls only the end of the turn is legal.

In ``auto``, text may run into a block without the two line breaks that the template
writes before it. The parser accepts that, and a model that has begun a call should
never be made to lose it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from dsagent.encoding.answers import answer_rules, mentions_quotes
from dsagent.encoding.expressible import LEFT_OUT, GrammarNote, Splitter, words
from dsagent.encoding.quotes import is_quotable, quote_terminal
from dsagent.encoding.tokens import DSML, END_THINK
from dsagent.encoding.values import ANY_TEXT, Value, lark_string, value_grammar
from dsagent.errors import DefinitionError

__all__ = ["Grammar", "GrammarNote", "ToolSpec", "check_name", "turn_grammar"]

_COMMON: Final = rf"""
TEXT: /(.|\n)*/
HEAD: /(.|\n)*</
{ANY_TEXT}: /(.|\n)*<\//
"""


_UNHELD: Final = LEFT_OUT | words(
    "anyOf oneOf allOf patternProperties minProperties maxProperties"
)
"""What the schema of a tool's parameters may say and a call's grammar can't hold."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What the model is told about a tool, and what the grammar is built from."""

    name: str
    parameters: Mapping[str, object] = field(
        default_factory=lambda: {"type": "object", "properties": {}}
    )
    """JSON schema of the arguments, an object schema."""
    description: str = ""

    def as_openai(self) -> dict[str, object]:
        """The tool as an OpenAI-style request spells it (what ``render`` takes). Its
        keys are in the order in which the model reads them."""
        function: dict[str, object] = {"name": self.name}
        if self.description:
            function["description"] = self.description
        function["parameters"] = dict(self.parameters)
        return {"type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class Grammar:
    """A Lark grammar for one turn, and what it leaves to validation."""

    source: str
    notes: tuple[GrammarNote, ...] = ()
    quotes: bool = False
    """It holds an automaton over texts: compiling it may take seconds, and more than
    the usual limits allow."""


def turn_grammar(
    *,
    tools: Sequence[ToolSpec] = (),
    tool_choice: str = "auto",
    thinking: bool,
    output_schema: Mapping[str, object] | None = None,
    quotable: tuple[str, ...] = (),
    parallel: bool = True,
    dsml_id: int,
) -> Grammar:
    """The grammar of everything the model may write until its end-of-turn token.

    With an output schema the turn is a JSON answer or a block of calls, with no prose
    before either: after "The answer is 42." a model could neither stop nor answer.

    Args:
        tools: The tools offered; with none of them, calls are impossible.
        tool_choice: ``"auto"`` (text or calls), ``"none"`` (no calls, also for the
            last turn under a limit), ``"required"`` (calls), or a tool's name (calls
            of that tool).
        thinking: The prompt ends in ``<think>``, so the turn begins with reasoning.
        output_schema: JSON schema the answer must follow instead of free text.
        quotable: The texts that quotes in the answer may be from.
        parallel: False allows one call in the turn.
        dsml_id: Id of the DSML marker token.

    Raises:
        DefinitionError: ``tool_choice`` names no offered tool, two tools share a
            name, the call format can't carry a name, or the answer is to quote and
            there is nothing to be quoted.
    """
    chosen = _chosen(tools, tool_choice)
    shape = json.dumps(
        [[(spec.name, spec.parameters) for spec in chosen], output_schema]
    )
    required = tool_choice not in ("auto", "none")
    grammar = _compiled(shape, required, thinking, parallel, dsml_id)
    if not grammar.quotes:
        return grammar
    if not any(map(is_quotable, quotable)):
        raise DefinitionError(
            "the answer is to hold quotes, and there is no text to quote from; pass "
            "documents=[...] with some text in them"
        )
    return replace(grammar, source=grammar.source + quote_terminal(quotable))


@lru_cache(maxsize=64)
def _compiled(
    shape: str, required: bool, thinking: bool, parallel: bool, dsml_id: int
) -> Grammar:
    """Cached, because an agent asks for the same grammar turn after turn. ``shape``
    is the tools and the output schema as JSON, which keeps the order of their keys.
    The terminal of quotes, which may be megabytes, is left to the caller to add."""
    tools, output_schema = json.loads(shape)
    writer = _Writer(f"<[{dsml_id}]>")
    rules = [_COMMON.strip()]
    if tools:
        calls = [writer.call(f"t{i}", *tool) for i, tool in enumerate(tools)]
        rules += [writer.body(len(tools), parallel), *calls]
    answer, calls_only = "TEXT", bool(tools) and required
    if output_schema is not None:
        answer = "answer"
        rule = writer.answer(output_schema)
        rules += [rule] * (not calls_only)
    block = f'"\\n\\n<" {writer.marker} body'
    if not tools:
        turn = answer
    elif calls_only:
        turn = block
    elif output_schema is None:
        turn = f"TEXT | HEAD {writer.marker} body"
    else:
        turn = f"answer | {block}"
    start = f"start: TEXT {END_THINK} ( {turn} )" if thinking else f"start: {turn}"
    source = "\n".join([start, *rules, ""])
    return Grammar(source, tuple(writer.notes), writer.quotes and not calls_only)


def _chosen(tools: Sequence[ToolSpec], tool_choice: str) -> Sequence[ToolSpec]:
    """The tools that may be called, checked."""
    names = [spec.name for spec in tools]
    for spec in tools:
        check_name(spec.name, f"tool name {spec.name!r}")
        if names.count(spec.name) > 1:
            raise DefinitionError(
                f"two tools are called `{spec.name}`; a call could not say which"
            )
    if tool_choice == "none":
        return ()
    if tool_choice == "auto":
        return tools
    known = ", ".join(names) or "none"
    if tool_choice == "required":
        if not tools:
            raise DefinitionError(
                "tool_choice is 'required', but no tools are offered; pass some, or "
                "leave tool_choice at 'auto'"
            )
        return tools
    if tool_choice not in names:
        raise DefinitionError(
            f"tool_choice names `{tool_choice}`, which is not among the tools "
            f"offered: {known}"
        )
    return [spec for spec in tools if spec.name == tool_choice]


def check_name(name: str, what: str) -> None:
    """Refuse a tool or parameter name that the call format can't carry.

    The format has no escapes: a name runs to the next quote, on one line.

    Raises:
        DefinitionError: ``what`` is how its message begins.
    """
    reason = ""
    if '"' in name:
        reason = 'contains a double quote (")'
    elif DSML in name:
        reason = f"contains the text of a control token ({DSML})"
    elif any(ord(char) < 0x20 or char == "\x7f" for char in name):
        reason = "contains a line break or another control character"
    elif any(0xD800 <= ord(char) < 0xE000 for char in name):
        reason = "contains half a character (a lone surrogate)"
    elif not name and what.startswith("tool"):
        reason = "is empty"
    if reason:
        raise DefinitionError(
            f"{what} {reason}, which the call format can't write; rename it"
        )


class _Writer:
    """Writes the rules of one grammar and collects its notes."""

    def __init__(self, marker: str) -> None:
        self.marker = marker
        self.notes: list[GrammarNote] = []
        self.quotes = False
        """The rules use the terminal of quotes."""

    def answer(self, schema: Mapping[str, object]) -> str:
        """The rules of a JSON answer."""
        splitter = Splitter(schema, None)
        if mentions_quotes(schema, splitter):
            self.quotes = True
            rules = answer_rules(schema, splitter)
        else:
            rules = [f"answer: {splitter.json_grammar(schema, '$')}"]
        self.notes += splitter.notes
        return "\n".join(rules)

    def body(self, tools: int, parallel: bool) -> str:
        """The rule of a block of calls, from after its first marker."""
        any_tool = " | ".join(f"t{i}" for i in range(tools))
        calls = f"( {any_tool} ){'+' if parallel else ''}"
        return f'body: "tool_calls>\\n" {calls} "</" {self.marker} "tool_calls>"'

    def call(self, rule: str, name: str, parameters: Mapping[str, object]) -> str:
        """The rules of one tool's call: ``rule`` and one for each parameter.

        Parameters come in the order of the schema; those not required may be left
        out. A call without parameters has one line break or two after its head.
        """
        splitter = Splitter(parameters, name)
        parameters = _resolved(parameters, splitter)
        lines: list[str] = []
        sequence: list[str] = []
        needed = False
        for key, schema, required in _properties(parameters, splitter):
            check_name(key, f"parameter name {key!r} of tool `{name}`")
            value = value_grammar(schema, f"$.properties.{key}", splitter)
            if value is None:
                continue
            label = f"{rule}_{len(sequence)}"
            lines.append(self._parameter(label, key, value))
            sequence.append(label if required else f"{label}?")
            needed = needed or required
        if extra := _undeclared(parameters):
            value = value_grammar(extra[0], "$.additionalProperties", splitter)
            if value is not None:
                declared = [key for key, _, _ in _properties(parameters, splitter)]
                lines.append(self._extra(f"{rule}_x", declared, value))
                sequence.append(f"{rule}_x*")
        self.notes += splitter.notes
        head = lark_string(f'invoke name="{name}">\n')
        given = " ".join(sequence)
        inside = given if needed else f'( "\\n" | {given} )' if given else '"\\n"?'
        close = f'"</" {self.marker} "invoke>\\n"'
        return "\n".join([f'{rule}: "<" {self.marker} {head} {inside} {close}', *lines])

    def _parameter(self, label: str, key: str, value: Value) -> str:
        heads = [
            lark_string(f'parameter name="{key}" string="{flag}">')
            for flag in ("true", "false")
        ]
        return self._spellings(label, heads[0], heads[1], value)

    def _extra(self, label: str, declared: Iterable[str], value: Value) -> str:
        """The rule of a parameter that the schema allows without naming it. Its head
        is one terminal: split up, the lexer would commit to it on the first letters
        of a declared one."""
        taken = " | ".join(map(lark_string, declared))
        key = rf"/[^\x00-\x1f\x7f\x22]+/ & ~({taken})" if taken else '/[^\n"]+/'
        heads: list[str] = []
        lines: list[str] = []
        for flag in ("true", "false"):
            head = f"{label.upper()}_{flag.upper()}"
            tail = lark_string(f'" string="{flag}">')
            lines.append(f'{head}: "parameter name=\\"" ({key}) {tail}')
            heads.append(head)
        return "\n".join([self._spellings(label, heads[0], heads[1], value), *lines])

    def _spellings(self, label: str, raw: str, encoded: str, value: Value) -> str:
        """The rule of a parameter with these heads for its raw and its JSON form."""
        marker, options, terminal = self.marker, [], ""
        if value.text is not None:
            name = ANY_TEXT
            if value.text != ANY_TEXT:
                name = f"{label.upper()}_V"
                terminal = f"\n{name}: {value.text}"
            options.append(f"{raw} {name} {marker}")
        if value.json is not None:
            options.append(f'{encoded} {value.json} "</" {marker}')
        either = " | ".join(options)
        return f'{label}: "<" {marker} ( {either} ) "parameter>\\n"{terminal}'


def _resolved(
    parameters: Mapping[str, object], splitter: Splitter
) -> Mapping[str, object]:
    """``parameters``, or the schema that they only refer to."""
    if "$ref" not in parameters:
        return parameters
    try:
        target = splitter.resolve(str(parameters["$ref"]))
    except LookupError as error:
        splitter.note("$", "$ref", str(error))
        return parameters
    return target if isinstance(target, Mapping) else parameters


def _properties(
    parameters: Mapping[str, object], splitter: Splitter
) -> list[tuple[str, object, bool]]:
    """(key, schema, required) in order; a required key that is not declared comes
    last and may be anything."""
    declared = parameters.get("properties")
    declared = declared if isinstance(declared, Mapping) else {}
    listed = parameters.get("required")
    required = [str(key) for key in listed] if isinstance(listed, list) else []
    for keyword in sorted(_UNHELD & parameters.keys()):
        splitter.note("$", keyword, "the grammar has no such rule for parameters")
    undeclared: dict[str, object] = {key: {} for key in required if key not in declared}
    return [
        (key, schema, key in required)
        for key, schema in {**declared, **undeclared}.items()
    ]


def _undeclared(parameters: Mapping[str, object]) -> list[object]:
    """The schema of parameters that are not declared, if the tool asks for any.

    Silence is not asking: by JSON Schema's rules almost every tool would take any
    parameter at all.
    """
    if "patternProperties" in parameters:
        return [{}]
    extra = parameters.get("additionalProperties", False)
    return [] if extra is False else [extra]
