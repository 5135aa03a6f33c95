"""Events: what happens inside a run, and the filters that say which of it is worth telling.

Every event carries which node or group of nodes it is about (`name`, `kind`, `run_id`, `parent_ids`, `tags`,
`metadata`) and its place in the order of the run (`seq`). The classes are made for ``match``::

    async with chain.events(question) as events:
        async for event in events:
            match event:
                case gf.StreamEvent(kind="chat_model", chunk=chunk):
                    print(chunk.text, end="")
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, Self

import attrs

from graphflow.errors import UnmatchedFilterError
from graphflow_compiler.plan import Plan

#: The kinds of runs that events tell of.
KINDS: Final = ("chain", "chat_model", "llm", "parser", "prompt", "retriever", "tool")


@attrs.define(eq=False)
class Run:
    """What the events of one run have in common: the static part, made once."""

    kind: str
    name: str
    run_id: str
    parent_ids: tuple[str, ...]
    tags: tuple[str, ...]
    metadata: Mapping[str, object]


class BaseEvent:
    """What every event has.

    Attributes:
        run: the run that it is about.
        seq: its place among all events that the listener gets, from 0.
    """

    __slots__ = ()

    run: Run
    seq: int

    action: ClassVar[str] = ""

    @property
    def data(self) -> Any:
        """What happened: `input`, `chunk`, `output` or `error`, as far as they are known."""
        raise NotImplementedError

    @property
    def event(self) -> str:
        """What happened, such as ``"on_chat_model_stream"``."""
        return f"on_{self.run.kind}_{self.action}"

    @property
    def kind(self) -> str:
        """One of ``chain, chat_model, llm, parser, prompt, retriever, tool``."""
        return self.run.kind

    @property
    def name(self) -> str:
        """The name of the node or group."""
        return self.run.name

    @property
    def run_id(self) -> str:
        """A UUID, the same for all events of one run."""
        return self.run.run_id

    @property
    def parent_ids(self) -> list[str]:
        """The runs around this one, outermost first."""
        return list(self.run.parent_ids)

    @property
    def tags(self) -> list[str]:
        """Its place (``seq:step:2``, ``map:key:question``), its own tags and the inherited ones."""
        return list(self.run.tags)

    @property
    def metadata(self) -> dict[str, object]:
        """Its own metadata and what it inherits."""
        return dict(self.run.metadata)

    def to_dict(self) -> dict[str, Any]:
        """Return the seven keys by which other tools know such events."""
        return {
            "event": self.event,
            "name": self.name,
            "run_id": self.run_id,
            "tags": self.tags,
            "metadata": self.metadata,
            "data": self.data,
            "parent_ids": self.parent_ids,
        }


@attrs.define(match_args=False)
class DataEvent(BaseEvent):
    """An event that tells several things: its `data`."""

    run: Run
    data: Any
    seq: int

    @property
    def input(self) -> Any:
        """The input of the run; None where it is not known."""
        return self.data.get("input")

    @property
    def chunk(self) -> Any:
        """The chunk that was given; None for other events."""
        return self.data.get("chunk")

    @property
    def output(self) -> Any:
        """The whole output of the run; None where it is not known."""
        return self.data.get("output")

    @property
    def error(self) -> BaseException | None:
        """The error of the run; None for other events."""
        error: BaseException | None = self.data.get("error")
        return error


@attrs.define(match_args=False)
class StartEvent(DataEvent):
    """A run has started; it has an `input` where that is a whole value."""

    action: ClassVar[str] = "start"


@attrs.define(match_args=False)
class StreamEvent(BaseEvent):
    """A run has given a `chunk`."""

    run: Run
    chunk: Any
    seq: int

    action: ClassVar[str] = "stream"

    @property
    def data(self) -> dict[str, Any]:
        """The chunk, under ``"chunk"``."""
        return {"chunk": self.chunk}

    @property
    def input(self) -> Any:
        """Always None."""

    @property
    def output(self) -> Any:
        """Always None."""

    @property
    def error(self) -> None:
        """Always None."""


@attrs.define(match_args=False)
class EndEvent(DataEvent):
    """A run has ended; it has an `output`, unless its consumer left early or nothing says how chunks fold."""

    action: ClassVar[str] = "end"


@attrs.define(match_args=False)
class ErrorEvent(DataEvent):
    """A run has failed with `error`, or was cancelled."""

    action: ClassVar[str] = "error"


@attrs.define(match_args=False)
class CustomEvent(DataEvent):
    """A node has called `emit`: `name` and `data` are what it gave."""

    label: str

    @property
    def event(self) -> str:
        """Always ``"on_custom_event"``."""
        return "on_custom_event"

    @property
    def name(self) -> str:
        """The name that was given to `emit`."""
        return self.label

    @property
    def input(self) -> Any:
        """Always None."""

    @property
    def chunk(self) -> Any:
        """Always None."""

    @property
    def output(self) -> Any:
        """Always None."""

    @property
    def error(self) -> None:
        """Always None."""


Event = StartEvent | StreamEvent | EndEvent | ErrorEvent | CustomEvent


# --- filters -----------------------------------------------------------------------------------------------


def _words(option: str, given: Iterable[str] | None) -> frozenset[str] | None:
    if given is None:
        return None
    if isinstance(given, str):
        raise TypeError(f"{option} takes several words, not the string {given!r}: write [{given!r}]")
    return frozenset(given)


@attrs.frozen
class Filter:
    """Which runs are worth telling of: those that any `include` names, or all, less those that an `exclude` names."""

    include_names: frozenset[str] | None = None
    include_types: frozenset[str] | None = None
    include_tags: frozenset[str] | None = None
    exclude_names: frozenset[str] | None = None
    exclude_types: frozenset[str] | None = None
    exclude_tags: frozenset[str] | None = None

    @classmethod
    def of(cls, **options: Iterable[str] | None) -> Self:
        """Make a filter of the options of `events`.

        Raises:
            TypeError: an option is a single string.
        """
        return cls(**{option: _words(option, given) for option, given in options.items()})

    def keeps(self, name: str, kind: str, tags: Iterable[str]) -> bool:
        """Tell whether a run is worth telling of."""
        included = self.include_names, self.include_types, self.include_tags
        if any(words is not None for words in included) and not _names(included, name, kind, tags):
            return False
        return not _names((self.exclude_names, self.exclude_types, self.exclude_tags), name, kind, tags)

    def keeps_custom(self, name: str, run: Run, *, is_told: bool) -> bool:
        """Tell whether a custom event is worth telling: because the run of its node is, or by its own name."""
        if not is_told and name not in (self.include_names or ()):
            return False
        return not _names((self.exclude_names, self.exclude_types, self.exclude_tags), name, run.kind, run.tags)

    def check(self, plan: Plan, name: str | None, tags: Iterable[str]) -> None:
        """Refuse a filter that names what a plan does not have.

        Args:
            plan: the plan that will run.
            name: the name of this run, if the caller gave it one.
            tags: the tags of this run.

        Raises:
            UnmatchedFilterError: the message suggests the nearest name.
        """
        (own_name, *_), *others = runs = list(_runs_of(plan))
        names = {name or own_name, *(other for other, _, _ in others)}
        kinds = {kind for _, kind, _ in runs}
        all_tags = {tag for _, _, run_tags in runs for tag in run_tags} | set(tags)
        for what, words, known in (
            ("name", self.include_names, names),
            ("name", self.exclude_names, names),
            ("type", self.include_types, kinds),
            ("type", self.exclude_types, set(KINDS)),
            ("tag", self.include_tags, all_tags),
            ("tag", self.exclude_tags, all_tags),
        ):
            for word in sorted((words or frozenset()) - known):
                near = difflib.get_close_matches(word, sorted(known), n=1)
                mend = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(repr, sorted(known)))}"
                raise UnmatchedFilterError(
                    f"the plan `{plan.name}` has no {what} {word!r}: {mend} "
                    "(allow_unmatched=True, if it is of a run nested in a node)"
                )


def _names(words: tuple[frozenset[str] | None, ...], name: str, kind: str, tags: Iterable[str]) -> bool:
    """Tell whether any of the names, types and tags is among the words for it."""
    names, types, any_tags = (each or frozenset() for each in words)
    return name in names or kind in types or not any_tags.isdisjoint(tags)


def _runs_of(plan: Plan) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the names, kinds and tags of all runs of a plan, its outermost run first."""
    for scope in plan.scopes:
        yield scope.name, scope.kind, scope.tags
    for node in plan.nodes:
        if node.has_run:
            yield node.name, node.kind, node.tags
        for body in node.plans:
            yield from _runs_of(body)


__all__ = ["CustomEvent", "EndEvent", "ErrorEvent", "Event", "Filter", "StartEvent", "StreamEvent"]
