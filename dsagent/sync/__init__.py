"""dsagent without ``await``: the same names, blocking.

::

    from dsagent import tool
    from dsagent.sync import Model

    with Model.load() as model:
        print(model.chat("What is the weather in Oslo?", tools=[weather]).text)
        chat = model.open_chat(tools=[weather])
        with chat.stream("And in Rome?") as stream:
            for event in stream:
                ...

Everything else (messages, tools, limits, errors) is imported from ``dsagent``. The runs
live on an event loop of dsagent's own, in one thread that is started at the first call
and ended with the interpreter. So this works in a script, in any number of threads, in
a notebook, and in a function that is called by a running event loop, which it then
blocks. What interrupts a call, such as Ctrl-C, cancels what the call waited for.
"""

from dsagent.sync.chat import Chat
from dsagent.sync.model import Model
from dsagent.sync.prefix import Prefix
from dsagent.sync.stream import RunStream
from dsagent.sync.tools import mcp_tools

__all__ = ["Chat", "Model", "Prefix", "RunStream", "mcp_tools"]
