"""How a parser is a node: what it takes, and how its chunks become those of the stream that it gives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Protocol, TypeAlias, TypeVar

from graphflow.chain import Transform
from graphflow.components.messages import AIMessage
from graphflow.declaration import Step
from graphflow.places import caller_location
from graphflow_compiler.accumulate import Accumulator, accumulator_of
from graphflow_compiler.ir import Node, NodeId, Op, Port

T = TypeVar("T")
Found = TypeVar("Found", covariant=True)
Taken = TypeVar("Taken", contravariant=True)

Chunk: TypeAlias = AIMessage | str
"""What parsers take: chunks of messages or of text, or whole ones."""

Parse: TypeAlias = Callable[[AsyncIterator[Any]], AsyncIterator[Any]]


class Reading(Protocol[Taken, Found]):
    """Something that reads what comes piece by piece, and gives what it has found, each thing once."""

    def feed(self, piece: Taken, /) -> Iterable[Found]:
        """Read one more piece; return what that completed."""

    def finish(self) -> Iterable[Found]:
        """Say that there is no more; return what that completed."""


def parser(
    name: str, parse: Parse, output: object, accumulate: Accumulator | None = None, *, takes: object = Chunk
) -> Transform[Any, Any]:
    """Make the node of a parser that is a generator of its own."""
    return Transform(
        Step(
            Node(
                NodeId(""),
                name,
                Op.GENERATE,
                (Port("chunks", streams=True, type=takes),),
                output,
                function=parse,
                is_async=True,
                accumulate=accumulate,
                kind="parser",
                location=caller_location(),
            )
        )
    )


def read_with(make: Callable[[], Reading[T, object]], of: Callable[[Any], T]) -> Parse:
    """Return the generator that reads a part of each chunk, such as its text, and gives what it finds at once."""

    async def parse(chunks: AsyncIterator[Any]) -> AsyncIterator[object]:
        reading = make()
        async for chunk in chunks:
            for found in reading.feed(of(chunk)):
                yield found
        for found in reading.finish():
            yield found

    return parse


def element_type(schema: Any) -> Any:
    """Return the type of the chunks that are elements, each of which is what a schema asks for."""
    # They do not fold, whatever they are: those that are TypedDicts are not merged, nor lists concatenated.
    return Any if schema is None or accumulator_of(schema) is not None else schema


def text_of(chunk: Chunk) -> str:
    """Return the text of a chunk."""
    if isinstance(chunk, str):
        return chunk
    if isinstance(chunk, AIMessage):
        # The property would say the same, at twice the time of all of this.
        return content if isinstance(content := chunk.content, str) else chunk.text
    raise TypeError(f"a parser takes messages or text, not {type(chunk).__name__}: {chunk!r:.60}")
