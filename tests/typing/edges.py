"""What does not fit is refused."""

import json
from collections.abc import AsyncIterator
from typing import TypedDict

import graphflow as gf
from tests.typing.nodes import (
    A,
    A_int,
    P,
    P_int,
    T,
    T_int,
    counts,
    counts_sync,
    joins,
    produces,
    streams,
    takes_int,
    takes_pair,
    use,
)


def wrong_edges() -> None:
    use(T | T_int)  # type: ignore[operator]
    use(T | P_int)  # type: ignore[operator]
    use(T | A_int)  # type: ignore[operator]
    use(P | T_int)  # type: ignore[operator]
    use(P | P_int)  # type: ignore[operator]
    use(P | A_int)  # type: ignore[operator]
    use(A | T_int)  # type: ignore[operator]
    use(A | P_int)  # type: ignore[operator]
    use(A | A_int)  # type: ignore[operator]
    use(T | A | P | T_int)  # type: ignore[operator]

    use(T | takes_int)  # type: ignore[operator]
    use(P | takes_int)  # type: ignore[operator]
    use(A | takes_int)  # type: ignore[operator]
    use(T | counts | counts)  # type: ignore[operator]
    use(T | counts | streams)  # type: ignore[operator]
    use(T | counts | produces)  # type: ignore[operator]
    use(counts | T)  # type: ignore[operator]
    use(counts_sync | P)  # type: ignore[operator]
    use(produces | A_int)  # type: ignore[operator]
    use(T | joins)  # type: ignore[operator]
    use(T | takes_pair)  # type: ignore[operator]

    use(T | {"a": T} | T)  # type: ignore[operator]
    use(T | {"a": T} | counts)  # type: ignore[operator]
    use(T | gf.pick("key"))  # type: ignore[operator]
    use(T | gf.assign(key=T))  # type: ignore[operator]
    use(T | gf.each(T))  # type: ignore[operator]
    use(T | gf.collect() | T)  # type: ignore[operator]


def what_is_no_node() -> None:
    use(T | 3)  # type: ignore[operator]
    use(A | "a text")  # type: ignore[operator]
    use(3 | T)  # type: ignore[operator]
    use(P | [T])  # type: ignore[operator]
    use(T | counts("a text"))  # type: ignore[operator]
    use(T | {1: T})  # type: ignore[dict-item]


def what_is_blocked(chain: gf.Streaming[str, str]) -> None:
    use(chain)


def blocking_chains() -> None:
    what_is_blocked(T)
    what_is_blocked(P)
    what_is_blocked(T | streams)
    what_is_blocked(T | A | P)
    what_is_blocked(A | produces | streams)
    what_is_blocked(A)  # type: ignore[arg-type]
    what_is_blocked(T | A)  # type: ignore[arg-type]
    what_is_blocked(P | T | str.upper)  # type: ignore[arg-type]
    what_is_blocked(A | streams)  # type: ignore[arg-type]
    what_is_blocked(P | T | counts | str)  # type: ignore[arg-type]
    what_is_blocked(P | (lambda text: text.upper()))  # type: ignore[arg-type]
    what_is_blocked(P_int)  # type: ignore[arg-type]
    what_is_blocked(gf.parallel(text=T))  # type: ignore[arg-type]


def returned(chain: gf.Transform[str, str]) -> gf.Streaming[str, str]:
    return chain | A  # type: ignore[return-value]


class Place(TypedDict):
    name: str


@gf.transform
async def names(places: AsyncIterator[Place]) -> AsyncIterator[str]:
    async for place in places:
        yield place["name"]


def record_edges(places: gf.Transform[str, Place], texts: gf.Transform[str, dict[str, str]]) -> None:
    use(places | names | gf.collect())
    use(places | gf.pick("name") | T)
    use(texts | gf.pick("name", "other") | json.dumps)
    use(places | T)  # type: ignore[operator]
    use(T | names)  # type: ignore[operator]
