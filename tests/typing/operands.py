"""Bare functions and dicts on the left, and dicts on the right."""

from typing import Any, assert_type

import graphflow as gf
from tests.typing.nodes import (
    A,
    A_int,
    P,
    P_int,
    T,
    T_int,
    counts,
    counts_chunks,
    counts_sync,
    joins,
    produces,
    produces_of_pair,
    produces_sync,
    reads_pairs,
    streams,
    streams_sync,
    takes_pair,
)

# --- functions on the left ---

assert_type(streams | T, gf.Transform[str, str])
assert_type(produces | T, gf.Producer[str, str])
assert_type(produces_sync | T, gf.Producer[str, str])
assert_type(streams_sync | T, gf.Transform[Any, str])
assert_type(counts | T_int, gf.Aggregate[str, str])
assert_type(counts_sync | T_int, gf.Aggregate[str, str])
assert_type(counts_chunks | T_int, gf.Aggregate[str, str])

assert_type(streams | P, gf.Producer[str, str])
assert_type(produces | P, gf.Producer[str, str])
assert_type(counts | P_int, gf.Producer[str, str])
assert_type(counts_sync | P_int, gf.Producer[str, str])

assert_type(streams | A, gf.Aggregate[str, str])
assert_type(produces_sync | A, gf.Aggregate[str, str])
assert_type(counts | A_int, gf.Aggregate[str, str])
assert_type(counts_sync | A_int | streams, gf.Aggregate[str, str])

# --- dicts ---

assert_type(T | {"text": T, "length": counts}, gf.Aggregate[str, dict[str, Any]])
assert_type(P | {"text": T, "more": {"length": len}}, gf.Aggregate[str, dict[str, Any]])
assert_type(A | {"text": P}, gf.Aggregate[str, dict[str, Any]])

either_way = gf.passthrough()
render = gf.aggregate(takes_pair)
render_slowly = gf.aggregate(produces_of_pair)
assert_type({"left": T, "right": counts} | render, gf.Aggregate[Any, str])
assert_type({"left": P, "right": counts_sync} | render_slowly, gf.Producer[Any, str])
assert_type({"left": T, "right": T} | either_way, gf.Aggregate[Any, Any])
assert_type({"left": T, "right": T} | gf.pick("left") | P, gf.Producer[Any, str])

# --- the records of a dict fit functions of several parameters, and of a TypedDict: the compiler compares the keys ---

pairs = T | {"left": T, "right": counts}
assert_type(pairs | takes_pair, gf.Aggregate[str, str])
assert_type(pairs | produces_of_pair, gf.Producer[str, str])
assert_type(pairs | render, gf.Aggregate[str, str])
assert_type(pairs | render_slowly, gf.Producer[str, str])
assert_type(pairs | gf.transform(reads_pairs), gf.Aggregate[str, str])
assert_type(T | {"left": T, "right": T} | joins, gf.Aggregate[str, Any])
assert_type(T | {"left": T, "right": T} | gf.aggregate(joins), gf.Aggregate[str, str])
