"""The compiler of graphflow: a graph in, a plan out, and nothing of a runtime.

It reads from top to bottom: `ir` says what a graph is, `pipeline` which passes run over it, `plan` what comes out,
`render` how it is shown.
"""

import typing as _typing

if _typing.TYPE_CHECKING:
    from graphflow_compiler.ir import Graph as Graph
    from graphflow_compiler.pipeline import compile_graph as compile_graph
    from graphflow_compiler.plan import Plan as Plan

# Imported when first asked for, so that who needs only an error of the compiler does not load its passes.
_MODULES = {"Graph": "ir", "Plan": "plan", "compile_graph": "pipeline"}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_MODULES)
