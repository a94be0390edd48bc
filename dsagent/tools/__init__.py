"""Tools: Python functions the model can call, and how a call is run.

``function`` makes them, ``schema`` says what they accept (``validation`` whether a
value fits), ``run`` runs them and ``result`` turns what they return into text. Nothing
here knows the engine.
"""

from dsagent.tools.context import Context, Report
from dsagent.tools.function import (
    AnyTool,
    Tool,
    ToolLike,
    ToolOptions,
    tool,
    toolbox,
)
from dsagent.tools.run import Call, Retry, ToolError, ToolOutcome, run_call
from dsagent.tools.schema import InvalidArguments
from dsagent.tools.toolset import Toolset
from dsagent.tools.validation import Problem

__all__ = [
    "AnyTool",
    "Call",
    "Context",
    "InvalidArguments",
    "Problem",
    "Report",
    "Retry",
    "Tool",
    "ToolError",
    "ToolLike",
    "ToolOptions",
    "ToolOutcome",
    "Toolset",
    "run_call",
    "tool",
    "toolbox",
]
