"""Calls that mypy refuses anyhow, or that hide their arguments: the plugin leaves them to it."""

from typing import Any

import graphflow as gf
from tests.mypy_plugin.programs.nodes import Counted, letter, shout, summary, use, words


def malformed(several: list[Any], named: dict[str, Any], stream: gf.Stream[str]) -> None:
    use(gf.prompt())
    use(gf.prompt(*several))
    use(gf.prompt(template="{text}"))
    use(gf.prompt("{"))
    use(gf.prompt([("system", "{text}", "more")]))
    use(gf.pick())
    use(gf.pick(*several))
    use(gf.pick(3))
    use(gf.parallel(3))
    use(gf.parallel(*several))
    use(gf.parallel(Counted))
    use(gf.parallel(int, words=words))
    use(gf.parallel({}))
    use(gf.assign())
    use(gf.assign(words=3))
    use(gf.aggregate())
    use(gf.aggregate(3))
    use(shout.__or__())
    use(shout.__or__(*several))
    use(shout.__or__({"words": words}) | summary)
    use(shout.__ror__({"words": words}))
    use({"words": words}.__or__(summary))
    use(shout | {"words": 3})
    use({"words": 3} | summary)
    use(letter())
    use(letter(*several, text=stream))
    use(letter(stream, stream, stream, name=stream))
    use(letter(**named))
    use(summary.bind())
    use(summary.bind(*several))
    use(summary.bind(word=3))
    use(shout | {} | summary)
    use(shout | {**named} | summary)


@gf.aggregate
class NoFunction:
    def __init__(self, text: str, more: str) -> None: ...


@gf.aggregate
def defaults_only(mark: str = "!") -> str:
    return mark


@gf.aggregate
def nothing() -> str:
    return ""


use(shout | {"mark": shout} | defaults_only)
use(shout | {"mark": shout} | nothing)
use(shout | {"mark": shout} | NoFunction)
