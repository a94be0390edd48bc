"""The skills, one function each: a source of choices in, one conversation out.

Every question has exactly one right answer in its conversation; every turn of the
assistant is what nano should write there, to the letter.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from training.data import concepts, texts
from training.data import documents as d
from training.data import tools as t
from training.data import words as w
from training.data.catalogue import ALIKE, ANYTHING, CONCEPTS
from training.data.phrases import Source, capital, fill, join_and
from training.data.records import RECORDS, Field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Message = dict[str, object]


@dataclass(frozen=True, slots=True)
class Example:
    """One conversation, OpenAI style, and the mode it is rendered in.

    `answers` holds, per assistant turn, the value its answer has to contain ("" if
    none), `others` the values it must not contain: what the evaluation scores by.
    """

    messages: list[Message]
    thinking: bool
    effort: str | None
    skill: str
    answers: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class Talk:
    """A conversation being written."""

    s: Source
    skill: str
    thinking: bool = False
    effort: str | None = None
    messages: list[Message] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    calls: int = 0

    def __post_init__(self) -> None:
        roll = self.s.rng.random()
        self.thinking = roll > 0.55
        if self.thinking:
            self.effort = "max" if roll > 0.88 else self.s.rng.choice((None, "high"))

    def system(self, tools: Sequence[concepts.Schema] = (), response_format: object = None) -> None:
        content = self.s.phrase(SYSTEMS, {"n": self.s.word(w.NOUNS)}) if self.s.chance(0.25) else ""
        message: Message = {"role": "system", "content": content}
        if tools:
            message["tools"] = list(tools)
        if response_format is not None:
            message["response_format"] = response_format
        if content or tools or response_format is not None:
            self.messages.append(message)

    def user(self, text: str) -> None:
        self.messages.append({"role": "user", "content": text})

    def say(self, text: str, thought: str, value: str = "") -> None:
        self._assistant({"role": "assistant", "content": text}, thought, value)

    def call(self, asks: Sequence[t.Ask], thought: str) -> None:
        calls = []
        for ask in asks:
            calls.append({
                "id": f"call_{self.calls}",
                "type": "function",
                "function": {"name": ask.name, "arguments": json.dumps(ask.arguments, ensure_ascii=False)},
            })
            self.calls += 1
        self._assistant({"role": "assistant", "content": "", "tool_calls": calls}, thought, "")

    def results(self, texts: Sequence[str]) -> None:
        for index, text in enumerate(texts):
            identifier = f"call_{self.calls - len(texts) + index}"
            self.messages.append({"role": "tool", "tool_call_id": identifier, "content": text})

    def _assistant(self, message: Message, thought: str, value: str) -> None:
        if self.thinking:
            message["reasoning_content"] = thought
        self.messages.append(message)
        self.answers.append(value)

    def done(self) -> Example:
        return Example(
            self.messages, self.thinking, self.effort, self.skill,
            tuple(self.answers), tuple(self.others),
        )


SYSTEMS = texts.entries(
    "requests", "SYSTEMS",
    "You are a helpful assistant.", "You are nano.", "Answer briefly.", "Be concise.", "Use the tools when they help.",
    "You help customers of a shop.", "You are the assistant of a {n} club.", "Answer in one sentence.", "You answer questions.",
    "Be polite and short.", "You are an office assistant.", "Help the user.", "Keep it short.", "You work for the {n} office.",
)
UNKNOWN = "The document doesn't say."
NO_TOOL = "I don't have a tool for that."

_SMALL: tuple[tuple[tuple[str, ...], str], ...] = (
    (("Hello[!|.|]", "Hi[!|.| there|]", "hey", "Good [morning|evening|afternoon][!|]", "hello there", "Hi nano[!|]", "greetings"), "Hello! How can I help?"),
    (("Thanks[!|.|]", "Thank you[!|.|]", "thanks a lot", "great, thanks", "Perfect, thank you.", "thx", "Many thanks!"), "You're welcome!"),
    (("Who are you?", "What are you?", "what is your name", "Introduce yourself.", "Are you a person?", "who am I talking to?", "What's your name?", "which model are you"), "I'm nano, the small model bundled with dsagent."),
    (("What can you do?", "How can you help me?", "what are you good at", "Help", "What are your skills?"), "I can call your tools, answer questions about documents and fill in schemas."),
    (("Bye[!|.|]", "Goodbye[!|.|]", "see you [later|]", "That's all.", "Good night[!|.|]"), "Goodbye!"),
    (("How are you?", "how's it going", "Are you well?", "How do you do?", "what's up"), "I'm fine, thank you. How can I help?"),
    (("ok", "OK.", "Great!", "nice", "cool", "Good.", "I see."), "Anything else?"),
    (("Tell me a joke.", "Write a poem.", "Sing a song.", "what do you think about life", "Do you love me?", "Write me a story."), "I'm a small model and can't do that well. Give me a document or a tool."),
)
_SMALL_NAMES = ("hello", "thanks", "who", "can", "bye", "how", "ok", "joke")
SMALL_TALK = tuple(
    (texts.entries("requests", f"SMALL {name}", *asked), answer)
    for name, (asked, answer) in zip(_SMALL_NAMES, _SMALL, strict=True)
)
FORM = texts.entries("requests", "FORM", "Extract the data.", "Fill in the schema.")


def small_talk(s: Source, talk: Talk) -> None:
    """Greetings, thanks, who are you."""
    talk.system()
    for _ in range(s.rng.choice((1, 1, 2, 3))):
        asked, answer = s.rng.choice(SMALL_TALK)
        talk.user(s.template(asked))
        talk.say(answer, "The user is just talking. I answer politely.")


COPY = texts.entries(
    "requests", "COPY",
    "Repeat: {x}", "Repeat after me: {x}", "Say {x}", "Echo {x}", "Repeat this: {x}", "Copy this exactly: {x}", "Say this again: {x}", "Write {x}",
    "Please repeat {x}", "repeat {x}", "Type exactly: {x}", 'Repeat the following text.\n{x}', "Return this unchanged: {x}",
)
REVERSE = texts.entries(
    "requests", "AGAIN","What did I [just|] ask you to repeat?", "What was it again?", "Say it again.", "Once more[, please|].", "And again?", "Repeat that.")
PICK = ("What is the {o} word of: {x}?", "Give me the {o} item of: {x}", "Which one comes {o}? {x}")


def copyable(s: Source) -> str:
    """Something to copy: words, names, numbers, identifiers, random letters."""
    makers: tuple[Callable[[], str], ...] = (
        lambda: s.word(s.rng.choice((w.NOUNS, w.PRODUCTS, w.ANIMALS, w.OBJECTS, w.ADJECTIVES, w.FOODS, w.JOBS))),
        lambda: w.invented_name(s.rng), lambda: w.syllables(s.rng), lambda: w.letters(s.rng, s.rng.randrange(2, 10)),
        lambda: str(w.number(s.rng)), lambda: w.identifier(s.rng), lambda: w.email(s.rng, s.held),
        lambda: w.person(s.rng, s.held), lambda: w.date(s.rng), lambda: w.place(s.rng, s.held),
        lambda: str(s.rng.randrange(10**6)), lambda: w.phone(s.rng), lambda: s.word(w.TOPICS), lambda: w.company(s.rng, s.held),
    )
    return s.rng.choice(makers)()


def copy(s: Source, talk: Talk) -> None:
    """Repeat what was said, words or lists of them, once or again a turn later."""
    talk.system()
    for _ in range(s.rng.choice((1, 1, 2, 3))):
        kind = s.rng.random()
        if kind < 0.5:
            text = s.one_of((" ", " ", ", ")).join(copyable(s) for _ in range(s.rng.choice((1, 2, 3, 4, 6, 10))))
        elif kind < 0.7:
            text = d.page(s, s.rng.choice((1, 1, 2))).text
        else:
            makers: tuple[Callable[[], str], ...] = (
                lambda: w.invented_name(s.rng), lambda: w.letters(s.rng, 5), lambda: str(s.rng.randrange(10**4)),
            )
            maker = s.rng.choice(makers)
            text = ", ".join(maker() for _ in range(s.rng.randrange(2, 12)))
        talk.user(s.phrase(COPY, {"x": text}))
        talk.say(text, "I repeat the text.", text)
        if s.chance(0.25):
            talk.user(s.template(REVERSE))
            talk.say(text, "I repeat the text.", text)


LOOKUP = texts.entries(
    "requests", "LOOKUP", "What is {k}?", "{k}?", "Give me {k}.", "What does {k} say?", "value of {k}", "And {k}?", "Look up {k}.",
)


def lookup(s: Source, talk: Talk) -> None:
    """A list of `key: value` lines; give the value of a key. Short and dense."""
    talk.system()
    keys = list(dict.fromkeys(copyable(s) for _ in range(s.rng.randrange(3, 14))))
    keys = [k for k in keys if sum(k in other for other in keys) == 1]
    values = [copyable(s) for _ in keys]
    glue = s.one_of((": ", " = ", " is ", " -> "))
    lines = s.one_of(("\n", "\n", "; ", ". ")).join(f"{k}{glue}{v}" for k, v in zip(keys, values, strict=True))
    order = s.rng.sample(range(len(keys)), min(len(keys), s.rng.choice((1, 2, 3, 4))))
    for turn, index in enumerate(order):
        key, value = keys[index], values[index]
        ask = s.phrase(LOOKUP, {"k": key})
        talk.user(f"{lines}\n\n{ask}" if turn == 0 else ask)
        talk.say(value, f"{key}{glue}{value}", value)
        talk.others = [v for v in values if v != value]


Drawn = t.Tool | t.Invented

def _alike(group: str, others: Iterable[str]) -> bool:
    return any(frozenset((group, other)) in ALIKE for other in others)


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
            concept = s.rng.choice(CONCEPTS)
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


def _arguments(ask: t.Ask) -> str:
    if not ask.arguments:
        return "no arguments"
    return join_and([f"{key} {concepts.show(value)}" for key, value in ask.arguments.items()])


def call_thought(s: Source, asks: Sequence[t.Ask]) -> str:
    """Which tool, with what."""
    return "I should call " + " and ".join(f"{ask.name} with {_arguments(ask)}" for ask in asks) + "."


def tool_call(s: Source, talk: Talk) -> None:
    """One request, the right tool; then mostly its result and the answer."""
    tools = toolbox(s, s.rng.choice((1, 2, 2, 3, 3, 4, 5, 6)))
    talk.system([tool.function for tool in tools])
    for _ in range(s.rng.choice((1, 2, 2, 3, 4))):
        tool = s.rng.choice(tools)
        ask = ask_for(s, tool)
        talk.user(ask.text)
        talk.call([ask], call_thought(s, [ask]))
        if s.chance(0.15):
            return
        _finish(s, talk, [ask])
    if s.chance(0.1):
        talk.user(s.template(SMALL_TALK[1][0]))
        talk.say(SMALL_TALK[1][1], "The user is just talking. I answer politely.")


ERRORS = (
    "Error: timeout", "Error: {x} not found", "Error: service unavailable", "error: no such entry", '{"error": "not found"}',
    "Error: permission denied", '{"error": "timeout"}', "Error: invalid value {x}", "Error: connection refused", "ToolError: {x}",
    '{"error": "unknown {x}"}', "Error: rate limit reached", "Failed: no data for {x}",
)


PASSING = ("timeout", "unavailable", "refused", "limit")
"""What may be over the next time: the tool is tried once more, always."""


def _finish(s: Source, talk: Talk, asks: Sequence[t.Ask]) -> None:
    """The results of `asks` and the answer to them, or an error and what follows."""
    if s.chance(0.12) and len(asks) == 1:
        ask = asks[0]
        shown = concepts.show(next(iter(ask.arguments.values()), "it"))
        error = s.template(ERRORS).replace("{x}", shown)
        talk.results([error])
        reason = error.split('"')[3] if error.startswith("{") else error.split(": ", 1)[1]
        if any(word in error for word in PASSING):
            talk.call([ask], f"The tool failed: {reason}. I try again.")
            if s.chance(0.3):
                talk.results([error])
                talk.say(f"The tool failed: {reason}.", "It failed twice. I tell the user.", reason)
                return
            talk.results([ask.result])
            talk.say(ask.answer, f"The result is {ask.result}.", "")
            return
        talk.say(f"The tool failed: {reason}.", f"The tool failed: {reason}. I tell the user.", reason)
        return
    talk.results([ask.result for ask in asks])
    thought = "The results are " if len(asks) > 1 else "The result is "
    talk.say(" ".join(ask.answer for ask in asks), thought + " and ".join(ask.result.rstrip(".") for ask in asks) + ".", "")


PAIRS = texts.entries(
    "requests", "PAIRS",
    "{a}. Then {b}", "{a}. Also, {b}", "{a} and {b}", "{a}, and {b}", "First: {a}. Second: {b}", "{a}. And {b}", "{a} Also: {b}", "1. {a}\n2. {b}", "{a}\n{b}",
)


def several_calls(s: Source, talk: Talk) -> None:
    """Two or three requests in one message: as many calls, in the order asked."""
    tools = toolbox(s, s.rng.choice((1, 2, 3, 4)))
    talk.system([tool.function for tool in tools])
    picked = [s.rng.choice(tools) for _ in range(s.rng.choice((2, 2, 2, 3)))]
    one = picked[0]
    if isinstance(one, t.Tool) and len(one.concept.params) == 1 and s.chance(0.8):
        asks = _same_tool(s, one, len(picked))
    else:
        asks = _different([ask_for(s, tool) for tool in picked])
    text = asks[0].text
    if asks[0].text != asks[-1].text:
        for ask in asks[1:]:
            text = s.phrase(PAIRS, {"a": text.rstrip("."), "b": ask.text}).replace("?.", "?")
    talk.user(text)
    talk.call(asks, call_thought(s, asks))
    if s.chance(0.75):
        _finish(s, talk, asks)


def _different(asks: Sequence[t.Ask]) -> list[t.Ask]:
    """`asks` without repetitions: nobody asks for the same thing twice in a breath."""
    return list({(ask.name, *map(concepts.show, ask.arguments.values())): ask for ask in asks}.values())


def _same_tool(s: Source, tool: t.Tool, count: int) -> list[t.Ask]:
    """One request for several values of a tool's only parameter."""
    param = tool.concept.params[0]
    values = list(dict.fromkeys(concepts.show(param.make(s)) for _ in range(count)))
    if param.kind != "string":
        return [t.request(s, tool)]
    template = s.template(tool.concept.asks)
    text = fill(template, {"0": join_and(values)})
    asks = []
    for value in values:
        arguments: dict[str, concepts.Value] = {tool.keys[0]: value}
        result, answer = tool.concept.result(s, arguments)
        asks.append(t.Ask(text, tool.name, arguments, result, answer))
    return asks


