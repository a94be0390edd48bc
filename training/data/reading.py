"""Conversations about a text: questions, quotes, tools beside it, forms to fill in."""

from __future__ import annotations

import json

from training.data import concepts, meanings, texts
from training.data import documents as d
from training.data import words as w
from training.data.calling import (
    ask_for,
    asked_of,
    call_thought,
    finish,
    listed,
    toolbox,
)
from training.data.phrases import Source, capital, fill
from training.data.records import RECORDS, Field
from training.data.talk import UNKNOWN, Talk

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
    "requests", "ONLY","Answer with the value only.", "Just the answer.", "Only the value.", "Just the value, please.", "Answer only with the value.")
QUOTE_WRAPS = texts.entries(
    "requests", "QUOTE","{q} Quote the sentence.", "Quote the sentence that answers: {q}", "Quote: {q}", "{q} Answer with the exact sentence.", "Find the sentence that tells: {q}", "Cite the text: {q}", "{q} Give the exact quote.")


def ask_document(s: Source, talk: Talk, page: d.Page, *, first: bool) -> None:
    """One question about `page` and its answer, in one of its manners.

    The thought names what is asked for, then its value: which fact a question means,
    and what a text says of it, are two things to learn. (Not the sentence that tells
    it: where a sentence begins, nothing of it has been read yet, so that its first word
    is the hardest of it to find.)
    """
    roll = s.rng.random()
    if roll < 0.24:
        fact = d.missing(s, page.facts)
        asked, answer = d.question(s, fact), UNKNOWN
        value, said = UNKNOWN, "The document doesn't say that."
    else:
        fact = s.rng.choice(page.facts)
        asked, answer, value = d.question(s, fact), fact.answer, fact.value
        said = f"The document says {fact.value}."
        if roll < 0.32:
            end = "" if asked[-1] in ".?" else "."
            asked, answer = f"{asked}{end} {s.template(ONLY)}", fact.value
        elif roll < 0.5:
            wrap = s.template(QUOTE_WRAPS)
            if wrap.startswith("{q} ") and asked[-1] not in ".?!":
                asked += "."
            asked, answer, value = wrap.replace("{q}", asked), fact.sentence, fact.sentence
        answer = capital(answer) if answer is not fact.value else answer
    marks = [(asked, meanings.relation(fact.relation))]
    if first:
        marks += page.marks()
        asked = with_document(s, page.text, asked)
    talk.user(asked, marks)
    talk.say(answer, f"The {fact.relation.noun} of {fact.subject}? {said}", value)
    talk.others = [f.value for f in page.facts if f.value != value and f.value not in answer]


def document(s: Source, talk: Talk, count: int = 0) -> None:
    """Questions on a document of `count` facts over several turns."""
    talk.system()
    turns = s.rng.choice((8, 12, 14, 16, 20)) if count else 0
    count = count or s.rng.choice((1, 2, 2, 3, 3, 4, 5, 6, 8))
    page = d.page(s, count, filler=s.rng.choice((0.0, 0.0, 0.3, 1.0)))
    turns = turns or min(3 + 2 * count, s.rng.choice((2, 3, 4, 5, 6, 8, 10, 12)))
    for turn in range(turns):
        ask_document(s, talk, page, first=turn == 0)


def documents_and_tools(s: Source, talk: Talk, count: int = 0) -> None:
    """A document in hand and tools beside it: some turns need one, some the other."""
    tools = toolbox(s, s.rng.choice((1, 2, 3)))
    talk.system([tool.function for tool in tools], marks=listed(tools))
    page = d.page(s, count or s.rng.choice((2, 3, 4, 5)))
    for turn in range(s.rng.choice((1, 2, 3))):
        if s.chance(0.55):
            ask_document(s, talk, page, first=turn == 0)
            continue
        ask = ask_for(s, s.rng.choice(tools))
        marks = asked_of([ask], tools)
        if turn == 0:
            talk.user(with_document(s, page.text, ask.text), [*marks, *page.marks()])
        else:
            talk.user(ask.text, marks)
        talk.call([ask], call_thought(s, [ask]))
        if s.chance(0.2):
            return
        finish(s, talk, [ask])


FORM = texts.entries("requests", "FORM", "Extract the data.", "Fill in the schema.")
FILL = texts.entries(
    "requests", "FILL",
    "Extract the {k} from the text: {x}", "Fill in the schema: {x}", "{x}", "Read this and fill in the form.\n{x}", "Extract the data: {x}", "Give me the {k}: {x}",
    "{x}\nExtract the {k}.", "What {k} is this? {x}", "Parse: {x}", "Turn this into JSON: {x}", "Get the {k} out of this text.\n\n{x}", "{x}\n\nReturn the {k}.",
)
HEADS = texts.entries(
    "requests", "HEADS","This is about {n}.", "{n}.", "Name: {n}.", "{n} is on the list.", "Here is {n}.", "The note is about {n}.", "We spoke about {n}.")


Entry = tuple[str, Field, concepts.Value]


