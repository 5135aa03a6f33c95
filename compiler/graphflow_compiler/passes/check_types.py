"""Compare the declared types along every edge, and work out the types that follow from others.

What is not annotated is not guessed: the edge is marked as unchecked, with the reason.
"""

from __future__ import annotations

import attrs

from graphflow_compiler.errors import CompileError, Diagnostic
from graphflow_compiler.ir import INPUT, REST, Edge, Graph, Node, NodeId, Op
from graphflow_compiler.types import (
    UNKNOWN,
    Field,
    Record,
    Verdict,
    element_of,
    field_type,
    record_of,
    relate,
    show,
    solve,
    substitute,
    union,
)


def check_types(graph: Graph) -> Graph:
    """Compare the declared types along every edge, and work out the types that follow from others.

    Raises:
        CompileError: two ends of an edge do not fit, or a graph does not give the type that its annotation promises.
    """
    graph = graph.map_bodies(check_types).replace_nodes(_with_port_of_bodies)
    checked = _Checker(graph)
    for node in graph.nodes:
        checked.add(node)
    checked.check_promises()
    if checked.findings:
        raise CompileError(checked.findings)
    return attrs.evolve(graph, nodes=tuple(checked.nodes), edges=tuple(checked.edges))


class _Checker:
    """One sweep over a graph in topological order."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.types: dict[NodeId, object] = {}
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.findings: list[Diagnostic] = []

    def add(self, node: Node) -> None:
        edges = self.graph.edges_into[node.id]
        if node.bodies:
            node = self._with_typed_bodies(node, edges)
        self.edges.extend(self._checked(node, edge) for edge in edges)
        output = self._output(node, edges)
        self.types[node.id] = output
        self.nodes.append(attrs.evolve(node, output=output))

    def _along(self, edge: Edge) -> object:
        """Return the type of what flows along an edge."""
        source = self.types[edge.source]
        if edge.key is None:
            return source
        found = field_type(source, edge.key)
        return UNKNOWN if found is None else found

    def _checked(self, node: Node, edge: Edge) -> Edge:
        if node.op in (Op.JOIN, Op.IDENTITY, Op.PROJECT) or edge.port is None:
            return edge  # they pass anything on
        port = node.port(edge.port)
        if port.fold is not None:
            return edge  # the port folds chunks of any type
        given = self._along(edge)
        relation = relate(given, port.type)
        if relation.verdict is Verdict.UNCHECKED:
            return attrs.evolve(edge, unchecked=relation.reason)
        if relation.verdict is Verdict.NO:
            self.findings.append(self._misfit(node, edge, given, relation.reason))
        return edge

    def _misfit(self, node: Node, edge: Edge, given: object, reason: str) -> Diagnostic:
        assert edge.port is not None
        port = node.port(edge.port)
        source = self.graph.by_id[edge.source]
        wanted = record_of(port.type)
        where = f" in `{port.name}`" if len(node.ports) > 1 else ""
        giver = f"`{source.name}`" if edge.key is None else f"key {edge.key!r} of `{source.name}`"
        if source.op is Op.INPUT:
            giver = "the input" if edge.key is None else f"key {edge.key!r} of the input"
        return Diagnostic(
            "GF202" if wanted is not None else "GF201",
            "error",
            f"`{node.name}` takes {show(port.type)}{where}, but {giver} gives {show(given)}"
            + (f": {reason}" if _adds(reason, given, port.type) else ""),
            node=node.id,
            location=edge.location or node.location,
            snippet=edge.snippet,
            hint=self._mend(node, edge, given, wanted),
        )

    def _mend(self, node: Node, edge: Edge, given: object, wanted: Record | None) -> str:
        source = self.graph.by_id[edge.source]
        if wanted is not None:
            names = ", ".join(f'"{field.name}": ...' for field in wanted.fields)
            return f"give it a record with those keys: {{{names}}} | {node.name}"
        if node.kind == "chat_model":
            return f'put a prompt between them: {source.name} | gf.prompt("...{{context}}...") | {node.name}'
        element = element_of(given)
        assert edge.port is not None
        if element is not None and relate(element, node.port(edge.port).type).verdict is Verdict.YES:
            return f"run it once for every item: {source.name} | gf.each({node.name})"
        return f"put a step between them that turns {show(given)} into {show(node.port(edge.port).type)}"

    def _with_typed_bodies(self, node: Node, edges: tuple[Edge, ...]) -> Node:
        """Check the bodies again, now that what they are given is known."""
        given = self._along(edges[0]) if edges else UNKNOWN
        if node.op is Op.EACH:
            element = element_of(given)
            given = UNKNOWN if element is None else element
        bodies = []
        for body in node.bodies:
            body_input = attrs.evolve(body.by_id[INPUT], output=_sharper(body.by_id[INPUT].output, given))
            bodies.append(
                check_types(attrs.evolve(body, nodes=(body_input, *(n for n in body.nodes if n.id != INPUT))))
            )
        return attrs.evolve(node, bodies=tuple(bodies))

    def _output(self, node: Node, edges: tuple[Edge, ...]) -> object:
        match node.op:
            case Op.INPUT:
                return self._input() if node.output is UNKNOWN else node.output
            case Op.IDENTITY:
                return self._along(edges[0])
            case Op.PROJECT:
                given = self._along(edges[0])
                return Record(tuple(Field(key, _or_unknown(field_type(given, key))) for key in node.keys))
            case Op.JOIN:
                return self._joined(node, edges)
            case Op.BRANCH:
                return union([body.by_id[body.output].output for body in node.bodies])
            case Op.EACH:
                item = node.bodies[0].by_id[node.bodies[0].output].output
                return list if item is UNKNOWN else list[item]  # type: ignore[valid-type]
            case _:
                return self._solved(node, edges)

    def _solved(self, node: Node, edges: tuple[Edge, ...]) -> object:
        """Return the declared output with its type variables bound by what the ports are given."""
        fed = {edge.port: self._along(edge) for edge in edges if edge.port is not None}
        ports = [port for port in node.ports if port.name in fed]
        wanted = Record(tuple(Field(port.name, port.type) for port in ports))
        given = Record(tuple(Field(port.name, fed[port.name]) for port in ports))
        return substitute(node.output, solve(wanted, given))

    def _joined(self, node: Node, edges: tuple[Edge, ...]) -> Record:
        fields: dict[str, Field] = {}
        is_open = False
        for edge in edges:
            if edge.port == REST:
                rest = record_of(self._along(edge))
                is_open = rest is None or rest.open
                for field in rest.fields if rest is not None else ():
                    fields.setdefault(field.name, field)
            elif edge.port is not None:
                fields[edge.port] = Field(edge.port, self._along(edge))
        return Record(tuple(fields.values()), open=is_open)

    def _input(self) -> object:
        """Return the type of the caller's input: what its consumers agree on."""
        wanted: list[object] = []
        keyed: dict[str, Field] = {}
        for edge in self.graph.edges_from[INPUT]:
            node = self.graph.by_id[edge.target]
            declared = UNKNOWN if edge.port is None or node.op is Op.JOIN else node.port(edge.port).type
            if edge.key is not None and edge.port is not None:
                required = node.op is Op.JOIN or node.port(edge.port).required
                keyed.setdefault(edge.key, Field(edge.key, declared, required))
            elif declared is not UNKNOWN and declared not in wanted:
                wanted.append(declared)
        if keyed and not wanted:
            return Record(tuple(keyed.values()), open=True)
        narrowest = [one for one in wanted if all(relate(one, other).verdict is Verdict.YES for other in wanted)]
        return narrowest[0] if narrowest and not keyed else UNKNOWN

    def check_promises(self) -> None:
        for promise in self.graph.promises:
            relation = relate(self.types[promise.node], promise.type)
            if relation.verdict is Verdict.NO:
                self.findings.append(
                    Diagnostic(
                        "GF112",
                        "error",
                        f"`{promise.graph}` promises {show(promise.type)}, "
                        f"but returns {show(self.types[promise.node])} from `{promise.node}`",
                        node=promise.node,
                        location=promise.location,
                        hint="correct the annotation, or return what it promises",
                    )
                )


def _with_port_of_bodies(node: Node) -> Node:
    """Return a branch or each whose port takes what its bodies take, where they agree on it."""
    if not node.bodies:
        return node
    taken = [body.by_id[INPUT].output for body in node.bodies]
    agreed = taken[0] if all(one == taken[0] for one in taken) else UNKNOWN
    if node.op is Op.EACH and agreed is not UNKNOWN:
        agreed = list[agreed]  # type: ignore[valid-type]
    return attrs.evolve(node, ports=(attrs.evolve(node.ports[0], type=agreed),))


def _adds(reason: str, given: object, wanted: object) -> bool:
    """Tell whether the reason says more than that the two types differ."""
    return bool(reason) and reason != f"{show(given)} is not {show(wanted)}"


def _or_unknown(found: object) -> object:
    return UNKNOWN if found is None else found


def _sharper(declared: object, given: object) -> object:
    """Return what is known of the input of a body: what it is given, unless that is not known."""
    if given is UNKNOWN or relate(given, declared).verdict is not Verdict.YES:
        return given if declared is UNKNOWN else declared
    return given

