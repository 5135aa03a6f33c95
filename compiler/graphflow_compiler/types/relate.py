"""Decide whether a value of one declared type may flow where another is asked for."""

import collections.abc as abc
import enum
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeVar

from graphflow_compiler.types.bases import is_subclass, parameters, seen_as
from graphflow_compiler.types.model import UNKNOWN, Field, Record, Relation, Verdict
from graphflow_compiler.types.protocols import data_type, has_member, may_have_member, protocol_members
from graphflow_compiler.types.records import record_of
from graphflow_compiler.types.shapes import (
    CALLABLE,
    Trail,
    callable_parts,
    is_never,
    is_newtype,
    is_protocol,
    is_unknown,
    is_unpacked,
    literal,
    literals,
    may_recur,
    members,
    plain,
    split,
    supertype,
    union,
)
from graphflow_compiler.types.show import qualified_name, show

_YES: Final = Relation(Verdict.YES)
_TOWER: Final[dict[object, tuple[type, ...]]] = {float: (int,), complex: (int, float)}


def relate(source: object, target: object) -> Relation:
    """Decide whether a value of type `source` may flow where `target` is asked for.

    A definite mismatch in any part is a NO; else anything unknown makes it UNCHECKED; else it is a YES. Recursive types
    are followed until they repeat. Type variables of the target take whatever their bound allows; to carry what they
    took into another type, `solve` and `substitute`. Never raises, whatever the annotation.

    >>> relate(bool, float | None).verdict
    <Verdict.YES: 'yes'>
    >>> relate(int | str, str).reason
    'int | str is not str: int is not str'
    >>> relate(list[Any], list[str]).reason
    'Any is not checked'
    >>> relate(dict[str, int], tuple[int, ...]).reason
    'dict[str, int] is not tuple[int, ...]'
    """
    if type(source) is type and type(target) is type:
        return _plain_classes(source, target)
    try:
        return _Walk().relate(source, target)
    except Exception as error:  # annotations run code of the user's: metaclasses, hooks, values of aliases
        return _unchecked(f"{type(error).__name__} while reading {type(source).__name__} or {type(target).__name__}")


def _no(source: object, target: object, part: str = "") -> Relation:
    text, other = show(source), show(target)
    if text == other:
        text, other = qualified_name(source), qualified_name(target)
    if text == other:
        other += " of another definition"
    whole = f"{text} is not {other}"
    return Relation(Verdict.NO, whole if part in ("", whole) else f"{whole}: {part}")


def _unchecked(reason: str) -> Relation:
    return Relation(Verdict.UNCHECKED, reason)


def _unknown(annotation: object) -> Relation:
    if annotation is UNKNOWN:
        return _unchecked("? is not annotated")
    if isinstance(annotation, str | typing.ForwardRef):
        return _unchecked(f"the name {show(annotation)!r} is not resolved")
    return _unchecked(f"{show(annotation)} is not checked")


def _plain_classes(source: type, target: type) -> Relation:
    """Compare two classes without a metaclass, which are no protocols, TypedDicts or the like: most are, so be fast."""
    return _YES if issubclass(source, target) or _promoted(source, target) else _no(source, target)


def _promoted(source: type, target: type) -> bool:
    return target in _TOWER and issubclass(source, _TOWER[target])


def _worst(relations: Iterable[Relation]) -> Relation:
    """Give the first NO, else the first UNCHECKED, else YES; look no further than needed."""
    worst = _YES
    for relation in relations:
        if relation.verdict is Verdict.NO:
            return relation
        if worst is _YES and relation.verdict is Verdict.UNCHECKED:
            worst = relation
    return worst


