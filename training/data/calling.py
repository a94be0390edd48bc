"""Conversations with tools at hand: one call, several, none, one after another."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from training.data import concepts, meanings, texts
from training.data import tools as t
from training.data import words as w
from training.data.catalogue import ALIKE, ANYTHING, CONCEPTS, EVERYDAY, NEAR
from training.data.phrases import Source, capital, fill, join_and, lower
from training.data.talk import NO_TOOL, SMALL_TALK, Talk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Drawn = t.Tool | t.Invented

def _alike(group: str, others: Iterable[str]) -> bool:
    return any(frozenset((group, other)) in ALIKE for other in others)


FIRST_TRIED = 0.55
"""Share of the well-known tools that is what newcomers try first."""


BESIDE = 0.3
"""Share of the tools behind a well-known one that are near it. The exam has none."""


def _concept(s: Source, before: Sequence[Drawn]) -> concepts.Concept:
    """A well-known tool's, to stand behind those of `before`."""
    last = before[-1] if before else None
    if not s.held and isinstance(last, t.Tool) and s.chance(BESIDE):
        near = NEAR.get(_head(last))
        if near:
            return s.rng.choice(near)
    return s.rng.choice(EVERYDAY if s.chance(FIRST_TRIED) else CONCEPTS)


def toolbox(s: Source, count: int) -> list[Drawn]:
    """`count` tools with different names, at most one of which can do each thing."""
    tools: list[Drawn] = []
    names: set[str] = set()
    groups: set[str] = set()
    share = s.rng.choice((0.0, 0.3, 0.6, 1.0))
    pairs: set[tuple[str, str]] = set()
    while len(tools) < count:
        tool: Drawn
        if s.chance(share):
            concept = _concept(s, tools)
            group = concept.names.split()[0]
            if group in groups or _alike(group, groups):
                continue
            tool = t.declare(s, concept)
            pair = (group, "")
            groups.add(group)
        else:
            last = tools[-1] if tools else None
            if isinstance(last, t.Invented) and s.chance(0.4):
                same_verb = s.chance(0.5)
                tool = t.invent(s, last.verb if same_verb else None, None if same_verb else last.noun)
            else:
                tool = t.invent(s)
            pair = (tool.verb, tool.noun)
        if tool.name in names or pair in pairs or any(tool.name in n or n in tool.name for n in names):
            continue
        names.add(tool.name)
        pairs.add(pair)
        tools.append(tool)
    s.rng.shuffle(tools)
    return tools


def ask_for(s: Source, tool: Drawn) -> t.Ask:
    """A request that means `tool`."""
    return t.request(s, tool) if isinstance(tool, t.Tool) else t.request_invented(s, tool)


def listed(tools: Iterable[Drawn]) -> list[meanings.Mark]:
    """What names, descriptions and parameters mean in a list of tools."""
    marks: list[meanings.Mark] = []
    for tool in tools:
        text = json.dumps(tool.schema, ensure_ascii=False)
        if isinstance(tool, t.Tool):
            of = tool.concept
            said = [json.dumps(tool.schema[key], ensure_ascii=False) for key in ("name", "description") if key in tool.schema]
            marks += [(_through(text, piece), meanings.request(of)) for piece in said]
            roles = {key: meanings.argument(of, str(index)) for index, key in enumerate(tool.keys)}
        else:
            roles = {key: meanings.mention(t.role(part, options)) for key, part, options in tool.parts if part or options}
        marks += [(_through(text, f'"{key}": {{'), role) for key, role in roles.items()]
    return marks


def _through(text: str, piece: str) -> str:
    """`text` up to the end of the first `piece` in it."""
    return text[: text.index(piece) + len(piece)]


def asked_of(asks: Iterable[t.Ask], tools: Iterable[Drawn]) -> list[meanings.Mark]:
    """What the requests in a message are for, and the values in them.

    In it they may begin with a small letter and lack their full stop.
    """
    marks: list[meanings.Mark] = []
    by_name = {tool.name: tool for tool in tools}
    for ask in asks:
        tool = by_name[ask.name]
        if isinstance(tool, t.Tool):
            marks += [(piece, meanings.argument(tool.concept, role)) for piece, role in ask.roles]
            marks.append((ask.text.rstrip(".")[1:], meanings.request(tool.concept)))
        else:
            marks += [(piece, meanings.mention(role)) for piece, role in ask.roles]
    return marks


