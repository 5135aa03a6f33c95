"""Chains: what users declare, put together with `|`, and run.

A chain is an immutable handle on a `Declaration`. Its class says whether it promises to stream: a `Transform` gives
chunks for chunks, a `Producer` waits for its input and then gives chunks, an `Aggregate` gives one value. `|` joins
two of them into the class that the whole can promise, which mypy and pyright know too::

    T | T = T    T | P = P    T | A = A
    P | T = P    P | P = P    P | A = A
    A | T = A    A | P = P    A | A = A

The promise is static; delivery is always as early as it can be.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

import attrs

from graphflow.declaration import Configured, Declaration, Declared, Sequence, Step
from graphflow.places import caller_location
from graphflow_compiler.errors import compile_error
from graphflow_compiler.ir import Node, NodeClass

if TYPE_CHECKING:
    from graphflow.events import Event
    from graphflow.handles import Stream, Value
    from graphflow.program import Program
    from graphflow.sync import SyncVerbs

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)


class Chain(Declared, Generic[In, Out]):
    """One node, or nodes put together: the base of `Transform`, `Producer` and `Aggregate`.

    Chains never change: every method that configures one gives a new chain. The verbs that run it compile it once.
    """

    _program: Program[In, Out] | None

    def __init__(self, declaration: Declaration) -> None:
        self._declaration = declaration
        self._program = None

    # --- what it is ---

    @property
    def node_class(self) -> NodeClass:
        """What the chain promises: ``transform``, ``producer`` or ``aggregate``."""
        return self._declaration.node_class

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    # --- new chains ---

    def with_config(
        self,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
    ) -> Self:
        """Return the same chain with a name of its own, tags and metadata for its events.

        Tags and metadata are inherited by everything inside. What is given again wins; tags add up.
        """
        if isinstance(tags, str):
            raise TypeError(f"tags takes several strings, not the string {tags!r}: write [{tags!r}]")
        inner, old = self._declaration, Configured(self._declaration, None, (), {})
        if isinstance(inner, Configured):
            inner, old = inner.inner, inner
        return self._with(
            Configured(
                inner,
                name or old.name,
                tuple(dict.fromkeys((*old.tags, *tags))),
                {**old.metadata, **(metadata or {})},
            )
        )

    def bind(self, **options: object) -> Self:
        """Return the same node with some of its parameters given; what is bound again wins.

        Raises:
            CompileError: the chain is not a single node, or has no parameter of that name.
        """
        from graphflow.declare import bound

        return self._with_node(lambda node: bound(node, options))

    def _with_node(self, change: Callable[[Node], Node]) -> Self:
        """Return the chain with its only node changed.

        Raises:
            CompileError: it has several.
        """
        inner = self._declaration
        config = inner if isinstance(inner, Configured) else None
        if config is not None:
            inner = config.inner
        if not isinstance(inner, Step):
            raise compile_error(
                "GF110",
                f"`{self.name}` is put together of several nodes, so its options cannot be bound",
                location=caller_location(),
                hint="bind the options of the node that takes them, then put the chain together",
            )
        step = Step(change(inner.node))
        return self._with(step if config is None else attrs.evolve(config, inner=step))

    def _with(self, declaration: Declaration) -> Self:
        """Return a chain of the same class on another declaration."""
        chain = object.__new__(type(self))
        chain.__dict__.update(self.__dict__)
        chain._declaration = declaration
        chain._program = None
        return chain

    # --- running ---

    def compile(self) -> Program[In, Out]:
        """Return the compiled program; the first call compiles, later ones give the same program.

        Raises:
            CompileError: the chain cannot be run.
        """
        if self._program is None:
            from graphflow.program import Program

            self._program = Program(self)
        return self._program

    async def invoke(
        self,
        value: In,
        /,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | None = None,
    ) -> Out:
        """Run the chain on one value and return the value of its whole output. See `Program.invoke`."""
        return await self.compile().invoke(value, name=name, tags=tags, metadata=metadata, run_id=run_id)

    def stream(
        self,
        value: In,
        /,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[Out]]:
        """Run the chain on one value; gives the final output chunk by chunk. See `Program.stream`."""
        return self.compile().stream(value, name=name, tags=tags, metadata=metadata, run_id=run_id)

    def transform(
        self,
        source: AsyncIterable[In],
        /,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[Out]]:
        """Run the chain on an input that is itself a stream. See `Program.transform`."""
        return self.compile().transform(source, name=name, tags=tags, metadata=metadata, run_id=run_id)

    def events(
        self,
        value: In,
        /,
        *,
        include_names: Iterable[str] | None = None,
        include_types: Iterable[str] | None = None,
        include_tags: Iterable[str] | None = None,
        exclude_names: Iterable[str] | None = None,
        exclude_types: Iterable[str] | None = None,
        exclude_tags: Iterable[str] | None = None,
        allow_unmatched: bool = False,
        outputs: bool = True,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Run the chain on one value; gives what happens inside as events. See `Program.events`."""
        return self.compile().events(
            value,
            include_names=include_names,
            include_types=include_types,
            include_tags=include_tags,
            exclude_names=exclude_names,
            exclude_types=exclude_types,
            exclude_tags=exclude_tags,
            allow_unmatched=allow_unmatched,
            outputs=outputs,
            name=name,
            tags=tags,
            metadata=metadata,
            run_id=run_id,
        )

    @overload
    async def batch(
        self, values: Iterable[In], /, *, max_concurrency: int | None = None, return_exceptions: bool
    ) -> list[Out | Exception]: ...

    @overload
    async def batch(self, values: Iterable[In], /, *, max_concurrency: int | None = None) -> list[Out]: ...

    async def batch(
        self, values: Iterable[In], /, *, max_concurrency: int | None = None, return_exceptions: bool = False
    ) -> list[Out] | list[Out | Exception]:
        """Run the chain on several values side by side; gives their outputs in order. See `Program.batch`."""
        return await self.compile().batch(
            values, max_concurrency=max_concurrency, return_exceptions=return_exceptions
        )

    @overload
    def batch_as_completed(
        self, values: Iterable[In], /, *, max_concurrency: int | None = None, return_exceptions: bool
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[int, Out | Exception]]]: ...

    @overload
    def batch_as_completed(
        self, values: Iterable[In], /, *, max_concurrency: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[int, Out]]]: ...

    def batch_as_completed(
        self, values: Iterable[In], /, *, max_concurrency: int | None = None, return_exceptions: bool = False
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[int, Any]]]:
        """Run the chain on several values; gives `(index, output)` as each is done. See `Program.batch_as_completed`."""
        return self.compile().batch_as_completed(
            values, max_concurrency=max_concurrency, return_exceptions=return_exceptions
        )

    @property
    def sync(self) -> SyncVerbs[In, Out]:
        """The same verbs for code that is not asynchronous."""
        return self.compile().sync

    # --- putting together, without types; the subclasses say what comes out ---

    def _then(self, other: object) -> Chain[Any, Any]:
        from graphflow.declare import as_chain

        right = as_chain(other)
        return wrap(Sequence(self._declaration, right._declaration, caller_location()))

    def _after(self, other: object) -> Chain[Any, Any]:
        from graphflow.declare import as_chain

        left = as_chain(other)
        return wrap(Sequence(left._declaration, self._declaration, caller_location()))