class _Walk:
    """One comparison. Every method gives the relation of its two arguments, which are plain below `relate`."""

    def __init__(self) -> None:
        self._trail = Trail()

    def relate(self, source: object, target: object) -> Relation:
        if type(source) is type and type(target) is type:
            return _plain_classes(source, target)
        if not (may_recur(source) or may_recur(target)):
            return self._forms(source, target)
        if self._trail.holds((source, target)):
            return _YES  # nothing on the way round spoke against it
        if not self._trail.enter((source, target)):
            return _unchecked(f"{show(source)} is too deep to check")
        try:
            return self._forms(source, target)
        finally:
            self._trail.leave()

    def _whole(self, source: object, target: object, parts: Iterable[Relation]) -> Relation:
        """Give the worst of the parts; if that is a NO, say so of the whole first."""
        worst = _worst(parts)
        return _no(source, target, worst.reason) if worst.verdict is Verdict.NO else worst

    def _forms(self, source: object, target: object) -> Relation:
        """Compare two annotations by their forms: first what is not a class, the one form after the other."""
        given, asked = plain(source), plain(target)
        if asked is object:
            return _YES
        for each in (given, asked):
            if is_unknown(each):
                return _unknown(each)
        if is_never(given):
            return _YES
        if parts := members(given) or _single_literals(given):
            return self._whole(source, target, (self.relate(part, asked) for part in parts))
        if isinstance(given, TypeVar):
            return self._from_variable(given, asked)
        if members(asked):
            return self._into_union(source, target, given, members(asked))
        if isinstance(asked, TypeVar):
            return self._into_variable(source, asked)
        if is_newtype(given) or is_newtype(asked):
            return self._newtypes(source, target, given, asked)
        if values := literals(asked):
            return self._into_literal(source, target, given, values)
        if values := literals(given):
            inner = self.relate(type(values[0]), asked)
            return _no(source, target) if inner.verdict is Verdict.NO else inner
        if is_never(asked):
            return _no(source, target)
        return self._classes(source, target, given, asked)

    def _from_variable(self, variable: TypeVar, asked: object) -> Relation:
        """Compare what an unsolved variable is known to be: below its bound, or one of its constraints."""
        if any(part is variable for part in (asked, *members(asked))):
            return _YES
        limit = _limit(variable)
        relation = self.relate(limit, asked)
        if relation.verdict is Verdict.YES:
            return relation
        if relation.verdict is Verdict.NO and limit is not object and self.relate(asked, limit).verdict is Verdict.NO:
            return _no(variable, asked, relation.reason)
        return _unchecked(f"{show(variable)} is not solved")

    def _into_variable(self, source: object, variable: TypeVar) -> Relation:
        relation = self.relate(source, _limit(variable))
        return _no(source, variable, relation.reason) if relation.verdict is Verdict.NO else relation

    def _into_union(self, source: object, target: object, given: object, parts: tuple[object, ...]) -> Relation:
        unchecked, reasons = None, []
        for part in parts:
            relation = self.relate(given, part)
            if relation.verdict is Verdict.YES:
                return relation
            if relation.verdict is Verdict.UNCHECKED:
                unchecked = unchecked or relation
            elif relation != _no(given, part):  # it says more than that the two differ
                reasons.append(relation.reason)
        return unchecked or _no(source, target, reasons[0] if len(reasons) == 1 else "")

    def _newtypes(self, source: object, target: object, given: object, asked: object) -> Relation:
        if given is asked:
            return _YES
        if not is_newtype(given):
            return _no(source, target)
        inner = self.relate(supertype(given), asked)
        return _no(source, target) if inner.verdict is Verdict.NO else inner

    def _into_literal(self, source: object, target: object, given: object, values: tuple[object, ...]) -> Relation:
        wanted = {(type(value), value) for value in values}
        given_values: tuple[object, ...] = literals(given)
        if given is bool:
            given_values = (True, False)
        elif isinstance(given, enum.EnumMeta):
            given_values = tuple(given)
        elif given is types.NoneType:
            given_values = (None,)
        fits = given_values and all((type(value), value) in wanted for value in given_values)
        return _YES if fits else _no(source, target)

    # What is left are classes, with or without arguments, and records.

    def _classes(self, source: object, target: object, given: object, asked: object) -> Relation:
        """Compare two classes, generic or not, or records."""
        if (wanted := record_of(asked)) is not None:
            same = given is asked and isinstance(given, type)
            return _YES if same else self._into_record(source, target, given, wanted)
        cls, args = split(asked)
        assert cls is not None
        if (record := record_of(given)) is not None:
            return self._from_record(source, target, record, asked)
        origin, own = split(given)
        assert origin is not None
        if cls is type and origin is type:
            return self._metatypes(source, target, own, args)
        if cls is CALLABLE and is_subclass(origin, CALLABLE):
            return self._callables(source, target, own if origin is CALLABLE else None, args)
        if is_protocol(cls) and cls not in origin.__mro__:
            return self._into_protocol(source, target, given, asked)
        if not is_subclass(origin, cls):
            return self._unlike(source, target, origin, own, cls)
        if args is None:
            return _YES
        if cls is tuple:
            return self._tuples(source, target, given, args)
        return self._generics(source, target, given, cls, args)

    def _unlike(
        self, source: object, target: object, origin: type, own: tuple[object, ...] | None, cls: type
    ) -> Relation:
        if _promoted(origin, cls):
            return _YES
        if Any in origin.__mro__:
            return _unchecked(f"{show(source)} derives from Any")
        if origin is type and own and isinstance(plain(own[0]), type) and is_subclass(type(plain(own[0])), cls):
            return _YES  # a class is an instance of its metaclass
        if origin is type and is_subclass(cls, type):
            return _unchecked(f"the metaclass of {show(source)} is not known")
        return _no(source, target)

    def _generics(self, source: object, target: object, given: object, cls: type, args: tuple[object, ...]) -> Relation:
        """Compare the arguments of one generic class, each as its variable varies."""
        own = seen_as(given, cls)
        origin, said = split(given)
        assert origin is not None
        if own is None:
            return _unchecked(f"what {show(source)} holds is not known")
        variables: list[TypeVar | None] = [*parameters(cls)]
        variables += [None] * (len(args) - len(variables))
        relation = self._whole(source, target, map(self._argument, variables, own, args))
        if relation.verdict is Verdict.UNCHECKED and said is None and parameters(origin):
            return _unchecked(f"what {show(source)} holds is not known")
        return relation

    def _argument(self, variable: object, given: object, asked: object) -> Relation:
        covariant = getattr(variable, "__covariant__", True) or getattr(variable, "__infer_variance__", False)
        if covariant or not isinstance(variable, TypeVar):
            return self.relate(given, asked)
        backward = self.relate(asked, given)
        if variable.__contravariant__:
            return backward
        relation = _worst((self.relate(given, asked), backward))
        if relation.verdict is Verdict.NO:
            return Relation(Verdict.NO, f"{relation.reason} ({show(variable)} is invariant)")
        return relation

    def _tuples(self, source: object, target: object, given: object, asked: tuple[object, ...]) -> Relation:
        own = seen_as(given, tuple)
        if own is None or any(map(is_unpacked, (*own, *asked))):
            return _unchecked(f"the items of {show(source)} are not known")
        if asked[-1:] == (...,):
            items = (part for part in own if part is not Ellipsis)
            return self._whole(source, target, (self.relate(part, asked[0]) for part in items))
        if own[-1:] == (...,):
            relation = self._whole(source, target, (self.relate(own[0], part) for part in asked))
            if relation.verdict is Verdict.NO:
                return relation
            return _unchecked(f"the length of {show(source)} is not known")
        if len(own) != len(asked):
            return _no(source, target, f"it has {_counted(len(own), 'item')}, not {len(asked)}")
        return self._whole(source, target, map(self.relate, own, asked))

    def _metatypes(
        self, source: object, target: object, own: tuple[object, ...] | None, asked: tuple[object, ...] | None
    ) -> Relation:
        if asked is None:
            return _YES
        if own is None:
            return _unchecked("which class it is is not known")
        return self._whole(source, target, map(self.relate, own, asked))

    def _callables(
        self, source: object, target: object, own: tuple[object, ...] | None, asked: tuple[object, ...] | None
    ) -> Relation:
        """Compare two callables: the results as they flow, the parameters the other way."""
        if asked is None:
            return _YES
        if own is None:
            return _unchecked(f"what {show(source)} takes and returns is not known")
        takes, gives = callable_parts(own)
        offered, wanted = callable_parts(asked)
        result = self.relate(gives, wanted)
        if takes is None or offered is None:
            parameters = _unchecked(f"the parameters of {show(source if takes is None else target)} are not known")
        elif len(takes) != len(offered):
            parameters = Relation(Verdict.NO, f"it takes {_counted(len(takes), 'argument')}, not {len(offered)}")
        else:
            parameters = _worst(map(self.relate, offered, takes))
        return self._whole(source, target, (parameters, result))

    def _into_protocol(self, source: object, target: object, given: object, protocol: object) -> Relation:
        """Look for the members of a protocol, by name; and compare the types of those that are data."""
        origin, _ = split(given)
        cls, _ = split(protocol)
        assert origin is not None
        assert cls is not None
        if origin is type:
            return _unchecked(f"the members of {show(source)} itself are not known")
        names = protocol_members(cls)
        relation = self._whole(source, target, (self._member(given, origin, protocol, name) for name in names))
        if relation.verdict is Verdict.YES and parameters(cls):
            return _unchecked(f"the parameters of {show(target)} are not known of {show(source)}")
        return relation

    def _member(self, given: object, cls: type, protocol: object, name: str) -> Relation:
        if not has_member(cls, name):
            if may_have_member(cls, name):
                return _unchecked(f"the type of {name!r} is not declared")
            return Relation(Verdict.NO, f"it has no {name!r}")
        wanted = data_type(protocol, name)
        if wanted is None:
            return _YES
        found = data_type(given, name)
        if found is None:
            return _unchecked(f"the type of {name!r} is not declared")
        return _prefixed(f"{name!r}", self.relate(found, wanted))

    # Records.

    def _into_record(self, source: object, target: object, given: object, wanted: Record) -> Relation:
        if (record := record_of(given)) is not None:
            return self._whole(source, target, (self._field(record, field) for field in wanted.fields))
        cls, _ = split(given)
        if cls is None or not is_subclass(cls, abc.Mapping):
            return _no(source, target)
        key, value = seen_as(given, abc.Mapping) or (UNKNOWN, UNKNOWN)
        return self._whole(source, target, (self._looked_up(field, source, key, value) for field in wanted.fields))

    def _field(self, record: Record, wanted: Field) -> Relation:
        found = record.get(wanted.name)
        if found is None:
            if record.open:
                return _unchecked(f"key {wanted.name!r} is not known")
            return Relation(Verdict.NO, f"key {wanted.name!r} is missing") if wanted.required else _YES
        if wanted.required and not found.required:
            return Relation(Verdict.NO, f"key {wanted.name!r} may be missing")
        return _prefixed(f"key {wanted.name!r}", self.relate(found.type, wanted.type))

    def _looked_up(self, wanted: Field, source: object, key: object, value: object) -> Relation:
        """Compare a field with what a mapping has under any key."""
        relation = _worst((self.relate(str, key), self.relate(value, wanted.type)))
        if wanted.required and relation.verdict is Verdict.NO:
            return _prefixed(f"key {wanted.name!r}", relation)
        return _unchecked(f"keys of a plain {show(split(plain(source))[0])} are not known")

    def _from_record(self, source: object, target: object, record: Record, asked: object) -> Relation:
        """Compare a record, which is a dict, with a class."""
        cls, args = split(asked)
        assert cls is not None
        if args is not None and cls in (dict, abc.MutableMapping, abc.Mapping):
            return self._whole(source, target, self._values(record, *args))
        held = union([*(field.type for field in record.fields), *([UNKNOWN] if record.open else ())])
        given = types.GenericAlias(dict, (str, held))
        relation = self._classes(source, target, given, asked)
        return _no(source, target) if relation.verdict is Verdict.NO else relation

    def _values(self, record: Record, key: object, value: object) -> Iterator[Relation]:
        if record.fields:
            yield _prefixed("keys", self.relate(str, key))
        for field in record.fields:
            yield _prefixed(f"key {field.name!r}", self.relate(field.type, value))
        if record.open:
            yield _unchecked(f"the other keys of {show(record)} are not known")


def _limit(variable: TypeVar) -> object:
    if variable.__constraints__:
        return union(variable.__constraints__)
    return object if variable.__bound__ is None else variable.__bound__


def _single_literals(annotation: object) -> tuple[object, ...]:
    values = literals(annotation)
    return tuple(map(literal, values)) if len(values) > 1 else ()


def _prefixed(part: str, relation: Relation) -> Relation:
    return Relation(relation.verdict, f"{part}: {relation.reason}") if relation.reason else relation


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
