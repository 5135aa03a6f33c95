"""Retrievers: from a query to the documents that answer it best."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from graphflow.chain import Aggregate
from graphflow.components.retrieval.document import Document
from graphflow.declaration import Step
from graphflow.functions import signature_of
from graphflow.places import caller_location
from graphflow_compiler.ir import Node, NodeId, Op, Port


class Retriever(Aggregate[str, list[Document]]):
    """A chain from a query to documents, made of any search function.

    A plain function may block: it runs in a worker thread. An asynchronous one runs in the event loop.

    >>> def search(query: str) -> list[Document]:
    ...     return [Document(f"what is known of {query}")]
    >>> Retriever(search).sync.invoke("trio")[0].text
    'what is known of trio'
    """

    def __init__(
        self,
        search: Callable[[str], list[Document]] | Callable[[str], Awaitable[list[Document]]],
        *,
        name: str = "retriever",
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        is_async = signature_of(search).is_async
        super().__init__(
            Step(
                Node(
                    NodeId(""),
                    name,
                    Op.CALL,
                    (Port("query", streams=False, type=str),),
                    list[Document],
                    function=search,
                    is_async=is_async,
                    thread=not is_async,
                    kind="retriever",
                    metadata=dict(metadata or {}),
                    emits_chunks=False,
                    present=lambda query: {"query": query},
                    location=caller_location(),
                )
            )
        )
