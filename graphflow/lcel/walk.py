"""Walk through an LCEL chain as LCEL streams it: what flows out of every step, and what holds it back.

One method for each of langchain's classes that put others together. Each gives the flow of what comes out, given the
flow of what goes in; `entry` says which of its two methods LCEL calls: `transform` on a stream, or `stream` on a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, final

import attrs
from langchain_core.language_models import BaseLanguageModel
from langchain_core.runnables import (
    Runnable,
    RunnableAssign,
    RunnableBranch,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    RunnableSequence,
    RunnableWithFallbacks,
)
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.configurable import DynamicRunnable
from langchain_core.runnables.retry import RunnableRetry
from langchain_core.runnables.router import RouterRunnable

from graphflow.lcel import mends
from graphflow.lcel.behaviour import Behaviour, behaviour_of, is_plain, overrides, raises_when_invoked
from graphflow.lcel.configuration import Given, chosen, of_bound
from graphflow.lcel.flow import Code, Flow, Hold, Mode, Pace, Step, live_from, one_of, record
from graphflow.lcel.mends import Mend
from graphflow.lcel.report import Line
from graphflow.lcel.steps import label_of, name_of, written_at
from graphflow.lcel.yields import Gives, Takes
from graphflow_compiler.errors import Diagnostic

Entry: TypeAlias = Literal["transform", "stream"]
AnyRunnable: TypeAlias = Runnable[Any, Any]


@attrs.frozen
class At:
    """Where in the chain a runnable stands.

    Attributes:
        within: the keys and alternatives that it stands in.
        name: given by a configuration just outside.
        before: the name of the step before it.
    """

    within: tuple[str, ...] = ()
    name: str | None = None
    before: str | None = None

    def inside(self, label: str) -> At:
        """Return the place of what stands inside, under a label."""
        return At((*self.within, label))


@final
class Walk:
    """One walk through a chain.

    Attributes:
        lines: the steps, in the order in which data reach them.
        notes: what streaming leaves out, though nothing is held back.
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.notes: list[Diagnostic] = []
        self._inside: list[tuple[int, Entry, Mode]] = []

    def through(self, runnable: AnyRunnable, flow: Flow, at: At, given: Given, entry: Entry) -> Flow:
        """Return what comes out of a runnable that is given a flow."""
        here = (id(runnable), entry, given.mode)
        if here in self._inside:
            step = _step_of(runnable, at)
            reason = f"`{step.name}` is run again by a function that stands in it"
            return _unseen(step, Behaviour(Takes.WHOLE, Gives.UNKNOWN, reason, mends.of_choice()), flow)
        self._inside.append(here)
        structure = structure_of(runnable, given.mode)
        pass_through = Walk._step if structure is None else _STRUCTURES[structure]
        output = pass_through(self, runnable, flow, at, given, entry)
        self._inside.pop()
        return output.after(flow)

    # --- one step ---

    def _step(self, runnable: AnyRunnable, flow: Flow, at: At, given: Given, entry: Entry) -> Flow:
        behaviour = behaviour_of(runnable, given, of_chunks=entry == "transform")
        step = _step_of(runnable, at)
        self._list(step, behaviour.takes.value, _GIVES[behaviour.gives], behaviour.reason)
        if behaviour.raises:
            return Flow(fails=_hold(step, behaviour, "GF503"))
        if isinstance(runnable, BaseLanguageModel) and runnable.cache and behaviour.gives is Gives.SEVERAL:
            self._note(
                step,
                f"the cache of `{step.name}` is not asked when it streams: it serves invoke only",
                mends.of_cache(),
            )
        if behaviour.passes is not None:
            return self._passed(behaviour, step, flow, at, given)
        if behaviour.returned is not None:
            return self._returned(behaviour, step, flow, at, given)
        if behaviour.takes is Takes.CHUNKS:
            return _of_chunks(step, behaviour, flow)
        if behaviour.gives is Gives.SEVERAL:
            return live_from(step)
        before = Flow() if behaviour.takes is Takes.NOTHING else flow
        whole = before.held_by(_hold(step, behaviour))
        return whole if behaviour.gives is Gives.ONE else _unseen(step, behaviour, whole)

    def _passed(self, behaviour: Behaviour, step: Step, flow: Flow, at: At, given: Given) -> Flow:
        """Return what comes out of a generator that passes on the stream of another runnable."""
        assert behaviour.passes is not None
        method = behaviour.passes.method
        inner = Given(Mode.ASYNC if method.startswith("a") else Mode.SYNC, given.configurable)
        entry: Entry = "transform" if method.endswith("transform") else "stream"
        if behaviour.takes is Takes.WHOLE:
            flow = flow.held_by(_hold(step, behaviour))
        passed = self.through(behaviour.passes.runnable, flow, at.inside(step.name), inner, entry)
        runs_for_each = behaviour.takes is Takes.CHUNKS and entry == "stream" and flow.pace is not Pace.ONCE
        return flow.as_chunks() if runs_for_each and passed.fails is None else passed

    def _returned(self, behaviour: Behaviour, step: Step, flow: Flow, at: At, given: Given) -> Flow:
        """Return what comes out of a function that may return a runnable, which is then streamed."""
        assert behaviour.returned is not None
        whole = flow.held_by(_hold(step, behaviour))
        several = len(behaviour.returned.runnables) > 1
        flows = [
            self.through(
                one, whole, at.inside(f"returned {number}" if several else "returned"), given.inside(), "stream"
            )
            for number, one in enumerate(behaviour.returned.runnables, start=1)
        ]
        if behaviour.returned.values:
            reason = f"`{step.name}` does not always return a runnable, and a value comes as it is"
            flows.append(flow.held_by(Hold(step, reason, behaviour.mend)))
        if behaviour.returned.made:
            flows.append(_unseen(step, behaviour, whole))
        return one_of(flows)

    # --- classes that put others together ---

    def _sequence(self, runnable: Any, flow: Flow, at: At, given: Given, entry: Entry) -> Flow:
        before = at.before
        for number, step in enumerate((runnable.first, *runnable.middle, runnable.last)):
            inner = given if number == 0 else given.inside()
            flow = self.through(step, flow, At(at.within, before=before), inner, "transform")
            before = label_of(step)
        return flow

    def _parallel(self, runnable: Any, flow: Flow, at: At, given: Given, entry: Entry) -> Flow:
        return record(self._branches(runnable.steps__, flow, at, given))

    def _branches(self, steps: Mapping[str, AnyRunnable], flow: Flow, at: At, given: Given) -> dict[str, Flow]:
        return {
            key: self.through(step, flow, at.inside(key), given.inside(), "transform") for key, step in steps.items()
        }

    def _assign(self, runnable: Any, flow: Flow, at: At, given: Given, entry: Entry) -> Flow:
        step = _step_of(runnable, at)
        reason = f"`{step.name}` gives its keys only when its input has ended"
        self._list(step, "chunks", "chunks", f"passes every chunk on; {reason}")
        assigned = {
            key: _withheld(step, reason, part, flow)
            for key, part in self._branches(runnable.mapper.steps__, flow, at, given).items()
        }
        if flow.keys is None:
            return record(assigned, flow)
        return record({**flow.keys, **assigned}, flow.rest)

    def _passthrough(self, runnable: Any, flow: Flow, at: At, given: Given, entry: Entry) -> Flow:
        self._list(_step_of(runnable, at), "chunks", "chunks", "passes every chunk on")
        return flow

    def _pick(self, runnable: Any, flow: Flow, at: At, given: Given, entry: Entry) -> Flow:
        self._list(_step_of(runnable, at), "chunks", "chunks", "picks from every chunk")
        if isinstance(runnable.keys, str):
            return flow.at(runnable.keys)
        return flow if flow.keys is None else record({key: flow.at(key) for key in runnable.keys})

    def _binding(self, runnable: Any, flow: Flow, at: At, given: Given, entry: Entry) -> Flow:
        config = runnable.config or {}
        if isinstance(runnable, RunnableRetry):
            step = _step_of(runnable.bound, at)
            self._note(
                step,
                f"`{step.name}` is not tried again when it streams: with_retry acts in invoke only",
                mends.of_retry(),
            )
        at = attrs.evolve(at, name=at.name or config.get("run_name"))
        return self.through(runnable.bound, flow, at, of_bound(runnable, given), entry)

    def _dynamic(self, runnable: Any, flow: Flow, at: At, given: Given, entry: Entry) -> Flow:
        alternative, inner = chosen(runnable, given)
        if alternative is not None:
            return self.through(alternative, flow, at, inner, entry)
        step = _step_of(runnable, at)
        reason = f"`{step.name}` is made when it runs, so its code does not show whether it streams"
        return _unseen(step, Behaviour(Takes.WHOLE, Gives.UNKNOWN, reason, mends.of_choice()), flow)

    # --- classes that run one of several, on a whole value ---

    def _branch(self, runnable: Any, flow: Flow, at: At, given: Given, entry: Entry) -> Flow:
        step = _step_of(runnable, at)
        reason = f"`{step.name}` decides on its whole input"
        flow, entry = self._whole(runnable, step, reason, mends.of_branch(), flow, given, entry)
        for condition, _ in runnable.branches:
            raising = raises_when_invoked(condition, given.mode)
            if raising is not None:
                return Flow(fails=_hold(_step_of(condition, at), raising, "GF503"))
        flows = [
            self.through(one, flow, at.inside(f"branch {number}"), given, entry)
            for number, (_, one) in enumerate(runnable.branches, start=1)
        ]
        return one_of([*flows, self.through(runnable.default, flow, at.inside("default"), given, entry)])

    def _router(self, runnable: Any, flow: Flow, at: At, given: Given, entry: Entry) -> Flow:
        step = _step_of(runnable, at)
        reason = f"`{step.name}` routes its whole input"
        flow, entry = self._whole(runnable, step, reason, mends.of_branch(), flow, given, entry)
        flows = [
            self.through(one, flow, at.inside(key), given.inside(), entry) for key, one in runnable.runnables.items()
        ]
        return one_of(flows)

    def _fallbacks(self, runnable: Any, flow: Flow, at: At, given: Given, entry: Entry) -> Flow:
        name = at.name or label_of(runnable.runnable)
        step = Step(f"{name}.with_fallbacks", at.within, written_at(runnable.runnable), _snippet(at, name))
        reason = f"`{step.name}` waits for its whole input, which a fallback may need again"
        flow, entry = self._whole(runnable, step, reason, mends.of_fallbacks(name), flow, given, entry)
        self._note(
            step,
            f"the fallbacks of `{name}` take over only before its first chunk: an error after that is raised",
            mends.of_late_errors(),
        )
        catches_all = Exception in runnable.exceptions_to_handle
        first = self.through(runnable.runnable, flow, at, given, entry)
        others = [
            self.through(one, flow, at.inside(f"fallback {number}"), given, entry)
            for number, one in enumerate(runnable.fallbacks, start=1)
        ]
        rescuer = next((one for one in others if one.fails is None), None)
        errors = first.risks if first.fails is None else (first.fails,)
        if rescuer is None or not errors or not catches_all:
            return first
        rescued = [] if first.fails is not None else [attrs.evolve(first, risks=())]
        comes_late = first.keys is not None  # another key may have come before it, and then it is raised
        return one_of([*rescued, rescuer]).after(Flow(risks=errors if comes_late else ()))

    def _whole(
        self, runnable: AnyRunnable, step: Step, reason: str, mend: Mend, flow: Flow, given: Given, entry: Entry
    ) -> tuple[Flow, Entry]:
        """Return what a step that chooses gives to what it chooses, and how that is run."""
        method = "transform" if given.mode is Mode.SYNC else "atransform"
        if entry == "transform" and overrides(runnable, method):
            self._list(step, "chunks", "chunks", f"overrides `{method}`")
            return flow, entry
        self._list(step, "whole", "what it runs", reason)
        return flow.held_by(Hold(step, reason, mend)), "stream"

    # --- what is told ---

    def _list(self, step: Step, takes: str, gives: str, reason: str) -> None:
        self.lines.append(Line(step, takes, gives, reason))

    def _note(self, step: Step, message: str, mend: Mend) -> None:
        self.notes.append(
            Diagnostic("GF506", "note", message, location=step.location, snippet=step.snippet, hint=str(mend))
        )


