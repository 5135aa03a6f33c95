"""The types of chains as mypy has them, and what the plugin notes on them.

`Aggregate[Any, str]` does not say by which names a node takes its input. Such things are kept on the type, as
attributes of this one instance, where mypy itself keeps the function of a `functools.partial`: they are copied with the
type and stored in the cache, and a type that is written down does not have them. Their names are no identifiers, so
that no program can ask for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from mypy.checker import TypeChecker
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import ARG_POS, Context, Expression, TempNode, TypeInfo
from mypy.plugin import CheckerPluginInterface
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    ProperType,
    TupleType,
    Type,
    TypeOfAny,
    get_proper_type,
)

CHAIN: Final = "graphflow.chain.Chain"

AGGREGATE: Final = "graphflow.chain.Aggregate"
PRODUCER: Final = "graphflow.chain.Producer"
TRANSFORM: Final = "graphflow.chain.Transform"
#: From the weakest to the strongest promise.
CLASSES: Final = (AGGREGATE, PRODUCER, TRANSFORM)

#: Of a single node: its function, or for a prompt one with a keyword for every hole.
NODE: Final = "(node)"
#: Of a chain: the nodes that read its input, as a tuple.
READS: Final = "(reads)"
#: Of `assign`: the record of what it adds.
ADDS: Final = "(adds)"
#: Of `pick`: the record of the keys.
PICKS: Final = "(picks)"
#: Of `passthrough`.
PASSES: Final = "(passes)"

ANY: Final = AnyType(TypeOfAny.special_form)


def checker(api: CheckerPluginInterface) -> TypeChecker:
    """Return the checker itself: what plugins are promised of it cannot check a `|`."""
    assert isinstance(api, TypeChecker)
    return api


def type_of(api: TypeChecker, expression: Expression) -> ProperType:
    """Return the type of an expression, which mypy has mostly found by now."""
    found = expression.type if isinstance(expression, TempNode) else api.lookup_type_or_none(expression)
    return get_proper_type(api.get_expression_type(expression) if found is None else found)


def chain_of(typ: Type) -> Instance | None:
    """Return the type of a chain as that of one of the three classes, or as `Chain`; None for anything else."""
    proper = get_proper_type(typ)
    if not isinstance(proper, Instance):
        return None
    for name in (*CLASSES, CHAIN):
        for base in proper.type.mro:
            if base.fullname == name:
                return map_instance_to_supertype(proper, base)
    return None


def made(api: TypeChecker, name: str, given: Type, output: Type) -> Instance:
    """Return the type of a chain of that class."""
    info = api.modules["graphflow.chain"].names[name.rpartition(".")[2]].node
    assert isinstance(info, TypeInfo)
    return Instance(info, [given, output])


def weakest(chains: Iterable[Instance | None]) -> str:
    """Return the name of the class that promises least; what is not known promises nothing."""
    names = [AGGREGATE if chain is None or chain.type.fullname == CHAIN else chain.type.fullname for chain in chains]
    return min(names, key=CLASSES.index, default=TRANSFORM)


def joined(api: TypeChecker, left: Instance, right: Expression, context: Context) -> Type:
    """Return what mypy makes of ``left | right``, wherever it stands."""
    checking = api.expr_checker
    checking.type_context.append(None)
    try:
        return checking.check_method_call_by_name("__or__", left, [right], [ARG_POS], context)[0]
    finally:
        checking.type_context.pop()


# --- notes -------------------------------------------------------------------------------------------------


def noted(typ: Type, name: str) -> ProperType | None:
    """Return what is noted on a type under that name."""
    proper = get_proper_type(typ)
    if not isinstance(proper, Instance) or proper.extra_attrs is None or name not in proper.extra_attrs.attrs:
        return None
    return get_proper_type(proper.extra_attrs.attrs[name])


def with_note(typ: Type, name: str, note: Type) -> Type:
    """Return the type of a chain with a note."""
    proper = get_proper_type(typ)
    return proper.copy_with_extra_attr(name, note) if isinstance(proper, Instance) else typ


def readers(typ: Type) -> list[CallableType]:
    """Return the nodes that read the input of a chain, as far as they are known."""
    node, several = noted(typ, NODE), noted(typ, READS)
    found: Sequence[Type] = [node] if node is not None else several.items if isinstance(several, TupleType) else []
    return [one for one in map(get_proper_type, found) if isinstance(one, CallableType)]


def with_readers(api: TypeChecker, typ: Type, nodes: Sequence[CallableType]) -> Type:
    """Return the type of a chain with the nodes that read its input."""
    if not nodes or chain_of(typ) is None:
        return typ
    return with_note(typ, READS, TupleType(list(nodes), api.named_generic_type("builtins.tuple", [ANY])))
