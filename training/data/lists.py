"""Long lists of real words, out of packages that carry them.

`words.py` says by hand which words nano should know. What it must be able to *copy* is
any word, and a few hundred of each kind can be known by heart instead: then "Woods"
becomes "Wcode". These lists are long enough that it can't.

Sources: wonderwords (English nouns, verbs, adjectives) and the datasets of mimesis
(names and cities of thirty locales, jobs, dishes). Both are read as data; their random
generators aren't used.
"""

from __future__ import annotations

import json
import zlib
from functools import cache
from importlib.resources import files
from typing import Final

LOCALES: Final = (
    *("cs", "da", "de", "de-at", "de-ch", "en", "en-au", "en-ca", "en-gb", "es", "es-mx"),
    *("et", "fi", "fr", "hr", "hu", "is", "it", "nl", "nl-be", "no", "pl", "pt", "pt-br"),
    *("sk", "sv", "tr"),
)
"""Those that write in Latin letters."""
LONGEST: Final = 24
"""Letters of the longest entry taken."""
ACCENTED: Final = 4
"""One in so many words with other letters than English ones is taken."""


def _read(*path: str) -> str:
    return files("mimesis").joinpath("datasets", *path).read_text("utf-8")


def _leaves(value: object) -> list[str]:
    """The strings of a list, or of a dict of lists (by gender)."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    assert not isinstance(parts, str)
    return [leaf for part in parts for leaf in _leaves(part)]  # type: ignore[attr-defined]


def _fit(words: list[str], *, spaces: bool = True) -> str:
    """The words as `Pool.of` takes them, a line each: letters, hyphens and spaces."""
    kept = []
    for word in sorted(set(words)):
        letters = word.replace("-", "").replace(" ", "") if spaces else word
        rare = not word.isascii() and zlib.crc32(word.encode()) % ACCENTED
        if letters.isalpha() and 2 < len(word) <= LONGEST and not rare:
            kept.append(word)
    return "\n".join(kept)


@cache
def _profane() -> frozenset[str]:
    return frozenset(_english("profanity").lower().split())


def _english(kind: str) -> str:
    asset = files("wonderwords").joinpath("assets", f"{kind}list.txt")
    return asset.read_text("utf-8")


def english(kind: str) -> str:
    """English words of a `kind`: "noun", "verb" or "adjective", a line each."""
    words = [word for word in _english(kind).split() if word.lower() not in _profane()]
    return _fit(words, spaces=False)


def _of_locales(file: str, key: str, *, spaces: bool = True) -> str:
    words: list[str] = []
    for locale in LOCALES:
        words += _leaves(json.loads(_read(locale, file)).get(key, []))
    return _fit(words, spaces=spaces)


def first_names() -> str:
    """First names of many countries."""
    return _of_locales("person.json", "names", spaces=False)


def surnames() -> str:
    """Surnames of many countries."""
    return _of_locales("person.json", "surnames", spaces=False)


def cities() -> str:
    """Cities of many countries."""
    return _of_locales("address.json", "city")


def jobs() -> str:
    """Professions, lower-case."""
    return _fit(_leaves(json.loads(_read("en", "person.json"))["occupation"])).lower()


def foods() -> str:
    """Dishes, fruits, vegetables and spices, lower-case."""
    data = json.loads(_read("en", "food.json"))
    kinds = ("dishes", "fruits", "vegetables", "spices")
    return _fit([word for kind in kinds for word in _leaves(data[kind])]).lower()


def streets() -> str:
    """Names of streets."""
    return _of_locales("address.json", "street")
