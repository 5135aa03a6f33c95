"""What is noted where a node is declared: by which names it takes its input."""

from __future__ import annotations

from mypy.nodes import ARG_NAMED, Expression, ListExpr, StrExpr, TupleExpr
from mypy.plugin import FunctionContext, MethodContext
from mypy.types import CallableType, Instance, LiteralType, NoneType, Type, get_proper_type

from graphflow.components.template import Template, TemplateError
from graphflow.mypy.chains import ANY, NODE, PASSES, PICKS, chain_of, checker, noted, type_of, with_note
from graphflow.mypy.records import node_of, record_of


def declared(ctx: FunctionContext | MethodContext) -> Type:
    """Note the function on what `transform`, `chunkwise`, `aggregate` and `graph` make of it."""
    node = node_of(ctx.arg_types[0][0]) if ctx.arg_types and ctx.arg_types[0] else None
    if node is None or chain_of(ctx.default_return_type) is None:
        return ctx.default_return_type
    return with_note(ctx.default_return_type, NODE, node)


def bind(ctx: MethodContext) -> Type:
    """Take from what is noted the parameters that are bound."""
    node = noted(ctx.default_return_type, NODE)
    if not isinstance(node, CallableType):
        return ctx.default_return_type
    bound = {name for names in ctx.arg_names for name in names}
    left = [index for index, name in enumerate(node.arg_names) if name not in bound]
    if None in bound or not left:
        return with_note(ctx.default_return_type, NODE, NoneType())
    rest = node.copy_modified(
        arg_names=[node.arg_names[index] for index in left],
        arg_types=[node.arg_types[index] for index in left],
        arg_kinds=[node.arg_kinds[index] for index in left],
    )
    return with_note(ctx.default_return_type, NODE, rest)


def prompt(ctx: FunctionContext) -> Type:
    """Note the holes of a prompt whose template is written out."""
    holes = _holes(ctx, ctx.args[0][0]) if ctx.args and ctx.args[0] else None
    if not holes:
        return ctx.default_return_type
    named = dict(zip(ctx.callee_arg_names, ctx.args, strict=True)).get("name")
    name = _text(ctx, named[0]) if named else "prompt"
    api = checker(ctx.api)
    taken = [ANY] * len(holes)
    function = api.named_generic_type("builtins.function", [])
    note = CallableType(taken, [ARG_NAMED] * len(holes), list(holes), ANY, function, name=name)
    return with_note(ctx.default_return_type, NODE, note)


def pick(ctx: FunctionContext) -> Type:
    """Note the keys that are picked."""
    keys = [_text(ctx, argument) for arguments in ctx.args for argument in arguments]
    known = [key for key in keys if key is not None]
    if len(known) < len(keys):
        return ctx.default_return_type
    return with_note(ctx.default_return_type, PICKS, record_of(checker(ctx.api), dict.fromkeys(known, ANY)))


def passthrough(ctx: FunctionContext) -> Type:
    """Note that it gives what it is given."""
    return with_note(ctx.default_return_type, PASSES, NoneType())


def _holes(ctx: FunctionContext, template: Expression) -> list[str] | None:
    """Return the holes in the order in which they stand; None if the template is not written out."""
    holes: list[str] = []
    for part in template.items if isinstance(template, ListExpr) else [template]:
        if _is_message(type_of(checker(ctx.api), part)):
            continue
        text = _text(ctx, part.items[-1] if isinstance(part, TupleExpr) else part)
        if text is None:
            return None
        try:
            holes += Template(text).holes
        except TemplateError:  # raised when the program runs
            return None
    return list(dict.fromkeys(holes))


def _is_message(typ: Type) -> bool:
    proper = get_proper_type(typ)
    return isinstance(proper, Instance) and proper.type.has_base("graphflow.components.messages.Message")


def _text(ctx: FunctionContext, expression: Expression) -> str | None:
    """Return a text that is written out, or whose type says it, as that of a constant does."""
    if isinstance(expression, StrExpr):
        return expression.value
    typ = type_of(checker(ctx.api), expression)
    literal = getattr(typ, "last_known_value", None) or typ
    return literal.value if isinstance(literal, LiteralType) and isinstance(literal.value, str) else None
