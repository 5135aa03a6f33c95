"""Parsers: from what a model streams to text, and to JSON while it streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Unpack

from graphflow.chain import Transform
from graphflow.components.messages import AIMessage
from graphflow.declaration import Step
from graphflow.jsonstream import NOTHING, JsonStream, Options
from graphflow.places import caller_location
from graphflow_compiler.accumulate import LATEST
from graphflow_compiler.ir import Node, NodeId, Op, Port

Chunk = AIMessage | str
"""What parsers take: chunks of messages or of text, or whole ones."""


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
                function=_text_of,
                kind="parser",
                location=caller_location(),
            )
        )
    )


def json_parser(**options: Unpack[Options]) -> Transform[Chunk, Any]:
    """Return a parser that gives the best partial JSON value after every chunk that changed it.

    Code fences and prose around the value are passed over. The values are snapshots: real dicts and lists, which are
    never changed later; the last one is the value, so an aggregate after the parser gets that.

    Args:
        options: those of `graphflow.jsonstream.JsonStream`.

    Raises:
        JsonStreamError: while it runs: the text is no JSON, or ends too early; it carries the partial value.
    """
    JsonStream(**options)  # wrong options are told here, not when the chain runs

    async def parse(chunks: AsyncIterator[Chunk]) -> AsyncIterator[Any]:
        stream = JsonStream(**options)
        async for chunk in chunks:
            value = stream.feed(_text_of(chunk))
            if value is not NOTHING:
                yield value
        value = stream.finish()
        if value is not NOTHING:
            yield value

    return Transform(
        Step(
            Node(
                NodeId(""),
                "json_parser",
                Op.GENERATE,
                (Port("chunks", streams=True, type=Chunk),),
                Any,
                function=parse,
                is_async=True,
                accumulate=LATEST,
                kind="parser",
                location=caller_location(),
            )
        )
    )


def _text_of(chunk: Chunk) -> str:
    if isinstance(chunk, str):
        return chunk
    if isinstance(chunk, AIMessage):
        return chunk.text
    raise TypeError(f"a parser takes messages or text, not {type(chunk).__name__}: {chunk!r:.60}")
