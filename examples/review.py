"""All in one: a document, a typed answer in a stream, tools, an approval, a saved chat.

The chat is saved with a call waiting in it; whoever loads it, a week later, decides.
"""

from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Annotated

import anyio
from pydantic import Field

from dsagent import Document, Model, PartialOutput, ToolFinished, tool
from dsagent.approvals import pending

LETTER = Document("letter.txt", "The mayor is Oscar Lind.\nThe ferry costs 12 euros.\n")


@dataclass
class Finding:
    answer: Annotated[str, Field(max_length=40)]


@tool
def search(word: str) -> list[str]:
    """Find the lines of the letter that have a word in them."""
    return [line for line in LETTER.text.splitlines() if word in line]


@tool(approval=True)
def keep(line: Annotated[str, Field(max_length=40)]) -> str:
    """Keep a line in the notes."""
    return f"kept: {line}"


async def main(path: str) -> None:
    async with Model.load() as model:
        chat = model.open_chat(documents=[LETTER], tools=[search, keep], thinking="off")
        async with chat.stream("Who is the mayor?", output=Finding) as stream:
            async for event in stream:
                match event:
                    case PartialOutput(value):
                        print(value)
                    case ToolFinished(call, result):
                        print(f"{call.name}: {result.text}")
        print(stream.reply.output if stream.reply.stop == "done" else "no answer")
        reply = await chat.send("Keep that.", tool_choice=keep)
        print(f"{reply.stop}: {[call.arguments for call in reply.pending]}")
        chat.save(path)
        chat = model.load_chat(path, tools=[search, keep])
        waiting = pending(chat.messages)
        decisions = {call.id: "Lind" in call.arguments for call in waiting}
        reply = await chat.resume(decisions=decisions)
        print(f"{list(decisions.values())}: {reply.text or reply.stop}")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        anyio.run(main, f"{folder}/chat.json")
