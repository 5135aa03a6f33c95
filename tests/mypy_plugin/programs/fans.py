"""Dicts of chains give TypedDicts, in the class of their weakest branch."""

from typing import Any, TypedDict, assert_type

import graphflow as gf
from tests.mypy_plugin.programs.nodes import Counted, Optional, shout, size, told, use, words


class Words(TypedDict):
    words: list[str]


class Text(TypedDict):
    text: str


class Deep(TypedDict):
    text: str
    more: Words


assert_type(shout | {"words": words}, gf.Transform[str, Words])
assert_type(shout | {"text": told}, gf.Producer[str, Text])
assert_type(shout | {"words": words, "size": size}, gf.Aggregate[str, Counted])
assert_type(told | {"words": words}, gf.Producer[str, Words])
assert_type(size | {"words": gf.passthrough(), "size": gf.passthrough()} | gf.pick("size"), gf.Aggregate[str, int])
assert_type({"words": words, "size": size} | gf.passthrough(), gf.Aggregate[str, Counted])

assert_type(gf.parallel(words=words), gf.Transform[str, Words])
assert_type(gf.parallel({"words": words}, size=size), gf.Aggregate[str, Counted])
assert_type(shout | gf.parallel(words=words), gf.Transform[str, Words])

# functions, lambdas and dicts among the branches
assert_type(shout | {"words": str.split, "size": len}, gf.Aggregate[str, Counted])
assert_type(shout | {"text": lambda text: text.upper()}, gf.Aggregate[str, Text])
assert_type(shout | {"text": shout, "more": {"words": words}}, gf.Transform[str, Deep])
assert_type(gf.parallel(text=shout, more={"words": words}), gf.Transform[str, Deep])
assert_type({"text": shout, "more": {"words": words}} | gf.pick("more"), gf.Transform[str, Words])

# what adds keys to a record, and what takes some
counted = shout | {"words": words, "size": size}
assert_type(shout | {"words": words} | gf.assign(size=lambda record: len(record["words"])), gf.Aggregate[str, Counted])
assert_type(counted | gf.pick("size"), gf.Aggregate[str, int])
assert_type(counted | gf.pick("size", "words"), gf.Aggregate[str, Counted])
assert_type(counted | gf.pick("size") | (lambda number: number + 1), gf.Aggregate[str, int])

# records that are declared
assert_type(gf.parallel(Counted, words=words, size=size), gf.Aggregate[str, Counted])
assert_type(gf.parallel(Words, words=words), gf.Transform[str, Words])
assert_type(gf.parallel(Optional, words=words), gf.Transform[str, Optional])

# what a place asks for that was written without the plugin
declared: gf.Aggregate[Any, dict[str, Any]] = gf.parallel(words=words)


def returned() -> gf.Chain[str, dict[str, Any]]:
    return shout | {"words": words}


def streaming(chain: gf.Streaming[str, Words]) -> None:
    streaming(shout | {"words": words})
    streaming(gf.parallel(words=words))
    streaming(shout | {"words": words | gf.collect()})


def wrong_branches() -> None:
    use(shout | {"words": words, "size": words | size})
    use(
        shout
        | {
            "words": words,
            "size": size | size,
        }
    )
    use(size | {"size": gf.passthrough(), "words": words})
    use(counted.sync.invoke("a text")["word"])
    use(counted | shout)
    use({"text": shout} | shout)
    use(gf.parallel(Counted, words=words))
    use(gf.parallel(Counted, words=words, size=size, lines=size))
    use(gf.parallel(Counted, words=words, size=words))
    use(gf.parallel(Counted, **{"words": words}))
