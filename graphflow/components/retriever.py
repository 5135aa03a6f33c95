"""Retrievers: from a query to the documents that answer it best."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from graphflow.chain import Aggregate
from graphflow.components.search import Document
from graphflow.declaration import Step
from graphflow.places import caller_location
from graphflow_compiler.ir import Node, NodeId, Op, Port


class Retriever(Aggregate[str, list[Document]]):
    """A chain from a query to documents, made of any blocking search function; it runs in a worker thread.

    >>> def search(query: str) -> list[Document]:
    ...     return [Document(f"what is known of {query}")]
    >>> Retriever(search).sync.invoke("trio")[0].text
    'what is known of trio'
    """

    def __init__(
        self,
        search: Callable[[str], list[Document]],
        *,
        name: str = "retriever",
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(
            Step(
                Node(
                    NodeId(""),
                    name,
                    Op.CALL,
                    (Port("query", streams=False, type=str),),
                    list[Document],
                    function=search,
                    thread=True,
                    kind="retriever",
                    metadata=dict(metadata or {}),
                    emits_chunks=False,
                    present=lambda query: {"query": query},
                    location=caller_location(),
                )
            )
        )
