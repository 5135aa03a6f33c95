"""Check chains for CI: what the compiler finds in them, and whether they stream where they must."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import attrs

from graphflow.cli.load import load_chains
from graphflow.errors import CompileError
from graphflow_compiler.errors import Diagnostic
from graphflow_compiler.ir import Op
from graphflow_compiler.plan import Plan


@attrs.frozen
class Checked:
    """What was found in a chain.

    Attributes:
        name: ``module:chain``; of what keeps a module from being imported, the module.
        plan: None where the chain cannot be compiled.
        diagnostics: everything that was found; where the chain must stream and does not, as an error.
    """

    name: str
    plan: Plan | None
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
        return [Checked(module, None, error.diagnostics)]
    plans: dict[str, Plan] = {}
    broken: list[Checked] = []
    for each in chains:
        try:
            plans[each.name] = each.program().plan
        except CompileError as error:
            broken.append(Checked(f"{module}:{each.name}", None, error.diagnostics))
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
    return Checked(name, plan, diagnostics)


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
