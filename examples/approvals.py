"""Approvals: a call that waits until somebody says yes.

The run ends when a call has to be approved. Its messages are all there is to keep: they
can be stored, shown to somebody, and gone on with in another process.
"""

import anyio

from dsagent import Model, tool
from dsagent.approvals import pending
from dsagent.messages import messages_from_json, messages_to_json


@tool(approval=True)
def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"sunny in {city}, 21 degrees"


async def main() -> None:
    async with Model.load() as model:
        question = "What is the weather in Oslo?"
        asked = await model.chat(question, tools=[get_weather], thinking="off")
        stored = messages_to_json(asked.messages)
        print(f"> {question}  ({asked.stop})")

        messages = messages_from_json(stored)
        for answer in (True, "the satellite is being repaired"):
            decisions = {}
            for call in pending(messages):
                print(f"  {call.name}({call.arguments})? {answer}")
                decisions[call.id] = answer
            reply = await model.chat(
                messages, tools=[get_weather], thinking="off", decisions=decisions
            )
            print(reply.text)


if __name__ == "__main__":
    anyio.run(main)
