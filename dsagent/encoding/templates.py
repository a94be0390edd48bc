"""The fixed texts of the prompt, exactly as the model was trained on them.

What must stay true: these are data, not prose. Their digests are pinned by a test; a
changed space is a prompt that the model has not seen. Markers in them are control
tokens, so they are cut into pieces once, here.
"""

from __future__ import annotations

from typing import Final, Literal

from dsagent.encoding.pieces import template

Profile = Literal["preview", "0731"]
"""Which generation of the weights: they name reasoning efforts differently."""

TOOLS_BEFORE_TEXT: Final = """\
## Tools

You have access to a set of tools to help answer the user's question. You can invoke \
tools by writing a "<｜DSML｜tool_calls>" block like the following:

<｜DSML｜tool_calls>
<｜DSML｜invoke name="$TOOL_NAME">
<｜DSML｜parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE\
</｜DSML｜parameter>
...
</｜DSML｜invoke>
<｜DSML｜invoke name="$TOOL_NAME2">
...
</｜DSML｜invoke>
</｜DSML｜tool_calls>

String parameters should be specified as is and set `string="true"`. For all other \
types (numbers, booleans, arrays, objects), pass the value in JSON format and set \
`string="false"`.

If thinking_mode is enabled (triggered by <think>), you MUST output your complete \
reasoning inside <think>...</think> BEFORE any tool calls or final response.

Otherwise, output directly after </think> with tool calls or final response.

### Available Tool Schemas

"""

TOOLS_AFTER_TEXT: Final = """

You MUST strictly follow the above defined tool name and parameter schemas to invoke \
tool calls.
"""

RESPONSE_FORMAT_TEXT: Final = """\
## Response Format:

You MUST strictly adhere to the following schema to reply:
"""

EFFORT_ABSOLUTE: Final = """\
Reasoning Effort: Absolute maximum with no shortcuts permitted.
You MUST be very thorough in your thinking and comprehensively decompose the problem \
to resolve the root cause, rigorously stress-testing your logic against all potential \
paths, edge cases, and adversarial scenarios.
Explicitly write out your entire deliberation process, documenting every intermediate \
step, considered alternative, and rejected hypothesis to ensure absolutely no \
assumption is left unchecked.

"""

EFFORT_BEYOND: Final = """\
Reasoning Effort: Beyond maximum — exhaustive, relentless, and uncompromising.
You MUST reason with the utmost depth and rigor, leaving absolutely nothing to chance: \
exhaustively decompose the problem into its most fundamental components, trace every \
causal chain to its root, and resolve the underlying cause rather than any surface \
symptom.
Do not stop reasoning until you have independently verified the solution from multiple \
angles and are certain that no assumption remains unchecked and no error remains \
undiscovered.

"""

EFFORTS: Final[dict[Profile, dict[str | None, str]]] = {
    "preview": {None: "", "high": "", "max": EFFORT_ABSOLUTE},
    "0731": {
        None: "",
        "low": "",
        "high": EFFORT_ABSOLUTE,
        "max": EFFORT_BEYOND,
    },
}
"""Profile, then requested effort, to the text that opens a thinking prompt."""

TOOLS_BEFORE: Final = template(TOOLS_BEFORE_TEXT)
CALLS_OPEN: Final = template("\n\n<｜DSML｜tool_calls>\n")
CALLS_CLOSE: Final = template("\n</｜DSML｜tool_calls>")
INVOKE_OPEN: Final = template('<｜DSML｜invoke name="')
INVOKE_CLOSE: Final = template("\n</｜DSML｜invoke>")
PARAMETER_OPEN: Final = template('<｜DSML｜parameter name="')
PARAMETER_CLOSE: Final = template("</｜DSML｜parameter>")
