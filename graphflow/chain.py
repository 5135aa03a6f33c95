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

from collections import abc
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sized,
)
from contextlib import AbstractAsyncContextManager
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Generic,
    Literal,
    Never,
    ParamSpec,
    Protocol,
    Self,
    TypeAlias,
    TypeVar,
    final,
    overload,
)

import attrs

from graphflow.declaration import Configured, Declaration, Declared, Sequence, Step, Wrapped, outline_of
from graphflow.limits import Limit
from graphflow.places import caller_location
from graphflow_compiler.errors import compile_error
from graphflow_compiler.ir import Node, NodeClass, Policy

if TYPE_CHECKING:
    from graphflow.events import Event
    from graphflow.handles import Stream, Value
    from graphflow.policies.cache import CacheStore
    from graphflow.policies.policy import Errors
    from graphflow.policies.retry import Wait
    from graphflow.program import Program
    from graphflow.sync import SyncVerbs
    from graphflow_compiler.profile import Profile

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
P = ParamSpec("P")
In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)

# --- what the overloads are made of: the table above, for chains, functions and dicts on either side ---
#
# A type with `Any` in it fits several overloads. mypy then infers `Any` for the whole, unless all that fit take or give
# the same type; pyright takes the first. Hence the overloads for chains exclude one another, no chain fits one for
# functions (`Plain`), and functions that return `Any` are caught before those that stream (`Untyped`). The last one,
# for `Formats[Never]`, fits nothing: it makes mypy say what cannot be joined, where it would list all the others.


class Formats(Protocol[Out]):
    """What gives `Out` when it is put into a text: every value gives a str; handles give nothing, they raise."""

    def __format__(self, spec: str, /) -> Out: ...  # type: ignore[override]


class Keyed(Protocol):
    """A TypedDict, which takes the records of a dict of chains, though type checkers do not know their keys."""

    __required_keys__: ClassVar[frozenset[str]]


class GivenWhole(Protocol[Out]):
    """A chain, as what it promises when its input is one whole value: a transform then no more than an aggregate."""

    def _given_whole(self) -> Out: ...


@final
class Untyped:
    """What nothing returns: the functions that seem to are those that return `Any`, such as `json.loads`."""


AnyPlain: TypeAlias = Formats[str] | Iterable[Any] | Sized | type[Any] | None
AnyResult: TypeAlias = AnyPlain | Awaitable[Any] | AsyncIterator[Any]
Chunks: TypeAlias = AsyncIterator[A] | Iterator[A]
Result: TypeAlias = Chunks[A] | Awaitable[A] | A

Plain = TypeVar("Plain", bound=AnyPlain)
"""A value, not a handle, and so the result of a function, not of a chain: chains are called on handles, for handles."""

Keys = TypeVar("Keys", bound=Keyed)

Later = TypeVar("Later", bound=Awaitable[Any])
"""What can be awaited, but is not from an ``async def``; what it gives is not inferred, for the reason above."""

