"""A conversation: ask, read the answer as it is written, ask again; save it, go on.

A chat keeps what was said, and what came back joins it by itself, however the run
ended: an answer that was cut off is gone on with by ``chat.resume()``.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from dsagent import Limits, Model, TextDelta


async def main(folder: Path) -> None:
    async with Model.load() as model:
        chat = model.open_chat(thinking="off")
        print("> Hello!")
        async with chat.stream("Hello!") as stream:
            async for event in stream:
                match event:
                    case TextDelta(text):
                        print(text, end="", flush=True)
        print()

        print("> What can you do?")
        reply = await chat.send("What can you do?", limits=Limits(output_tokens=4))
        print(f"{reply.text} ... ({reply.stop})")

        chat.save(folder / "chat.json")
        chat = model.load_chat(folder / "chat.json")
        reply = await chat.resume()
        print(reply.text)
        print(f"{chat.usage.output_tokens} tokens in {len(chat.messages)} messages")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        anyio.run(main, Path(folder))