def _arguments(ask: t.Ask) -> str:
    if not ask.arguments:
        return "no arguments"
    return join_and([f"{key} {concepts.show(value)}" for key, value in ask.arguments.items()])


def call_thought(s: Source, asks: Sequence[t.Ask]) -> str:
    """Which tool, with what."""
    return "I should call " + " and ".join(f"{ask.name} with {_arguments(ask)}" for ask in asks) + "."


def tool_call(s: Source, talk: Talk) -> None:
    """One request, the right tool, its result and the answer; then more of the kind,
    several at once, something no tool can do, or a word of thanks."""
    tools = toolbox(s, s.rng.choice((1, 2, 2, 3, 3, 4, 5, 6)))
    talk.system([tool.function for tool in tools], marks=listed(tools))
    one_call(s, talk, tools)
    for _ in range(s.rng.choice((1, 2, 3, 4, 6, 8, 10))):
        roll = s.rng.random()
        if roll < 0.7:
            one_call(s, talk, tools)
        elif roll < 0.82:
            calls_at_once(s, talk, tools)
        elif roll < 0.93:
            nothing_fits(s, talk, tools)
        else:
            just_talk(s, talk)


def one_call(s: Source, talk: Talk, tools: Sequence[Drawn]) -> None:
    """A request for one of `tools`, and all that follows."""
    ask = ask_for(s, s.rng.choice(tools))
    talk.user(ask.text, asked_of([ask], tools))
    talk.call([ask], call_thought(s, [ask]))
    finish(s, talk, [ask])


def just_talk(s: Source, talk: Talk) -> None:
    """Small talk, with tools at hand that it isn't for."""
    asked, answer = s.rng.choice(SMALL_TALK[:7])
    talk.user(s.template(asked))
    talk.say(answer, "The user is just talking. I answer politely.")


ERRORS = (
    "Error: timeout", "Error: {x} not found", "Error: service unavailable", "error: no such entry", '{"error": "not found"}',
    "Error: permission denied", '{"error": "timeout"}', "Error: invalid value {x}", "Error: connection refused", "ToolError: {x}",
    '{"error": "unknown {x}"}', "Error: rate limit reached", "Failed: no data for {x}",
    '{"error": "connection refused"}', "ConnectionError: connection refused", "Failed: the server refused the connection",
    "TimeoutError: no answer in time: timeout", "Failed: timeout", '{"error": "service unavailable"}', "Error: temporarily unavailable",
    "Failed: limit of requests reached", '{"error": "rate limit"}', "Error: bad request", "ValueError: {x}", "KeyError: {x}",
    '{"error": "invalid {x}"}', "Error: no access to {x}", "Failed: {x} does not exist", '{"error": "forbidden"}', "Error: {x} is missing",
)


_PLAIN_ERRORS = tuple(error for error in ERRORS if "{x}" not in error)
"""Errors of a call without arguments: they name none."""
PASSING = ("timeout", "unavailable", "refused", "limit")
"""What may be over the next time: the tool is tried once more, always."""


def finish(s: Source, talk: Talk, asks: Sequence[t.Ask]) -> None:
    """The results of `asks` and the answer to them, or an error and what follows."""
    if s.chance(0.12) and len(asks) == 1:
        ask = asks[0]
        if not s.held and s.chance(0.5):
            stopped(s, talk, ask)
            return
        template = s.template(ERRORS if ask.arguments else _PLAIN_ERRORS)
        error = template.replace("{x}", concepts.show(next(iter(ask.arguments.values()), "")))
        talk.results([error])
        reason = error.split('"')[3] if error.startswith("{") else error.split(": ", 1)[1]
        if any(word in template for word in PASSING):
            once_more(s, talk, ask, error, f"The tool failed: {reason}.", reason)
            return
        talk.say(f"The tool failed: {reason}.", f"The tool failed: {reason}. I tell the user.", reason)
        return
    talk.results([ask.result for ask in asks])
    thought = "The results are " if len(asks) > 1 else "The result is "
    talk.say(" ".join(ask.answer for ask in asks), thought + " and ".join(ask.result.rstrip(".") for ask in asks) + ".", "")


