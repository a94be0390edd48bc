"""How a text file names the values it wants made: `person`, `number 35 48 cm`, …"""

from __future__ import annotations

from collections.abc import Callable

from training.data import words as w
from training.data.phrases import Source

Maker = Callable[[Source], str]

_PLAIN: dict[str, Callable[..., str]] = {
    "date": w.date,
    "clock": w.clock,
    "phone": w.phone,
    "email": w.email,
    "person": w.person,
    "first name": w.first_name,
    "place": w.place,
    "company": w.company,
    "identifier": lambda rng, held: w.identifier(rng),
    "invented": lambda rng, held: w.invented_name(rng),
    "year": lambda rng, held: str(rng.randrange(1100, 2026)),
}
_MONEY = ("${}", "{} euros", "{} EUR", "£{}", "{} dollars")


def price(s: Source) -> str:
    """An amount of money as people write it."""
    cents = s.one_of(("", f".{s.rng.randrange(10, 100)}"))
    return s.one_of(_MONEY).replace("{}", f"{s.rng.randrange(1, 900)}{cents}")


def address(s: Source) -> str:
    """A house number and a street."""
    return f"{s.rng.randrange(1, 200)} {s.word(w.STREETS)}"


def pool(name: str) -> w.Pool:
    """The list of `words.py` that is called `name`."""
    found = getattr(w, name)
    assert isinstance(found, w.Pool)
    return found


def maker(spec: str) -> Maker:
    """What makes a value of the kind `spec` names.

    `number LOW HIGH [UNIT]`, `letters N`, `word POOL`, `choice a / b / …`, `price`, or
    one of the makers of `words.py` by name.
    """
    kind, _, rest = spec.partition(" ")
    if spec in _PLAIN:
        made = _PLAIN[spec]
        return lambda s: made(s.rng, s.held)
    if kind == "price":
        return price
    if kind == "number":
        low, high, *unit = rest.split()
        return lambda s: " ".join(
            [w.grouped(s.rng.randrange(int(low), int(high) + 1), s.rng), *unit]
        )
    if kind == "letters":
        return lambda s: w.letters(s.rng, int(rest))
    if kind == "word":
        words = pool(rest)
        return lambda s: s.word(words)
    if kind == "choice":
        options = w.Pool.of("\n".join(rest.split(" / ")), "\n")
        return lambda s: options.pick(s.rng, s.held)
    msg = f"no kind of value is called {spec!r}"
    raise ValueError(msg)
