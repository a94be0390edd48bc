"""Tools: typed Python functions that the model calls when it needs them.

The signature is the schema, the docstring is the description. Async functions run on
the event loop, others in a thread; both still are ordinary functions.
"""

import anyio

from dsagent import Model, tool


@tool
def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"sunny in {city}, 21 degrees"


@tool
async def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


async def main() -> None:
    async with Model.load() as model:
        for question in ["What is the weather in Oslo?", "What is 17 plus 25?"]:
            reply = await model.chat(question, tools=[get_weather, add], thinking="off")
            print(f"> {question}")
            for call in reply.calls:
                print(f"  {call.name}({call.arguments})")
            print(reply.text)


if __name__ == "__main__":
    anyio.run(main)
