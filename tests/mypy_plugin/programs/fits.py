"""What is right, though mypy's own rules for TypedDicts would refuse it, or do not know it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, TypedDict, TypeVar

import graphflow as gf
from tests.mypy_plugin.programs.nodes import Counted, Optional, shout, size, use, words

A = TypeVar("A")
counted = shout | {"words": words, "size": size}


class Wider(TypedDict):
    words: Sequence[str]
    size: float


class Floats(TypedDict):
    sizes: list[float]


def wider(record: Wider) -> str:
    return str(record)


def plain(record: dict[str, Any]) -> str:
    return str(record)


def mapping(record: Mapping[str, object]) -> str:
    return str(record)


def sizes(record: dict[str, int]) -> int:
    return sum(record.values())


def floats(record: Floats) -> float:
    return sum(record["sizes"])


def either(record: Counted | None) -> str:
    return str(record)


def same(value: A) -> A:
    return value


def anything(*args: Any, **kwargs: Any) -> str:
    return f"{args} {kwargs}"


async def read(records: AsyncIterator[Optional]) -> AsyncIterator[str]:
    async for record in records:
        yield str(record)


@gf.chunkwise
def each(record: Optional) -> str:
    return str(record)


def fits(texts: gf.Aggregate[dict[str, str], str]) -> None:
    use(counted | texts)
    use(counted | wider)
    use(counted | gf.aggregate(wider))
    use(counted | plain)
    use(counted | mapping)
    use(counted | either)
    use(counted | same)
    use(counted | anything)
    use(counted | read)
    use(counted | each)
    use(counted | len)
    use(counted | str)
    use(counted | dict)
    use(counted | gf.collect() | len)
    use(counted | gf.branch((bool, gf.aggregate(plain)), plain))
    use(counted | gf.branch((bool, gf.aggregate(wider)), gf.aggregate(wider)))
    use(counted | gf.aggregate(wider).with_retry())
    use(shout | {"a": size, "b": size} | sizes)
    use(shout | {"sizes": size | gf.collect()} | floats)
    use(counted.with_config(name="counted") | wider)