Reader = TypeVar("Reader", bound=Iterator[Any])
"""The type of a parameter that reads a stream: unlike ``Iterator[A]``, it leaves out what also takes other things."""


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
        return f"<{type(self).__name__} {outline_of(self._declaration)}>"

    # --- new chains ---

    def with_config(
        self,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        buffer: int | None = None,
    ) -> Self:
        """Return the same chain with a name of its own, tags and metadata for its events.

        Tags and metadata are inherited by everything inside. What is given again wins; tags add up.

        Args:
            name: what it is called in events and plans.
            tags: what its events can be filtered by.
            metadata: what its events say of it.
            buffer: how many chunks its output may be ahead of who reads it in another task, instead of 64. Where no
                bound is safe the plan says so, and the hint is not taken.

        Raises:
            TypeError: `tags` is one string, or `buffer` is no int.
            ValueError: `buffer` is below 1.
        """
        if isinstance(tags, str):
            raise TypeError(f"tags takes several strings, not the string {tags!r}: write [{tags!r}]")
        _refuse_buffer(buffer)
        declaration = self._declaration
        old = declaration if isinstance(declaration, Configured) else Configured(declaration, None, (), {})
        return self._with(
            Configured(
                old.inner,
                name or old.name,
                tuple(dict.fromkeys((*old.tags, *tags))),
                {**old.metadata, **(metadata or {})},
                old.buffer if buffer is None else buffer,
            )
        )

    def bind(self, **options: object) -> Self:
        """Return the same node with some of its parameters given; what is bound again wins.

        Raises:
            CompileError: the chain is not a single node, or has no parameter of that name.
        """
        from graphflow.declare import bound

        return self._with_node(lambda node: bound(node, options))

    def with_retry(
        self,
        *,
        attempts: int = 3,
        on: Errors = Exception,
        wait: Wait | None = None,
        until: Literal["first chunk", "end"] = "first chunk",
    ) -> Chain[In, Out]:
        """Return a chain that runs this one again, on the same input, after an error.

        It does so until the first chunk has gone out: what the reader has got cannot be taken back. Later errors are
        raised. With `until="end"` the output is held back until an attempt has succeeded as a whole, and then given as
        one value: the chain does not stream any more, and the plan says so. A stream that flows in is kept as long as
        it may have to be read again. Every attempt is a run in events, tagged ``retry:attempt:N`` from the second on.

        Args:
            attempts: how often to try in all.
            on: after which errors: a class, a tuple of them, or a function of the error.
            wait: seconds between two attempts, a function of the number of the attempt that failed, or a wait strategy
                of tenacity. Without it half a second, twice as long every time, up to 30 s, with jitter. What a
                provider asked for (`retry_after`) is waited at least.
            until: how long an error may lead to another attempt.

        Raises:
            ValueError: one of them makes no sense.
        """
        from graphflow.policies.retry import Retry

        return self._wrapped(Retry(attempts, on, wait, until))

    def with_fallbacks(
        self,
        first: Chain[In, Out],
        /,
        *others: Chain[In, Out],
        on: Errors = Exception,
        until: Literal["first chunk", "end"] = "first chunk",
    ) -> Chain[In, Out]:
        """Return a chain that runs the first of others instead, on the same input, if this one fails; then the next.

        As with `with_retry`, only an error before the first chunk leads to another chain, unless `until="end"` holds
        the output back.

        Args:
            first: what to run instead.
            others: what to run after that, in order.
            on: after which errors: a class, a tuple of them, or a function of the error.
            until: how long an error may lead to another chain.
        """
        from graphflow.declare import as_chain
        from graphflow.policies.fallbacks import Fallbacks

        return self._wrapped(Fallbacks(on, until), *map(as_chain, (first, *others)))

    def with_timeout(
        self,
        *,
        total: float | None = None,
        first_chunk: float | None = None,
        between_chunks: float | None = None,
    ) -> Chain[In, Out]:
        """Return a chain that is ended with a `TimeLimitError` when it takes too long.

        The time that its reader takes is not counted.

        Args:
            total: how long it may work in all, in seconds.
            first_chunk: how long until its first chunk, in seconds.
            between_chunks: how long between two chunks, in seconds.

        Raises:
            ValueError: there is no limit, or one is not more than 0.
        """
        from graphflow.policies.timeout import Timeout

        return self._wrapped(Timeout(total, first_chunk, between_chunks))

    def with_limit(self, limit: int | Limit, /) -> Chain[In, Out]:
        """Return a chain of which only so many runs are at work at once, wherever they come from; others wait.

        What runs inside it under the same `Limit` shares its place.

        Args:
            limit: how many, or a `Limit` that several chains share.

        Raises:
            ValueError: it is less than 1.
        """
        from graphflow.policies.limit import Limited

        return self._wrapped(Limited(Limit.of(limit)))

    def with_cache(
        self,
        store: CacheStore | None = None,
        *,
        namespace: str | None = None,
        key: Callable[[In], object] | None = None,
    ) -> Chain[In, Out]:
        """Return a chain that keeps its complete outputs, chunk by chunk, and gives them again for equal inputs.

        Args:
            store: where: a `MemoryCache` of its own, if not given.
            namespace: what tells its entries from those of other chains in the same store; give one where a store
                outlives the process. Change it when the chain changes.
            key: what of an input counts, where that is not all of it, or not made of plain values.
        """
        from graphflow.policies.cache import Cache, MemoryCache, own_namespace

        kept_in = MemoryCache() if store is None else store
        return self._wrapped(Cache(kept_in, namespace or own_namespace(), key))

    def _wrapped(self, policy: Policy, *others: Chain[Any, Any]) -> Chain[Any, Any]:
        bodies = (self._declaration, *(other._declaration for other in others))
        return wrap(Wrapped(bodies, policy, caller_location()))

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

    def invoke(
        self,
        value: In,
        /,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | None = None,
        limit: int | Limit | None = None,
    ) -> Coroutine[Any, Any, Out]:
        """Run the chain on one value; ``await`` gives the value of its whole output. See `Program.invoke`."""
        return self.compile().invoke(value, name=name, tags=tags, metadata=metadata, run_id=run_id, limit=limit)

    def stream(
        self,
        value: In,
        /,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | None = None,
        limit: int | Limit | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[Out]]:
        """Run the chain on one value; gives the final output chunk by chunk. See `Program.stream`."""
        return self.compile().stream(value, name=name, tags=tags, metadata=metadata, run_id=run_id, limit=limit)

    def transform(
        self,
        source: AsyncIterable[In],
        /,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | None = None,
        limit: int | Limit | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[Out]]:
        """Run the chain on an input that is itself a stream. See `Program.transform`."""
        return self.compile().transform(source, name=name, tags=tags, metadata=metadata, run_id=run_id, limit=limit)

    def explain_analyze(
        self,
        value: In,
        /,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | None = None,
        limit: int | Limit | None = None,
    ) -> Coroutine[Any, Any, Profile]:
        """Run the chain once on one value; ``await`` gives what was measured. See `Program.explain_analyze`."""
        return self.compile().explain_analyze(
            value, name=name, tags=tags, metadata=metadata, run_id=run_id, limit=limit
        )

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
        limit: int | Limit | None = None,
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
            limit=limit,
        )

    @overload
    async def batch(
        self,
        values: Iterable[In],
        /,
        *,
        max_concurrency: int | None = None,
        return_exceptions: Literal[False] = False,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | abc.Sequence[str] | None = None,
        limit: int | Limit | None = None,
    ) -> list[Out]: ...

    @overload
    async def batch(
        self,
        values: Iterable[In],
        /,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | abc.Sequence[str] | None = None,
        limit: int | Limit | None = None,
    ) -> list[Out | Exception]: ...

    async def batch(
        self,
        values: Iterable[In],
        /,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool = False,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | abc.Sequence[str] | None = None,
        limit: int | Limit | None = None,
    ) -> list[Out] | list[Out | Exception]:
        """Run the chain on several values side by side; gives their outputs in order. See `Program.batch`."""
        return await self.compile().batch(
            values,
            max_concurrency=max_concurrency,
            return_exceptions=return_exceptions,
            name=name,
            tags=tags,
            metadata=metadata,
            run_id=run_id,
            limit=limit,
        )

    @overload
    def batch_as_completed(
        self,
        values: Iterable[In],
        /,
        *,
        max_concurrency: int | None = None,
        return_exceptions: Literal[False] = False,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | abc.Sequence[str] | None = None,
        limit: int | Limit | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[int, Out]]]: ...

    @overload
    def batch_as_completed(
        self,
        values: Iterable[In],
        /,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | abc.Sequence[str] | None = None,
        limit: int | Limit | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[int, Out | Exception]]]: ...

    def batch_as_completed(
        self,
        values: Iterable[In],
        /,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool = False,
        name: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        run_id: str | abc.Sequence[str] | None = None,
        limit: int | Limit | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[int, Any]]]:
        """Run the chain on several values; gives `(index, output)` when each is done. See the same of `Program`."""
        return self.compile().batch_as_completed(
            values,
            max_concurrency=max_concurrency,
            return_exceptions=return_exceptions,
            name=name,
            tags=tags,
            metadata=metadata,
            run_id=run_id,
            limit=limit,
        )

    @property
    def sync(self) -> SyncVerbs[In, Out]:
        """The same verbs for code that is not asynchronous."""
        return self.compile().sync

    # --- putting together: what is declared here is the least that any chain promises ---

    @overload
    def __or__(self, other: Producer[Out, C], /) -> Producer[In, C]: ...
    @overload
    def __or__(self, other: Transform[Out, C] | Aggregate[Out, C], /) -> Aggregate[In, C]: ...
    @overload
    def __or__(self, other: GivenWhole[Aggregate[Out, C]], /) -> Aggregate[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Out], Untyped], /) -> Aggregate[In, Any]: ...
    @overload
    def __or__(self, other: Callable[[AsyncIterator[Out]], AsyncIterator[C]], /) -> Aggregate[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Iterator[Out]], Iterator[C]], /) -> Aggregate[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Out], AsyncIterator[C]], /) -> Producer[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Out], Iterator[C]], /) -> Producer[In, C]: ...  # type: ignore[overload-overlap]
    @overload
    def __or__(self, other: Callable[[Out], Awaitable[C]], /) -> Aggregate[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Out], Plain], /) -> Aggregate[In, Plain]: ...  # type: ignore[overload-overlap]
    @overload
    def __or__(self: Chain[In, dict[str, Any]], other: Producer[Keys, C], /) -> Producer[In, C]: ...
    @overload
    def __or__(
        self: Chain[In, dict[str, Any]], other: Transform[Keys, C] | Aggregate[Keys, C], /
    ) -> Aggregate[In, C]: ...
    @overload
    def __or__(self: Chain[In, dict[str, Any]], other: Callable[[Keys], Untyped], /) -> Aggregate[In, Any]: ...
    @overload
    def __or__(self: Chain[In, dict[str, Any]], other: Callable[[Keys], AsyncIterator[C]], /) -> Producer[In, C]: ...
    @overload
    def __or__(self: Chain[In, dict[str, Any]], other: Callable[[Keys], Iterator[C]], /) -> Producer[In, C]: ...  # type: ignore[overload-overlap]
    @overload
    def __or__(self: Chain[In, dict[str, Any]], other: Callable[[Keys], Awaitable[C]], /) -> Aggregate[In, C]: ...
    @overload
    def __or__(self: Chain[In, dict[str, Any]], other: Callable[[Keys], Plain], /) -> Aggregate[In, Plain]: ...
    @overload
    def __or__(self, other: Callable[[AsyncIterator[Out]], Awaitable[C]], /) -> Aggregate[In, C]: ...
    @overload
    def __or__(self, other: Callable[[Iterator[Out]], Plain], /) -> Aggregate[In, Plain]: ...
    @overload
    def __or__(
        self: Chain[In, Mapping[str, object]], other: Callable[Concatenate[Never, Never, P], AnyResult], /
    ) -> Aggregate[In, Any]: ...
    @overload
    def __or__(self, other: Callable[[], AnyResult], /) -> Aggregate[In, Any]: ...
    @overload
    def __or__(self, other: Mapping[str, object], /) -> Aggregate[In, dict[str, Any]]: ...
    @overload
    def __or__(self, other: Formats[Never], /) -> Never: ...
    def __or__(self, other: Any, /) -> Any:
        from graphflow.declare import as_chain

        return wrap(Sequence(self._declaration, as_chain(other)._declaration, caller_location()))

    @overload
    def __ror__(self, other: Chain[A, In], /) -> Aggregate[A, Out]: ...  # type: ignore[misc]
    @overload
    def __ror__(self, other: Mapping[str, object], /) -> Aggregate[Any, Out]: ...
    @overload
    def __ror__(self, other: Callable[[object], Result[In]], /) -> Aggregate[Any, Out]: ...
    @overload
    def __ror__(self, other: Callable[[AsyncIterator[A]], Result[In]], /) -> Aggregate[A, Out]: ...
    @overload
    def __ror__(self, other: Callable[[Reader], Result[In]], /) -> Aggregate[Any, Out]: ...
    @overload
    def __ror__(self, other: Callable[[A], Result[In]], /) -> Aggregate[A, Out]: ...
    @overload
    def __ror__(self, other: Callable[Concatenate[Never, Never, P], AnyResult], /) -> Aggregate[Any, Out]: ...
    @overload
    def __ror__(self, other: Callable[[], Result[In]], /) -> Aggregate[object, Out]: ...
    @overload
    def __ror__(self, other: Formats[Never], /) -> Never: ...
    def __ror__(self, other: Any, /) -> Any:
        from graphflow.declare import as_chain

        return wrap(Sequence(as_chain(other)._declaration, self._declaration, caller_location()))

    @overload
    def __call__(self, input: Stream[In] | Value[In], /, **named: object) -> Value[Out]: ...
    @overload
    def __call__(self, first: object, second: object, /, *others: object, **named: object) -> Value[Out]: ...
    @overload
    def __call__(self, /, **named: object) -> Value[Out]: ...
    def __call__(self, /, *args: object, **named: object) -> Any:
        """Inside a `graph` function, make a node that takes what others give; returns a handle on what it gives itself.

        Args:
            args: handles, or values of parameters, in the order of the parameters.
            named: the same by name; a chain that takes a record takes its keys so.

        Raises:
            CompileError: there is no handle among them, or they do not fit the parameters.
        """
        from graphflow.handles import call

        return call(self, args, named)

    if TYPE_CHECKING:

        def _given_whole(self) -> Aggregate[In, Out]: ...


