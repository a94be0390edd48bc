"""A conversation: ask, read the answer as it is written, ask again.

The conversation is the list of messages. Whatever came back goes into the next prompt,
followed by what the user says next.
"""

import anyio

from dsagent import Message, Model, TextDelta, User

QUESTIONS = ["Hello!", "What can you do?"]


async def main() -> None:
    async with Model.load() as model:
        messages: tuple[Message, ...] = ()
        for question in QUESTIONS:
            print(f"> {question}")
            prompt = [*messages, User(question)]
            async with model.stream(prompt, thinking="off") as stream:
                async for event in stream:
                    match event:
                        case TextDelta(text):
                            print(text, end="", flush=True)
            print()
            messages = stream.reply.messages


if __name__ == "__main__":
    anyio.run(main)
