"""The functions of a plan: generated source turned into Python functions, with tracebacks that show it."""

from __future__ import annotations

import functools
import inspect
import linecache
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, final

import attrs
import trio

from graphflow.declaration import Declared
from graphflow.errors import InputError
from graphflow.limits import limited
from graphflow.places import location_of
from graphflow.runtime import slices, threads
from graphflow.runtime.current import NOTHING
from graphflow.runtime.notes import annotate, is_annotated
from graphflow_compiler.errors import compile_error
from graphflow_compiler.generate import Mode, Source, write_stage
from graphflow_compiler.ir import NodeId
from graphflow_compiler.plan import Plan, PlannedNode, Stage, StageId


@attrs.frozen
class Function:
    """One version of the function of a stage.

    Attributes:
        call: the function.
        source: as it was written.
        functions: what it calls of the user's, in the order of its last parameters.
    """

    call: Callable[..., Any]
    source: Source
    functions: tuple[Callable[..., Any], ...]


@final
class Straight:
    """What a plan is run by through which values go straight, from function to function."""

    __slots__ = ("_call", "_function", "_functions", "_plan", "_settled")

    def __init__(self, plan: Plan, function: Function) -> None:
        self._plan = plan
        self._function = function
        self._call = function.call
        self._functions = function.functions
        self._settled = functools.partial(settled, plan)

    def __call__(self, value: Any) -> Awaitable[Any]:
        """Return what gives the value of the output, once it is awaited."""
        running: Awaitable[Any] = self._call(value, self._settled, slices.perf_counter, slices.turn(), *self._functions)
        return running

    def annotate(self, error: Exception, run_id: str) -> None:
        """Add the note that says which node raised an error, unless it has one."""
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_frame.f_code is not self._call.__code__:
            traceback = traceback.tb_next
        if traceback is None or is_annotated(error, run_id):
            return
        node_id = self._function.source.lines.get(traceback.tb_lineno, self._plan.output)
        annotate(error, self._plan, self._plan.by_id[node_id], run_id)


@final
class Code:
    """The functions of a plan, each made when it is first asked for, and then kept.

    Attributes:
        plan: the plan.
        is_alone: it has one stage, which needs no task.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.is_alone = all(buffer.kind == "call" for buffer in plan.buffers)
        self._functions: dict[tuple[StageId, Mode], Function] = {}
        self._bodies: dict[int, Code] = {id(body): Code(body) for body in plan.nested}

    @functools.cached_property
    def straight(self) -> Straight | None:
        """What runs the plan on a value while nobody listens, if values alone go through it; None for other plans."""
        output = self.plan.output_stage
        if not self.is_alone or self.plan.by_id[self.plan.output].folds is None or self.plan.input_stage is not output:
            return None
        function = self.function(output, Mode("value"))
        return Straight(self.plan, function) if function.source.is_straight else None

    def body(self, plan: Plan) -> Code:
        """Return the code of a body in this plan."""
        return self._bodies[id(plan)]

    def function(self, stage: Stage, mode: Mode) -> Function:
        """Return one version of the function of a stage."""
        key = stage.id, mode
        found = self._functions.get(key)
        if found is None:
            source = write_stage(self.plan, stage, mode)
            call = _function_of(source.name, source.text)
            if not source.is_generator and not mode.is_sync:
                trio.lowlevel.disable_ki_protection(call)  # the nodes in it are the user's, who may be interrupted
            functions = [self.plan.by_id[node_id].function for _, node_id in source.functions]
            found = Function(call, source, tuple(function for function in functions if function is not None))
            self._functions[key] = found
        return found


# --- what generated functions call --------------------------------------------------------------------------

#: Types of results that are neither a chain nor to be awaited; those that turn out to be so are added.
CHAINLESS: Final[set[type]] = {str, bytes, int, float, bool, type(None), list, dict, tuple, set, frozenset}
#: How many there may be: a program that makes classes without end must not fill the memory.
MOST_CHAINLESS: Final = 4096


def select(chunk: Any, key: str, giver: str) -> Any:
    """Return one key of a record chunk; `NOTHING` where it lacks it."""
    if not isinstance(chunk, Mapping):
        raise TypeError(f"key {key!r} was asked of `{giver}`, which gave no record but {brief(chunk)}")
    return chunk.get(key, NOTHING)


def project(chunk: Any, keys: tuple[str, ...], node_id: str) -> Any:
    """Return some keys of a record chunk; `NOTHING` where it has none of them."""
    if not hasattr(chunk, "keys"):
        raise InputError(f"`{node_id}` takes keys of records, but got {brief(chunk)}")
    return {key: chunk[key] for key in keys if key in chunk} or NOTHING


def without(chunk: Any, keys: tuple[str, ...], node_id: str, giver: str) -> Any:
    """Return the other keys of a record chunk; `NOTHING` where it has no others."""
    if not isinstance(chunk, Mapping):
        raise TypeError(f"`{node_id}` adds keys to a record, but `{giver}` gave {brief(chunk)}")
    rest = {key: piece for key, piece in chunk.items() if key not in keys}
    return rest if rest or not chunk else NOTHING


def brief(value: object) -> str:
    """Return what a value looks like, in a few characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


async def settled(plan: Plan, node_id: NodeId, result: Any) -> Any:
    """Await a result that has to be, though the function does not say so.

    Raises:
        CompileError: it is a chain.
    """
    if inspect.isawaitable(result):
        result = await result
    if may_be_chain(result):
        refuse_chain(plan.by_id[node_id], result)
    return result


def refuse_chain(node: PlannedNode, chain: Declared) -> None:
    """Raise the error of a node that returned a chain."""
    raise compile_error(
        "GF108",
        f"`{node.name}` returned a chain (`{chain.name}`) instead of a value",
        location=location_of(node.function) if node.function is not None else None,
        hint="choose between chains with gf.branch((predicate, chain), ..., default), "
        "or run the chain in the function: return await chain.invoke(value)",
    )


def may_be_chain(value: object) -> bool:
    """Tell whether a value is a chain; if not, values of its type need not be asked again."""
    if isinstance(value, Declared):
        return True
    if len(CHAINLESS) < MOST_CHAINLESS and not hasattr(value, "__await__") and not hasattr(value, "gi_code"):
        CHAINLESS.add(type(value))
    return False


_GLOBALS: Final[Mapping[str, object]] = {
    "CHAINLESS": CHAINLESS,
    "NOTHING": NOTHING,
    "in_thread": threads.in_thread,
    "limited": limited,
    "project": project,
    "select": select,
    "without": without,
}


#: How many sources of each name there are: each has a file name of its own, as tracebacks find their lines by it.
_SOURCES: Final[Counter[str]] = Counter()


@functools.lru_cache(maxsize=1024)
def _function_of(name: str, text: str) -> Callable[..., Any]:
    """Return the function that a piece of generated source defines.

    The source takes the user's functions as parameters, so equal sources share one function.
    """
    _SOURCES[name] += 1
    filename = f"<graphflow {name}>" if _SOURCES[name] == 1 else f"<graphflow {name} {_SOURCES[name]}>"
    linecache.cache[filename] = (len(text), None, [line + "\n" for line in text.splitlines()], filename)
    namespace = dict(_GLOBALS)
    exec(compile(text, filename, "exec"), namespace)
    function: Any = namespace[name]
    return function  # type: ignore[no-any-return]