def fill_schema(s: Source, talk: Talk) -> None:
    """Texts and a JSON schema; the answer to each is an object.

    The thought reads the text once more, and behind each sentence notes what it tells:
    copied in their order, sentences are easy to find, and each is judged while it is at
    hand.
    """
    record = s.rng.choice(RECORDS)
    flags = [item for item in record.fields if item.kind == "boolean"]
    others = [item for item in record.fields if item.kind != "boolean"]
    fields = s.rng.sample(others, min(len(others), s.rng.choice((0, 1, 1, 2, 2, 3, 4))))
    fields += s.rng.sample(flags, min(len(flags), s.rng.choice((0, 1, 1, 2, 3))))
    s.rng.shuffle(fields)
    keyed: dict[str, Field] = {}
    for item in (record.head, *fields):
        keyed.setdefault(s.one_of(item.names.split()), item)
    order = list(keyed)
    if s.chance(0.3):
        s.rng.shuffle(order)
    if len(order) > 2 and s.chance(0.3):
        order = order[: s.rng.randrange(1, len(order))]
    title = s.one_of(record.names.split())
    form = schema_of(s, title, {key: keyed[key] for key in order})
    marks = [
        (f'"{key}": {{', meanings.field(item))
        for key, item in keyed.items()
        if item is not record.head
    ]
    talk.system(response_format=form, marks=marks)
    for turn in range(s.rng.choice((2, 3, 4, 6))):
        values = {key: item.make(s) for key, item in keyed.items()}
        said = list(_told_of(s, keyed, values).items())
        if s.chance(0.4):
            s.rng.shuffle(said)
        text = " ".join(sentence for _, sentence in said)
        asked = s.phrase(FILL, {"k": title.lower(), "x": text})
        if s.chance(0.2):
            asked = with_document(s, text, s.template(FORM))
        elif turn and s.chance(0.5):
            asked = text
        talk.user(asked, _marks(said, keyed, values))
        answer = json.dumps({key: values[key] for key in order}, ensure_ascii=False)
        wanted = {key: values[key] for key in order}
        thought = "\n".join(noted(sentence, key, wanted) for key, sentence in said)
        talk.say(answer, thought, answer)


_FIELDS = {
    flag: [
        (record, item)
        for record in RECORDS
        for item in record.fields
        if (item.kind == "boolean") is flag
    ]
    for flag in (True, False)
}


def one_told(s: Source, *, flag: bool) -> tuple[str, list[meanings.Mark]]:
    """A sentence of a form's text by itself, and its marks; of a yes or no or not."""
    record, item = s.rng.choice(_FIELDS[flag])
    keyed = {"": record.head, "0": item}
    values = {key: item.make(s) for key, item in keyed.items()}
    said = [("0", _told_of(s, keyed, values)["0"])]
    return said[0][1], _marks(said, keyed, values)


def _marks(
    said: list[tuple[str, str]],
    keyed: dict[str, Field],
    values: dict[str, concepts.Value],
) -> list[meanings.Mark]:
    """What the sentences of a form's text mean; the first of `keyed` is its name."""
    head = next(iter(keyed))
    marks: list[meanings.Mark] = []
    for key, sentence in said:
        value = values[key]
        meaning = meanings.NAME if key == head else meanings.field(keyed[key], value)
        told = "" if isinstance(value, bool) else concepts.show(value)
        marks += meanings.stated(sentence, told, meaning)
    return marks


def noted(sentence: str, key: str, wanted: dict[str, concepts.Value]) -> str:
    """What a thought notes of a sentence: the field it fills, if it is wanted."""
    if key not in wanted:
        return f"{sentence} -"
    return f'{sentence} "{key}": {json.dumps(wanted[key], ensure_ascii=False)}'


def _told_of(
    s: Source, keyed: dict[str, Field], values: dict[str, concepts.Value]
) -> dict[str, str]:
    """The sentence that tells each value; the first field is the record's name."""
    head, *keys = keyed
    subject = str(values[head])
    said = {head: s.phrase(HEADS, {"n": subject})}
    for key in keys:
        slots = {"n": subject, "v": concepts.show(values[key])}
        text = fill(s.template(keyed[key].says(values[key])), slots)
        # A reference is copied as it stands.
        exact = text.startswith(subject) and any(c.isdigit() for c in subject)
        said[key] = text if exact else capital(text)
    return said


def schema_of(s: Source, title: str, keyed: dict[str, Field]) -> concepts.Schema:
    """The JSON schema of an object with these fields, as pydantic and people write it."""
    properties: concepts.Schema = {}
    titled = s.chance(0.2)
    for key, item in keyed.items():
        schema: concepts.Schema = {"type": item.kind}
        if item.kind == "array":
            schema["items"] = {"type": "string"}
        if titled:
            schema = dict(sorted({**schema, "title": capital(key.replace("_", " "))}.items()))
        properties[key] = schema
    required = list(keyed)
    form: concepts.Schema = {"type": "object", "properties": properties, "required": required}
    if titled:
        form = {"properties": properties, "required": required, "title": title, "type": "object"}
    elif s.chance(0.2):
        form["additionalProperties"] = False
    return form
