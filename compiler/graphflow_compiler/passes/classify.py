"""Say of every node whether it streams, and how that is known.

A node whose function yields and that takes a stream is a transform; one that yields but waits for its whole input is
a producer; one that returns one value is an aggregate.
"""

from __future__ import annotations

from typing import Final

from graphflow_compiler.flow import origins
from graphflow_compiler.ir import INPUT, Graph, Node, NodeClass, Op

_COMPONENTS: Final = {
    "chat_model": "a chat model waits for its whole prompt, then streams its answer",
    "llm": "a text model waits for its whole prompt, then streams its answer",
    "prompt": "a prompt waits for every value that it is filled with",
    "retriever": "a retriever waits for its whole query and gives its documents at once",
    "tool": "a tool waits for all its arguments and gives one result",
}
_WHOLE: Final = _COMPONENTS | {
    "chat_model": "this chat model waits for its whole prompt, then gives its answer at once",
    "llm": "this text model waits for its whole prompt, then gives its answer at once",
}


def classify(graph: Graph) -> Graph:
    """Say of every node whether it streams, and how that is known."""
    graph = graph.map_bodies(classify)
    graph = graph.replace_nodes(_classified)
    return graph.changed(graph_class=_class_of(graph))


def _classified(node: Node) -> Node:
    node_class, reason = _class_and_reason(node)
    if node.keeps_open:
        reason += f"; it yields inside of {node.keeps_open}, so it runs in a task of its own"
    return node.changed(node_class=node_class, reason=reason)


def _class_and_reason(node: Node) -> tuple[NodeClass, str]:
    name = f"`{node.name}`"
    streams = [port.name for port in node.ports if port.streams]
    whole = [port.name for port in node.ports if port.required and not port.streams]
    waits = f" once it has {_listed(whole)}" if whole else ""
    match node.op:
        case Op.INPUT:
            return NodeClass.TRANSFORM, "what the caller gives"
        case Op.MAP:
            return NodeClass.TRANSFORM, f"{name} is a function of one chunk"
        case Op.IDENTITY:
            return NodeClass.TRANSFORM, f"{name} passes every chunk on"
        case Op.PROJECT:
            return NodeClass.TRANSFORM, f"{name} passes on {_listed(node.keys)} of every chunk"
        case Op.JOIN:
            return NodeClass.TRANSFORM, f"{name} passes chunks on as they come, under their keys"
        case Op.EACH:
            return NodeClass.PRODUCER, f"{name} waits for its whole list, then gives a result for every item"
        case Op.BRANCH:
            return _class_of_branch(node)
        case Op.WRAP:
            return _class_of_wrapped(node)
        case Op.CALL if node.kind in _WHOLE:
            return NodeClass.AGGREGATE, _WHOLE[node.kind]
        case Op.CALL if streams:
            return NodeClass.AGGREGATE, f"{name} reads its whole input stream, then returns one value"
        case Op.CALL if node.ports and node.ports[0].fold is not None:
            return NodeClass.AGGREGATE, f"{name} folds its whole input into one value"
        case Op.CALL:
            return NodeClass.AGGREGATE, f"{name} is a plain function of its whole input"
        case _ if streams:
            return NodeClass.TRANSFORM, f"{name} yields while it reads {_listed(streams)}{waits}"
        case _ if node.kind in _COMPONENTS:
            return NodeClass.PRODUCER, _COMPONENTS[node.kind]
        case _:
            return NodeClass.PRODUCER, f"{name} waits for its whole input, then yields"


def _class_of_branch(node: Node) -> tuple[NodeClass, str]:
    blocking = [body for body in node.bodies if body.graph_class is not NodeClass.PRODUCER]
    if not blocking:
        return NodeClass.PRODUCER, f"`{node.name}` decides on its whole input, then every alternative streams"
    name = blocking[0].by_id[blocking[0].output].name
    return (
        NodeClass.AGGREGATE,
        f"`{node.name}` decides on its whole input, and its alternative `{name}` does not promise to stream",
    )


def _class_of_wrapped(node: Node) -> tuple[NodeClass, str]:
    assert node.policy is not None
    reason = f"`{node.name}` {node.policy.explain([body.by_id[body.output].name for body in node.bodies])}"
    classes = {body.graph_class for body in node.bodies}
    if node.policy.gives_whole or NodeClass.AGGREGATE in classes:
        return NodeClass.AGGREGATE, reason
    return NodeClass.TRANSFORM if node.ports[0].streams else NodeClass.PRODUCER, reason


def _class_of(graph: Graph) -> NodeClass:
    """Return what the whole graph is when it is used as one node: the weakest of where its output begins."""
    found = origins(graph, graph.output)
    if any(origin != INPUT and graph.by_id[origin].node_class is NodeClass.AGGREGATE for origin in found):
        return NodeClass.AGGREGATE
    return NodeClass.TRANSFORM if found == (INPUT,) else NodeClass.PRODUCER


def _listed(names: tuple[str, ...] | list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f" and {quoted[-1]}"
