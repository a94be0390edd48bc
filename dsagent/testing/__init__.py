"""Testing what is built on dsagent: a model that follows a script, and recordings.

Neither takes weights or a network, and both run the real encoder, grammar, parser and
loop, so what passes here is what a model could have done::

    from dsagent.testing import ScriptedModel, call, say, think

    async def test_the_weather_is_looked_up():
        model = ScriptedModel([
            think("Look it up.") + call("weather", city="Oslo"),
            "Sunny in Oslo.",
        ])
        reply = await model.chat("How is Oslo?", tools=[weather])
        assert reply.text == "Sunny in Oslo."
        model.assert_done()

``record`` and ``replay`` do the same with what a real model once said.
"""

from dsagent.testing.model import ScriptedModel
from dsagent.testing.recording import ReplayedModel, record, replay
from dsagent.testing.script import Asked, Step, call, say, think

__all__ = [
    "Asked",
    "ReplayedModel",
    "ScriptedModel",
    "Step",
    "call",
    "record",
    "replay",
    "say",
    "think",
]
