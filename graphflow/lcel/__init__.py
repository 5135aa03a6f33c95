"""Lint for chains of LangChain's LCEL: whether they stream, what breaks it, where, and how to mend it.

Nothing of a chain is run: what its classes and the code of its functions show is read. Needs the extra `lcel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphflow.extras import require
from graphflow.lcel.flow import Mode
from graphflow.lcel.report import Break as Break
from graphflow.lcel.report import Outcome as Outcome
from graphflow.lcel.report import Report as Report
from graphflow.lcel.report import Verdict as Verdict
from graphflow.places import caller_location
from graphflow_compiler.errors import compile_error
from graphflow_compiler.pipeline import compile_graph
from graphflow_compiler.plan import Plan

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable


def lint(chain: object, /, *, configurable: Mapping[str, Any] | None = None) -> Report:
    """Say of an LCEL chain whether it streams, and what keeps it from that.

    Args:
        chain: any of langchain-core's runnables.
        configurable: what `config["configurable"]` would say when it runs; the defaults of the chain if not given.

    Raises:
        MissingExtraError: langchain-core is not installed.
        CompileError: it is no LCEL chain.

    >>> from langchain_core.language_models import FakeListChatModel
    >>> model = FakeListChatModel(responses=["At 7:40."])
    >>> report = lint(model | (lambda message: message.content.upper()))
    >>> report.streams, report.breaks[0].name
    (False, 'lambda')
    """
    runnable = _runnable(chain, "graphflow.lcel.lint")
    from graphflow.lcel.findings import report_of

    return report_of(runnable, configurable or {})


def from_lcel(chain: object, /, *, configurable: Mapping[str, Any] | None = None) -> Plan:
    """Return the plan of the graphflow chain that an LCEL chain would be, to look at.

    The plan prints, draws and explains itself as any other. It has no verbs, so it cannot be run: its functions are not
    those of the chain. Where graphflow streams what LCEL holds back, the plan says that it streams; what LCEL does is
    what `graphflow.lcel.lint` says.

    Args:
        chain: any of langchain-core's runnables.
        configurable: what `config["configurable"]` would say; the defaults of the chain if not given.

    Raises:
        MissingExtraError: langchain-core is not installed.
        CompileError: it is no LCEL chain; or graphflow refuses what LCEL finds out when it runs, such as a key that
            nothing gives.

    >>> from langchain_core.language_models import FakeListChatModel
    >>> model = FakeListChatModel(responses=["At 7:40."])
    >>> from_lcel(model | (lambda message: message.content)).streams
    False
    """
    runnable = _runnable(chain, "gf.from_lcel")
    from graphflow.lcel.configuration import Given
    from graphflow.lcel.equivalent import graph_of

    return compile_graph(graph_of(runnable, Given(Mode.ASYNC, configurable or {})))


def _runnable(chain: object, what: str) -> Runnable[Any, Any]:
    require("langchain_core", what, "lcel")
    from langchain_core.runnables import Runnable

    if isinstance(chain, Runnable):
        return chain
    raise compile_error(
        "GF111",
        f"{chain!r:.60} is no LCEL chain",
        location=caller_location(),
        hint="give a Runnable of langchain-core, such as prompt | model",
    )
