"""Nodes with several parameters take them by name from the record before them."""

import graphflow as gf
from tests.mypy_plugin.programs.nodes import Counted, Optional, letter, render, shout, size, summary, told, use, words

counted = shout | {"words": words, "size": size}


def bare(words: list[str], size: int) -> str:
    return f"{words} {size}"


def bare_record(counted: Counted) -> str:
    return str(counted)


def missing() -> None:
    use(shout | {"words": words} | summary)
    use(shout | {"words": words, "siz": size} | summary)
    use(shout | {"words": words} | bare)
    use(shout | {"words": words} | render)
    use(shout | {"words": words} | bare_record)
    use({"words": words} | summary)
    use(gf.parallel(words=words) | summary)
    use(shout | {"text": told} | letter)
    use(shout | {"words": words} | summary.bind(mark="?"))


def wrong_types() -> None:
    use(shout | {"words": shout, "size": size} | summary)
    use(shout | {"words": words, "size": shout} | bare)
    use(shout | {"words": words, "size": words} | render)
    use(counted | gf.assign(mark=size) | summary)
    use(shout | {"name": size, "text": told} | letter)


@gf.aggregate
def perhaps(text: str) -> Optional:
    return {"words": text.split()}


def may_be_missing() -> None:
    use(perhaps | render)
    use(perhaps | bare_record)
    use(perhaps | gf.prompt("{words}"))
    use(perhaps | summary)
    use(perhaps | gf.pick("words"))


def right() -> None:
    use(counted | summary)
    use(counted | bare)
    use(counted | render)
    use(counted | bare_record)
    use(counted | gf.assign(mark=told) | summary)
    use(shout | {"words": words} | summary.bind(size=3))
    use(shout | {"name": size | str, "text": told} | letter)
