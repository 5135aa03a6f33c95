"""Every example in a docstring runs, and gives what it says."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {ROOT / "compiler" / "graphflow_compiler": ROOT / "compiler", ROOT / "graphflow": ROOT}


def modules() -> Iterator[str]:
    for folder, root in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            if path.name != "__main__.py":
                yield ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


class Finder(doctest.DocTestFinder):
    """Finds what is written in a module, also where it goes by a public name."""

    def __init__(self, module: ModuleType) -> None:
        super().__init__(exclude_empty=True)
        tree = ast.parse(inspect.getsource(module))
        kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        self._written = {node.name for node in tree.body if isinstance(node, kinds)}

    def _from_module(self, module: ModuleType | None, object: Any) -> bool:
        if module is not None and inspect.isclass(object) and "." not in object.__qualname__:
            return object.__name__ in self._written
        if module is not None and inspect.isfunction(object):
            return object.__globals__ is vars(module)
        return bool(super()._from_module(module, object))  # type: ignore[misc]


def found(name: str) -> list[doctest.DocTest]:
    module = importlib.import_module(name)
    return Finder(module).find(module, name)


@pytest.mark.parametrize("name", list(modules()))
def test_examples_in_docstrings(name: str) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for example in found(name):
        report: list[str] = []
        runner.run(example, out=report.append)
        assert not report, "".join(report)


def test_there_are_examples() -> None:
    count = {name: sum(len(test.examples) for test in found(name)) for name in modules()}
    assert count["graphflow_compiler.types.relate"] > 3
    assert count["graphflow_compiler.dag"] > 3
    assert count["graphflow.components.prompt"] > 0
    assert sum(count.values()) > 80
