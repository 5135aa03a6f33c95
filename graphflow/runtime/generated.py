"""Turn the generated source of a plan into functions, with tracebacks that show it."""

from __future__ import annotations

import functools
import linecache
from collections.abc import Callable
from typing import Any

from graphflow_compiler.plan import Cluster


@functools.lru_cache(maxsize=1024)
def function_of(name: str, source: str) -> Callable[..., Any]:
    """Return the function that a piece of generated source defines.

    The source takes the user's functions as parameters, so equal sources share one function.
    """
    filename = f"<graphflow {name}>"
    number = 1
    while filename in linecache.cache:
        number += 1
        filename = f"<graphflow {name} {number}>"
    linecache.cache[filename] = (len(source), None, [line + "\n" for line in source.splitlines()], filename)
    namespace: dict[str, Any] = {}
    exec(compile(source, filename, "exec"), namespace)
    function: Callable[..., Any] = namespace[name]
    return function


def cluster_function(cluster: Cluster, *, is_async: bool) -> Callable[..., Any]:
    """Return the generator function of a cluster, over an asynchronous or a synchronous stream."""
    return function_of(cluster.name, cluster.source if is_async else cluster.sync_source)
