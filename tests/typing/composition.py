"""Every row of the composition table, for declared nodes and for bare functions on the right."""

from typing import Any, assert_type

import graphflow as gf
from tests.typing.nodes import (
    A,
    P,
    T,
    counts,
    counts_chunks,
    counts_chunks_sync,
    counts_sync,
    produces,
    produces_of_any,
    produces_sync,
    records_of,
    streams,
    streams_sync,
    takes_any,
)

# --- declared nodes ---

assert_type(T, gf.Transform[str, str])
assert_type(P, gf.Producer[str, str])
assert_type(A, gf.Aggregate[str, str])

assert_type(T | T, gf.Transform[str, str])
assert_type(T | P, gf.Producer[str, str])
assert_type(T | A, gf.Aggregate[str, str])
assert_type(P | T, gf.Producer[str, str])
assert_type(P | P, gf.Producer[str, str])
assert_type(P | A, gf.Aggregate[str, str])
assert_type(A | T, gf.Aggregate[str, str])
assert_type(A | P, gf.Producer[str, str])
assert_type(A | A, gf.Aggregate[str, str])

assert_type(T | A | P | T, gf.Producer[str, str])
assert_type(T | (A | (P | T)), gf.Producer[str, str])
assert_type(P | T | A | T, gf.Aggregate[str, str])

# --- bare functions ---

assert_type(T | streams, gf.Transform[str, str])
assert_type(T | produces, gf.Producer[str, str])
assert_type(T | counts, gf.Aggregate[str, int])
assert_type(P | streams, gf.Producer[str, str])
assert_type(P | produces, gf.Producer[str, str])
assert_type(P | counts, gf.Aggregate[str, int])
assert_type(A | streams, gf.Aggregate[str, str])
assert_type(A | produces, gf.Producer[str, str])
assert_type(A | counts, gf.Aggregate[str, int])

assert_type(T | streams_sync, gf.Transform[str, str])
assert_type(T | produces_sync, gf.Producer[str, str])
assert_type(T | counts_sync, gf.Aggregate[str, int])
assert_type(P | streams_sync, gf.Producer[str, str])
assert_type(P | produces_sync, gf.Producer[str, str])
assert_type(P | counts_sync, gf.Aggregate[str, int])
assert_type(A | streams_sync, gf.Aggregate[str, str])
assert_type(A | produces_sync, gf.Producer[str, str])
assert_type(A | counts_sync, gf.Aggregate[str, int])

assert_type(T | counts_chunks, gf.Aggregate[str, int])
assert_type(T | counts_chunks_sync, gf.Aggregate[str, int])
assert_type(P | counts_chunks, gf.Aggregate[str, int])
assert_type(A | counts_chunks_sync, gf.Aggregate[str, int])

assert_type(T | len, gf.Aggregate[str, int])
assert_type(T | str.split | sorted, gf.Aggregate[str, list[str]])

# --- types that are not known, or only in part, do not hide the class ---

pass_on = gf.passthrough()
pick = gf.pick("key")
records = gf.chunkwise(records_of)
takes = gf.aggregate(takes_any)
gives = gf.aggregate(produces_of_any)
assert_type(T | pass_on, gf.Transform[str, Any])
assert_type(T | pass_on | pass_on, gf.Transform[str, Any])
assert_type(T | records | pick, gf.Transform[str, Any])
assert_type(P | records | pick | pick | pass_on, gf.Producer[str, Any])
assert_type(A | records | pick, gf.Aggregate[str, Any])
assert_type(pass_on | takes, gf.Aggregate[Any, str])
assert_type(pass_on | gives, gf.Producer[Any, str])
assert_type(pass_on | takes_any, gf.Aggregate[Any, str])
assert_type(pass_on | produces_of_any, gf.Producer[Any, str])


# --- a chain of which only the base is known is taken for the weakest ---


def with_any_chain(chain: gf.Chain[str, str]) -> None:
    assert_type(T | chain, gf.Aggregate[str, str])
    assert_type(P | chain, gf.Aggregate[str, str])
    assert_type(chain | T, gf.Aggregate[str, str])
    assert_type(chain | P, gf.Producer[str, str])
    assert_type(chain | chain, gf.Aggregate[str, str])
    assert_type(chain | counts, gf.Aggregate[str, int])


def with_either(chain: gf.Streaming[str, str]) -> None:
    assert_type(T | chain, gf.Transform[str, str] | gf.Producer[str, str])
    assert_type(chain | A, gf.Aggregate[str, str])
    assert_type(A | chain | P, gf.Producer[str, str])
