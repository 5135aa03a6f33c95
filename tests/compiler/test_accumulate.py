"""Accumulators: what they fold, and what they say of chunks that they cannot."""

from __future__ import annotations

from typing import Any

import pytest

import graphflow as gf
from graphflow_compiler.accumulate import CONCAT, Accumulator, Merge, accumulator, accumulator_of, fold_all, merge


@pytest.mark.parametrize(
    "chunks",
    [["a", "bc"], [b"a", b"bc"], [[1], [2, 3]], [(1,), (2, 3)]],
    ids=["str", "bytes", "list", "tuple"],
)
def test_what_can_be_concatenated_is(chunks: list[Any]) -> None:
    whole = chunks[0] + chunks[1]
    assert fold_all(CONCAT, chunks) == whole
    declared = accumulator_of(type(whole))
    assert declared is not None
    assert fold_all(declared, chunks) == whole


MESSAGES = accumulator_of(gf.AIMessageChunk)
assert MESSAGES is not None


@pytest.mark.parametrize(
    ("folding", "chunks", "expected"),
    [
        (MESSAGES, ["text"], "this stream folds AIMessageChunks, and str came: 'text'"),
        (CONCAT, [3], "int cannot be concatenated: 3"),
        (merge(text=CONCAT), ["text"], "this stream folds records key by key, and str came: 'text'"),
        (merge(text=CONCAT), [{"other": object}], "nothing says how the chunks of key 'other' fold"),
    ],
    ids=["sum", "concat", "no record", "no such key"],
)
def test_a_chunk_that_cannot_be_folded_is_named(folding: Accumulator, chunks: list[Any], expected: str) -> None:
    with pytest.raises(gf.FoldError) as raised:
        fold_all(folding, chunks)
    assert str(raised.value) == expected


@pytest.mark.parametrize(
    ("folding", "expected"),
    [
        (MESSAGES, "the sum of a stream of AIMessageChunks that gave none was asked"),
        (CONCAT, "the concatenation of a stream that gave no chunk was asked"),
    ],
    ids=["sum", "concat"],
)
def test_a_stream_without_chunks_has_no_value_where_nothing_begins_one(folding: Accumulator, expected: str) -> None:
    with pytest.raises(gf.EmptyStreamError) as raised:
        fold_all(folding, [])
    assert str(raised.value) == expected


def test_what_is_no_function_is_refused_where_it_is_given() -> None:
    with pytest.raises(TypeError, match=r"accumulator\(initial=...\) takes a function, not 0"):
        accumulator(initial=0, step=max)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"merge\(text=...\) takes an accumulator, such as gf.concat, not 'latest'"):
        merge(text="latest")  # type: ignore[arg-type]


def test_a_record_lacks_no_key_that_it_must_have() -> None:
    folding = Merge((("text", accumulator(step=max)),), rest=CONCAT, required=frozenset({"text", "other"}))
    assert fold_all(folding, [{"text": "a", "other": "b"}]) == {"text": "a", "other": "b"}
    for key in ("text", "other"):
        chunk = {"text": "a", "other": "b"}
        del chunk[key]
        with pytest.raises(gf.EmptyStreamError) as raised:
            fold_all(folding, [chunk])
        assert str(raised.value) == f"the required key {key!r} of a record got no chunk"


def test_the_key_that_is_lacking_is_named_where_it_lacks() -> None:
    inner = Merge((), rest=CONCAT, required=frozenset({"title"}))
    outer = Merge((("book", inner),), required=frozenset({"book"}))
    with pytest.raises(gf.EmptyStreamError, match="the required key 'title' of a record got no chunk"):
        fold_all(outer, [{"book": {"author": "b"}}])


def test_a_key_without_chunks_has_the_value_that_its_accumulator_begins_with() -> None:
    total = accumulator(initial=int, step=lambda state, chunk: state + chunk)
    assert fold_all(merge(total=total, text=accumulator(step=max)), [{}]) == {"total": 0}
