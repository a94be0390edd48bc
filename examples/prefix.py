"""A prefix: a document is read once, many questions are asked, and it is kept on disk.

Run it with a folder and run it again: the second time the document comes from there.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from dsagent import Document, Model
from dsagent.progress import Bar

LETTER = Document(
    "letter.txt",
    "The ferry leaves at 9:40. Tickets for the ferry cost 12 euros. "
    "The mayor of Ellsby is Oscar Lind. Nora Lind lives in Bergen.",
)
QUESTIONS = ["Who is the mayor of Ellsby?", "How much are tickets for the ferry?"]


async def main(folder: Path) -> None:
    async with Model.load() as model:
        with Bar("reading", unit="tokens") as bar:
            prefix = await model.prefix(documents=[LETTER], folder=folder, progress=bar)
        async with prefix:
            print(f"{prefix.tokens} tokens, {prefix.source}")
            if prefix.source == "computed":
                await prefix.save(folder)

            # Any number of questions; eight at a time unless it is told otherwise.
            async with prefix.map(QUESTIONS) as replies:
                for question in QUESTIONS:
                    reply = await anext(replies)
                    print(f"> {question}\n{reply.text}")
                    print(f"({reply.usage.cached_tokens} tokens were read before)")


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        anyio.run(main, Path(*sys.argv[1:2] or [temporary]))
