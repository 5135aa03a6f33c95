"""The graphflow chain that an LCEL chain would be: a declaration with the same steps in the same classes, to look at.

Every step is of the class that its behaviour shows. Where graphflow does the same work with less waiting, the chain is
what graphflow makes of it: `each` gives its results one by one, `assign` its keys as soon as they exist. Types are not
compared, since LCEL does not compare them, and chunks fold as LCEL folds them.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.messages import AIMessageChunk
from langchain_core.output_parsers import BaseLLMOutputParser, StrOutputParser
from langchain_core.output_parsers.transform import BaseCumulativeTransformOutputParser
from langchain_core.prompts import BasePromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import (
    RouterRunnable,
    Runnable,
    RunnableAssign,
    RunnableBranch,
    RunnableParallel,
    RunnablePick,
    RunnableSequence,
    RunnableWithFallbacks,
)
from langchain_core.runnables.base import RunnableBindingBase, RunnableEachBase
from langchain_core.runnables.configurable import DynamicRunnable
from langchain_core.runnables.retry import RunnableRetry
from langchain_core.tools import BaseTool

from graphflow.code import suspends
from graphflow.declaration import Branch, Configured, Declaration, Each, Fan, Sequence, Step, Wrapped
from graphflow.errors import GraphflowError
from graphflow.lcel import mends
from graphflow.lcel.behaviour import Behaviour, behaviour_of
from graphflow.lcel.configuration import Given, chosen, of_bound
from graphflow.lcel.flow import Mode
from graphflow.lcel.steps import function_of, name_of, written_at
from graphflow.lcel.walk import structure_of
from graphflow.lcel.yields import Gives, Takes
from graphflow.lower import lower
from graphflow.policies.fallbacks import Fallbacks
from graphflow.policies.retry import Retry
from graphflow_compiler.accumulate import LATEST, Accumulator, accumulator
from graphflow_compiler.ir import INPUT, Graph, Node, NodeId, Op, Port

AnyRunnable = Runnable[Any, Any]


def graph_of(runnable: AnyRunnable, given: Given) -> Graph:
    """Return the graph of the graphflow chain that an LCEL chain would be."""
    return _of_any_input(lower(declaration_of(runnable, given)))


def _of_any_input(graph: Graph) -> Graph:
    """Return a graph whose input may be anything, so that its steps need not agree on what it is."""
    return graph.map_bodies(_of_any_input).replace_nodes(
        lambda node: attrs.evolve(node, output=Any) if node.id == INPUT else node
    )


def declaration_of(runnable: AnyRunnable, given: Given) -> Declaration:
    """Return the declaration of the graphflow chain that an LCEL chain would be."""
    inside = given.inside()
    if isinstance(runnable, RunnableEachBase):
        return Each(declaration_of(runnable.bound, inside), 1, None)
    if structure_of(runnable, given.mode) is None:
        return _of_step(runnable, given)
    match runnable:
        case RunnableSequence(first=first, middle=middle, last=last):
            steps = [declaration_of(step, inside) for step in (first, *middle, last)]
            return functools.reduce(lambda before, step: Sequence(before, step, None), steps)
        case RunnableParallel(steps__=steps):
            return Fan(_branches(steps, inside), assigns=False, location=None)
        case RunnableAssign(mapper=mapper):
            return Fan(_branches(mapper.steps__, inside), assigns=True, location=None)
        case RunnablePick(keys=str(key)):
            return Step(_moving("pick", keys=(key,)))
        case RunnablePick(keys=keys):
            return Step(_moving("pick", Op.PROJECT, tuple(keys)))
        case RunnableBindingBase(bound=bound, config=config):
            declaration = declaration_of(bound, of_bound(runnable, given))
            if isinstance(runnable, RunnableRetry):
                retry = Retry(max(1, runnable.max_attempt_number), Exception, None, "first chunk")
                declaration = Wrapped((declaration,), retry, None)
            return _configured(declaration, (config or {}).get("run_name"), config or {})
        case DynamicRunnable():
            alternative, inner = chosen(runnable, given)
            return Step(_made_later(runnable)) if alternative is None else declaration_of(alternative, inner)
        case RunnableBranch(branches=branches, default=default):
            alternatives = [declaration_of(chain, inside) for chain in (*(chain for _, chain in branches), default)]
            return _one_of(alternatives, [name_of(condition) for condition, _ in branches], name_of(runnable))
        case RouterRunnable(runnables=runnables):
            alternatives = [declaration_of(one, inside) for one in runnables.values()]
            return _one_of(alternatives, [f"key == {key!r}" for key in runnables], name_of(runnable))
        case RunnableWithFallbacks(runnable=first, fallbacks=others):
            bodies = tuple(declaration_of(one, given) for one in (first, *others))
            return Wrapped(bodies, Fallbacks(Exception, "first chunk"), None)
        case _:
            return Step(_moving("passthrough"))


def _branches(steps: Mapping[str, AnyRunnable], given: Given) -> tuple[tuple[str, Declaration], ...]:
    return tuple((key, declaration_of(step, given)) for key, step in steps.items())


def _configured(declaration: Declaration, name: str | None, config: Mapping[str, Any]) -> Declaration:
    tags, metadata = tuple(config.get("tags") or ()), dict(config.get("metadata") or {})
    return Configured(declaration, name, tags, metadata) if name or tags or metadata else declaration


def _one_of(alternatives: list[Declaration], conditions: list[str], name: str) -> Declaration:
    predicates = tuple(not_run(condition) for condition in conditions[: len(alternatives) - 1])
    return Configured(Branch(predicates, tuple(alternatives), None), name, (), {})


def _of_step(runnable: AnyRunnable, given: Given) -> Declaration:
    behaviour = behaviour_of(runnable, given, of_chunks=True)
    if behaviour.raises:  # graphflow runs plain and asynchronous functions alike
        behaviour = behaviour_of(runnable, attrs.evolve(given, mode=Mode.SYNC), of_chunks=True)
    step = Step(_node(runnable, behaviour))
    returned = behaviour.returned
    if returned is None or not returned.runnables:
        return step
    alternatives = [declaration_of(one, given.inside()) for one in returned.runnables]
    if returned.values or returned.made:
        alternatives.append(step)
    elif len(alternatives) == 1:
        return Sequence(step, alternatives[0], None)
    name = name_of(runnable)
    return _one_of(alternatives, [name] * len(alternatives), name)


# --- nodes -------------------------------------------------------------------------------------------------


def _node(runnable: AnyRunnable, behaviour: Behaviour) -> Node:
    function = function_of(runnable)
    takes_chunks = behaviour.takes is Takes.CHUNKS
    gives_one = behaviour.gives is Gives.ONE and not takes_chunks
    kind = next((kind for cls, kind in _KINDS.items() if isinstance(runnable, cls)), "chain")
    return Node(
        NodeId(""),
        name_of(runnable),
        Op.CALL if gives_one else Op.GENERATE,
        (Port("chunks" if takes_chunks else "value", streams=takes_chunks, type=object),),
        next((output for cls, output in _OUTPUTS.items() if isinstance(runnable, cls)), Any),
        function=not_run(name_of(runnable)),
        is_async=function is None or not inspect.isgeneratorfunction(function),
        suspends=kind in ("chat_model", "llm") if function is None else suspends(function),
        accumulate=None if gives_one else _fold_of(runnable),
        kind=kind,
        emits_chunks=kind not in ("prompt", "retriever", "tool"),
        location=written_at(runnable),
    )


def _moving(name: str, op: Op = Op.IDENTITY, keys: tuple[str, ...] = ()) -> Node:
    """Return a node that passes chunks on, or some keys of them."""
    return Node(NodeId(""), name, op, (Port("chunks", streams=True),), keys=keys)


def _made_later(runnable: AnyRunnable) -> Node:
    return _node(runnable, Behaviour(Takes.WHOLE, Gives.ONE, "", mends.of_choice()))


_KINDS: Final[Mapping[type, str]] = {
    BaseChatModel: "chat_model",
    BaseLLM: "llm",
    BasePromptTemplate: "prompt",
    BaseRetriever: "retriever",
    BaseTool: "tool",
    BaseLLMOutputParser: "parser",
}
_OUTPUTS: Final[Mapping[type, object]] = {BaseChatModel: AIMessageChunk, BaseLLM: str, StrOutputParser: str}


def _fold_of(runnable: AnyRunnable) -> Accumulator:
    """Return how LCEL folds the chunks of a step."""
    if isinstance(runnable, BaseCumulativeTransformOutputParser) and not runnable.diff:
        return LATEST  # its chunks are snapshots, and LCEL's + of two dicts is the second
    return _SUM


def _plus(total: Any, chunk: Any) -> Any:
    try:
        return total + chunk
    except TypeError:
        return chunk


_SUM: Final = accumulator(step=_plus, name="+")


def not_run(name: str) -> Callable[..., Any]:
    """Return what stands for a function of a chain in a plan that is there to be looked at.

    When it is called, it raises a `GraphflowError`.
    """

    def refuse(*_: object, **__: object) -> None:
        raise GraphflowError(
            f"`{name}` is a step of an LCEL chain, and a plan from gf.from_lcel is there to be looked at: "
            "run the chain with LCEL, or write it in graphflow"
        )

    refuse.__name__ = name
    return refuse