class Transform(Chain[In, Out]):
    """A chain that takes chunks as they come and gives chunks."""

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def with_retry(
            self, *, attempts: int = 3, on: Errors = ..., wait: Wait | None = None, until: Literal["end"]
        ) -> Aggregate[In, Out]: ...
        @overload
        def with_retry(
            self,
            *,
            attempts: int = 3,
            on: Errors = ...,
            wait: Wait | None = None,
            until: Literal["first chunk"] = "first chunk",
        ) -> Transform[In, Out]: ...
        def with_retry(self, **options: Any) -> Any:
            """See `Chain.with_retry`."""

        @overload  # type: ignore[override]
        def with_fallbacks(
            self, first: Chain[In, Out], /, *others: Chain[In, Out], on: Errors = ..., until: Literal["end"]
        ) -> Aggregate[In, Out]: ...
        @overload
        def with_fallbacks(  # type: ignore[overload-overlap]
            self,
            first: Transform[In, Out],
            /,
            *others: Transform[In, Out],
            on: Errors = ...,
            until: Literal["first chunk"] = "first chunk",
        ) -> Transform[In, Out]: ...
        @overload
        def with_fallbacks(  # type: ignore[overload-overlap]
            self,
            first: Transform[In, Out] | Producer[In, Out],
            /,
            *others: Transform[In, Out] | Producer[In, Out],
            on: Errors = ...,
            until: Literal["first chunk"] = "first chunk",
        ) -> Producer[In, Out]: ...
        @overload
        def with_fallbacks(
            self,
            first: Chain[In, Out],
            /,
            *others: Chain[In, Out],
            on: Errors = ...,
            until: Literal["first chunk"] = "first chunk",
        ) -> Aggregate[In, Out]: ...
        def with_fallbacks(self, *others: Any, **options: Any) -> Any:
            """See `Chain.with_fallbacks`."""

        def with_timeout(
            self, *, total: float | None = None, first_chunk: float | None = None, between_chunks: float | None = None
        ) -> Transform[In, Out]:
            """See `Chain.with_timeout`."""

        def with_limit(self, limit: int | Limit, /) -> Transform[In, Out]:
            """See `Chain.with_limit`."""

        def with_cache(
            self,
            store: CacheStore | None = None,
            *,
            namespace: str | None = None,
            key: Callable[[In], object] | None = None,
        ) -> Producer[In, Out]:
            """See `Chain.with_cache`."""

        @overload  # type: ignore[override]
        def __or__(self, other: Transform[Out, C], /) -> Transform[In, C]: ...
        @overload
        def __or__(self, other: Producer[Out, C], /) -> Producer[In, C]: ...
        @overload
        def __or__(self, other: Aggregate[Out, C], /) -> Aggregate[In, C]: ...
        @overload
        def __or__(self, other: Callable[[Out], Untyped], /) -> Aggregate[In, Any]: ...
        @overload
        def __or__(self, other: Callable[[Out], AsyncIterator[C]], /) -> Producer[In, C]: ...  # type: ignore[overload-overlap]
        @overload
        def __or__(self, other: Callable[[Out], Iterator[C]], /) -> Producer[In, C]: ...  # type: ignore[overload-overlap]
        @overload
        def __or__(self, other: Callable[[Out], Awaitable[C]], /) -> Aggregate[In, C]: ...
        @overload
        def __or__(self, other: Callable[[Out], Plain], /) -> Aggregate[In, Plain]: ...  # type: ignore[overload-overlap]
        @overload
        def __or__(self, other: Callable[[AsyncIterator[Out]], AsyncIterator[C]], /) -> Transform[In, C]: ...
        @overload
        def __or__(self, other: Callable[[Iterator[Out]], Iterator[C]], /) -> Transform[In, C]: ...  # type: ignore[overload-overlap]
        @overload
        def __or__(self, other: Callable[[AsyncIterator[Out]], Awaitable[C]], /) -> Aggregate[In, C]: ...
        @overload
        def __or__(self, other: Callable[[Iterator[Out]], Plain], /) -> Aggregate[In, Plain]: ...
        @overload
        def __or__(
            self: Chain[In, Mapping[str, object]], other: Callable[Concatenate[Never, Never, P], AnyResult], /
        ) -> Aggregate[In, Any]: ...
        @overload
        def __or__(self, other: Callable[[], AnyResult], /) -> Aggregate[In, Any]: ...
        @overload
        def __or__(self, other: Mapping[str, object], /) -> Aggregate[In, dict[str, Any]]: ...
        @overload
        def __or__(self, other: Formats[Never], /) -> Never: ...
        def __or__(self, other: Any, /) -> Any: ...

        @overload  # type: ignore[override]
        def __ror__(self, other: Mapping[str, object], /) -> Aggregate[Any, Out]: ...
        @overload
        def __ror__(self, other: Callable[[A], Untyped], /) -> Aggregate[A, Out]: ...
        @overload
        def __ror__(self, other: Callable[[object], Chunks[In]], /) -> Producer[Any, Out]: ...  # type: ignore[overload-overlap]
        @overload
        def __ror__(self, other: Callable[[AsyncIterator[A]], AsyncIterator[In]], /) -> Transform[A, Out]: ...  # type: ignore[overload-overlap]
        @overload
        def __ror__(self, other: Callable[[Iterable[A]], Iterator[In]], /) -> Producer[Iterable[A], Out]: ...  # type: ignore[overload-overlap]
        @overload
        def __ror__(self, other: Callable[[Reader], Iterator[In]], /) -> Transform[Any, Out]: ...  # type: ignore[overload-overlap]
        @overload
        def __ror__(self, other: Callable[[A], Chunks[In]], /) -> Producer[A, Out]: ...  # type: ignore[overload-overlap]
        @overload
        def __ror__(self, other: Callable[[object], Awaitable[In] | In], /) -> Aggregate[Any, Out]: ...
        @overload
        def __ror__(self, other: Callable[[AsyncIterator[A]], Awaitable[In]], /) -> Aggregate[A, Out]: ...
        @overload
        def __ror__(self, other: Callable[[Reader], In], /) -> Aggregate[Any, Out]: ...
        @overload
        def __ror__(self, other: Callable[[A], Awaitable[In] | In], /) -> Aggregate[A, Out]: ...
        @overload
        def __ror__(self, other: Callable[Concatenate[Never, Never, P], AnyResult], /) -> Aggregate[Any, Out]: ...
        @overload
        def __ror__(self, other: Callable[[], Result[In]], /) -> Aggregate[object, Out]: ...
        @overload
        def __ror__(self, other: Formats[Never], /) -> Never: ...
        def __ror__(self, other: Any, /) -> Any: ...

        @overload  # type: ignore[override]
        def __call__(self, input: Stream[In], /, **named: object) -> Stream[Out]: ...
        @overload
        def __call__(self, input: Value[In], /, **named: object) -> Value[Out]: ...
        @overload
        def __call__(  # type: ignore[overload-overlap]
            self, first: Stream[Any], second: Stream[Any], /, *others: Stream[Any], **named: Stream[Any]
        ) -> Stream[Out]: ...
        @overload
        def __call__(self, first: object, second: object, /, *others: object, **named: object) -> Value[Out]: ...
        @overload
        def __call__(self, /, **named: Stream[Any]) -> Stream[Out]: ...  # type: ignore[overload-overlap]
        @overload
        def __call__(self, /, **named: object) -> Value[Out]: ...
        def __call__(self, /, *args: object, **named: object) -> Any:
            """See `Chain.__call__`."""


