"""Where keys are not written out, mypy says what it says without the plugin."""

from typing import Any, assert_type

import graphflow as gf
from tests.mypy_plugin.programs.nodes import shout, size, summary, use, words


def unknown(key: str, branches: dict[str, Any], untyped: Any, chain: gf.Chain[str, str]) -> None:
    assert_type(shout | {key: words}, gf.Aggregate[str, dict[str, Any]])
    assert_type(shout | {"words": words, **branches}, gf.Aggregate[str, dict[str, Any]])
    assert_type(shout | branches, gf.Aggregate[str, dict[str, Any]])
    assert_type(gf.parallel(branches), gf.Aggregate[Any, dict[str, Any]])
    assert_type(gf.parallel(**branches), gf.Aggregate[Any, dict[str, Any]])
    assert_type(gf.parallel(branches, words=words), gf.Aggregate[Any, dict[str, Any]])
    use(shout | branches | summary)
    use(shout | {key: words} | gf.prompt("{anything}"))
    use(gf.parallel(branches) | summary | shout)
    use(untyped | {"words": words} | summary)
    use({"words": words} | untyped | summary)
    use(branches | summary)
    use({key: words} | summary)
    use({1: 2} | {3: 4})
    use(chain | branches | gf.pick(key))
    use(size | shout)
