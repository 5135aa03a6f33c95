"""Keys that are picked are keys of the record."""

import graphflow as gf
from tests.mypy_plugin.programs.nodes import Counted, shout, size, use, words

counted = shout | {"words": words, "size": size}
pick_sise = gf.pick("sise")


@gf.aggregate
def typed(text: str) -> Counted:
    return {"words": text.split(), "size": len(text)}


def picked(key: str) -> None:
    use(counted | gf.pick("sise"))
    use(counted | pick_sise)
    use(counted | gf.pick("size", "lines"))
    use(typed | gf.pick("sise"))
    use({"size": size} | gf.pick("sizes"))
    use(counted | gf.assign(lines=size) | gf.pick("line"))
    use(counted | gf.pick("size") | shout)
    use(counted | gf.pick(key))
    use(counted | gf.assign(lines=str) | gf.pick("lines"))
    use(typed | gf.pick("size"))


def assigned() -> None:
    use(counted | gf.assign(more=gf.pick("sise")))
    use(counted | gf.assign(more=lambda record: record["sise"]))
