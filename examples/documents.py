"""Documents: ask about a text, and be told when it doesn't hold the answer.

``Document.read(path)`` makes one of a text file; here it is made of a string. Several
questions run together: the model takes them up as one batch.
"""

import anyio

from dsagent import Document, Model

LETTER = Document(
    "letter.txt",
    "The ferry leaves at 9:40. Tickets for the ferry cost 12 euros. "
    "The mayor of Ellsby is Oscar Lind. Nora Lind lives in Bergen.",
)
QUESTIONS = ["Who is the mayor of Ellsby?", "How much are tickets for the ferry?"]


async def main() -> None:
    answers: dict[str, str] = {}
    async with Model.load() as model:

        async def ask(question: str) -> None:
            reply = await model.chat(question, documents=[LETTER])
            answers[question] = reply.text

        async with anyio.create_task_group() as group:
            for question in QUESTIONS:
                group.start_soon(ask, question)
    for question in QUESTIONS:
        print(f"> {question}\n{answers[question]}")


if __name__ == "__main__":
    anyio.run(main)