EXCEPTIONS = (
    "ValueError", "KeyError", "RuntimeError", "LookupError", "TypeError", "OSError", "ZeroDivisionError", "IndexError",
    "PermissionError", "FileNotFoundError", "HTTPError", "HTTPStatusError", "AttributeError", "NotImplementedError",
)
"""None of what `PASSING` has the model try again."""
REASONS = (
    "no {n} there", "no {n} for {x}", "unknown {n}", "{x} is unknown", "the {n} is closed", "{x} has no {n}", "the {n} is missing", "cannot read the {n}",
    "no {n} called {x}", "the {n} of {x} is empty", "{x} is not supported", "{n} required", "only one {n} allowed", "the {n} did not answer", "division by zero",
    "too many {n}s", "'{x}'", "invalid {n}", "no such {n}", "{n} not found", "the {n} is not ready", "list index out of range", "500 Internal Server Error", "403 Forbidden",
)


def stopped(s: Source, talk: Talk, ask: t.Ask) -> None:
    """A call that dsagent reports as failed, late or denied, in its own words
    (`dsagent.tools.run`, `dsagent.approvals`). The exam has none of them."""
    value = concepts.show(next(iter(ask.arguments.values()), "it"))
    reason = fill(s.one_of(REASONS), {"n": s.word(w.NOUNS), "x": value})
    roll = s.rng.random()
    if roll < 0.35:
        why = f": {reason}" if s.chance(0.3) else ""
        talk.results([f"Error: not run, because this call was denied{why or '.'}"])
        talk.say(f"The call was denied{why}.", f"The call was denied{why}. I tell the user.", reason if why else "denied")
        return
    if roll < 0.8:
        error = s.one_of(EXCEPTIONS) if s.chance(0.8) else f"{capital(w.syllables(s.rng))}Error"
        said, why, told = (f"{error}: {reason}", f": {reason}", reason) if s.chance(0.85) else (error, f" with {error}", error)
        talk.results([f"Error: {ask.name} failed with {said}"])
        talk.say(f"The tool failed{why}.", f"The tool failed{why}. I tell the user.", told)
        return
    late = f"timed out after {s.rng.choice((1, 2, 5, 10, 20, 30, 60, 120, 300))} seconds"
    error = f"Error: {ask.name} {late}."
    talk.results([error])
    once_more(s, talk, ask, error, f"The tool {late}.", late)


def once_more(s: Source, talk: Talk, ask: t.Ask, error: str, told: str, value: str) -> None:
    """The call that failed with `error`, made again; if it fails again, that is `told`."""
    talk.call([ask], f"{told} I try again.")
    if s.chance(0.3):
        talk.results([error])
        talk.say(told, "It failed twice. I tell the user.", value)
        return
    talk.results([ask.result])
    talk.say(ask.answer, f"The result is {ask.result}.", "")


PAIRS = texts.entries(
    "requests", "PAIRS",
    "{a}. Then {b}", "{a}. Also, {b}", "{a} and {b}", "{a}, and {b}", "First: {a}. Second: {b}", "{a}. And {b}", "{a} Also: {b}", "1. {a}\n2. {b}", "{a}\n{b}",
)


def several_calls(s: Source, talk: Talk) -> None:
    """Two or three requests in one message, and often as many once more."""
    tools = toolbox(s, s.rng.choice((1, 2, 3, 4)))
    talk.system([tool.function for tool in tools], marks=listed(tools))
    for _ in range(s.rng.choice((1, 2, 3, 4, 5))):
        calls_at_once(s, talk, tools)


FREE_TEXT = frozenset(("search", "calculate", "create_ticket"))
"""Concepts whose one value is any text: "a and b" would be one of them as well."""


def _head(tool: t.Tool) -> str:
    return tool.concept.names.split()[0]


