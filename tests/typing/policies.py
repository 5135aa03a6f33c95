"""What wrapping a chain promises."""

from __future__ import annotations

from typing import assert_type

import graphflow as gf
from tests.typing.nodes import A, P, T

assert_type(T.with_retry(), gf.Transform[str, str])
assert_type(P.with_retry(attempts=2, on=(OSError, ValueError), wait=1), gf.Producer[str, str])
assert_type(A.with_retry(wait=lambda number: 2.0 * number), gf.Aggregate[str, str])
assert_type(T.with_retry(until="end"), gf.Aggregate[str, str])
assert_type(P.with_retry(until="end"), gf.Aggregate[str, str])

assert_type(T.with_fallbacks(T, T), gf.Transform[str, str])
assert_type(T.with_fallbacks(P), gf.Producer[str, str])
assert_type(P.with_fallbacks(T, P), gf.Producer[str, str])
assert_type(P.with_fallbacks(A), gf.Aggregate[str, str])
assert_type(P.with_fallbacks(P, until="end"), gf.Aggregate[str, str])
assert_type(A.with_fallbacks(P), gf.Aggregate[str, str])

assert_type(T.with_timeout(total=1), gf.Transform[str, str])
assert_type(P.with_timeout(first_chunk=1, between_chunks=1), gf.Producer[str, str])
assert_type(A.with_timeout(total=1), gf.Aggregate[str, str])

assert_type(T.with_cache(), gf.Producer[str, str])
assert_type(P.with_cache(gf.MemoryCache(), namespace="a", key=len), gf.Producer[str, str])
assert_type(A.with_cache(), gf.Aggregate[str, str])

T.with_fallbacks()  # type: ignore[call-overload]
T.with_retry(until="never")  # type: ignore[call-overload]
A.with_timeout(seconds=3)  # type: ignore[call-arg]
