"""Questions as somebody types them who has just installed dsagent.

Written by hand, in the words of a person and not of the generator: the measure of
whether nano is of use beyond what it was taught with. The tools are Python functions
made into tools by dsagent itself, so the model reads what it reads in the product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsagent.documents import Document, with_documents
from dsagent.tools.function import toolbox
from training.cases import MODES, Case, turn_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from training.cases import Call, Manner
    from training.data.talk import Message

    Function = Callable[..., object]


def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return city


def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


def multiply(a: float, b: float) -> float:
    """Multiply two numbers."""
    return a * b


def convert_currency(amount: float, source: str, target: str) -> float:
    """Convert an amount from one currency to another.

    Args:
        amount: How much money.
        source: The currency it is in, such as USD.
        target: The currency wanted.
    """
    return amount * len(source) / len(target)


def get_population(city: str) -> int:
    """How many people live in a city."""
    return len(city)


def order_status(order_id: str) -> str:
    """Look up the status of an order."""
    return order_id


def search(query: str) -> str:
    """Search the web."""
    return query


def get_time(city: str) -> str:
    """Current time in a city."""
    return city


def send_email(to: str, subject: str, body: str) -> str:
    """Send an e-mail."""
    return to + subject + body


def get_price(product: str) -> float:
    """Price of a product in euros."""
    return len(product)


def set_thermostat(room: str, temperature: float) -> str:
    """Set the temperature of a room.

    Args:
        room: Which room.
        temperature: Degrees Celsius.
    """
    return f"{room} {temperature}"


def set_timer(minutes: int) -> str:
    """Start a timer."""
    return str(minutes)


ALL: tuple[Function, ...] = (
    get_weather,
    convert_currency,
    order_status,
    search,
    send_email,
)
SUMS: tuple[Function, ...] = (add, multiply)

CALLS: tuple[tuple[Sequence[Function], str, list[Call]], ...] = (
    (
        (get_weather,),
        "What is the weather in Oslo?",
        [("get_weather", {"city": "Oslo"})],
    ),
    (ALL, "What's the weather like in Paris?", [("get_weather", {"city": "Paris"})]),
    (
        (get_weather, add),
        "whats the weather in berlin",
        [("get_weather", {"city": "berlin"})],
    ),
    (
        (get_weather, get_time),
        "Will I need an umbrella in London?",
        [("get_weather", {"city": "London"})],
    ),
    (
        (get_weather,),
        "What is the weather in Rome and in Madrid?",
        [("get_weather", {"city": "Rome"}), ("get_weather", {"city": "Madrid"})],
    ),
    ((add,), "What is 2 + 2?", [("add", {"a": 2, "b": 2})]),
    (SUMS, "What is 17 times 23?", [("multiply", {"a": 17, "b": 23})]),
    (SUMS, "what's 1234 plus 4321", [("add", {"a": 1234, "b": 4321})]),
    ((get_weather, add), "Add 3.5 and 4.25", [("add", {"a": 3.5, "b": 4.25})]),
    (
        (convert_currency,),
        "How much is 100 USD in EUR?",
        [("convert_currency", {"amount": 100, "source": "USD", "target": "EUR"})],
    ),
    (
        ALL,
        "Convert 250 GBP to SEK",
        [("convert_currency", {"amount": 250, "source": "GBP", "target": "SEK"})],
    ),
    (
        (get_population, get_weather),
        "How many people live in Lisbon?",
        [("get_population", {"city": "Lisbon"})],
    ),
    (
        (get_population,),
        "What is the population of Tokyo?",
        [("get_population", {"city": "Tokyo"})],
    ),
    (
        (order_status,),
        "Where is my order A-1042?",
        [("order_status", {"order_id": "A-1042"})],
    ),
    (
        ALL,
        "What's the status of order 83121?",
        [("order_status", {"order_id": "83121"})],
    ),
    (
        (search,),
        "Search for sourdough recipes",
        [("search", {"query": "sourdough recipes"})],
    ),
    (ALL, "search the web for cheap flights", [("search", {"query": "cheap flights"})]),
    ((get_time, add), "What time is it in Tokyo?", [("get_time", {"city": "Tokyo"})]),
    (
        (send_email,),
        'Email bob@example.com with the subject "Lunch" and body "See you soon".',
        [
            (
                "send_email",
                {
                    "to": "bob@example.com",
                    "subject": "Lunch",
                    "body": "See you soon",
                },
            )
        ],
    ),
    (
        (get_price, order_status),
        "How much does the blue lamp cost?",
        [("get_price", {"product": "blue lamp"})],
    ),
    ((get_price,), "price of a bicycle", [("get_price", {"product": "bicycle"})]),
    (
        (set_thermostat, get_weather),
        "Set the bedroom to 19 degrees.",
        [("set_thermostat", {"room": "bedroom", "temperature": 19})],
    ),
    (
        (set_thermostat,),
        "Please make the living room 21.5 degrees",
        [("set_thermostat", {"room": "living room", "temperature": 21.5})],
    ),
    (
        (set_timer, get_time),
        "Set a timer for 10 minutes",
        [("set_timer", {"minutes": 10})],
    ),
)

RESULTS: tuple[tuple[Sequence[Function], str, Call, str, tuple[str, ...]], ...] = (
    (
        (get_weather,),
        "What is the weather in Oslo?",
        ("get_weather", {"city": "Oslo"}),
        "rainy, 7 degrees",
        ("rainy", "7"),
    ),
    (
        SUMS,
        "What is 17 times 23?",
        ("multiply", {"a": 17, "b": 23}),
        "391",
        ("391",),
    ),
    (
        (order_status,),
        "Where is my order A-1042?",
        ("order_status", {"order_id": "A-1042"}),
        '{"status": "shipped", "arrives": "Friday"}',
        ("shipped",),
    ),
    (
        (convert_currency,),
        "How much is 100 USD in EUR?",
        ("convert_currency", {"amount": 100, "source": "USD", "target": "EUR"}),
        "92.4",
        ("92.4",),
    ),
)

VELMORA = Document(
    "velmora.txt",
    "Velmora is a small town in the hills, founded in 1432 by salt traders. About "
    "8,700 people live there today. Its mayor is Ines Calder, elected in spring. The "
    "town lies on the river Tesk and is known for its honey cake. Every September the "
    "Lantern Festival fills the market square. The library on Mill Lane opens at 9:30. "
    "The nearest airport is 40 km away, in Dorran.",
)
"""A page of facts in running prose, with sentences the generator doesn't write."""

