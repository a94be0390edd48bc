"""Importing: what it costs, what is public, and which way imports may point."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import dsagent

PACKAGE = Path(dsagent.__file__).parent

MAY_IMPORT = {
    "errors": (),
    "encoding": ("encoding", "errors"),
    "tools": ("tools", "encoding", "errors"),
    "kernels": ("kernels", "errors"),
    "engine": ("engine", "kernels", "errors"),
}
"""The layers, and the parts of dsagent each may import at run time."""


def _modules(part: str) -> list[Path]:
    folder = PACKAGE / part
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{part}.py"]


def imports(source: str) -> set[str]:
    """Every module a source imports at run time, wherever in it.

    What is only imported for the type checker is no dependency.
    """
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=orelse):
                for statement in orelse:
                    visit(statement)
                return
            case ast.Import(names=names):
                found.update(alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                found.add(module)
                found.update(f"{module}.{alias.name}" for alias in names)
            case ast.ImportFrom(level=level) if level:
                found.add("dsagent.relative")
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(source))
    return found


def test_the_reader_of_imports_reads_them() -> None:
    source = """
import torch.nn
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import hidden
else:
    import shown
def f():
    from dsagent import engine
from .near import x
"""
    found = imports(source)
    assert {"torch.nn", "shown", "dsagent.engine", "dsagent.relative"} <= found
    assert "hidden" not in found


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_imports_point_down(part: str) -> None:
    allowed = {f"dsagent.{name}" for name in MAY_IMPORT[part]}
    modules = _modules(part)
    assert modules
    for path in modules:
        for name in imports(path.read_text("utf-8")):
            if name.split(".")[0] != "dsagent" or name == "dsagent":
                continue
            layer = ".".join(name.split(".")[:2])
            assert layer in allowed, f"{path.relative_to(PACKAGE)} imports {name}"


@pytest.mark.parametrize("part", ["errors", "encoding", "tools"])
def test_no_torch_above_the_engine(part: str) -> None:
    for path in _modules(part):
        names = {name.split(".")[0] for name in imports(path.read_text("utf-8"))}
        assert "torch" not in names, path


def test_errors_import_nothing() -> None:
    source = (PACKAGE / "errors.py").read_text("utf-8")
    assert {name.split(".")[0] for name in imports(source)} == {"__future__", "typing"}


def test_every_public_name_is_there_and_they_fit_a_page() -> None:
    assert dsagent.__all__ == sorted(dsagent.__all__)
    assert len(dsagent.__all__) <= 40
    assert set(dsagent._HOME) == set(dsagent.__all__)
    for name in dsagent.__all__:
        assert getattr(dsagent, name) is not None
    assert set(dsagent.__all__) <= set(dir(dsagent))
    with pytest.raises(AttributeError, match="no attribute 'Modell'"):
        _ = dsagent.Modell


def test_lazy_names_are_those_the_type_checker_sees() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {name: f"dsagent.{home}" for name, home in dsagent._HOME.items()}


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return done.stdout


def test_import_is_free() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); import dsagent; "
        "print(time.perf_counter() - start, *sys.modules)"
    )
    runs = [_python(code).split() for _ in range(3)]
    heavy = {"torch", "numpy", "pydantic", "tokenizers", "transformers", "anyio"}
    heavy |= {"mcp", "opentelemetry", "rich", "tqdm"}
    assert not heavy & set(runs[0][1:])
    assert statistics.median(float(run[0]) for run in runs) < 0.150


def test_everything_but_loading_is_free_of_torch_and_of_extras() -> None:
    code = (
        "import sys, dsagent; [getattr(dsagent, n) for n in dsagent.__all__]; "
        "import dsagent.demo, dsagent.sync, dsagent.testing, dsagent.tools.mcp; "
        "import dsagent.cli.ask, dsagent.cli.chat, dsagent.cli.inspect; "
        "print(*{'torch', 'mcp', 'opentelemetry', 'rich', 'tqdm'} & set(sys.modules))"
    )
    assert _python(code).strip() == ""


def test_the_version_is_the_package_s() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", dsagent.__version__)
