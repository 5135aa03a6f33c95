"""The mutants of a pass: mutmut's, and one with every condition turned round. None of them touches an annotation."""

from __future__ import annotations

import ast
import difflib
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode


@attrs.frozen
class Mutant:
    """A pass with one change.

    Attributes:
        name: where the change is and what it is, without a line number.
        lines: the lines that are changed, or that decide on what is.
        around: the lines of the function.
        code: the whole module.
    """

    name: str
    lines: range
    around: range
    code: str = attrs.field(repr=False)


def mutants_of(path: Path) -> Iterator[Mutant]:
    source = path.read_text(encoding="utf-8")
    wrapper = MetadataWrapper(cst.parse_module(source))
    places = wrapper.resolve(PositionProvider)
    visitor = MutationVisitor(OPERATORS, IgnoredCode(set(), set(), set()))
    module = cst.ensure_type(wrapper.visit(visitor), cst.Module)
    functions = dict(_functions(ast.parse(source), path.stem))
    times: Counter[str] = Counter()
    for mutation in visitor.mutations:
        code = cst.ensure_type(module.deep_replace(mutation.original_node, mutation.mutated_node), cst.Module).code
        place = places[mutation.original_node]
        lines = range(place.start.line, place.end.line + 1)
        function = next((name for name, around in functions.items() if lines[0] in around), path.stem)
        name = f"{function}: {_change(source, code)}"
        times[name] += 1
        if times[name] > 1:
            name += f" ({times[name]})"
        yield Mutant(name, lines, functions.get(function, lines), code)


def _functions(tree: ast.AST, name: str) -> Iterator[tuple[str, range]]:
    """Yield the functions and methods of a module with their lines."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield f"{name}.{node.name}", range(node.lineno, (node.end_lineno or node.lineno) + 1)
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{name}.{node.name}")


def _change(before: str, after: str) -> str:
    old, new = before.splitlines(), after.splitlines()
    changes = [
        (" ".join(map(str.strip, old[a:b])), " ".join(map(str.strip, new[c:d])))
        for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        if tag != "equal"
    ]
    return "; ".join(f"{gone} → {come}" if gone and come else f"without {gone}" for gone, come in changes)


def _turned(node: cst.If | cst.While | cst.CompIf) -> Iterator[cst.CSTNode]:
    """Yield a statement with its condition turned round, where mutmut does not do so."""
    if isinstance(node.test, cst.UnaryOperation) or (
        isinstance(node.test, cst.Comparison)
        and isinstance(node.test.comparisons[0].operator, cst.Is | cst.IsNot | cst.In | cst.NotIn)
    ):
        return
    test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield node.with_changes(test=cst.UnaryOperation(cst.Not(), test))


OPERATORS: Final = [*mutation_operators, (cst.If, _turned), (cst.While, _turned), (cst.CompIf, _turned)]


def install(mutant: Mutant, module: types.ModuleType) -> None:
    """Let every function of an imported module do what the mutant does."""
    assert module.__file__ is not None
    made = types.ModuleType(module.__name__)
    exec(compile(mutant.code, module.__file__, "exec"), vars(made))
    _transplant(vars(made), module)


def _transplant(made: dict[str, object], into: object) -> None:
    for name, new in made.items():
        old = vars(into).get(name)
        if isinstance(old, types.FunctionType) and isinstance(new, types.FunctionType):
            old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__
        elif isinstance(old, type) and isinstance(new, type) and old is not new:
            _transplant(dict(vars(new)), old)
        elif isinstance(into, types.ModuleType) and not name.startswith("__") and old is not new:
            setattr(into, name, new)  # a constant
