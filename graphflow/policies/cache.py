"""Caches: the output of a chain is kept, chunk by chunk, and given again for the same input."""

from __future__ import annotations

import copy
import hashlib
import inspect
import itertools
import operator
import os
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, final

import attrs

from graphflow.policies.policy import Policy

if TYPE_CHECKING:
    from graphflow.runtime.attempts import Attempts

_numbers: Final = itertools.count()


class CacheStore(Protocol):
    """Where `with_cache` keeps outputs: anything with these two methods, asynchronous or not."""

    def get(self, key: str, /) -> Sequence[Any] | Awaitable[Sequence[Any] | None] | None:
        """Return the chunks that are kept under a key; None if there are none."""

    def set(self, key: str, chunks: Sequence[Any], /) -> Awaitable[None] | None:
        """Keep the chunks of a complete output under a key."""


@final
class MemoryCache:
    """A cache in memory, which forgets what was not asked for the longest.

    Args:
        max_entries: how many outputs it keeps.

    >>> cache = MemoryCache(max_entries=1)
    >>> cache.set("a", ["x", "y"])
    >>> cache.set("b", ["z"])
    >>> cache.get("a") is None, cache.get("b")
    (True, ('z',))
    """

    def __init__(self, max_entries: int = 1024) -> None:
        if max_entries < 1:
            raise ValueError(f"max_entries is how many outputs a cache keeps: at least 1, not {max_entries!r}")
        self._max_entries = max_entries
        self._entries: OrderedDict[str, tuple[Any, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str, /) -> tuple[Any, ...] | None:
        """Return a copy of what is kept under a key; None if nothing is."""
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return copy.deepcopy(self._entries[key])

    def set(self, key: str, chunks: Sequence[Any], /) -> None:
        """Keep a copy of some chunks under a key."""
        self._entries[key] = copy.deepcopy(tuple(chunks))
        self._entries.move_to_end(key)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


def own_namespace() -> str:
    """Return a namespace that no other cache in any process has."""
    return f"{os.getpid()}-{os.urandom(6).hex()}-{next(_numbers)}"


@final
@attrs.frozen
class Cache(Policy):
    """Give the output that is kept for an input, or run the chain and keep it."""

    store: CacheStore
    namespace: str
    key: Callable[[Any], object] | None

    @property
    def takes_whole(self) -> bool:
        """True: what is kept is kept for a whole input."""
        return True

    def explain(self, names: Sequence[str]) -> str:
        """Say it in words."""
        return "waits for its whole input, and gives again what it gave for the same one"

    async def chunks(self, attempts: Attempts) -> AsyncGenerator[Any, None]:
        """Yield what is kept; or run the body, yield its output, and keep it if it is complete."""
        value = attempts.value_given
        key = key_of((self.namespace, value if self.key is None else self.key(value)))
        kept = self.store.get(key)
        if inspect.isawaitable(kept):
            kept = await kept
        if kept is not None:
            for chunk in kept:
                yield chunk
            return
        given: list[Any] = []
        async with attempts:
            async for chunk in attempts.begin():
                given.append(copy.deepcopy(chunk))  # before its reader changes it
                yield chunk
        stored = self.store.set(key, given)
        if inspect.isawaitable(stored):
            await stored


def key_of(value: object) -> str:
    """Return a key that equal values share, in this process and in others.

    Raises:
        TypeError: nothing says when two values of the type are equal.

    >>> key_of({"a": 1, "b": [2]}) == key_of({"b": [2], "a": 1}), key_of(1) == key_of(True)
    (True, False)
    """
    digest = hashlib.sha256()
    _feed(value, digest.update)
    return digest.hexdigest()


def _feed(value: object, update: Callable[[bytes], None]) -> None:
    """Write down a value so that no other value is written alike: how long each part is stands before it."""
    kind = type(value)
    parts: list[bytes] = []
    if value is None:
        pass
    elif isinstance(value, str):
        parts = [str.encode(value, "utf-8", "surrogatepass")]
    elif isinstance(value, bytes):
        parts = [bytes(value)]
    elif isinstance(value, bool | int | float | complex):
        parts = [_number(value).encode()]
    elif isinstance(value, Mapping):
        entries = sorted(((key_of(key), key) for key in value), key=operator.itemgetter(0))
        parts = [part.encode() for known, key in entries for part in (known, key_of(value[key]))]
    elif isinstance(value, list | tuple):
        parts = [key_of(item).encode() for item in value]
    elif isinstance(value, set | frozenset):
        parts = sorted(key_of(item).encode() for item in value)
    elif attrs.has(kind):
        parts = [key_of(getattr(value, field.name)).encode() for field in attrs.fields(kind)]
    else:
        raise TypeError(
            f"with_cache cannot tell when two inputs are equal that hold values of {kind.__name__}: give it key=..."
        )
    for part in (kind.__module__.encode(), kind.__qualname__.encode(), *parts):
        update(f"{len(part)}:".encode())
        update(part)


def _number(value: complex) -> str:
    """Return a number as text, of a class that prints it in another way too."""
    plain = next(kind for kind in (bool, int, float, complex) if isinstance(value, kind))
    return plain.__repr__(value)
