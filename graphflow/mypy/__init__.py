"""A plugin for mypy, which knows the keys of records: write ``plugins = ["graphflow.mypy"]`` into its configuration.

Without it a dict of chains gives ``dict[str, Any]``, and only the compiler knows whether that fits. With it:

- dicts in `|`, `parallel` and `assign` give TypedDicts, in the class of their weakest branch (`joins`);
- what is read from a record by name is checked: holes of prompts, parameters, keys of `pick` (`records`);
- calls of nodes on handles by keyword are checked, and know whether they stream (`calls`).

What types do not say, such as the names of parameters and holes, is noted on the types of chains (`chains`) where they
are declared (`nodes`). What is not known is left to mypy, which then says what it says without the plugin.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mypy.nodes import TypeInfo
from mypy.options import Options
from mypy.plugin import FunctionContext, MethodContext, MethodSigContext, Plugin
from mypy.types import FunctionLike, Type

from graphflow.mypy import calls, nodes
from graphflow.mypy.chains import CHAIN
from graphflow.mypy.joins import Joins

#: mypy forgets what it found with another version of a plugin. By itself it sees changes of this one file only.
__version__: Final = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
).hexdigest()

_DECORATORS: Final = {f"graphflow.declare.{name}Decorator.__call__" for name in ("Transform", "Chunkwise", "Aggregate")}


class GraphflowPlugin(Plugin):
    """Leads what mypy asks of a plugin to the function that knows the answer."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._joins = Joins()

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        """See `Plugin`."""
        return {
            "graphflow.fan.parallel": self._joins.parallel,
            "graphflow.fan.assign": self._joins.assign,
            "graphflow.fan.pick": nodes.pick,
            "graphflow.fan.passthrough": nodes.passthrough,
            "graphflow.components.prompt.prompt": nodes.prompt,
            "graphflow.declare.graph": nodes.declared,
        }.get(fullname)

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        """See `Plugin`."""
        if fullname in _DECORATORS:
            return nodes.declared
        owner, _, name = fullname.rpartition(".")
        if name == "bind" and self._is_chain(owner):
            return nodes.bind
        return None

    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        """See `Plugin`."""
        owner, _, name = fullname.rpartition(".")
        if fullname == "builtins.dict.__or__":
            return self._joins.of_dict
        if name in ("__or__", "__ror__", "__call__") and self._is_chain(owner):
            return {"__or__": self._joins.of_left, "__ror__": self._joins.of_right, "__call__": calls.called}[name]
        return None

    def _is_chain(self, fullname: str) -> bool:
        symbol = self.lookup_fully_qualified(fullname)
        return symbol is not None and isinstance(symbol.node, TypeInfo) and symbol.node.has_base(CHAIN)


def plugin(version: str) -> type[Plugin]:
    """Return the plugin; mypy calls this by its name."""
    return GraphflowPlugin
