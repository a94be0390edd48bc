"""The examples and the README: each runs on nano, as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

EXPECTED = {
    "approvals": ["(approval)", 'get_weather({"city": "Oslo"})? True', "sunny"],
    "chat": ["> Hello!", "> What can you do?", "... (length)", "in 4 messages"],
    "documents": ["Oscar Lind", "12 euros"],
    "output": ["{'mood': '", "'orders_again': ", ", *"],
    "prefix": [" tokens, computed", "tokens were read before)", "euros"],
    "review": ["{'answer': '", 'approval: [\'{"line": ', "e]: "],
    "tools": ['get_weather({"city": "Oslo"})', "sunny", "add({", "42"],
}
"""What each example must print."""


def _run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        # This tree's package, whichever is installed.
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_example_is_tried() -> None:
    assert [path.stem for path in EXAMPLES] == sorted(EXPECTED)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_one_idea(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) < 60
    assert text.startswith('"""')


@pytest.mark.usefixtures("nano_weights")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path: Path) -> None:
    printed = _run(str(path))
    for words in EXPECTED[path.stem]:
        assert words in printed


def _readme_blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.usefixtures("nano_weights")
def test_the_readme_example_prints_what_the_readme_says() -> None:
    code, *_ = _readme_blocks("python")
    output, *_ = _readme_blocks("text")
    assert len(code.strip().splitlines()) <= 20
    assert _run("-c", code).strip() == output.strip()
