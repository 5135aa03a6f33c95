"""Wire every edge to a port, order the graph, and take away joins that nothing needs.

A declaration says "this goes to that"; afterwards every edge names the port that it feeds. A node with several
parameters that stands after a record takes them by name, so each of its ports is wired to the key. Where all keys
of a `parallel` or `assign` are taken by name, the join between is taken away and the branches feed the ports.

>>> from graphflow_compiler.ir import INPUT, Edge, Graph, Node, NodeId, Op, Port
>>> upper = Node(NodeId("upper"), "upper", Op.CALL, (Port("text", streams=False),))
>>> graph = Graph((Node(INPUT, "input", Op.INPUT), upper), (Edge(INPUT, upper.id),), upper.id)
>>> [edge.port for edge in normalise(graph).edges]
['text']
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import attrs

from graphflow_compiler import dag
from graphflow_compiler.errors import CompileError, Diagnostic
from graphflow_compiler.ir import INPUT, REST, Edge, Graph, Node, NodeId, Op, Scope
from graphflow_compiler.types import UNKNOWN, Field, Record, field_type, record_of, show

#: What `dag` asks of: nodes, and edges as pairs of source and target.
Shape = tuple[tuple[NodeId, ...], tuple[tuple[NodeId, NodeId], ...]]


def normalise(graph: Graph) -> Graph:
    """Wire every edge to a port, order the graph, and take away joins that nothing needs.

    Raises:
        CompileError: a cycle, a node that does not reach the output, a port that nothing or more than one edge
            feeds, a key that the record does not have.
    """
    graph = graph.map_bodies(normalise)
    shape = _shape(graph)
    _refuse_cycles(graph, shape)
    _refuse_unreached(graph, shape)
    graph = _in_order(graph, dag.topological_order(*shape))
    graph = _wired(graph)
    graph = _without_idle_joins(graph)
    return _in_order(graph, dag.topological_order(*_shape(graph)))


# --- order -------------------------------------------------------------------------------------------------


def _refuse_cycles(graph: Graph, shape: Shape) -> None:
    cycle = dag.find_cycle(*shape)
    if cycle is None:
        return
    node = graph.by_id[cycle[0]]
    around = " → ".join(f"`{name}`" for name in (*cycle, cycle[0]))
    raise CompileError(
        [
            Diagnostic(
                "GF103",
                "error",
                f"the graph has a cycle: {around}",
                node=node.id,
                location=node.location,
                hint="a chain is a directed acyclic graph; put the repetition into the body of one node",
            )
        ]
    )


def _refuse_unreached(graph: Graph, shape: Shape) -> None:
    reached = dag.ancestors(*shape, graph.output) | {graph.output, INPUT}
    lost = [node for node in graph.nodes if node.id not in reached and not graph.edges_from[node.id]]
    if lost:
        raise CompileError(_unreached(graph, node) for node in lost)


def _unreached(graph: Graph, node: Node) -> Diagnostic:
    made = next(iter(graph.edges_into[node.id]), None)
    return Diagnostic(
        "GF107",
        "error",
        f"`{node.name}` does not reach the output, which is what `{graph.by_id[graph.output].name}` gives: "
        "it would run for nothing",
        node=node.id,
        location=(made.location if made is not None else None) or node.location,
        snippet=made.snippet if made is not None else None,
        hint=f"return what comes from `{node.name}` too, such as in a dict, or remove the call",
    )


def _in_order(graph: Graph, order: Sequence[NodeId]) -> Graph:
    """Return the graph with its nodes in that order, and its edges in that of the ports that they feed."""
    position = {node_id: index for index, node_id in enumerate(order)}
    ports: dict[tuple[NodeId, str | None], int] = {
        (node.id, port.name): index
        for node in graph.nodes
        if len(node.ports) > 1
        for index, port in enumerate(node.ports)
    }
    edges = sorted(graph.edges, key=lambda edge: ports.get((edge.target, edge.port), 0)) if ports else list(graph.edges)
    edges.sort(key=lambda edge: position[edge.target])
    return graph.replace_all([graph.by_id[node_id] for node_id in order], edges)


def _shape(graph: Graph) -> Shape:
    return tuple(node.id for node in graph.nodes), tuple((edge.source, edge.target) for edge in graph.edges)


# --- ports -------------------------------------------------------------------------------------------------


def _wired(graph: Graph) -> Graph:
    records: dict[NodeId, Record | None] = {}
    findings: list[Diagnostic] = []
    edges: list[Edge] = []
    for node in graph.nodes:
        wired = list(_wire(graph, node, records, findings))
        findings.extend(_check_keys(graph, node, wired, records))
        findings.extend(_check_ports(node, wired, records))
        records[node.id] = _record_given(node, wired, records)
        edges.extend(wired)
    if findings:
        raise CompileError(findings)
    return graph.replace_all(graph.nodes, edges)


def _wire(graph: Graph, node: Node, records: dict[NodeId, Record | None], findings: list[Diagnostic]) -> Iterator[Edge]:
    required = [port for port in node.ports if port.required]
    for edge in graph.edges_into[node.id]:
        if edge.port is not None:
            yield edge
            continue
        record = records[edge.source]  # where an edge has no port yet, it is the only one into the node
        if len(node.ports) == 1:
            yield attrs.evolve(edge, port=node.ports[0].name)
        elif edge.key is None and record is not None and any(record.get(port.name) for port in node.ports):
            for port in node.ports:
                if record.get(port.name) is not None or (record.open and port.required):
                    yield attrs.evolve(edge, port=port.name, key=port.name)
        elif len(required) <= 1:
            yield attrs.evolve(edge, port=(required or node.ports)[0].name)
        elif edge.key is None and _may_be_record(graph, edge.source, record):
            for port in node.ports:
                yield attrs.evolve(edge, port=port.name, key=port.name)
        else:
            names = " and ".join(f"`{port.name}`" for port in required)
            source = graph.by_id[edge.source]
            gives = f"{show(source.output)}, which is no record with those keys"
            if record is not None:
                gives = f"a record of {', '.join(repr(name) for name in record.names)}"
            findings.append(
                Diagnostic(
                    "GF102",
                    "error",
                    f"`{node.name}` takes {names}, but `{source.name}` gives {gives}",
                    node=node.id,
                    location=edge.location or node.location,
                    snippet=edge.snippet,
                    hint="feed it a record: {"
                    + ", ".join(f'"{port.name}": ...' for port in required)
                    + f"}} | {node.name}",
                )
            )
            for port in node.ports:  # so that the same ports are not reported again as fed by nothing
                yield attrs.evolve(edge, port=port.name)


def _may_be_record(graph: Graph, source: NodeId, record: Record | None) -> bool:
    """Tell whether keys may be asked of a node whose keys are not known."""
    if record is not None:
        return record.open
    declared = graph.by_id[source].output
    return declared is object or field_type(declared, "") is not None


def _record_given(node: Node, edges: Iterable[Edge], records: dict[NodeId, Record | None]) -> Record | None:
    """Return the keys that a node gives, as far as they are known before types are."""
    sources = {edge.port: edge for edge in edges}
    match node.op:
        case Op.JOIN:
            made = tuple(Field(key, _given(sources[key], records) or UNKNOWN) for key in dict.fromkeys(node.keys))
            rest = sources.get(REST)
            if rest is None:
                return Record(made)
            record = _given(rest, records)
            known = record.fields if record is not None else ()
            kept = tuple(field for field in known if field.name not in node.keys)
            return Record((*kept, *made), open=record is None or record.open)
        case Op.IDENTITY:
            (edge,) = edges
            return _given(edge, records)
        case Op.PROJECT:
            (edge,) = edges
            record = _given(edge, records)
            found = {key: record.get(key) if record is not None else None for key in node.keys}
            return Record(tuple(field or Field(key, UNKNOWN) for key, field in found.items()))
        case _:
            return record_of(node.output)


def _given(edge: Edge, records: dict[NodeId, Record | None]) -> Record | None:
    """Return the record that goes along an edge, as far as it is known; it may be one in a key of another."""
    record = records[edge.source]
    if edge.key is None:
        return record
    field = record.get(edge.key) if record is not None else None
    return record_of(field.type) if field is not None else None


def _check_keys(
    graph: Graph, node: Node, edges: Iterable[Edge], records: dict[NodeId, Record | None]
) -> Iterator[Diagnostic]:
    """Yield a finding for every key that the record upstream is known not to have."""
    if node.op not in (Op.PROJECT, Op.IDENTITY):
        return  # of the key that a parameter takes, `_check_ports` says it better
    for edge in edges:
        record = records[edge.source]
        # What a projection asks of a key of the record is left to the types, which know what is in that key.
        for key in node.keys if edge.key is None else (edge.key,):
            if record is None or record.open or record.get(key) is not None:
                continue
            near = difflib.get_close_matches(key, record.names, n=1)
            keys = ", ".join(repr(name) for name in record.names)
            yield Diagnostic(
                "GF106",
                "error",
                f"`{node.name}` asks for key {key!r}, but `{graph.by_id[edge.source].name}` gives only {keys}",
                node=node.id,
                location=edge.location or node.location,
                snippet=edge.snippet,
                hint=f"did you mean {near[0]!r}?" if near else f"take one of {keys}",
            )


def _check_ports(node: Node, edges: Iterable[Edge], records: dict[NodeId, Record | None]) -> Iterator[Diagnostic]:
    """Yield a finding for every port that two edges feed, and for every one that needs one and has none."""
    fed: dict[str | None, Edge] = {}
    upstream: Edge | None = None
    for edge in edges:
        upstream = edge
        if edge.port in fed:
            yield Diagnostic(
                "GF105",
                "error",
                f"parameter `{edge.port}` of `{node.name}` is fed twice: by `{fed[edge.port].source}` "
                f"and by `{edge.source}`",
                node=node.id,
                location=edge.location or node.location,
                snippet=edge.snippet,
                hint="give each parameter once",
            )
        fed[edge.port] = edge
    for port in node.ports:
        if port.name in fed or not port.required:
            continue
        record = records[upstream.source] if upstream is not None and upstream.key is not None else None
        keys, feed = "", f"give it in the call, {node.name}({port.name}=...)"
        if record is not None:
            keys = f": the record before it has only {', '.join(repr(name) for name in record.names)}"
            near = difflib.get_close_matches(port.name, [name for name in record.names if name not in fed], n=1)
            feed = f"rename {near[0]!r} to {port.name!r}" if near else f"add {port.name!r} to the record"
        yield Diagnostic(
            "GF102",
            "error",
            f"nothing feeds parameter `{port.name}` of `{node.name}`{keys}",
            node=node.id,
            location=(upstream.location if upstream is not None else None) or node.location,
            snippet=upstream.snippet if upstream is not None else None,
            hint=f"{feed}, give the parameter a default, or bind it: {node.name}.bind({port.name}=...)",
        )


# --- joins -------------------------------------------------------------------------------------------------


def _without_idle_joins(graph: Graph) -> Graph:
    """Lead every edge that takes a key of a join to the branch of that key, and drop joins left without use.

    A join stays where some of its keys would be left without a consumer: their branches were declared, so they run. So
    does one whose record has a declared type, which it is compared with.
    """
    if all(node.op is not Op.JOIN for node in graph.nodes):
        return graph
    edges = dict(enumerate(graph.edges))
    into = _grouped((edge.target, index) for index, edge in edges.items())
    out_of = _grouped((edge.source, index) for index, edge in edges.items())
    scopes = list(graph.scopes)
    mentioned_by = _grouped((node, index) for index, scope in enumerate(scopes) for node in _mentioned(scope))
    dropped: set[NodeId] = set()
    for join in reversed(graph.nodes):
        if join.op is not Op.JOIN or join.output is not UNKNOWN:
            continue
        branches = {edges[index].port: edges[index] for index in into[join.id]}
        consumers = [edges[index] for index in out_of[join.id] if index in edges]
        if any(edge.key is not None and not _leads(edge.key, branches) for edge in consumers):
            continue
        whole = join.id == graph.output or any(edge.key is None for edge in consumers)
        taken = {edge.key for edge in consumers}
        if not whole and not all(port in taken for port in branches if port != REST):
            continue
        if not whole and REST in branches and not taken - set(join.keys):
            continue
        for index in out_of[join.id]:
            if index in edges and edges[index].key is not None:
                edges[index] = _led(edges[index], branches)
                out_of[edges[index].source].append(index)
        if not whole:
            dropped.add(join.id)
            for index in into[join.id]:
                del edges[index]
            for index in dict.fromkeys(mentioned_by[join.id]):
                scopes[index] = _without(scopes[index], join.id, branches)
                for node in _mentioned(scopes[index]):
                    mentioned_by[node].append(index)
    nodes = tuple(node for node in graph.nodes if node.id not in dropped)
    return attrs.evolve(graph, nodes=nodes, edges=tuple(edges.values()), scopes=tuple(scopes))


def _grouped(pairs: Iterable[tuple[NodeId, int]]) -> defaultdict[NodeId, list[int]]:
    groups: defaultdict[NodeId, list[int]] = defaultdict(list)
    for node, index in pairs:
        groups[node].append(index)
    return groups


def _mentioned(scope: Scope) -> Iterator[NodeId]:
    """Yield the nodes that feed a scope, and those that give what it gives."""
    if scope.source is not None:
        yield scope.source
    yield scope.output
    yield from (edge.source for edge in (*scope.fed_by, *scope.given_by))


def _without(scope: Scope, join: NodeId, branches: dict[str | None, Edge]) -> Scope:
    """Return a scope that no longer is fed by a join or gives its output, but by what led into it."""
    scope = attrs.evolve(
        scope,
        fed_by=tuple(_led_around(scope.fed_by, join, branches)),
        given_by=tuple(_led_around(scope.given_by, join, branches)),
    )
    if scope.source == join:
        scope = _fed_without(scope, branches)
    return attrs.evolve(scope, given_by=tuple(branches.values())) if scope.output == join else scope


def _led_around(edges: tuple[Edge, ...], join: NodeId, branches: dict[str | None, Edge]) -> Iterator[Edge]:
    """Yield the edges that make a record, with what led into a join instead of those that come from it."""
    others = {edge.port for edge in edges} - {REST}
    for edge in edges:
        if edge.source != join:
            yield edge
        elif edge.key is not None:
            yield _led(edge, branches)
        else:  # the rest of the record
            yield from (branch for port, branch in branches.items() if port not in others)


def _fed_without(scope: Scope, branches: dict[str | None, Edge]) -> Scope:
    if scope.source_key is None:
        return attrs.evolve(scope, source=None, fed_by=tuple(branches.values()))
    edge = branches.get(scope.source_key)
    if edge is not None:
        return attrs.evolve(scope, source=edge.source, source_key=edge.key)
    return attrs.evolve(scope, source=branches[REST].source)


def _leads(key: str, branches: dict[str | None, Edge]) -> bool:
    """Tell whether one edge can say what the key of the join is: a key of a key cannot be said."""
    if key in branches:
        return True
    return REST in branches and branches[REST].key is None


def _led(edge: Edge, branches: dict[str | None, Edge]) -> Edge:
    assert edge.key is not None
    branch = branches.get(edge.key)
    if branch is not None:
        return attrs.evolve(edge, source=branch.source, key=branch.key)
    return attrs.evolve(edge, source=branches[REST].source)
