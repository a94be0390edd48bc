"""What nano makes of calls that fail, in dsagent's own words."""

from __future__ import annotations

import pytest

from dsagent import Model, Sampling, tool

GREEDY = Sampling(temperature=0.0)


@tool(approval=True)
def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"sunny in {city}"


@tool
def convert_currency(amount: float, source: str, target: str) -> float:
    """Convert an amount of money."""
    raise LookupError("the bank is closed")


@pytest.mark.parametrize("decision", [False, "the satellite is being repaired"])
async def test_a_denied_call_is_not_told_as_a_fact(
    decision: bool | str, nano: Model
) -> None:
    reply = await nano.chat(
        "What is the weather in Oslo?",
        tools=[get_weather],
        approve=lambda call: decision,
        sampling=GREEDY,
        thinking="off",
    )
    assert [call.name for call in reply.calls] == ["get_weather"]
    assert "denied" in reply.text
    assert "weather" not in reply.text
    assert not isinstance(decision, str) or decision in reply.text


async def test_what_a_tool_raised_is_told(nano: Model) -> None:
    reply = await nano.chat(
        "Convert 50 USD to EUR.",
        tools=[convert_currency],
        sampling=GREEDY,
        thinking="off",
    )
    assert [call.name for call in reply.calls] == ["convert_currency"]
    assert "failed" in reply.text
    assert "the bank is closed" in reply.text
