"""The guide: every snippet runs, and prints what the page says it prints.

The Python blocks of a page run in order and share their names. A ``text`` block right
behind one is what that block prints, or the exception that it ends with. A comment that
no reader sees, ``<!-- setup ... -->``, holds code that runs in between.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from mypy import api

from dsagent.testing import ScriptedModel
from tests import snippets

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parent.parent
GUIDE: Final = ROOT / "docs" / "guide"
INDEX: Final = GUIDE / "README.md"
PAGES: Final = sorted(set(GUIDE.glob("*.md")) - {INDEX})

_PIECE: Final = re.compile(
    r"^<!-- setup\n(?P<setup>.*?)^-->$"
    r"|^```python\n(?P<code>.*?)^```$(?:\n+```text\n(?P<output>.*?)^```$)?"
    r"|^```(?P<other>\w*)\n.*?^```$"
    r"|```|<!--",
    re.MULTILINE | re.DOTALL,
)
_LANGUAGES: Final = ("", "sh", "json")
"""Of blocks that aren't run."""


@dataclass(frozen=True)
class Block:
    """A piece of code of a page."""

    source: str
    line: int
    shown: str = ""
    """What the page says it prints."""


def blocks(page: str) -> Iterator[Block]:
    """The code of a page, that which no reader sees included."""
    for piece in _PIECE.finditer(page):
        kind = "setup" if piece["setup"] is not None else "code"
        if piece[kind] is not None:
            line = page.count("\n", 0, piece.start(kind)) + 1
            yield Block(piece[kind], line, piece["output"] or "")
        else:
            assert piece["other"] in _LANGUAGES, f"nobody checks {piece[0]!r}"


def _text(path: Path) -> str:
    return path.read_text("utf-8")


async def _play(name: str, page: str) -> None:
    """Run a page, and hold that it prints what it shows."""
    with snippets.module(f"guide_{Path(name).stem}") as names:
        for block in blocks(page):
            before = names.get("model")
            printed = await _outcome(block, names, name)
            assert snippets.shows(block.shown, printed), (
                f"{name}, line {block.line} prints\n{printed}"
            )
            if names.get("model") is not before:
                _over(before)
        _over(names.get("model"))


async def _outcome(block: Block, names: dict[str, object], name: str) -> str:
    try:
        return await snippets.run(block.source, names, filename=name, line=block.line)
    except Exception as error:
        if not block.shown.startswith(type(error).__name__):
            raise
        return f"{type(error).__name__}: {error}"


def _over(model: object) -> None:
    """A page shows all of what its model was told to say."""
    if isinstance(model, ScriptedModel):
        model.assert_done()


@pytest.mark.usefixtures("nano_weights")
@pytest.mark.parametrize("path", [INDEX, *PAGES], ids=lambda path: path.stem)
async def test_a_page_does_what_it_says(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await _play(path.name, _text(path))


def test_the_pages_are_typed(tmp_path: Path) -> None:
    """mypy finds nothing in what a reader copies, a page to a function. A name may
    change its type from block to block."""
    for path in [INDEX, *PAGES]:
        code = "".join(block.source for block in blocks(_text(path)))
        page = f"async def page() -> None:\n{textwrap.indent(code, '    ')}"
        (tmp_path / f"guide_{path.stem.lower()}.py").write_text(page, "utf-8")
    flags = ("--strict", "--allow-redefinition-new", "--local-partial-types")
    cache = f"--cache-dir={tmp_path / 'cache'}"
    said, errors, _ = api.run([*flags, cache, "--no-error-summary", str(tmp_path)])
    assert (said, errors) == ("", "")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_is_short_and_listed(path: Path) -> None:
    shown = re.sub(r"^<!--.*?-->$", "", _text(path), flags=re.MULTILINE | re.DOTALL)
    assert len(shown.splitlines()) <= 200
    assert f"]({path.name})" in _text(INDEX)


@pytest.mark.parametrize("path", [ROOT / "README.md", *GUIDE.glob("*.md")])
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", _text(path)):
        assert (path.parent / link).exists(), link


PAGE: Final = """
<!-- setup
hidden = 1
-->

```python
print(hidden)
```

```text
1
```

```python
async with __import__("contextlib").nullcontext() as nothing:
    raise ValueError("no")
```

```text
ValueError: no
```
"""


async def test_a_page_of_every_kind_of_block() -> None:
    assert [block.line for block in blocks(PAGE)] == [3, 7, 15]
    await _play("page.md", PAGE)


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("```text\n1\n", "```text\n2\n"),  # another output than is shown
        ("```text\n1\n```\n", ""),  # an output that isn't shown
        ("ValueError: no", "ValueError: yes"),
        ("print(hidden)", "hidden"),  # an output that never comes
    ],
)
async def test_a_page_that_is_wrong_is_found_out(said: str, instead: str) -> None:
    assert said in PAGE
    with pytest.raises(AssertionError, match=r"page\.md, line"):
        await _play("page.md", PAGE.replace(said, instead))


async def test_an_error_that_isn_t_shown_is_raised() -> None:
    page = PAGE.replace("ValueError: no\n", "KeyError: no\n")
    with pytest.raises(ValueError, match="no"):
        await _play("page.md", page)


@pytest.mark.parametrize(
    "block",
    [
        "```py\n1 / 0\n```\n",
        "```text\n2\n```\n",
        "```python\n1 / 0\n",
        "<!-- setpu\n-->",
    ],
)
def test_a_block_that_nobody_runs_is_found_out(block: str) -> None:
    with pytest.raises(AssertionError, match="nobody checks"):
        list(blocks(block))
