"""DeepSeek-V4 inside a Python process: an async engine and a typed agent API.

::

    from dsagent import Model, tool

    @tool
    def weather(city: str) -> str:
        \"\"\"Current weather of a city.\"\"\"
        return f"Sunny in {city}, 21 degrees."

    async with Model.load() as model:
        reply = await model.chat("What is the weather in Oslo?", tools=[weather])
        print(reply.text)

Names are loaded when they are first used: importing dsagent imports neither torch nor
anything else of weight.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsagent.chat import Chat
    from dsagent.documents import Document
    from dsagent.errors import (
        Closed,
        ContextOverflow,
        DefinitionError,
        DocumentError,
        DSAgentError,
        EngineError,
        InvalidMessages,
        LimitReached,
        LoadError,
        NoOutput,
        RunError,
        Unsupported,
    )
    from dsagent.events import (
        Event,
        PartialOutput,
        RunFinished,
        TextDelta,
        ThinkingDelta,
        ToolCallReady,
        ToolFinished,
    )
    from dsagent.messages import (
        Assistant,
        Message,
        System,
        Text,
        Thinking,
        ToolCall,
        ToolResult,
        User,
    )
    from dsagent.model import Model
    from dsagent.options import Limits, Sampling
    from dsagent.prefix import Prefix
    from dsagent.reply import Reply, Usage
    from dsagent.tools import Context, Retry, Tool, ToolError, tool

__version__ = "0.1.0"

__all__ = [
    "Assistant",
    "Chat",
    "Closed",
    "Context",
    "ContextOverflow",
    "DSAgentError",
    "DefinitionError",
    "Document",
    "DocumentError",
    "EngineError",
    "Event",
    "InvalidMessages",
    "LimitReached",
    "Limits",
    "LoadError",
    "Message",
    "Model",
    "NoOutput",
    "PartialOutput",
    "Prefix",
    "Reply",
    "Retry",
    "RunError",
    "RunFinished",
    "Sampling",
    "System",
    "Text",
    "TextDelta",
    "Thinking",
    "ThinkingDelta",
    "Tool",
    "ToolCall",
    "ToolCallReady",
    "ToolError",
    "ToolFinished",
    "ToolResult",
    "Unsupported",
    "Usage",
    "User",
    "tool",
]

_MODULES = {
    "chat": ("Chat",),
    "documents": ("Document",),
    "errors": (
        "Closed",
        "ContextOverflow",
        "DSAgentError",
        "DefinitionError",
        "DocumentError",
        "EngineError",
        "InvalidMessages",
        "LimitReached",
        "LoadError",
        "NoOutput",
        "RunError",
        "Unsupported",
    ),
    "events": (
        "Event",
        "PartialOutput",
        "RunFinished",
        "TextDelta",
        "ThinkingDelta",
        "ToolCallReady",
        "ToolFinished",
    ),
    "messages": (
        "Assistant",
        "Message",
        "System",
        "Text",
        "Thinking",
        "ToolCall",
        "ToolResult",
        "User",
    ),
    "model": ("Model",),
    "options": ("Limits", "Sampling"),
    "prefix": ("Prefix",),
    "reply": ("Reply", "Usage"),
    "tools": ("Context", "Retry", "Tool", "ToolError", "tool"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    try:
        module = import_module(f"dsagent.{_HOME[name]}")
    except KeyError:
        msg = f"module 'dsagent' has no attribute {name!r}"
        raise AttributeError(msg) from None
    value: object = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
