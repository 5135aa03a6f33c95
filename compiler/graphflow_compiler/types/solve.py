"""Find what the type variables of a declaration stand for where it is used: `def same(x: T) -> T` types through."""

import collections.abc as abc
import contextlib
import types
from typing import TypeVar

from graphflow_compiler.types.bases import is_subclass, seen_as, tuple_item
from graphflow_compiler.types.model import UNKNOWN, Record, Verdict
from graphflow_compiler.types.records import record_of
from graphflow_compiler.types.relate import relate
from graphflow_compiler.types.shapes import (
    CALLABLE,
    Trail,
    callable_parts,
    is_newtype,
    is_unknown,
    literals,
    members,
    plain,
    split,
    supertype,
    type_vars,
    union,
)


def solve(target: object, source: object) -> dict[TypeVar, object]:
    """Bind the type variables of `target` to what `source` has in their places.

    A variable in two places takes the wider of the two types, or else their union; a constrained one takes the
    constraint that fits. What is unknown binds as unknown, and what does not match binds nothing: `relate` reports it.
    For several parameters that share variables, give a `Record` of the parameters and a `Record` of what feeds them.

    >>> T = TypeVar("T")
    >>> solve(list[T], list[int])
    {~T: <class 'int'>}
    >>> solve(dict[T, T], dict[str, bool]) == {T: str | bool}
    True
    >>> solve(abc.Iterable[T | None], list[int | None])
    {~T: <class 'int'>}
    """
    solver = _Solver()
    with contextlib.suppress(Exception):  # annotations run code of the user's: metaclasses, hooks, values of aliases
        solver.match(target, source)
    return solver.bindings


class _Solver:
    def __init__(self) -> None:
        self.bindings: dict[TypeVar, object] = {}
        self._trail = Trail()

    def match(self, target: object, source: object) -> None:
        """Bind the variables of one type from another, as far as the two have the same form."""
        variables = type_vars(target)
        if not variables or self._trail.holds((target, source)) or not self._trail.enter((target, source)):
            return
        asked, given = plain(target), plain(source)
        if isinstance(asked, TypeVar):
            self._bind(asked, source)
        elif is_unknown(given):
            self._bind_all(variables)
        elif members(asked):
            self._match_union(members(asked), members(given) or (given,))
        elif members(given):
            for part in members(given):
                self.match(asked, part)
        elif is_newtype(given):
            self.match(asked, supertype(given))
        elif values := literals(given):
            for value in values:
                self.match(asked, type(value))
        else:
            self._match_classes(asked, given)
        self._trail.leave()

    def _match_union(self, asked: tuple[object, ...], given: tuple[object, ...]) -> None:
        """Bind from what no fixed member takes: through the one generic member that fits, or else the bare variable."""
        fixed = [part for part in asked if not type_vars(part)]
        bare = [part for part in asked if isinstance(plain(part), TypeVar)]
        generic = [part for part in asked if part not in fixed and part not in bare]
        left = []
        for part in given:
            if any(relate(part, each).verdict is Verdict.YES for each in fixed):
                continue
            fitting = [each for each in generic if relate(part, each).verdict is not Verdict.NO]
            if len(fitting) == 1:
                self.match(fitting[0], part)
            elif not fitting:
                left.append(part)
        if left and len(bare) == 1:
            self.match(bare[0], union(left))

    def _match_classes(self, asked: object, given: object) -> None:
        record, wanted = record_of(given), record_of(asked)
        if wanted is not None:
            self._match_records(wanted, given, record)
            return
        if record is not None:
            held = UNKNOWN if record.open else union(field.type for field in record.fields)
            given = types.GenericAlias(dict, (str, held))
        cls, args = split(asked)
        origin, own = split(given)
        if cls is None or origin is None or args is None:
            return
        if cls is CALLABLE:
            self._match_callables(args, own if origin is CALLABLE else None)
        elif is_subclass(origin, cls):
            found = seen_as(given, cls)
            if found is None:
                self._bind_all(args)
            elif cls is tuple and (args[-1:] == (...,) or found[-1:] == (...,)):
                for part in args:
                    self.match(part, tuple_item(found))
            else:
                for part, other in zip(args, found, strict=False):
                    self.match(part, other)

    def _match_records(self, wanted: Record, given: object, record: Record | None) -> None:
        for field in wanted.fields:
            if record is None:
                self.match(field.type, (seen_as(given, abc.Mapping) or (UNKNOWN, UNKNOWN))[1])
            elif (found := record.get(field.name)) is not None:
                self.match(field.type, found.type)
            elif record.open:
                self.match(field.type, UNKNOWN)

    def _match_callables(self, asked: tuple[object, ...], own: tuple[object, ...] | None) -> None:
        if own is None:
            self._bind_all(asked)
            return
        offered, wanted = callable_parts(asked)
        takes, gives = callable_parts(own)
        if offered is not None and takes is not None and len(offered) == len(takes):
            for part, other in zip(offered, takes, strict=True):
                self.match(part, other)
        self.match(wanted, gives)

    def _bind_all(self, parts: tuple[object, ...]) -> None:
        for variable in type_vars(parts):
            self._bind(variable, UNKNOWN)

    def _bind(self, variable: TypeVar, found: object) -> None:
        if variable in self.bindings:
            found = _joined(self.bindings[variable], found)
        constraints = variable.__constraints__
        fitting = (each for each in constraints if relate(found, each).verdict is Verdict.YES)
        self.bindings[variable] = next(fitting, found)


def _joined(first: object, second: object) -> object:
    """Give the wider of two types, their union if neither is; UNKNOWN if either is unknown."""
    if is_unknown(plain(first)) or is_unknown(plain(second)):
        return UNKNOWN
    onward, backward = relate(second, first).verdict, relate(first, second).verdict
    if onward is Verdict.YES:
        return first
    if backward is Verdict.YES:
        return second
    return union((first, second)) if Verdict.NO in (onward, backward) else first
