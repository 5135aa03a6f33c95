"""Compare the declared types along every edge, and work out the types that follow from others.

What is not annotated is not guessed: the edge is marked as unchecked, with the reason.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

import attrs

from graphflow_compiler.errors import CompileError, Diagnostic
from graphflow_compiler.ir import INPUT, REST, Edge, Graph, Node, NodeId, Op, Port
from graphflow_compiler.types import (
    UNKNOWN,
    Field,
    Record,
    Relation,
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
from graphflow_compiler.types.shapes import members, type_vars


def check_types(graph: Graph) -> Graph:
    """Compare the declared types along every edge, and work out the types that follow from others.

    Raises:
        CompileError: two ends of an edge do not fit, or a graph does not give the type that its annotation promises.
    """
    return _swept(_with_inputs(graph))


# --- what a graph takes ------------------------------------------------------------------------------------


def _with_inputs(graph: Graph) -> Graph:
    """Return the graph with the type of its input, and of what its branches and eaches take, as far as it is known."""
    if any(node.bodies for node in graph.nodes):
        graph = graph.map_bodies(_with_inputs).replace_nodes(_with_port_of_bodies)
    if graph.by_id[INPUT].output is not UNKNOWN:
        return graph
    taken = _taken(graph)
    return graph.replace_nodes(lambda node: node.changed(output=taken) if node.id == INPUT else node)


def _with_port_of_bodies(node: Node) -> Node:
    """Return a branch or each whose port takes what its bodies take, where they agree on it."""
    if not node.bodies:
        return node
    taken = [body.by_id[INPUT].output for body in node.bodies]
    agreed = taken[0] if all(one == taken[0] for one in taken) else UNKNOWN
    if node.op is Op.EACH:
        agreed = list if agreed is UNKNOWN else list[agreed]  # type: ignore[valid-type]
    return node.changed(ports=(attrs.evolve(node.ports[0], type=agreed),))


def _taken(graph: Graph) -> object:
    """Return the type of the caller's input: what its consumers agree on."""
    wanted: list[object] = []
    keyed: dict[str, Field] = {}
    for edge in _edges_of_input(graph):
        node = graph.by_id[edge.target]
        assert edge.port is not None
        declared = UNKNOWN if node.op is Op.JOIN else node.port(edge.port).type
        if edge.key is not None:
            required = node.op is Op.JOIN or node.port(edge.port).required
            keyed.setdefault(edge.key, Field(edge.key, declared, required))
        elif declared is not UNKNOWN and declared not in wanted:
            wanted.append(declared)
    if keyed and not wanted:
        return Record(tuple(keyed.values()), open=True)
    narrowest = [one for one in wanted if all(relate(one, other).verdict is Verdict.YES for other in wanted)]
    return narrowest[0] if narrowest and not keyed else UNKNOWN


def _edges_of_input(graph: Graph) -> Iterator[Edge]:
    """Yield the edges by which the input reaches those that take it, through nodes that pass it on unchanged."""
    pending = [INPUT]
    while pending:
        for edge in graph.edges_from[pending.pop()]:
            if graph.by_id[edge.target].op is Op.IDENTITY and edge.key is None:
                pending.append(edge.target)
            else:
                yield edge


# --- what flows along every edge ---------------------------------------------------------------------------