class Producer(Chain[In, Out]):
    """A chain that waits for its whole input, then gives chunks."""

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def with_retry(
            self, *, attempts: int = 3, on: Errors = ..., wait: Wait | None = None, until: Literal["end"]
        ) -> Aggregate[In, Out]: ...
        @overload
        def with_retry(
            self,
            *,
            attempts: int = 3,
            on: Errors = ...,
            wait: Wait | None = None,
            until: Literal["first chunk"] = "first chunk",
        ) -> Producer[In, Out]: ...
        def with_retry(self, **options: Any) -> Any:
            """See `Chain.with_retry`."""

        @overload  # type: ignore[override]
        def with_fallbacks(
            self, first: Chain[In, Out], /, *others: Chain[In, Out], on: Errors = ..., until: Literal["end"]
        ) -> Aggregate[In, Out]: ...
        @overload
        def with_fallbacks(  # type: ignore[overload-overlap]
            self,
            first: Transform[In, Out] | Producer[In, Out],
            /,
            *others: Transform[In, Out] | Producer[In, Out],
            on: Errors = ...,
            until: Literal["first chunk"] = "first chunk",
        ) -> Producer[In, Out]: ...
        @overload
        def with_fallbacks(
            self,
            first: Chain[In, Out],
            /,
            *others: Chain[In, Out],
            on: Errors = ...,
            until: Literal["first chunk"] = "first chunk",
        ) -> Aggregate[In, Out]: ...
        def with_fallbacks(self, *others: Any, **options: Any) -> Any:
            """See `Chain.with_fallbacks`."""

        def with_timeout(
            self, *, total: float | None = None, first_chunk: float | None = None, between_chunks: float | None = None
        ) -> Producer[In, Out]:
            """See `Chain.with_timeout`."""

        def with_limit(self, limit: int | Limit, /) -> Producer[In, Out]:
            """See `Chain.with_limit`."""

        def with_cache(
            self,
            store: CacheStore | None = None,
            *,
            namespace: str | None = None,
            key: Callable[[In], object] | None = None,
        ) -> Producer[In, Out]:
            """See `Chain.with_cache`."""

        @overload  # type: ignore[override]
        def __or__(self, other: Transform[Out, C] | Producer[Out, C], /) -> Producer[In, C]: ...
        @overload
        def __or__(self, other: Aggregate[Out, C], /) -> Aggregate[In, C]: ...
        @overload
        def __or__(self, other: Callable[[Out], Untyped], /) -> Aggregate[In, Any]: ...
        @overload
        def __or__(self, other: Callable[[Out], AsyncIterator[C]], /) -> Producer[In, C]: ...
        @overload
        def __or__(self, other: Callable[[Out], Iterator[C]], /) -> Producer[In, C]: ...  # type: ignore[overload-overlap]
        @overload
        def __or__(self, other: Callable[[Out], Awaitable[C]], /) -> Aggregate[In, C]: ...
        @overload
        def __or__(self, other: Callable[[Out], Plain], /) -> Aggregate[In, Plain]: ...  # type: ignore[overload-overlap]
        @overload
        def __or__(self, other: Callable[[AsyncIterator[Out]], AsyncIterator[C]], /) -> Producer[In, C]: ...
        @overload
        def __or__(self, other: Callable[[Iterator[Out]], Iterator[C]], /) -> Producer[In, C]: ...  # type: ignore[overload-overlap]
        @overload
        def __or__(self, other: Callable[[AsyncIterator[Out]], Awaitable[C]], /) -> Aggregate[In, C]: ...
        @overload
        def __or__(self, other: Callable[[Iterator[Out]], Plain], /) -> Aggregate[In, Plain]: ...
        @overload
        def __or__(
            self: Chain[In, Mapping[str, object]], other: Callable[Concatenate[Never, Never, P], AnyResult], /
        ) -> Aggregate[In, Any]: ...
        @overload
        def __or__(self, other: Callable[[], AnyResult], /) -> Aggregate[In, Any]: ...
        @overload
        def __or__(self, other: Mapping[str, object], /) -> Aggregate[In, dict[str, Any]]: ...
        @overload
        def __or__(self, other: Formats[Never], /) -> Never: ...
        def __or__(self, other: Any, /) -> Any: ...

        @overload  # type: ignore[override]
        def __ror__(self, other: Mapping[str, object], /) -> Producer[Any, Out]: ...
        @overload
        def __ror__(self, other: Callable[[object], Result[In]], /) -> Producer[Any, Out]: ...
        @overload
        def __ror__(self, other: Callable[[AsyncIterator[A]], Result[In]], /) -> Producer[A, Out]: ...
        @overload
        def __ror__(self, other: Callable[[Reader], Result[In]], /) -> Producer[Any, Out]: ...
        @overload
        def __ror__(self, other: Callable[[A], Result[In]], /) -> Producer[A, Out]: ...
        @overload
        def __ror__(self, other: Callable[Concatenate[Never, Never, P], AnyResult], /) -> Producer[Any, Out]: ...
        @overload
        def __ror__(self, other: Callable[[], Result[In]], /) -> Producer[object, Out]: ...
        @overload
        def __ror__(self, other: Formats[Never], /) -> Never: ...
        def __ror__(self, other: Any, /) -> Any: ...

        @overload  # type: ignore[override]
        def __call__(self, input: Stream[In] | Value[In], /, **named: object) -> Stream[Out]: ...
        @overload
        def __call__(self, first: object, second: object, /, *others: object, **named: object) -> Stream[Out]: ...
        @overload
        def __call__(self, /, **named: object) -> Stream[Out]: ...
        def __call__(self, /, *args: object, **named: object) -> Any:
            """See `Chain.__call__`."""

        def _given_whole(self) -> Producer[In, Out]: ...  # type: ignore[override]


