"""Typed answers: ask for a Python type, and the answer is one.

The type is shown to the model, held by the grammar while it writes, and validated. Any
type will do that pydantic can build; the answer is in `reply.output`, and its parts can
be seen while they are written.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import anyio
from pydantic import Field

from dsagent import Model, PartialOutput

LETTER = "Thank you for the tea! It came in two days. I will order it again."


@dataclass
class Review:
    mood: Literal["happy", "neutral", "angry"]
    stars: Annotated[int, Field(ge=1, le=5)]
    orders_again: bool


async def main() -> None:
    async with Model.load() as model:
        async with model.stream(LETTER, output=Review, thinking="off") as stream:
            async for event in stream:
                match event:
                    case PartialOutput(value):
                        print(value)
        review = stream.reply.output
        print(f"{review.mood}, {'*' * review.stars}")


if __name__ == "__main__":
    anyio.run(main)