ANSWERS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("When was Velmora founded?", ("1432",), ("8,700", "9:30")),
    ("Who is the mayor of Velmora?", ("Ines Calder",), ("1432",)),
    ("How many people live in Velmora?", ("8,700",), ("1432", "40")),
    ("Which river is Velmora on?", ("Tesk",), ("Dorran",)),
    ("What is Velmora known for?", ("honey cake",), ("Tesk",)),
    ("When is the Lantern Festival?", ("September",), ("1432", "spring")),
    ("When does the library open?", ("9:30",), ("1432",)),
)

TALK: tuple[tuple[str, str], ...] = (
    ("Hello", "Hello! How can I help?"),
    ("hi!", "Hello! How can I help?"),
    ("Thanks!", "You're welcome!"),
    ("Who are you?", "I'm nano, the small model bundled with dsagent."),
)


def newcomer(mode: str) -> list[Case]:
    """All of it, asked in one of the modes."""
    made = [_call(mode, *entry) for entry in CALLS]
    made += [_result(mode, *entry) for entry in RESULTS]
    made += [_answer(mode, *entry) for entry in ANSWERS]
    made += [_talk(mode, *entry) for entry in TALK]
    return made


def _system(tools: Sequence[Function]) -> Message:
    specs = [tool.spec.as_openai() for tool in toolbox(tools).values()]
    return {"role": "system", "content": "", "tools": specs}


def _user(text: str) -> Message:
    return {"role": "user", "content": text}


def _call(
    mode: str, tools: Sequence[Function], text: str, calls: Sequence[Call]
) -> Case:
    return _case(mode, "calls", (_system(tools), _user(text)), turn_of("", calls))


def _result(
    mode: str,
    tools: Sequence[Function],
    text: str,
    call: Call,
    result: str,
    values: tuple[str, ...],
) -> Case:
    messages: tuple[Message, ...] = (
        _system(tools),
        _user(text),
        turn_of("", [call]),
        {"role": "tool", "tool_call_id": "call_1", "content": result},
    )
    return _case(mode, "value", messages, turn_of(", ".join(values)), values)


def _answer(
    mode: str, text: str, values: tuple[str, ...], others: tuple[str, ...]
) -> Case:
    asked = _user(with_documents(text, [VELMORA]))
    return _case(mode, "value", (asked,), turn_of(values[0]), values, others)


def _talk(mode: str, text: str, answer: str) -> Case:
    return _case(mode, "exact", (_user(text),), turn_of(answer))


def _case(
    mode: str,
    manner: Manner,
    messages: tuple[Message, ...],
    expected: Message,
    values: tuple[str, ...] = (),
    others: tuple[str, ...] = (),
) -> Case:
    thinking, effort = MODES[mode]
    row = f"newcomer {mode}"
    return Case(row, messages, manner, thinking, effort, expected, values, others)
