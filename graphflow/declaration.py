"""What a chain is made of: an immutable tree, written by declarations and flattened by `lower` into one graph.

A `Step` holds the IR node that it will become; everything else says how steps are put together. Trees may be
thousands deep, so nothing here recurses over one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from graphflow_compiler.ir import Node, NodeClass, Op, Policy, SourceLocation

_STRENGTH = {NodeClass.AGGREGATE: 0, NodeClass.PRODUCER: 1, NodeClass.TRANSFORM: 2}


def weakest(*classes: NodeClass) -> NodeClass:
    """Return the class that promises least: transforms promise most, aggregates nothing."""
    return min(classes, key=_STRENGTH.__getitem__)


@attrs.frozen(eq=False)
class Step:
    """One node; its `id`, scope and inherited tags are filled in by `lower`."""

    node: Node

    @property
    def node_class(self) -> NodeClass:
        """What the step promises."""
        match self.node.op:
            case Op.CALL:
                return NodeClass.AGGREGATE
            case Op.GENERATE if not any(port.streams for port in self.node.ports):
                return NodeClass.PRODUCER
            case _:
                return NodeClass.TRANSFORM


@attrs.frozen(eq=False)
class Sequence:
    """`first | second`, with the class of the whole: an aggregate anywhere after which nothing produces blocks it."""

    first: Declaration
    second: Declaration
    location: SourceLocation | None
    node_class: NodeClass = attrs.field(init=False)

    @node_class.default
    def _class_of_both(self) -> NodeClass:
        first, second = self.first.node_class, self.second.node_class
        return first if second is NodeClass.TRANSFORM else second


@attrs.frozen(eq=False)
class Fan:
    """Several chains on one input, whose outputs become a record; `assigns` keeps the other keys of the input.

    `record` is the TypedDict that the outputs have to fit.
    """

    branches: tuple[tuple[str, Declaration], ...]
    assigns: bool
    location: SourceLocation | None
    record: type | None = None
    node_class: NodeClass = attrs.field(init=False)

    @node_class.default
    def _class_of_weakest(self) -> NodeClass:
        return weakest(NodeClass.TRANSFORM, *(branch.node_class for _, branch in self.branches))

    @property
    def name(self) -> str:
        """The name of its run."""
        return "assign" if self.assigns else "parallel"


@attrs.frozen(eq=False)
class Branch:
    """One of several chains, chosen by predicates of the whole input; the last alternative needs none."""

    conditions: tuple[Callable[[Any], Any], ...]
    alternatives: tuple[Declaration, ...]
    location: SourceLocation | None
    node_class: NodeClass = attrs.field(init=False)

    @node_class.default
    def _class_if_all_produce(self) -> NodeClass:
        streams = all(one.node_class is NodeClass.PRODUCER for one in self.alternatives)
        return NodeClass.PRODUCER if streams else NodeClass.AGGREGATE


@attrs.frozen(eq=False)
class Each:
    """A chain that runs once for every item of a list; what else a node says of it, `Node` explains."""

    body: Declaration
    limit: int
    location: SourceLocation | None
    describe: Callable[[Any], Mapping[str, object]] | None = None
    rescue: Callable[[Any, Exception], Any] | None = None

    @property
    def node_class(self) -> NodeClass:
        """Always a producer: it waits for the list, then gives result after result."""
        return NodeClass.PRODUCER


@attrs.frozen(eq=False)
class Wrapped:
    """A chain, and perhaps others to take its place, that run as a policy says."""

    bodies: tuple[Declaration, ...]
    policy: Policy
    location: SourceLocation | None
    node_class: NodeClass = attrs.field(init=False)

    @node_class.default
    def _class_of_weakest(self) -> NodeClass:
        found = weakest(*(body.node_class for body in self.bodies))
        if self.policy.gives_whole:
            return NodeClass.AGGREGATE
        return NodeClass.PRODUCER if self.policy.takes_whole and found is NodeClass.TRANSFORM else found


@attrs.frozen(eq=False)
class GraphFunction:
    """A function on handles, which is called once, when the chain is compiled."""

    function: Callable[..., Any]
    name: str
    parameters: tuple[tuple[str, object], ...]
    promises_stream: bool | None
    promised_type: object
    node_class: NodeClass
    location: SourceLocation | None


@attrs.frozen(eq=False)
class Configured:
    """A chain with a name, tags or metadata of its own, or whose output may be ahead by so many chunks."""

    inner: Declaration
    name: str | None
    tags: tuple[str, ...]
    metadata: Mapping[str, object]
    buffer: int | None = None

    @property
    def node_class(self) -> NodeClass:
        """What the chain inside promises."""
        return self.inner.node_class


Declaration = Step | Sequence | Fan | Branch | Each | Wrapped | GraphFunction | Configured


def name_of(declaration: Declaration) -> str:
    """Return what a chain is called in messages: its name, or the name of the step that ends it."""
    while True:
        match declaration:
            case Step(node):
                return node.name
            case Sequence(second=second):
                declaration = second
            case Configured(name=str(name)):
                return name
            case Configured(inner=inner):
                declaration = inner
            case Wrapped(bodies=(first, *_)):
                declaration = first
            case Fan() | GraphFunction():
                return declaration.name
            case Branch():
                return "branch"
            case Each():
                return "each"


def first_name(declaration: Declaration) -> str:
    """Return the name of the step that a chain begins with."""
    while isinstance(declaration, Sequence):
        declaration = declaration.first
    return name_of(declaration)


def outline_of(declaration: Declaration) -> str:
    """Return what a chain is made of, as its repr shows it: the names of its steps, the keys of a dict."""
    steps, pending = [], [declaration]
    while pending:
        match pending.pop():
            case Sequence(first, second):
                pending += [second, first]
            case Configured(name=None, inner=inner):
                pending.append(inner)
            case Fan(branches, assigns=False):
                steps.append(f"{{{', '.join(_few([key for key, _ in branches]))}}}")
            case step:
                steps.append(name_of(step))
    return " | ".join(_few(steps))


def _few(names: list[str]) -> list[str]:
    """Return names that fit on a line: of many the first and the last ones."""
    return names if len(names) <= 8 else [*names[:4], "...", *names[-3:]]


class Declared:
    """What holds a declaration: the base of chains, by which the runtime knows one that it is given for a value."""

    _declaration: Declaration

    @property
    def name(self) -> str:
        """The name of the chain: of its one node, its graph, or the one given by `with_config`."""
        return name_of(self._declaration)