def _swept(graph: Graph) -> Graph:
    checker = _Checker(graph)
    for node in graph.nodes:
        checker.add(node)
    checker.check_promises()
    if checker.findings:
        raise CompileError(checker.findings)
    return graph.replace_all(checker.nodes, checker.edges)


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
        self.edges += [self._checked(node, edge) for edge in edges]
        if node.bodies:
            node = self._with_typed_bodies(node, edges)
        output = self._output(node, edges)
        self.types[node.id] = output
        self.nodes.append(node if output is node.output else node.changed(output=output))

    def _along(self, edge: Edge) -> object:
        """Return the type of what flows along an edge."""
        source = self.types[edge.source]
        return source if edge.key is None else _or_unknown(_at_key(source, edge.key))

    def _checked(self, node: Node, edge: Edge) -> Edge:
        assert edge.port is not None
        self._check_keys(node, edge)
        port = node.port(edge.port)
        if node.op in (Op.JOIN, Op.IDENTITY, Op.PROJECT) or port.fold is not None:
            return edge  # they take anything
        given = self._along(edge)
        unchecked = ""
        for wanted in _wanted(node, port):
            relation = _relate_items(given, wanted) if node.op is Op.EACH else relate(given, wanted)
            if relation.verdict is Verdict.NO:
                self._misfit(node, edge, given, wanted, relation.reason)
                continue
            if relation.verdict is Verdict.UNCHECKED:
                unchecked = unchecked or self._why_unchecked(node, edge, given, wanted, relation.reason)
            if node.kind == "prompt":
                self._check_holes(node, edge, _record_in(wanted))
        return attrs.evolve(edge, unchecked=unchecked) if unchecked else edge

    def _why_unchecked(self, node: Node, edge: Edge, given: object, wanted: object, reason: str) -> str:
        if wanted is UNKNOWN:
            return f"`{edge.port}` is not annotated" if len(node.ports) == 1 else "it is not annotated"
        if given is UNKNOWN and edge.source == INPUT:
            return "nothing says what the input is"
        if given is UNKNOWN and edge.key is not None:
            return f"{self._giver(edge)} is not annotated"
        if given is UNKNOWN:
            return f"what {self._giver(edge)} gives is not annotated"
        return reason

    def _giver(self, edge: Edge) -> str:
        source = "the input" if edge.source == INPUT else f"`{self.graph.by_id[edge.source].name}`"
        return source if edge.key is None else f"key {edge.key!r} of {source}"

    # --- findings ---

    def _check_keys(self, node: Node, edge: Edge) -> None:
        """Note the keys that are asked of what has none of them."""
        if edge.key is not None:
            self._check_key(node, edge, edge.key, attrs.evolve(edge, key=None))
        for key in node.keys if node.op is Op.PROJECT else ():
            self._check_key(node, edge, key, edge)
        if edge.port == REST and not _has_keys(given := self._along(edge)):
            self._find(
                "GF202",
                node,
                edge,
                f"`{node.name}` adds keys to a record, but {self._giver(edge)} gives {show(given)}",
                'make a record of it first: {"value": gf.passthrough()} | gf.assign(...)',
            )

    def _check_key(self, node: Node, edge: Edge, key: str, along: Edge) -> None:
        given, giver = self._along(along), self._giver(along)
        if _at_key(given, key) is None:
            self._find(
                "GF106",
                node,
                edge,
                f"`{node.name}` asks for key {key!r}, but {giver} gives {show(given)}"
                + ("" if _has_keys(given) else ", which has no keys"),
                f"let {giver} give a record with that key: {{{key!r}: ...}}",
            )

    def _check_holes(self, node: Node, edge: Edge, holes: Record | None) -> None:
        """Note what is made as a key of a record for a prompt alone, which has no hole for it."""
        join = self.graph.by_id[edge.source]
        if holes is None or join.op is not Op.JOIN or edge.key is not None or len(self.graph.edges_from[join.id]) > 1:
            return
        known = [field.name for field in holes.fields]
        sources = {into.port: into.source for into in self.graph.edges_into[join.id]}
        for key in join.keys:
            is_used = any(other.target != join.id for other in self.graph.edges_from[sources[key]])
            if key not in known and not is_used:
                near = difflib.get_close_matches(key, known, n=1)
                self._find(
                    "GF110",
                    node,
                    edge,
                    f"`{node.name}` has no hole for key {key!r} of {self._giver(edge)}: "
                    f"it has {', '.join(f'{{{name}}}' for name in known)}",
                    f"did you mean {near[0]!r}?"
                    if near
                    else f"leave {key!r} out, or write {{{key}}} into the template",
                )

    def _misfit(self, node: Node, edge: Edge, given: object, wanted: object, reason: str) -> None:
        """Note that what flows along an edge does not fit its port."""
        text, other = show(given), show(wanted)
        record = _record_in(wanted)
        if record is not None and record_of(given) is not None:  # what else the port takes is not what was meant
            reason = relate(given, record).reason.removeprefix(f"{text} is not {show(record)}: ")
        why = reason.removeprefix(f"{text} is not {other}").removeprefix(": ")
        if why == f"{show(element_of(given))} is not {show(element_of(wanted))}":
            why = ""  # the two types show it already
        into = f" in `{edge.port}`" if len(node.ports) > 1 else ""
        self._find(
            "GF201" if record_of(wanted if record_of(given) is None else record) is None else "GF202",
            node,
            edge,
            f"`{node.name}` takes {other}{into}, but {self._giver(edge)} gives {text}" + (f": {why}" if why else ""),
            self._mend(node, edge, given, wanted),
        )

    def _mend(self, node: Node, edge: Edge, given: object, wanted: object) -> str:
        giver = self.graph.by_id[edge.source]
        source = giver.name
        has = record_of(given)
        record = record_of(wanted) if has is None else _record_in(wanted)
        if record is not None:
            keys = ", ".join(f'"{field.name}": ...' for field in record.fields)
            missing = [f"`{field.name}`" for field in record.fields if has is not None and has.get(field.name) is None]
            if missing:
                return f"add {' and '.join(missing)} to the record: {{{keys}}} | {node.name}"
            if has is None:
                return f"give it a record with its keys: {{{keys}}} | {node.name}"
            return f"let the values of the record be what `{node.name}` takes"
        if node.op is Op.EACH:
            item = element_of(given)
            if item is None:
                return f"put a step between them that makes a list of {show(given)}"
            return f"let it begin with a step that turns {show(item)} into {show(element_of(wanted))}"
        if node.kind == "chat_model":
            return f'put a prompt between them: {source} | gf.prompt("...{{context}}...") | {node.name}'
        if giver.kind == "chat_model" and relate(str, wanted).verdict is Verdict.YES:
            return f"take the text of its messages: {source} | gf.text() | {node.name}"
        element = element_of(given)
        if element is not None and relate(element, wanted).verdict is Verdict.YES:
            return f"run it once for every item: {source} | gf.each({node.name})"
        return f"put a step between them that turns {show(given)} into {show(wanted)}"

    def _find(self, code: str, node: Node, edge: Edge, message: str, hint: str) -> None:
        location = edge.location or node.location
        self.findings.append(
            Diagnostic(code, "error", message, node=node.id, location=location, snippet=edge.snippet, hint=hint)
        )

    def check_promises(self) -> None:
        """Note where a graph does not give the type that its annotation promises."""
        for promise in self.graph.promises:
            given = self.types[promise.node]
            if relate(given, promise.type).verdict is Verdict.NO:
                self.findings.append(
                    Diagnostic(
                        "GF112",
                        "error",
                        f"the graph `{promise.graph}` promises {show(promise.type)}, "
                        f"but returns {show(given)} from `{self.graph.by_id[promise.node].name}`",
                        node=promise.node,
                        location=promise.location,
                        hint="correct the annotation, or return what it promises",
                    )
                )

    # --- types that follow from others ---

    def _with_typed_bodies(self, node: Node, edges: tuple[Edge, ...]) -> Node:
        """Check the bodies again, now that what they are given is known."""
        given = self._along(edges[0])
        if node.op is Op.EACH:
            given = _or_unknown(element_of(given))
        bodies = []
        for body in node.bodies:
            body_input = attrs.evolve(body.by_id[INPUT], output=_sharper(body.by_id[INPUT].output, given))
            bodies.append(_swept(attrs.evolve(body, nodes=(body_input, *body.nodes[1:]))))
        return node.changed(bodies=tuple(bodies))

    def _output(self, node: Node, edges: tuple[Edge, ...]) -> object:
        match node.op:
            case Op.INPUT:
                return node.output
            case Op.IDENTITY:
                return self._along(edges[0])
            case Op.PROJECT:
                return _projected(self._along(edges[0]), node.keys)
            case Op.JOIN:
                record = self._joined(edges)
                self._hold_to_declared(node, record)
                return record
            case Op.BRANCH | Op.WRAP:
                return union([body.by_id[body.output].output for body in node.bodies])
            case Op.EACH:
                item = node.bodies[0].by_id[node.bodies[0].output].output
                return list if item is UNKNOWN else list[item]  # type: ignore[valid-type]
            case _:
                return self._solved(node, edges)

    def _solved(self, node: Node, edges: tuple[Edge, ...]) -> object:
        """Return the declared output with its type variables bound by what the ports are given."""
        if not type_vars(node.output):
            return node.output
        fed = {edge.port: self._along(edge) for edge in edges}
        ports = [port for port in node.ports if port.name in fed]
        wanted = Record(tuple(Field(port.name, port.type) for port in ports))
        given = Record(tuple(Field(port.name, fed[port.name]) for port in ports))
        return substitute(node.output, solve(wanted, given))

    def _hold_to_declared(self, node: Node, record: Record) -> None:
        """Note where a record does not fit the type that is declared for it."""
        declared = record_of(node.output)
        for field in declared.fields if declared is not None else ():
            made = record.get(field.name)
            if made is not None and relate(made.type, field.type).verdict is Verdict.NO:
                edge = next(edge for edge in self.graph.edges_into[node.id] if edge.port == field.name)
                self._find(
                    "GF202",
                    node,
                    edge,
                    f"key {field.name!r} of {show(node.output)} is {show(field.type)}, "
                    f"but {self._giver(edge)} gives {show(made.type)}",
                    "correct the class, or let the branch give what it says",
                )

    def _joined(self, edges: tuple[Edge, ...]) -> Record:
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


