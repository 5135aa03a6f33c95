"""Calls of chains on handles, and what `@gf.graph` makes of a function."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, assert_type

import graphflow as gf
from tests.typing.nodes import A, A_int, P, T, T_int, counts, joins, use


@gf.transform
async def zipped(left: AsyncIterator[str], right: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in left:
        yield chunk + await anext(right)


joined = gf.aggregate(joins)
length = gf.aggregate(counts)


def calls(stream: gf.Stream[str], value: gf.Value[str], number: gf.Value[int]) -> None:
    assert_type(T(stream), gf.Stream[str])
    assert_type(T(value), gf.Value[str])
    assert_type(A(stream), gf.Value[str])
    assert_type(A(value), gf.Value[str])
    assert_type(P(stream), gf.Stream[str])
    assert_type(P(value), gf.Stream[str])
    assert_type(length(P(A(value))), gf.Value[int])

    assert_type(T(chunks=stream), gf.Stream[str])
    assert_type(T(chunks=value), gf.Value[str])
    assert_type(zipped(left=stream, right=stream), gf.Stream[str])
    assert_type(zipped(stream, stream), gf.Stream[str])
    assert_type(zipped(stream, right=value), gf.Stream[str])
    assert_type(zipped(left=value, right=stream), gf.Value[str])
    assert_type(zipped(left=stream, right="a constant"), gf.Value[str])
    assert_type(A(text=stream), gf.Value[str])
    assert_type(P(text=value), gf.Stream[str])
    assert_type(joined(left=value, right=number), gf.Value[str])
    assert_type(joined(value, value), gf.Value[str])
    assert_type(joined(value, right="!"), gf.Value[str])
    assert_type(A(value["key"]), gf.Value[str])

    use(T(number))  # type: ignore[arg-type]
    use(A(number))  # type: ignore[arg-type]
    use(P(number))  # type: ignore[arg-type]
    use(A(number, mark="!"))  # type: ignore[arg-type]
    use(A_int(T(stream)))  # type: ignore[arg-type]
    use(T_int(stream))  # type: ignore[arg-type]
    use(T("a text"))  # type: ignore[call-overload]
    use(T | stream)  # type: ignore[operator]


@gf.graph
def stream_to_stream(chunks: gf.Stream[str]) -> gf.Stream[str]:
    return T(chunks)


@gf.graph
def value_to_stream(text: gf.Value[str]) -> gf.Stream[str]:
    return T(P(A(text)))


@gf.graph
def stream_to_value(chunks: gf.Stream[str]) -> gf.Value[int]:
    return length(T(chunks))


@gf.graph
def value_to_value(text: gf.Value[str]) -> gf.Value[str]:
    return T(text)


@gf.graph
def streams_by_name(chunks: gf.Stream[str]) -> gf.Stream[str]:
    return zipped(left=T(chunks), right=P(chunks))


@gf.graph
def value_to_dict(text: gf.Value[str]) -> dict[str, gf.Stream[str]]:
    return {"text": P(text)}


@gf.graph
def stream_to_dict(chunks: gf.Stream[str]) -> Mapping[str, gf.Stream[str] | gf.Value[int]]:
    return {"text": T(chunks), "length": length(chunks)}


@gf.graph
def two_to_stream(left: gf.Value[str], right: gf.Value[str]) -> gf.Stream[str]:
    return P(joined(left=left, right=right))


@gf.graph
def two_to_value(left: gf.Value[str], right: gf.Value[str], mark: str = "!") -> gf.Value[str]:
    return joined(left, right)


@gf.graph
def two_to_dict(left: gf.Value[str], right: gf.Value[str]) -> dict[str, gf.Value[str]]:
    return {"left": A(left), "right": A(right)}


assert_type(stream_to_stream, gf.Transform[str, str])
assert_type(value_to_stream, gf.Producer[str, str])
assert_type(stream_to_value, gf.Aggregate[str, int])
assert_type(value_to_value, gf.Aggregate[str, str])
assert_type(streams_by_name, gf.Transform[str, str])
assert_type(value_to_dict, gf.Aggregate[str, dict[str, Any]])
assert_type(stream_to_dict, gf.Aggregate[str, dict[str, Any]])
assert_type(two_to_stream, gf.Producer[Mapping[str, Any], str])
assert_type(two_to_value, gf.Aggregate[Mapping[str, Any], str])
assert_type(two_to_dict, gf.Aggregate[Mapping[str, Any], dict[str, Any]])
assert_type(T | value_to_stream | stream_to_stream, gf.Producer[str, str])


def refused() -> None:
    @gf.graph
    def promises_a_stream(text: gf.Value[str]) -> gf.Stream[str]:
        return A(text)  # type: ignore[return-value]

    @gf.graph
    def promises_a_stream_of_numbers(text: gf.Value[str]) -> gf.Stream[int]:
        return P(text)  # type: ignore[return-value]

    @gf.graph
    def feeds_a_text_to_what_takes_a_number(text: gf.Value[str]) -> gf.Value[str]:
        return A_int(A(text))  # type: ignore[arg-type]

    @gf.graph
    def gives_its_number(number: gf.Value[int]) -> gf.Value[str]:
        return A(number)  # type: ignore[arg-type]

    @gf.graph  # type: ignore[arg-type]
    def asks_for_a_value(text: gf.Value[str]) -> str:
        return "a text"

    use(T | two_to_stream)  # type: ignore[operator]
