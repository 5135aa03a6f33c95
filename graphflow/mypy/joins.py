"""`|` and the fans: what dicts of chains give, and what a record may be given to.

A dict after a chain is that chain joined with each of its values, so mypy judges the branches by the overloads of `|`.
A record before a chain is first compared with what the chain reads; then mypy is asked for the join of a record
of just the type that is asked for, which says the class and the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs
from mypy.checker import TypeChecker
from mypy.errors import ErrorInfo
from mypy.messages import format_type
from mypy.nodes import ARG_NAMED, ARG_POS, Context, DictExpr, Expression, LambdaExpr, OpExpr, StrExpr, TempNode
from mypy.plugin import FunctionContext, MethodSigContext
from mypy.subtypes import is_same_type, is_subtype
from mypy.types import (
    AnyType,
    CallableType,
    FunctionLike,
    Instance,
    ProperType,
    Type,
    TypedDictType,
    TypeOfAny,
    get_proper_type,
)

from graphflow.mypy.chains import (
    ADDS,
    AGGREGATE,
    ANY,
    CHAIN,
    PASSES,
    PICKS,
    TRANSFORM,
    chain_of,
    checker,
    joined,
    made,
    noted,
    readers,
    type_of,
    weakest,
    with_note,
    with_readers,
)
from graphflow.mypy.records import (
    GRAPHFLOW,
    by_name,
    fits,
    misfit,
    node_of,
    parameters,
    record_of,
    seen_as,
    unknown_keys,
)


@attrs.frozen(eq=False)
class _Judged:
    """What was found out about one join. mypy asks once for every overload, and tries an operation more than once."""

    context: Context
    operand: ProperType
    argument: ProperType
    result: Type | None
    errors: Sequence[ErrorInfo]

    def is_of(self, context: Context, operand: ProperType, argument: ProperType) -> bool:
        return self.context is context and self.operand is operand and self.argument is argument


class Joins:
    """The hooks, with the last of their judgements."""

    def __init__(self) -> None:
        self._last: _Judged | None = None

    # --- hooks ---

    def of_left(self, ctx: MethodSigContext) -> FunctionLike:
        """Judge ``chain | anything``."""
        api = checker(ctx.api)
        right = _operand(ctx)
        if right is None:
            return ctx.default_signature
        declared = ctx.default_signature
        declared = declared.copy_modified(ret_type=with_readers(api, declared.ret_type, readers(ctx.type)))
        return self._judged(ctx, declared, lambda: self._joined(api, ctx.type, right))

    def of_dict(self, ctx: MethodSigContext) -> FunctionLike:
        """Judge ``{...} | chain``, where the dict is written out."""
        right = _operand(ctx)
        return ctx.default_signature if right is None else self._of_dict(ctx, right)

    def of_right(self, ctx: MethodSigContext) -> FunctionLike:
        """Judge ``anything | chain`` once more: mypy asks what is on the right when what is on the left has refused."""
        api = checker(ctx.api)
        left = _operand(ctx)
        if left is None:
            return ctx.default_signature
        right = TempNode(ctx.type, context=ctx.context.right if isinstance(ctx.context, OpExpr) else ctx.context)
        if chain_of(type_of(api, left)) is None:
            return self._of_dict(ctx, right)
        return self._judged(ctx, ctx.default_signature, lambda: self._joined(api, type_of(api, left), right))

    def _of_dict(self, ctx: MethodSigContext, right: Expression) -> FunctionLike:
        api = checker(ctx.api)
        branches = _written(ctx.context.left) if isinstance(ctx.context, OpExpr) else None
        if branches is None or chain_of(type_of(api, right)) is None:
            return ctx.default_signature
        return self._judged(
            ctx, ctx.default_signature, lambda: joined(api, self._fan(api, None, branches), right, ctx.context)
        )

    def parallel(self, ctx: FunctionContext) -> Type:
        """Return the type of ``gf.parallel(...)``."""
        api = checker(ctx.api)
        declared = chain_of(ctx.default_return_type)
        record = None if declared is None else get_proper_type(declared.args[1])
        branches = _given(ctx)
        if isinstance(record, TypedDictType):
            named = {name: one for name, kind, one in _arguments(ctx) if kind is ARG_NAMED and name is not None}
            if len(named) + 1 < sum(map(len, ctx.args)):
                return ctx.default_return_type
            fan = self._fan(api, None, named)
            _hold_to(api, record, fan, named, ctx.context)
            return fan.copy_modified(args=[fan.args[0], record])
        if branches is None or _expects_as_declared(api):
            return ctx.default_return_type
        return self._fan(api, None, branches)

    def assign(self, ctx: FunctionContext) -> Type:
        """Return the type of ``gf.assign(...)``: what it adds is known, what it passes on only behind a record."""
        declared = chain_of(ctx.default_return_type)
        branches = _given(ctx)
        if branches is None or declared is None or _expects_as_declared(checker(ctx.api)):
            return ctx.default_return_type
        api = checker(ctx.api)
        fan = self._fan(api, None, branches)
        assigned = made(api, fan.type.fullname, *declared.args)
        return with_note(with_readers(api, assigned, readers(fan)), ADDS, fan.args[1])

    # --- judgements ---

    def _judged(self, ctx: MethodSigContext, declared: CallableType, judge: Callable[[], Type | None]) -> FunctionLike:
        """Return a signature that gives what was found, whatever the overload; else what is declared."""
        api = checker(ctx.api)
        argument = type_of(api, ctx.args[0][0])
        last = self._last
        if last is None or not last.is_of(ctx.context, ctx.type, argument):
            with api.msg.filter_errors(save_filtered_errors=True) as found:
                result = judge()
            last = self._last = _Judged(ctx.context, ctx.type, argument, result, found.filtered_errors())
        api.msg.add_errors(list(last.errors))
        if last.result is None:
            return declared
        return declared.copy_modified(arg_types=[ANY], ret_type=last.result, variables=[])

    def _joined(self, api: TypeChecker, left: ProperType, right: Expression) -> Type | None:
        """Return the type of ``left | right`` where the plugin knows more than mypy; None where it does not."""
        chain = chain_of(left)
        if chain is None:
            return None
        branches = _written(right)
        if branches is not None:
            if _expects_as_declared(api):
                return None
            return with_readers(api, self._fan(api, chain, branches), readers(left))
        given = type_of(api, right)
        if noted(given, PASSES) is not None:
            return with_readers(api, chain, readers(left))
        record = get_proper_type(chain.args[1])
        if not isinstance(record, TypedDictType) or isinstance(right, LambdaExpr):
            return None
        behind = self._behind_record(api, chain, record, given, right)
        return None if behind is None else with_readers(api, behind, readers(left))

    def _behind_record(
        self, api: TypeChecker, chain: Instance, record: TypedDictType, right: ProperType, place: Expression
    ) -> Type | None:
        function = node_of(right)
        reading = readers(right) if function is None else [function]
        picked = noted(right, PICKS)
        wrong = [why for node in reading if (why := misfit(record, node, api.options)) is not None]
        if isinstance(picked, TypedDictType) and not picked.items.keys() <= record.items.keys():
            wrong.append(unknown_keys("pick", [key for key in picked.items if key not in record.items], record))
        for why in wrong:
            api.fail(why, place, code=GRAPHFLOW)
        if wrong:
            return AnyType(TypeOfAny.from_error)
        seen = _as_asked_for(record, right, reading)
        if seen is None or is_same_type(seen, record):
            return None
        if isinstance(get_proper_type(seen), AnyType):
            seen = api.named_generic_type("builtins.dict", [api.named_generic_type("builtins.str", []), ANY])
        before = chain.copy_modified(args=[chain.args[0], seen])
        behind = joined(api, before, TempNode(right, context=place), place)
        result = chain_of(behind)
        if result is None:
            return behind
        if isinstance(picked, TypedDictType):
            kept = {key: record.items[key] for key in picked.items}
            output = next(iter(kept.values())) if len(kept) == 1 else record_of(api, kept)
            return result.copy_modified(args=[result.args[0], output])
        added = noted(right, ADDS)
        if isinstance(added, TypedDictType):
            output = record_of(api, {**record.items, **added.items})
            return result.copy_modified(args=[result.args[0], output])
        return behind

    # --- fans ---

    def _fan(self, api: TypeChecker, before: Instance | None, branches: Mapping[str, Expression]) -> Instance:
        """Return the type of a dict of chains, behind a chain or alone."""
        found = {key: self._branch(api, before, branch) for key, branch in branches.items()}
        chains = {key: chain_of(branch) for key, branch in found.items()}
        output = record_of(api, {key: ANY if chain is None else chain.args[1] for key, chain in chains.items()})
        given = before.args[0] if before is not None else _narrowest([c.args[0] for c in chains.values() if c])
        fan = made(api, weakest(chains.values()), given, output)
        reading = [] if before is not None else [node for branch in found.values() for node in readers(branch)]
        noting = get_proper_type(with_readers(api, fan, reading))
        assert isinstance(noting, Instance)
        return noting

    def _branch(self, api: TypeChecker, before: Instance | None, branch: Expression) -> Type:
        inner = _written(branch)
        if before is None and inner is not None:
            return self._fan(api, None, inner)
        given = type_of(api, branch)
        if before is None and chain_of(given) is not None:
            return given
        left = before or made(api, TRANSFORM, ANY, ANY)
        if isinstance(branch, LambdaExpr):
            return _joined_lambda(api, left, branch)
        again = branch if inner is not None else TempNode(given, context=branch)
        alone = joined(api, left, again, branch)
        node = node_of(given)
        return alone if before is not None or node is None else with_readers(api, alone, [node])


def _operand(ctx: MethodSigContext) -> Expression | None:
    """Return the other operand; None where somebody calls `__or__` by its name, and wrongly."""
    operands = [argument for arguments in ctx.args for argument in arguments]
    return operands[0] if len(operands) == 1 else None


def _joined_lambda(api: TypeChecker, left: Instance, branch: LambdaExpr) -> Type:
    """Join a lambda, whose type in the dict was found without knowing its input.

    mypy writes the types of its parameters into the expression, where they would mislead it when it judges the dict.
    """
    variables = [argument.variable for argument in branch.arguments]
    types = [variable.type for variable in variables]
    try:
        return joined(api, left, branch, branch)
    finally:
        for variable, typ in zip(variables, types, strict=True):
            variable.type = typ


def _hold_to(
    api: TypeChecker, declared: TypedDictType, fan: Instance, branches: Mapping[str, Expression], context: Context
) -> None:
    """Compare what the branches of a fan give with the record that it is declared to give."""
    name = declared.fallback.type.name
    made = get_proper_type(fan.args[1])
    assert isinstance(made, TypedDictType)
    for key in sorted(declared.required_keys - made.items.keys()):
        api.fail(f'{name} has the key "{key}", for which there is no branch', context, code=GRAPHFLOW)
    for key, given in made.items.items():
        wanted = declared.items.get(key)
        if wanted is None:
            api.fail(f'{name} has no key "{key}"', branches[key], code=GRAPHFLOW)
        elif not fits(given, wanted):
            types = [format_type(typ, api.options) for typ in (wanted, given)]
            api.fail(
                f'key "{key}" of {name} is {types[0]}, but its branch gives {types[1]}', branches[key], code=GRAPHFLOW
            )


def _as_asked_for(record: TypedDictType, right: ProperType, reading: Sequence[CallableType]) -> Type | None:
    """Return the type as which what stands behind a record takes it; None if mypy shall say that it does not."""
    chain = chain_of(right)
    if chain is not None:
        asked = get_proper_type(chain.args[0])
        if not reading and _is_mapping(asked):
            return ANY  # such as a prompt whose holes are not known, or whatever else begins with one
        return asked if any(by_name(record, node) for node in reading) else seen_as(record, asked)
    if isinstance(right, CallableType) and reading and not by_name(record, reading[0]):
        return seen_as(record, parameters(reading[0])[0].type)
    return ANY


def _narrowest(inputs: Sequence[Type]) -> Type:
    """Return the input that all branches take. Those that read keys are more exact about them than their types."""
    known = [typ for typ in map(get_proper_type, inputs) if not isinstance(typ, AnyType) and not _is_mapping(typ)]
    return next((typ for typ in known if all(is_subtype(typ, other) for other in known)), ANY)


def _is_mapping(typ: ProperType) -> bool:
    return isinstance(typ, Instance) and typ.type.has_base("typing.Mapping")


def _written(expression: Expression) -> dict[str, Expression] | None:
    """Return the items of a dict that is written out, with texts as its keys."""
    if not isinstance(expression, DictExpr) or not expression.items:
        return None
    items = [(key.value, value) for key, value in expression.items if isinstance(key, StrExpr)]
    return dict(items) if len(items) == len(expression.items) else None


def _given(ctx: FunctionContext) -> dict[str, Expression] | None:
    """Return the branches that a call of `parallel` or `assign` names."""
    found: dict[str, Expression] = {}
    for name, kind, argument in _arguments(ctx):
        if kind is ARG_NAMED and name is not None:
            found[name] = argument
        elif kind is ARG_POS and (branches := _written(argument)) is not None:
            found.update(branches)
        else:
            return None
    return found or None


def _arguments(ctx: FunctionContext) -> Iterator[tuple[str | None, object, Expression]]:
    for names, kinds, arguments in zip(ctx.arg_names, ctx.arg_kinds, ctx.args, strict=True):
        yield from zip(names, kinds, arguments, strict=True)


def _expects_as_declared(api: TypeChecker) -> bool:
    """Tell whether the place of an expression asks for what fans give without the plugin, as an annotation may."""
    wanted = api.expr_checker.type_context[-1]
    chain = chain_of(wanted) if wanted is not None else None
    if chain is None or chain.type.fullname not in (AGGREGATE, CHAIN):
        return False
    output = get_proper_type(chain.args[1])
    return isinstance(output, Instance) and _is_mapping(output)