def calls_at_once(s: Source, talk: Talk, tools: Sequence[Drawn]) -> None:
    """Requests for `tools` in one message: as many calls, in the order asked."""
    picked = [s.rng.choice(tools) for _ in range(s.rng.choice((2, 2, 2, 3)))]
    one = picked[0]
    if isinstance(one, t.Tool) and len(one.concept.params) == 1 and _head(one) not in FREE_TEXT and s.chance(0.8):
        asks = _same_tool(s, one, len(picked))
    else:
        asks = _different([ask_for(s, tool) for tool in picked])
    text = asks[0].text
    if asks[0].text != asks[-1].text:
        before = asks[0]
        for ask in asks[1:]:
            text = _paired(s, text, before, ask, further=before is not asks[0])
            before = ask
    talk.user(text, asked_of(asks, tools))
    talk.call(asks, call_thought(s, asks))
    finish(s, talk, asks)


_APART = tuple(pair for pair in PAIRS if re.search(r"\{a\}(?:[.;\n]| ?[|/>&+-])", pair))
"""The pairs that show where the first request ends."""
_FURTHER = tuple(pair for pair in _APART if pair.startswith("{a}"))
"""The pairs that may follow another: they don't count to two."""


def _within(text: str, ask: t.Ask) -> str:
    """`text`, which begins with the request `ask`, as the rest of a sentence."""
    first = text.split()[0]
    named = any(first.rstrip(",:.'s") in concepts.show(value) for value in ask.arguments.values())
    return text if named or first[1:2].isupper() else lower(text)


def _paired(s: Source, text: str, before: t.Ask, ask: t.Ask, *, further: bool) -> str:
    """`text`, which ends with the request `before`, and `ask` in one message."""
    ends = any(
        isinstance(value, list) or (isinstance(value, str) and " " in value)
        for value in before.arguments.values()
        if text.rstrip(".").endswith(concepts.show(value))
    )
    template = s.template(_FURTHER if further else _APART if ends else PAIRS)
    asked = _within(ask.text, ask) if re.search(r"(?:,|\b\w+) \{b\}", template) else ask.text
    text = _within(text, before) if re.search(r"(?:,|\b\w+) \{a\}", template) else text
    template = re.sub(r"^\{a\}[.,;]+", "{a}", template) if text.endswith("?") else template
    return fill(template, {"a": text.rstrip("."), "b": asked}).replace("?.", "?")


def _different(asks: Sequence[t.Ask]) -> list[t.Ask]:
    """`asks` without repetitions: nobody asks for the same thing twice in a breath."""
    return list({(ask.name, *map(concepts.show, ask.arguments.values())): ask for ask in asks}.values())


def _same_tool(s: Source, tool: t.Tool, count: int) -> list[t.Ask]:
    """One request for several values of a tool's only parameter."""
    param = tool.concept.params[0]
    values = list(dict.fromkeys(concepts.show(param.make(s)) for _ in range(count)))
    if param.kind != "string":
        return [t.request(s, tool)]
    template = s.template(tool.concept.asks, tool.concept.plain)
    text = fill(template, {"0": join_and(values)})
    asks = []
    for value in values:
        arguments: dict[str, concepts.Value] = {tool.keys[0]: value}
        result, answer = tool.concept.result(s, arguments)
        asks.append(t.Ask(text, tool.name, arguments, result, answer))
    return asks


def no_tool(s: Source, talk: Talk) -> None:
    """Tools are there, and none is wanted, or none fits; then perhaps one does."""
    tools = toolbox(s, s.rng.choice((1, 2, 3, 4)))
    talk.system([tool.function for tool in tools], marks=listed(tools))
    for _ in range(s.rng.choice((1, 2, 3, 4, 6))):
        roll = s.rng.random()
        if roll < 0.35:
            just_talk(s, talk)
        elif roll < 0.8 or not talk.answers:
            nothing_fits(s, talk, tools)
        else:
            one_call(s, talk, tools)


