"""The parser that leaves the text of messages as it is."""

from __future__ import annotations

from graphflow.chain import Transform
from graphflow.components.parsers.node import Chunk, text_of
from graphflow.declaration import Step
from graphflow.places import caller_location
from graphflow_compiler.ir import Node, NodeId, Op, Port


def text() -> Transform[Chunk, str]:
    """Return a parser that takes the text of every message chunk; empty chunks stay chunks."""
    return Transform(
        Step(
            Node(
                NodeId(""),
                "text",
                Op.MAP,
                (Port("chunk", streams=True, type=Chunk),),
                str,
                function=text_of,
                kind="parser",
                location=caller_location(),
            )
        )
    )