def no_tool(s: Source, talk: Talk) -> None:
    """Tools are there, and none is wanted, or none fits."""
    tools = toolbox(s, s.rng.choice((1, 2, 3, 4)))
    talk.system([tool.function for tool in tools])
    if s.chance(0.4):
        asked, answer = s.rng.choice(SMALL_TALK[:7])
        talk.user(s.template(asked))
        talk.say(answer, "The user is just talking. I answer politely.")
        return
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
        talk.user(ask.text)
        talk.say(NO_TOOL, "None of the tools can do that.", NO_TOOL)
        return
    talk.user("Hello")
    talk.say("Hello! How can I help?", "The user is just talking. I answer politely.")


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
    actor: concepts.Schema = {"name": act, "description": f"{capital(verb)} a {noun}.",
                       "parameters": {"type": "object", "properties": {key: {"type": "string"}}, "required": [key]}}
    tools: list[concepts.Schema] = [{"type": "function", "function": f} for f in (finder, actor)]
    tools += [x.function for x in toolbox(s, s.rng.choice((0, 0, 1, 2))) if x.name not in (find, act)]
    s.rng.shuffle(tools)
    talk.system(tools)
    who, value = w.person(s.rng, s.held), w.identifier(s.rng)
    first = t.Ask("", find, {owner: who}, s.one_of((value, f'{{"{key}": "{value}"}}', f"The {key} is {value}.", f"{value}")), "")
    said, answer = s.rng.choice((("ok", "Done."), ("done", "Done."), ('{"ok": true}', "Done."), ("success", "Done.")))
    second = t.Ask("", act, {key: value}, said, answer)
    talk.user(s.phrase(CHAIN, {"v": verb, "V": capital(verb), "n": noun, "p": who}))
    talk.call([first], f"First I need the {key}. I should call {find} with {owner} {who}.")
    if s.chance(0.1):
        talk.results([f"Error: {who} not found"])
        talk.say(f"The tool failed: {who} not found.", f"The tool failed: {who} not found. I tell the user.", who)
        return
    talk.results([first.result])
    talk.call([second], f"The {key} is {value}. I should call {act} with {key} {value}.")
    if s.chance(0.7):
        talk.results([second.result])
        talk.say(answer, f"The result is {said}.")