class Transform(Chain[In, Out]):
    """A chain that takes chunks as they come and gives chunks."""

    @overload
    def __or__(self, other: Transform[Out, C]) -> Transform[In, C]: ...  # type: ignore[misc]
    @overload
    def __or__(self, other: Producer[Out, C]) -> Producer[In, C]: ...  # type: ignore[misc]
    @overload
    def __or__(self, other: Chain[Out, C]) -> Aggregate[In, C]: ...  # type: ignore[misc]
    @overload
    def __or__(self, other: Callable[[AsyncIterator[Out]], AsyncIterator[C]]) -> Transform[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Out], AsyncIterator[C]]) -> Producer[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Out], Awaitable[C]]) -> Aggregate[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Out], C]) -> Aggregate[In, C]: ...
    @overload
    def __or__(self, other: Mapping[str, object]) -> Aggregate[In, dict[str, Any]]: ...
    def __or__(self, other: object) -> Chain[Any, Any]:
        return self._then(other)

    @overload
    def __ror__(self, other: Callable[[AsyncIterator[A]], AsyncIterator[In]]) -> Transform[A, Out]: ...
    @overload
    def __ror__(self, other: Callable[[A], AsyncIterator[In]]) -> Producer[A, Out]: ...
    @overload
    def __ror__(self, other: Callable[[A], Awaitable[In]]) -> Aggregate[A, Out]: ...
    @overload
    def __ror__(self, other: Callable[[A], In]) -> Aggregate[A, Out]: ...
    @overload
    def __ror__(self, other: Mapping[str, object]) -> Aggregate[Any, Out]: ...
    def __ror__(self, other: object) -> Chain[Any, Any]:
        return self._after(other)

    @overload
    def __call__(self, input: Stream[In], /) -> Stream[Out]: ...  # type: ignore[misc]
    @overload
    def __call__(self, input: Value[In], /) -> Value[Out]: ...  # type: ignore[misc]
    @overload
    def __call__(self, *args: object, **kwargs: object) -> Value[Out]: ...
    def __call__(self, *args: object, **kwargs: object) -> Any:
        from graphflow.handles import call

        return call(self, args, kwargs)


