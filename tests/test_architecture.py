"""Which way data flows, read from the imports: the compiler never sees a chain, the runtime never sees a graph."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parents[1]
ROOTS = {"graphflow_compiler": ROOT / "compiler" / "graphflow_compiler", "graphflow": ROOT / "graphflow"}


@attrs.frozen
class Import:
    """One imported name.

    Attributes:
        importer: the module that imports.
        module: what it imports, or imports from.
        name: what it imports from there; "" if the module itself.
        for_types: it is imported for type checkers only.
        line: where.
    """

    importer: str
    module: str
    name: str
    for_types: bool
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.module}{self.name and '.'}{self.name}"

    def is_of(self, *modules: str) -> bool:
        """Tell whether it imports one of these modules, or from it, or from inside."""
        return any(
            one == module or one.startswith(f"{module}.")
            for one in (self.module, f"{self.module}.{self.name}")
            for module in modules
        )


def module_of(path: Path) -> str:
    package = next(name for name, folder in ROOTS.items() if path.is_relative_to(folder))
    parts = path.relative_to(ROOTS[package]).with_suffix("").parts
    return ".".join([package, *(part for part in parts if part != "__init__")])


def imports_of(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    importer = module_of(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(importer, one.name, "", id(node) in for_types, node.lineno) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{importer}:{node.lineno} imports relatively"
            assert node.module is not None
            for one in node.names:
                yield Import(importer, node.module, one.name, id(node) in for_types, node.lineno)


IMPORTS = [one for folder in ROOTS.values() for path in sorted(folder.rglob("*.py")) for one in imports_of(path)]
RUNNING = [one for one in IMPORTS if not one.for_types]


def of(*packages: str) -> list[Import]:
    return [one for one in IMPORTS if any(f"{one.importer}.".startswith(f"{package}.") for package in packages)]


def test_there_is_something_to_read() -> None:
    assert len({one.importer for one in IMPORTS}) > 50


def test_the_compiler_knows_neither_graphflow_nor_trio() -> None:
    assert not [str(one) for one in of("graphflow_compiler") if one.is_of("graphflow", "trio")]


def test_the_compiler_needs_attrs_and_networkx_and_the_standard_library_only() -> None:
    known = {*sys.stdlib_module_names, "attrs", "networkx", "graphflow_compiler"}
    assert not [str(one) for one in of("graphflow_compiler") if one.module.partition(".")[0] not in known]


def test_only_dag_imports_networkx() -> None:
    importers = {one.importer for one in IMPORTS if one.is_of("networkx")}
    assert importers == {"graphflow_compiler.dag"}


def test_no_pass_imports_another() -> None:
    passes = "graphflow_compiler.passes"
    assert not [str(one) for one in of(passes) if one.is_of(passes)]


def test_passes_see_nothing_that_comes_after_them() -> None:
    later = ("graphflow_compiler.pipeline", "graphflow_compiler.verify", "graphflow_compiler.render")
    assert not [str(one) for one in of("graphflow_compiler.passes") if one.is_of(*later)]


def test_only_the_pipeline_knows_the_passes() -> None:
    importers = {one.importer for one in IMPORTS if one.is_of("graphflow_compiler.passes")}
    assert importers == {"graphflow_compiler.pipeline"}


def test_types_know_nothing_of_the_compiler() -> None:
    inside = [one for one in of("graphflow_compiler.types") if one.is_of("graphflow_compiler")]
    assert not [str(one) for one in inside if not one.is_of("graphflow_compiler.types")]


def test_the_runtime_knows_plans_and_no_declarations() -> None:
    declaring = ("graphflow.chain", "graphflow.declare", "graphflow.lower", "graphflow.fan", "graphflow.handles")
    of_compiler = ("graphflow_compiler.pipeline", "graphflow_compiler.passes", "graphflow_compiler.ir.Graph")
    wrong = [one for one in of("graphflow.runtime") if one.is_of(*declaring, *of_compiler)]
    assert not [str(one) for one in wrong]


def test_of_declarations_the_runtime_knows_only_how_to_tell_one() -> None:
    names = {one.name for one in of("graphflow.runtime") if one.is_of("graphflow.declaration")}
    assert names <= {"Declared"}


def test_declaring_knows_no_runtime_and_no_compiler_but_its_data() -> None:
    declaring = ("graphflow.declaration", "graphflow.declare", "graphflow.lower", "graphflow.fan", "graphflow.handles")
    data = ("accumulate", "errors", "ir", "types")
    known = tuple(f"graphflow_compiler.{module}" for module in data)
    of_compiler = [one for one in of(*declaring) if one.is_of("graphflow_compiler")]
    assert not [str(one) for one in of_compiler if not one.is_of(*known)]
    assert not [str(one) for one in of(*declaring) if one.is_of("graphflow.runtime", "graphflow.program", "trio")]


def test_json_streams_stand_by_themselves() -> None:
    inside = [one for one in of("graphflow.jsonstream") if one.is_of("graphflow", "graphflow_compiler", "trio")]
    assert not [
        str(one) for one in inside if not one.is_of("graphflow.jsonstream", "graphflow.errors", "graphflow.public")
    ]


def test_components_and_providers_know_no_program() -> None:
    wrong = [one for one in of("graphflow.components", "graphflow.providers") if one.is_of("graphflow.program")]
    assert not [str(one) for one in wrong]


def test_the_mypy_plugin_stands_by_itself() -> None:
    importers = {one.importer for one in IMPORTS if one.is_of("mypy", "graphflow.mypy")}
    assert all(f"{importer}.".startswith("graphflow.mypy.") for importer in importers)


def test_nothing_needs_pytest_but_its_plugin_which_stands_by_itself() -> None:
    importers = {one.importer for one in IMPORTS if one.is_of("pytest", "graphflow.pytest_plugin")}
    assert importers == {"graphflow.pytest_plugin"}


def test_nothing_is_imported_in_a_circle() -> None:
    """Imports that run at the head of a module have an order: modules could be imported one after another."""
    files = {module_of(path): path for folder in ROOTS.values() for path in folder.rglob("*.py")}
    heads: dict[str, set[str]] = {module: set() for module in files}
    for module, path in files.items():
        lines = {node.lineno for node in ast.parse(path.read_text(encoding="utf-8")).body}
        for one in IMPORTS:
            imported = next((name for name in (f"{one.module}.{one.name}", one.module) if name in files), None)
            if one.importer == module and one.line in lines and imported not in (None, module):
                heads[module].add(str(imported))
    while free := [module for module, needed in heads.items() if not needed & heads.keys()]:
        for module in free:
            del heads[module]
    assert heads == {}


# --- what an import costs ----------------------------------------------------------------------------------


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a statement imports in a fresh interpreter, beyond those that Python needs."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True, timeout=60
    )
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import graphflow",
        "import graphflow as gf; gf.compile(gf.prompt('{x}') | gf.ScriptedChatModel('a') | gf.json_parser())",
    ],
    ids=["import", "compile a chain"],
)
def test_no_one_pays_for_what_a_chain_does_not_need(statement: str) -> None:
    loaded = {name.partition(".")[0] for name in loaded_by(statement)}
    heavy = {"networkx", "sqlite3", "numpy", "openai", "anthropic", "httpx", "pydantic", "hypothesis", "mypy"}
    assert loaded & heavy == set()
    assert {"graphflow", "graphflow_compiler", "attrs"} <= loaded


def test_the_import_alone_loads_neither_the_compiler_nor_the_runtime() -> None:
    ours = {
        name for name in loaded_by("import graphflow") if name.partition(".")[0] in ("graphflow", "graphflow_compiler")
    }
    assert ours == {
        "graphflow",
        "graphflow.public",
        "graphflow.errors",
        "graphflow_compiler",
        "graphflow_compiler.errors",
    }