FILE_ENDS = ("txt", "md", "txt", "pdf", "csv")


def file_name(s: Source) -> str:
    """A document's name."""
    stem = s.word(w.NOUNS) if s.chance(0.6) else w.syllables(s.rng)
    return f"{stem.replace(' ', '_')}.{s.one_of(FILE_ENDS)}"


def with_document(s: Source, text: str, asked: str) -> str:
    """A user turn of one document and a question, or the text pasted above it."""
    roll = s.rng.random()
    if roll < 0.7:
        return f"[file name]: {file_name(s)}\n[file content begin]\n{text}\n[file content end]\n{asked}"
    if roll < 0.8:
        return f"{text}\n\n{asked}"
    if roll < 0.9:
        return f"Text: {text}\n\n{asked}"
    return f"{asked}\n\n{text}"


ONLY = texts.entries(
    "requests", "ONLY","Answer with the value only.", "Just the answer.", "Only the value.", "In one word.", "Just the value, please.", "Answer only with the value.", "Short answer.")
QUOTE_WRAPS = texts.entries(
    "requests", "QUOTE","{q} Quote the sentence.", "Quote the sentence that answers: {q}", "Quote: {q}", "{q} Answer with the exact sentence.", "Find the sentence that tells: {q}", "Cite the text: {q}", "{q} Give the exact quote.")