class Producer(Chain[In, Out]):
    """A chain that waits for its whole input, then gives chunks."""

    @overload
    def __or__(self, other: Transform[Out, C]) -> Producer[In, C]: ...  # type: ignore[misc]
    @overload
    def __or__(self, other: Producer[Out, C]) -> Producer[In, C]: ...  # type: ignore[misc]
    @overload
    def __or__(self, other: Chain[Out, C]) -> Aggregate[In, C]: ...  # type: ignore[misc]
    @overload
    def __or__(self, other: Callable[[AsyncIterator[Out]], AsyncIterator[C]]) -> Producer[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Out], AsyncIterator[C]]) -> Producer[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Out], Awaitable[C]]) -> Aggregate[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Out], C]) -> Aggregate[In, C]: ...
    @overload
    def __or__(self, other: Mapping[str, object]) -> Aggregate[In, dict[str, Any]]: ...
    def __or__(self, other: object) -> Chain[Any, Any]:
        return self._then(other)

    def __ror__(self, other: Callable[..., Any] | Mapping[str, object]) -> Producer[Any, Out]:
        chain = self._after(other)
        assert isinstance(chain, Producer)
        return chain

    def __call__(self, *args: object, **kwargs: object) -> Stream[Out]:
        from graphflow.handles import call

        return call(self, args, kwargs)  # type: ignore[return-value]


class Aggregate(Chain[In, Out]):
    """A chain that gives one value, once its input is complete."""

    @overload
    def __or__(self, other: Producer[Out, C]) -> Producer[In, C]: ...  # type: ignore[misc]
    @overload
    def __or__(self, other: Chain[Out, C]) -> Aggregate[In, C]: ...  # type: ignore[misc]
    @overload
    def __or__(self, other: Callable[[AsyncIterator[Out]], AsyncIterator[C]]) -> Aggregate[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Out], AsyncIterator[C]]) -> Producer[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Out], Awaitable[C]]) -> Aggregate[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Out], C]) -> Aggregate[In, C]: ...
    @overload
    def __or__(self, other: Mapping[str, object]) -> Aggregate[In, dict[str, Any]]: ...
    def __or__(self, other: object) -> Chain[Any, Any]:
        return self._then(other)

    def __ror__(self, other: Callable[..., Any] | Mapping[str, object]) -> Aggregate[Any, Out]:
        chain = self._after(other)
        assert isinstance(chain, Aggregate)
        return chain

    def __call__(self, *args: object, **kwargs: object) -> Value[Out]:
        from graphflow.handles import call

        return call(self, args, kwargs)  # type: ignore[return-value]


Streaming = Transform[A, B] | Producer[A, B]
"""What a function asks for that needs a chain whose output streams: ``def serve(chain: gf.Streaming[str, str])``."""


def wrap(declaration: Declaration) -> Chain[Any, Any]:
    """Return the chain of a declaration, in the class that the declaration promises."""
    match declaration.node_class:
        case NodeClass.TRANSFORM:
            return Transform(declaration)
        case NodeClass.PRODUCER:
            return Producer(declaration)
        case NodeClass.AGGREGATE:
            return Aggregate(declaration)
