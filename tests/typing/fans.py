"""Chains made of chains: parallel, assign, branch, each, collect, and what moves keys about."""

from collections.abc import Mapping
from typing import Any, TypedDict, assert_type

import graphflow as gf
from tests.typing.nodes import A, P, T, counts, counts_sync, produces, streams, takes_any, use


class Question(TypedDict):
    question: str


@gf.chunkwise
def asked(text: str) -> Question:
    return {"question": text}


@gf.aggregate
def split(text: str) -> list[str]:
    return text.split()


@gf.aggregate
async def produced(text: str) -> list[int]:
    return [len(text)]


# --- records: the class is that of the weakest, of which type checkers know nothing ---

assert_type(gf.parallel(text=T, length=counts), gf.Aggregate[Any, dict[str, Any]])
assert_type(gf.parallel({"text": T, "more": {"length": len}}), gf.Aggregate[Any, dict[str, Any]])
assert_type(T | gf.parallel(text=T) | gf.pick("text"), gf.Aggregate[str, Any])
assert_type(gf.assign(answer=P), gf.Aggregate[Mapping[str, Any], dict[str, Any]])
assert_type(asked | gf.assign(question=T), gf.Aggregate[str, dict[str, Any]])

# --- records whose type is declared ---


class Told(TypedDict):
    text: str
    length: int


@gf.aggregate
def tells(told: Told) -> str:
    return told["text"]


told = gf.parallel(Told, text=T, length=counts)
assert_type(told, gf.Aggregate[Any, Told])
assert_type(T | told, gf.Aggregate[str, Told])
assert_type(T | told | tells, gf.Aggregate[str, str])

assert_type(gf.passthrough(), gf.Transform[Any, Any])
assert_type(gf.pick("question"), gf.Transform[Mapping[str, Any], Any])
assert_type(gf.pick("question", "answer"), gf.Transform[Mapping[str, Any], dict[str, Any]])
assert_type(asked | gf.pick("question"), gf.Transform[str, Any])
assert_type(asked | gf.pick("question") | P, gf.Producer[str, str])

# --- branches: a producer if every alternative is one ---

assert_type(gf.branch((bool, P), P), gf.Producer[str, str])
assert_type(gf.branch((bool, P), (counts_sync, P), P), gf.Producer[str, str])
assert_type(gf.branch((lambda text: text == "", P), (counts, P), (bool, P), P), gf.Producer[str, str])
assert_type(gf.branch((bool, A), A), gf.Aggregate[str, str])
assert_type(gf.branch((bool, T), T), gf.Aggregate[str, str])
assert_type(gf.branch((bool, P), T), gf.Producer[str, str] | gf.Aggregate[str, str])
assert_type(gf.branch((bool, A), (bool, P), P), gf.Aggregate[str, str] | gf.Producer[str, str])
assert_type(gf.branch((bool, P), counts), gf.Producer[str, str] | gf.Aggregate[Any, Any])
assert_type(gf.branch((bool, counts), len), gf.Aggregate[Any, Any])
assert_type(gf.branch((bool, P), {"text": P}), gf.Producer[str, str] | gf.Aggregate[Any, Any])
assert_type(gf.branch((bool, P), (bool, P), (bool, P), (bool, P), P), gf.Aggregate[Any, Any])
assert_type(gf.branch((bool, P), P) | T, gf.Producer[str, str])
assert_type(T | gf.branch((bool, A), P), gf.Aggregate[str, str] | gf.Producer[str, str])

# --- lists ---

assert_type(gf.each(T), gf.Producer[list[str], list[str]])
assert_type(gf.each(P, max_concurrency=4), gf.Producer[list[str], list[str]])
assert_type(gf.each(A | counts), gf.Producer[list[str], list[int]])
assert_type(gf.each(counts), gf.Producer[list[str], list[int]])
assert_type(gf.each(counts_sync), gf.Producer[list[str], list[int]])
assert_type(gf.each(produces), gf.Producer[list[str], list[str]])
assert_type(gf.each(takes_any), gf.Producer[list[dict[str, Any]], list[str]])
assert_type(gf.each({"text": T, "length": len}), gf.Producer[list[Any], list[dict[str, Any]]])
assert_type(gf.each(gf.each(T)), gf.Producer[list[list[str]], list[list[str]]])

each_counted = gf.each(counts)
assert_type(split | each_counted, gf.Producer[str, list[int]])

assert_type(gf.collect(), gf.Aggregate[Any, list[Any]])
assert_type(T | gf.collect() | len, gf.Aggregate[str, int])


def refused(needs: gf.Streaming[str, str]) -> None:
    use(produced | each_counted)  # type: ignore[operator]
    use(T | gf.each(counts))  # type: ignore[operator]
    use(T | gf.pick("question"))  # type: ignore[operator]
    use(gf.pick())  # type: ignore[call-overload]
    use(gf.parallel(int, text=T))  # type: ignore[type-var]
    use(told | A)  # type: ignore[operator]
    use(gf.parallel(Question, question=T) | tells)  # type: ignore[operator]
    use(gf.branch(P))  # type: ignore[call-overload]
    use(gf.branch((bool, 3), P))  # type: ignore[arg-type]
    needs = gf.branch((bool, P), P)
    needs = gf.branch((bool, P), A)  # type: ignore[assignment]
    needs = gf.each(T)  # type: ignore[assignment]
    needs = gf.parallel(text=streams)  # type: ignore[assignment]
    use(needs)