def ask_document(s: Source, talk: Talk, page: d.Page, *, first: bool) -> None:
    """One question about `page` and its answer, in one of its manners."""
    roll = s.rng.random()
    if roll < 0.24:
        fact = d.missing(s, page.facts)
        asked, answer = d.question(s, fact), UNKNOWN
        thought, value = f"The document doesn't say that about {fact.subject}.", UNKNOWN
    else:
        fact = s.rng.choice(page.facts)
        asked, answer, value = d.question(s, fact), fact.answer, fact.value
        thought = f"The document says: {fact.sentence}"
        if roll < 0.32:
            end = "" if asked[-1] in ".?" else "."
            asked, answer = f"{asked}{end} {s.template(ONLY)}", fact.value
        elif roll < 0.5:
            asked, answer, value = s.phrase(QUOTE_WRAPS, {"q": asked}), fact.sentence, fact.sentence
        answer = capital(answer) if answer is not fact.value else answer
    talk.user(with_document(s, page.text, asked) if first else asked)
    talk.say(answer, thought, value)
    talk.others = [f.value for f in page.facts if f.value != value and f.value not in answer]


def document(s: Source, talk: Talk, count: int = 0) -> None:
    """Questions on a document of `count` facts over several turns."""
    talk.system()
    turns = s.rng.choice((4, 6, 8, 10, 12)) if count else 0
    count = count or s.rng.choice((1, 2, 2, 3, 3, 4, 5, 6, 8))
    page = d.page(s, count, filler=s.rng.choice((0.0, 0.0, 0.3, 1.0)))
    turns = turns or min(2 + count // 3, s.rng.choice((1, 2, 3, 4, 5, 6, 8, 10)))
    for turn in range(turns):
        ask_document(s, talk, page, first=turn == 0)


def documents_and_tools(s: Source, talk: Talk, count: int = 0) -> None:
    """A document in hand and tools beside it: some turns need one, some the other."""
    tools = toolbox(s, s.rng.choice((1, 2, 3)))
    talk.system([tool.function for tool in tools])
    page = d.page(s, count or s.rng.choice((2, 3, 4, 5)))
    for turn in range(s.rng.choice((1, 2, 3))):
        if s.chance(0.55):
            ask_document(s, talk, page, first=turn == 0)
            continue
        ask = ask_for(s, s.rng.choice(tools))
        talk.user(with_document(s, page.text, ask.text) if turn == 0 else ask.text)
        talk.call([ask], call_thought(s, [ask]))
        if s.chance(0.2):
            return
        _finish(s, talk, [ask])


FILL = texts.entries(
    "requests", "FILL",
    "Extract the {k} from the text: {x}", "Fill in the schema: {x}", "{x}", "Read this and fill in the form.\n{x}", "Extract the data: {x}", "Give me the {k}: {x}",
    "{x}\nExtract the {k}.", "What {k} is this? {x}", "Parse: {x}", "Turn this into JSON: {x}", "Get the {k} out of this text.\n\n{x}", "{x}\n\nReturn the {k}.",
)
HEADS = texts.entries(
    "requests", "HEADS","This is about {n}.", "{n}.", "Name: {n}.", "{n} is on the list.", "Here is {n}.", "The note is about {n}.", "We spoke about {n}.")


def fill_schema(s: Source, talk: Talk) -> None:
    """A text and a JSON schema; the answer is the object."""
    record = s.rng.choice(RECORDS)
    head, fields = record.head, record.fields
    chosen = s.rng.sample(fields, min(len(fields), s.rng.choice((1, 2, 2, 3, 3, 4, 5))))
    flags = [item for item in fields if item.kind == "boolean" and item not in chosen]
    if flags and s.chance(0.45):
        chosen[s.rng.randrange(len(chosen))] = s.rng.choice(flags)
    subject = str(head.make(s))
    sentences = [s.phrase(HEADS, {"n": subject})]
    title = s.one_of(record.names.split())
    key = s.one_of(head.names.split())
    keys = {key}
    entries: list[tuple[str, Field, concepts.Value]] = [(key, head, subject)]
    for item in chosen:
        value = item.make(s)
        key = s.one_of(item.names.split())
        if key in keys:
            continue
        keys.add(key)
        slots = {"n": subject, "v": concepts.show(value)}
        sentences.append(capital(fill(s.template(item.says(value)), slots)))
        entries.append((key, item, value))
    if s.chance(0.4):
        s.rng.shuffle(sentences)
    if s.chance(0.3):
        s.rng.shuffle(entries)
    if len(entries) > 2 and s.chance(0.3):
        entries = entries[: s.rng.randrange(1, len(entries))]
    properties: concepts.Schema = {}
    titled = s.chance(0.2)
    for key, item, _ in entries:
        schema: concepts.Schema = {"type": item.kind}
        if item.kind == "array":
            schema["items"] = {"type": "string"}
        if titled:
            schema = dict(sorted({**schema, "title": capital(key.replace("_", " "))}.items()))
        properties[key] = schema
    required = [key for key, _, _ in entries]
    form: concepts.Schema = {"type": "object", "properties": properties, "required": required}
    if titled:
        form = {"properties": properties, "required": required, "title": title, "type": "object"}
    elif s.chance(0.2):
        form["additionalProperties"] = False
    talk.system(response_format=form)
    text = " ".join(sentences)
    asked = s.phrase(FILL, {"k": title.lower(), "x": text})
    if s.chance(0.2):
        asked = with_document(s, text, s.template(FORM))
    talk.user(asked)
    answer = json.dumps({key: value for key, _, value in entries}, ensure_ascii=False)
    talk.say(answer, f"I fill in {join_and(required)}.", answer)


SKILLS: dict[str, Callable[[Source, Talk], None]] = {
    "talk": small_talk,
    "copy": copy,
    "lookup": lookup,
    "call": tool_call,
    "calls": several_calls,
    "no_tool": no_tool,
    "chain": chain,
    "document": document,
    "document_tools": documents_and_tools,
    "schema": fill_schema,
}
