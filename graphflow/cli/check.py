"""Check chains for CI: what the compiler finds in them, and whether they stream where they must."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import attrs

from graphflow.chain import Chain
from graphflow.cli.load import load_chains, load_object
from graphflow.cli.outcome import CommandError
from graphflow.errors import CompileError, MissingExtraError
from graphflow.program import Program
from graphflow_compiler.errors import Diagnostic
from graphflow_compiler.ir import Op
from graphflow_compiler.plan import Plan

#: The verdict on what has no plan.
_BROKEN: Final = "does not compile"


@attrs.frozen
class Checked:
    """What was found in a chain.

    Attributes:
        name: ``module:chain``; of what keeps a module from being imported, the module.
        verdict: whether it streams, in words.
        diagnostics: everything that was found; where the chain must stream and does not, as an error.
    """

    name: str
    verdict: str
    diagnostics: tuple[Diagnostic, ...]

    @property
    def fails(self) -> bool:
        """Tell whether there is an error."""
        return any(each.severity == "error" for each in self.diagnostics)


def check(target: str, *, must_stream: bool) -> list[Checked]:
    """Check one chain, or all of a module but those that are part of another.

    Raises:
        CommandError: there is no such module or chain.
    """
    module = target.partition(":")[0]
    try:
        chains = load_chains(target)
    except CompileError as error:
        return [Checked(module, _BROKEN, error.diagnostics)]
    plans: dict[str, Plan] = {}
    broken: list[Checked] = []
    for each in chains:
        try:
            plans[each.name] = each.program().plan
        except CompileError as error:
            broken.append(Checked(f"{module}:{each.name}", _BROKEN, error.diagnostics))
    whole = plans if ":" in target else dict(_outermost(plans))
    return [*broken, *(_checked(f"{module}:{name}", plan, must_stream) for name, plan in whole.items())]


def _checked(name: str, plan: Plan, must_stream: bool) -> Checked:
    diagnostics = tuple(_all_diagnostics(plan))
    if must_stream:
        try:
            plan.require_streaming()
        except CompileError as error:
            own = {each.code for each in error.diagnostics}
            diagnostics = (*error.diagnostics, *(each for each in diagnostics if each.code not in own))
    return Checked(name, _verdict(plan), diagnostics)


def _verdict(plan: Plan) -> str:
    if not plan.streams:
        return "does not stream"
    whole = [key for key, streams in plan.streams_by_key.items() if not streams]
    return "streams" + (f", all but {', '.join(map(repr, whole))}" if whole else "")


def check_lcel(target: str, *, must_stream: bool) -> Checked:
    """Check one chain of LangChain's.

    Raises:
        CommandError: there is no such module, or no such chain in it, or langchain-core is not installed.
    """
    from graphflow.lcel import lint

    value = load_object(target)
    try:
        report = lint(value)
    except MissingExtraError as error:
        raise CommandError(str(error)) from None
    except CompileError:
        is_ours = isinstance(value, Chain | Program)
        what = "one of graphflow: leave --lcel out" if is_ours else f"an object of type {type(value).__name__}"
        raise CommandError(f"{target} is no LCEL chain, but {what}") from None
    diagnostics = report.diagnostics
    if must_stream and not report.streams:
        try:
            report.require_streaming()
        except CompileError as error:
            notes = (each for each in diagnostics if each.severity == "note" and each.code != "GF502")
            diagnostics = (*error.diagnostics, *notes)
    return Checked(target, report.verdict, diagnostics)


def _all_diagnostics(plan: Plan) -> Iterator[Diagnostic]:
    yield from plan.diagnostics
    for body in plan.nested:
        yield from _all_diagnostics(body)


# --- which chains of a module ------------------------------------------------------------------------------


def _outermost(plans: dict[str, Plan]) -> Iterator[tuple[str, Plan]]:
    """Yield the plans of chains that are no part of another one; of several that are the same, the last.

    A single node is part of something, here or in another module, unless there is nothing else.
    """
    several = [name for name, plan in plans.items() if len(plan.nodes) > 2]
    names = several or list(plans)
    parts = {name: Counter(_parts(plans[name])) for name in names}
    for index, name in enumerate(names):
        within = any(parts[name] < parts[other] for other in names)
        if not within and parts[name] not in [parts[later] for later in names[index + 1 :]]:
            yield name, plans[name]


def _parts(plan: Plan) -> Iterator[tuple[object, ...]]:
    """Yield what tells the nodes and edges of a plan, and of its bodies.

    Joins are left out: they are taken away where a chain stands before a node that takes their keys by name.
    """
    own = {
        node.id: (node.name, node.op, node.location, id(node.function))
        for node in plan.nodes
        if node.op not in (Op.INPUT, Op.JOIN)
    }
    yield from own.values()
    yield from (
        (own[edge.source], own[edge.target]) for edge in plan.edges if edge.source in own and edge.target in own
    )
    for body in plan.nested:
        yield from _parts(body)
