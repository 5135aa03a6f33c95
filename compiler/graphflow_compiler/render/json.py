"""Write an outline as JSON: all that is needed to compare two plans, or to draw one elsewhere.

The keys come in a fixed order and the values are data alone: no function, no address, and of the metadata only
what JSON has a word for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from graphflow_compiler.errors import Diagnostic
from graphflow_compiler.ir import Edge, Scope, SourceLocation
from graphflow_compiler.plan import Stage
from graphflow_compiler.render.outline import EdgeLine, NodeLine, Outline

#: The version of the format: it grows with every change that a reader would have to know of.
VERSION: Final = 1


def as_json(outline: Outline) -> str:
    """Write an outline as JSON."""
    text = json.dumps({"graphflow_plan": VERSION, **_plan(outline)}, indent=2, ensure_ascii=False, allow_nan=False)
    # half of a surrogate pair, which a name may have, cannot be encoded: this is its escape in JSON as well
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _plan(outline: Outline) -> dict[str, Any]:
    return {
        "name": outline.name,
        "takes": outline.takes,
        "gives": outline.gives,
        "class": outline.node_class.value,
        "output": outline.output,
        "streaming": {
            "streams": outline.streams,
            "by_key": dict(outline.streams_by_key),
            "begins": list(outline.begins),
            "waits_for": {beginning.node: list(beginning.waits) for beginning in outline.beginnings},
            "blocked_by": outline.blocked_by,
        },
        "most_chunks": outline.most_chunks,
        "nodes": [_node(node) for node in outline.nodes],
        "edges": [_edge(edge) for node in outline.nodes for edge in node.inputs],
        "stages": [_stage(stage) for stage in outline.stages],
        "buffers": [_buffer(edge) for node in outline.nodes for edge in node.inputs if edge.buffer is not None],
        "scopes": [_scope(scope) for scope in outline.scopes],
        "diagnostics": [_diagnostic(diagnostic) for diagnostic in outline.diagnostics],
    }


def _node(node: NodeLine) -> dict[str, Any]:
    line: dict[str, Any] = {
        "id": node.id,
        "name": node.name,
        "op": node.op.value,
        "kind": node.kind,
        "class": None if node.node_class is None else node.node_class.value,
        "reason": node.reason,
        "mark": None if node.mark is None else node.mark.value,
        "ports": [
            {
                "name": port.name,
                "streams": port.streams,
                "required": port.required,
                "type": port.type,
                "fold": port.fold,
            }
            for port in node.ports
        ],
        "gives": node.gives,
        "folds": node.folds,
        "stage": node.stage,
        "location": _location(node.location),
        "scope": node.scope,
        "tags": list(node.tags),
        "metadata": _metadata(node.metadata),
        **node.details,
    }
    if node.bodies:
        line["bodies"] = [{"label": body.label, "plan": _plan(body.outline)} for body in node.bodies]
    if node.measured:
        line["measured"] = dict(node.measured)
    return line


def _edge(edge: EdgeLine) -> dict[str, Any]:
    return {
        "source": edge.source,
        "target": edge.target,
        "port": edge.port,
        "key": edge.key,
        "whole": edge.whole,
        "folds": edge.folds,
        "unchecked": edge.unchecked or None,
        "location": _location(edge.location),
        "snippet": edge.snippet,
    }


def _buffer(edge: EdgeLine) -> dict[str, Any]:
    assert edge.buffer is not None
    return {
        "source": edge.source,
        "target": edge.target,
        "port": edge.port,
        "key": edge.key,
        "kind": edge.buffer.kind,
        "capacity": edge.buffer.capacity,
        "reason": edge.buffer.reason,
    }


def _stage(stage: Stage) -> dict[str, Any]:
    return {
        "id": stage.id,
        "nodes": list(stage.nodes),
        "own_task": stage.own_task,
        "reason": stage.reason,
        "clusters": [{"nodes": list(cluster.nodes)} for cluster in stage.clusters],
        "fans": [
            {"fork": fan.fork, "join": fan.join, "branches": {port: list(nodes) for port, nodes in fan.branches}}
            for fan in stage.fans
        ],
        "source": stage.source,
    }


def _scope(scope: Scope) -> dict[str, Any]:
    return {
        "id": scope.id,
        "parent": scope.parent,
        "name": scope.name,
        "kind": scope.kind,
        "source": scope.source,
        "source_key": scope.source_key,
        "output": scope.output,
        "fed_by": [_led(edge) for edge in scope.fed_by],
        "given_by": [_led(edge) for edge in scope.given_by],
        "tags": list(scope.tags),
        "metadata": _metadata(scope.metadata),
        "location": _location(scope.location),
    }


def _led(edge: Edge) -> dict[str, Any]:
    return {"port": edge.port, "source": edge.source, "key": edge.key}


def _diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "node": diagnostic.node,
        "location": _location(diagnostic.location),
        "snippet": diagnostic.snippet,
        "hint": diagnostic.hint,
    }


def _location(location: SourceLocation | None) -> dict[str, Any] | None:
    return None if location is None else {"file": location.file, "line": location.line}


def _metadata(metadata: Mapping[str, object]) -> dict[str, Any]:
    return {key if type(key) is str else f"<{type(key).__name__}>": _plain(value) for key, value in metadata.items()}


def _plain(value: object) -> Any:
    """Return what JSON can say as it is; of all else, the name of its type."""
    if value is None or type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value)):
        return value
    return f"<{type(value).__name__}>"