def _wanted(node: Node, port: Port) -> Iterable[object]:
    """Return the types that a port takes: of a branch, all that its alternatives do, as far as they say it."""
    if node.op not in (Op.BRANCH, Op.WRAP):
        return (port.type,)
    taken: list[object] = []
    for body in node.bodies:
        declared = body.by_id[INPUT].output
        if declared is not UNKNOWN and declared not in taken:
            taken.append(declared)
    return taken


def _record_in(declared: object) -> Record | None:
    """Return the record that a type is, or the only one among the members of a union."""
    found = [one for one in map(record_of, members(declared) or (declared,)) if one is not None]
    return found[0] if len(found) == 1 else None


def _relate_items(given: object, wanted: object) -> Relation:
    """Relate what an each is given to the list that it takes: any collection of such items will do."""
    if any(relate(given, whole).verdict is Verdict.YES for whole in (str, bytes, Mapping)):
        return Relation(Verdict.NO)
    element, item = element_of(given), element_of(wanted)
    if element is None or (item is UNKNOWN and given is not UNKNOWN):
        return Relation(relate(given, Iterable).verdict)
    return relate(element, item)


def _at_key(declared: object, key: str) -> object | None:
    """Return the type at a key of a record; None if there is no such key. Of a union, some member has to have it."""
    found = [_at_key(part, key) for part in members(declared)]
    if not found:
        return field_type(declared, key)
    known = [one for one in found if one is not None]
    return union(known) if known else None


def _has_keys(declared: object) -> bool:
    """Tell whether a type may be that of a record."""
    parts = members(declared) or (declared,)
    return any(record_of(part) is not None or field_type(part, "") is not None for part in parts)


def _projected(given: object, keys: Iterable[str]) -> Record:
    """Return the record of some keys; one that may be missing may be missing still."""
    record = record_of(given)
    known = {} if record is None else {field.name: field for field in record.fields}
    return Record(tuple(known.get(key) or Field(key, _or_unknown(_at_key(given, key))) for key in keys))


def _or_unknown(found: object) -> object:
    return UNKNOWN if found is None else found


def _sharper(declared: object, given: object) -> object:
    """Return what is known of the input of a body: what it is given, unless that is not known."""
    if given is UNKNOWN or relate(given, declared).verdict is not Verdict.YES:
        return given if declared is UNKNOWN else declared
    return given