def nothing_fits(s: Source, talk: Talk, tools: Sequence[Drawn]) -> None:
    """A request that none of `tools` can meet."""
    names = {tool.name for tool in tools}
    groups = {tool.concept.names.split()[0] for tool in tools if isinstance(tool, t.Tool)}
    for _ in range(50):
        other = toolbox(s, 1)[0]
        if other.name in names:
            continue
        if isinstance(other, t.Tool):
            head = other.concept.names.split()[0]
            if head in ANYTHING or groups & ANYTHING:
                continue
            if head in groups or _alike(head, groups):
                continue
        elif any(isinstance(x, t.Invented) and (x.verb == other.verb or x.noun == other.noun) for x in tools):
            continue
        ask = ask_for(s, other)
        talk.user(ask.text, asked_of([ask], [other]))
        talk.say(NO_TOOL, "None of the tools can do that.", NO_TOOL)
        return
    just_talk(s, talk)


CHAIN_FIND = ("find_{n}", "get_{n}_id", "lookup_{n}", "{n}_of", "search_{n}", "find{N}", "{n}_lookup")

CHAIN = texts.entries(
    "requests", "CHAIN", "{V} the {n} of {p}.", "{V} {p}'s {n}.", "{v} {p}'s {n}", "I want to {v} the {n} of {p}.", "Can you {v} {p}'s {n}?",
    "please {v} the {n} of {p}", "{p} wants to {v} the {n}.", "The {n} of {p}: please {v} it.",
)


def chain(s: Source, talk: Talk) -> None:
    """A result that is the argument of the next call."""
    noun, verb = s.word(w.OBJECTS), s.word(w.VERBS)
    noun = w.syllables(s.rng) if s.chance(0.2) else noun
    key, owner = s.one_of(("id", f"{noun}_id", "code", "number")), s.one_of(("name", "person", "customer", "owner", "user"))
    find = s.one_of(CHAIN_FIND).replace("{n}", noun).replace("{N}", capital(noun))
    act = t.tool_name(s, verb, noun)
    if act == find:
        tool_call(s, talk)
        return
    finder: concepts.Schema = {"name": find, "description": f"Find the {key.replace('_', ' ')} of somebody's {noun}.",
                        "parameters": {"type": "object", "properties": {owner: {"type": "string"}}, "required": [owner]}}
    actor: concepts.Schema = {"name": act, "description": fill("{v} a {n}.", {"v": capital(verb), "n": noun}),
                       "parameters": {"type": "object", "properties": {key: {"type": "string"}}, "required": [key]}}
    tools: list[concepts.Schema] = [{"type": "function", "function": f} for f in (finder, actor)]
    tools += [x.function for x in toolbox(s, s.rng.choice((0, 0, 1, 2))) if x.name not in (find, act)]
    s.rng.shuffle(tools)
    talk.system(tools)
    for _ in range(s.rng.choice((1, 1, 2))):
        _one_after_another(s, talk, (find, owner), (act, key), (verb, noun))


def _one_after_another(
    s: Source, talk: Talk, finder: tuple[str, str], actor: tuple[str, str], said: tuple[str, str]
) -> None:
    """A request that takes two calls: (tool, parameter) of both, and its words."""
    (find, owner), (act, key), (verb, noun) = finder, actor, said
    who, value = w.person(s.rng, s.held), w.identifier(s.rng)
    first = t.Ask("", find, {owner: who}, s.one_of((value, f'{{"{key}": "{value}"}}', f"The {key} is {value}.", f"{value}")), "")
    told, answer = s.rng.choice((("ok", "Done."), ("done", "Done."), ('{"ok": true}', "Done."), ("success", "Done.")))
    second = t.Ask("", act, {key: value}, told, answer)
    talk.user(s.phrase(CHAIN, {"v": verb, "V": capital(verb), "n": noun, "p": who}))
    talk.call([first], f"First I need the {key}. I should call {find} with {owner} {who}.")
    if s.chance(0.1):
        talk.results([f"Error: {who} not found"])
        talk.say(f"The tool failed: {who} not found.", f"The tool failed: {who} not found. I tell the user.", who)
        return
    talk.results([first.result])
    talk.call([second], f"The {key} is {value}. I should call {act} with {key} {value}.")
    talk.results([second.result])
    talk.say(answer, f"The result is {told}.")
