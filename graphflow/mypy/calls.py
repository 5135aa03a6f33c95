"""Calls of nodes on handles, inside of a `@gf.graph` function."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import attrs
from mypy.checker import TypeChecker
from mypy.messages import format_type
from mypy.nodes import ARG_STAR, ARG_STAR2, CallExpr, Context, Expression, TypeInfo
from mypy.plugin import MethodSigContext
from mypy.typeops import make_simplified_union
from mypy.types import CallableType, FunctionLike, Instance, ProperType, Type, TypedDictType, UnionType, get_proper_type

from graphflow.mypy.chains import ANY, NODE, PRODUCER, TRANSFORM, chain_of, checker, noted, readers, type_of
from graphflow.mypy.records import (
    GRAPHFLOW,
    STREAM,
    VALUE,
    Parameter,
    by_name,
    fits,
    is_prompt,
    misfit,
    parameters,
    quoted,
    record_of,
)


@attrs.frozen(eq=False)
class _Argument:
    """An argument of a call.

    Attributes:
        type: what it carries, if it is a handle; else its own type.
        streams: it is a handle on a stream; None if it is no handle.
    """

    expression: Expression
    type: Type
    streams: bool | None


def called(ctx: MethodSigContext) -> FunctionLike:
    """Check a call on handles where overloads cannot: parameters that are named, and records."""
    chain, call = chain_of(ctx.type), ctx.context
    if chain is None or not isinstance(call, CallExpr) or any(kind.is_star() for kind in call.arg_kinds):
        return ctx.default_signature
    api = checker(ctx.api)
    node = noted(ctx.type, NODE)
    if isinstance(node, CallableType) and any(call.arg_names):
        streams = _by_name(api, node, call)
    elif len(call.args) == 1 and not any(call.arg_names):
        argument = _argument(api, call.args[0])
        if argument.streams is None or not _takes_record(api, ctx.type, chain, argument):
            return ctx.default_signature
        streams = argument.streams
    else:
        return ctx.default_signature
    gives_stream = chain.type.fullname == PRODUCER or (chain.type.fullname == TRANSFORM and streams)
    return ctx.default_signature.copy_modified(
        arg_types=[ANY, ANY],
        arg_kinds=[ARG_STAR, ARG_STAR2],
        arg_names=[None, None],
        ret_type=_handle(api, STREAM if gives_stream else VALUE, chain.args[1]),
        variables=[],
    )


def _by_name(api: TypeChecker, node: CallableType, call: CallExpr) -> bool:
    """Check the arguments of a call by the parameters of the node; tells whether it reads one of them as a stream."""
    taken = {one.name: one for one in parameters(node)}
    positional = iter(taken)
    given: dict[str, _Argument] = {}
    for name, expression in zip(call.arg_names, call.args, strict=True):
        key = next(positional, None) if name is None else name
        if key is not None:
            given[key] = _argument(api, expression)
    if len(taken) == 1 and not is_prompt(node) and not given.keys() & taken.keys():
        problems = _problems_of_record(api, node, given, call)
    else:
        problems = _problems(api, node, taken, given, call)
    for problem, place in problems:
        api.fail(problem, place, code=GRAPHFLOW)
    return any(given[key].streams for key, parameter in taken.items() if parameter.streams and key in given)


def _takes_record(api: TypeChecker, called: ProperType, chain: Instance, argument: _Argument) -> bool:
    """Tell whether a handle is one on a record that the plugin can judge, and judge it."""
    record = get_proper_type(argument.type)
    if not isinstance(record, TypedDictType):
        return False
    reading = readers(called)
    wrong = [why for node in reading if (why := misfit(record, node, api.options)) is not None]
    for why in wrong:
        api.fail(why, argument.expression, code=GRAPHFLOW)
    return bool(wrong) or any(by_name(record, node) for node in reading) or fits(record, chain.args[0])


def _argument(api: TypeChecker, expression: Expression) -> _Argument:
    typ = type_of(api, expression)
    handles = [_carried(item) for item in (typ.items if isinstance(typ, UnionType) else [typ])]
    carried = [handle for handle in handles if handle is not None]
    if not carried or len(carried) < len(handles):
        return _Argument(expression, typ, None)
    return _Argument(expression, make_simplified_union([one for one, _ in carried]), all(two for _, two in carried))


def _carried(typ: Type) -> tuple[Type, bool] | None:
    """Return what a handle carries, and whether it is a stream; None for anything else."""
    proper = get_proper_type(typ)
    if not isinstance(proper, Instance) or proper.type.fullname not in (STREAM, VALUE):
        return None
    return proper.args[0], proper.type.fullname == STREAM


def _problems(
    api: TypeChecker, node: CallableType, taken: dict[str, Parameter], given: dict[str, _Argument], call: CallExpr
) -> Iterator[tuple[str, Context]]:
    name = node.name or "it"
    for key, argument in given.items():
        parameter = taken.get(key)
        if parameter is None:
            near = difflib.get_close_matches(key, taken, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else f"; it has {quoted(taken)}"
            yield f'{name} has no {"hole" if is_prompt(node) else "parameter"} "{key}"{hint}', argument.expression
        elif not fits(argument.type, parameter.type):
            wanted, is_given = (format_type(typ, api.options) for typ in (parameter.type, argument.type))
            yield f'{name} takes {wanted} for "{key}", not {is_given}', argument.expression
    missing = [key for key, parameter in taken.items() if parameter.required and key not in given]
    if missing:
        yield f"{name} asks for {quoted(missing)}, which the call does not give", call


def _problems_of_record(
    api: TypeChecker, node: CallableType, given: dict[str, _Argument], call: CallExpr
) -> Iterator[tuple[str, Context]]:
    """Judge a call by names that are no parameters: what has one parameter gets a record of them."""
    record = record_of(api, {key: argument.type for key, argument in given.items()})
    (parameter,) = parameters(node)
    why = misfit(record, node, api.options)
    if why is None and not fits(record, parameter.type):
        why = f"{node.name} takes {format_type(parameter.type, api.options)}, not a record of {quoted(given)}"
    if why is not None:
        yield why, call


def _handle(api: TypeChecker, name: str, carried: Type) -> Instance:
    info = api.modules["graphflow.handles"].names[name.rpartition(".")[2]].node
    assert isinstance(info, TypeInfo)
    return Instance(info, [carried])