_GIVES: Final = {
    Gives.ONE: "one value",
    Gives.EACH: "chunks",
    Gives.SEVERAL: "chunks",
    Gives.UNKNOWN: "one or more",
}

_STRUCTURES: Final[Mapping[type, Callable[[Walk, Any, Flow, At, Given, Entry], Flow]]] = {
    RunnableSequence: Walk._sequence,
    RunnableParallel: Walk._parallel,
    RunnableAssign: Walk._assign,
    RunnablePassthrough: Walk._passthrough,
    RunnablePick: Walk._pick,
    RunnableBindingBase: Walk._binding,
    DynamicRunnable: Walk._dynamic,
    RunnableBranch: Walk._branch,
    RunnableWithFallbacks: Walk._fallbacks,
    RouterRunnable: Walk._router,
}


def structure_of(runnable: AnyRunnable, mode: Mode) -> type | None:
    """Return the class of langchain's that puts others together by which a runnable streams; None if it is a step."""
    return next((cls for cls in _STRUCTURES if is_plain(runnable, cls, mode)), None)


def _of_chunks(step: Step, behaviour: Behaviour, flow: Flow) -> Flow:
    """Return what comes out of a step that takes chunks as they come."""
    if flow.pace is not Pace.ONCE:
        if behaviour.may_give_one and flow.pace in (Pace.LIVE, Pace.MAYBE):
            return attrs.evolve(flow.as_chunks(Pace.MAYBE), held=(*flow.held, _hold(step, behaviour, "GF504")))
        return flow.as_chunks()
    match behaviour.gives:
        case Gives.SEVERAL:
            return live_from(step)
        case Gives.UNKNOWN:
            return _unseen(step, behaviour, flow)
        case _:
            return flow.as_chunks()


def _withheld(step: Step, reason: str, part: Flow, given: Flow) -> Flow:
    """Return what an assign gives of a key: none of it before its input has ended."""
    of_input = tuple(begin for begin in part.begins if any(begin is other for other in given.begins))
    if part.pace not in (Pace.LIVE, Pace.MAYBE) or not of_input:
        return part
    return Flow(held=(Hold(step, reason, mends.of_assign(), "GF505", of_input),), fails=part.fails)


def _unseen(step: Step, behaviour: Behaviour, flow: Flow) -> Flow:
    """Return what comes out of a step whose code does not show how many chunks it gives."""
    before = (hold for hold in flow.held if hold.step is not step)
    return Flow(Pace.MAYBE, (step,), (*before, _hold(step, behaviour, "GF507")))


def _hold(step: Step, behaviour: Behaviour, code: Code = "GF501") -> Hold:
    return Hold(step, behaviour.reason, behaviour.mend, code, is_source=behaviour.is_source)


def _step_of(runnable: AnyRunnable, at: At) -> Step:
    name = at.name or name_of(runnable)
    return Step(name, at.within, written_at(runnable), _snippet(at, name))


def _snippet(at: At, name: str) -> str | None:
    return None if at.before is None else f"{at.before} | {name}"