class Aggregate(Chain[In, Out]):
    """A chain that gives one value, once its input is complete."""

    if TYPE_CHECKING:

        def with_retry(
            self,
            *,
            attempts: int = 3,
            on: Errors = ...,
            wait: Wait | None = None,
            until: Literal["first chunk", "end"] = "first chunk",
        ) -> Aggregate[In, Out]:
            """See `Chain.with_retry`."""

        def with_fallbacks(
            self,
            first: Chain[In, Out],
            /,
            *others: Chain[In, Out],
            on: Errors = ...,
            until: Literal["first chunk", "end"] = "first chunk",
        ) -> Aggregate[In, Out]:
            """See `Chain.with_fallbacks`."""

        def with_timeout(
            self, *, total: float | None = None, first_chunk: float | None = None, between_chunks: float | None = None
        ) -> Aggregate[In, Out]:
            """See `Chain.with_timeout`."""

        def with_limit(self, limit: int | Limit, /) -> Aggregate[In, Out]:
            """See `Chain.with_limit`."""

        def with_cache(
            self,
            store: CacheStore | None = None,
            *,
            namespace: str | None = None,
            key: Callable[[In], object] | None = None,
        ) -> Aggregate[In, Out]:
            """See `Chain.with_cache`."""


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


def _refuse_buffer(buffer: object) -> None:
    if buffer is None:
        return
    if not isinstance(buffer, int) or isinstance(buffer, bool):
        raise TypeError(f"buffer is a number of chunks, not {buffer!r}")
    if buffer < 1:
        raise ValueError(f"buffer is a number of chunks, 1 at least, not {buffer}")
