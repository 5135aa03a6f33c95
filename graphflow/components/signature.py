"""What a Python function says about its arguments, as a JSON schema, and arguments checked against it.

>>> def forecast(city: str, days: int = 3) -> str:
...     '''Give the weather forecast.
...
...     Args:
...         city: name of the city, in English.
...     '''
...     return ""
>>> described = describe_function(forecast)
>>> described.name, described.description
('forecast', 'Give the weather forecast.')
>>> described.schema["properties"]["city"]
{'type': 'string', 'description': 'name of the city, in English.'}
>>> try:
...     validate_arguments(described, {"days": "two"})
... except InvalidArgumentsError as error:
...     print(error)
`forecast` cannot take these arguments:
  city: expected str, got nothing (it is missing)
  days: expected int, got str 'two'
"""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import enum
import functools
import inspect
import json
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias

import attrs

from graphflow.errors import GraphflowError
from graphflow.jsonstream.fields import is_required
from graphflow.public import public


class SignatureError(GraphflowError, TypeError):
    """A function's parameters cannot be described as named arguments with a JSON schema."""


@attrs.frozen
class Problem:
    """One thing wrong with arguments: where (`days`, `items[2].name`), what was expected, what was got."""

    where: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, got {self.got}"


@public
class InvalidArgumentsError(GraphflowError, ValueError):
    """Arguments do not fit a function's parameters.

    Attributes:
        name: the function's name.
        problems: all that is wrong, not just the first, so that a model can mend its call in one go.
    """

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        self.name = name
        self.problems = tuple(problems)
        super().__init__(name, self.problems)

    def __str__(self) -> str:
        return "\n  ".join([f"`{self.name}` cannot take these arguments:", *map(str, self.problems)])


# Takes a value and where it stands; gives the value as the function wants it, or adds to the problems.
_Check: TypeAlias = Callable[[object, str, list[Problem]], object]


@attrs.frozen
class _Shape:
    """What an annotation means: to people, in JSON schema, and for a value."""

    label: str
    schema: dict[str, Any]
    check: _Check = attrs.field(eq=False)


@attrs.frozen
class FunctionSignature:
    """A function as a tool: its name, what it does, and the JSON schema of its arguments (an object)."""

    name: str
    description: str
    schema: dict[str, Any] = attrs.field(hash=False)
    _shape: _Shape = attrs.field(repr=False, eq=False)
    _fields: _Fields = attrs.field(repr=False, eq=False)

    def without(self, names: Collection[str]) -> FunctionSignature:
        """Return the same without some of its arguments, which are given in another way."""
        fields = {name: field for name, field in self._fields.items() if name not in names}
        return _described(self.name, self.description, fields)


def describe_function(
    function: Callable[..., object],
    *,
    name: str | None = None,
    description: str | None = None,
    localns: Mapping[str, Any] | None = None,
) -> FunctionSignature:
    """Describe a function's parameters.

    The description is the first paragraph of the docstring. An argument's description is a str in its
    `Annotated`, else its entry in the docstring's `Args:` section. Parameters without an annotation take anything;
    those that a `functools.partial` gives are left out.

    Args:
        function: any callable whose parameters can all be passed by name.
        name, description: in place of the function's own.
        localns: names that annotations may use besides the function's globals and closure.

    Raises:
        SignatureError: an annotation that has no JSON schema or does not resolve; a `*args`, `**kwargs` or
            positional-only parameter. The error names function and parameter.
    """
    inner = _without_partial(function)
    name = name or str(getattr(inner, "__name__", type(inner).__name__))
    doc = inspect.getdoc(inner) or ""
    hints = _hints(function, name, localns)
    described = _argument_descriptions(doc)
    fields = {}
    for parameter in _parameters(function, name):
        try:
            shape = _shape_of(hints.get(parameter.name, Any), ())
        except SignatureError as error:
            raise SignatureError(f"parameter `{parameter.name}` of `{name}`: {error}") from None
        schema = dict(shape.schema)
        if parameter.name in described:
            schema.setdefault("description", described[parameter.name])
        if parameter.default is not parameter.empty:
            schema |= _default_schema(parameter.default)
        fields[parameter.name] = (attrs.evolve(shape, schema=schema), parameter.default is parameter.empty)
    return _described(name, _first_paragraph(doc) if description is None else description, fields)


def _described(name: str, description: str, fields: _Fields) -> FunctionSignature:
    shape = _record_shape(name, fields, lambda values: values)
    return FunctionSignature(name, description, shape.schema, shape, fields)


def validate_arguments(signature: FunctionSignature, arguments: Mapping[str, object]) -> dict[str, Any]:
    """Check arguments and give them as the function wants them, to be passed by name.

    JSON's forms become Python's: an integer for a float, `2.0` for an int, a list for a tuple, a value for its enum
    member, an object for its dataclass or attrs class; values that have the type already are kept. Absent arguments
    with defaults stay absent.

    Raises:
        InvalidArgumentsError: arguments are missing, unknown or of the wrong type; it holds every problem.

    >>> def scale(by: float, shape: tuple[int, int] = (1, 1)) -> None: ...
    >>> validate_arguments(describe_function(scale), {"by": 2, "shape": [3, 4]})
    {'by': 2.0, 'shape': (3, 4)}
    """
    if not isinstance(arguments, Mapping):
        raise InvalidArgumentsError(signature.name, [Problem("arguments", "an object", _named(arguments))])
    problems: list[Problem] = []
    checked = signature._shape.check(arguments, "", problems)
    if problems:
        raise InvalidArgumentsError(signature.name, problems)
    assert isinstance(checked, dict)
    return checked


# --- what the function says -------------------------------------------------------------------------------


def _parameters(function: Callable[..., object], name: str) -> list[inspect.Parameter]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise SignatureError(f"`{name}` has no signature that Python can read: {error}") from None
    given = _given_by_partial(function)
    parameters = [parameter for parameter in parameters if parameter.name not in given]
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise SignatureError(
                f"parameter `{parameter}` of `{name}` is {parameter.kind.description}, but arguments come by name: "
                "declare each as a parameter of its own"
            )
    return parameters


def _without_partial(function: Callable[..., object]) -> Callable[..., object]:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _given_by_partial(function: Callable[..., object]) -> frozenset[str]:
    given: frozenset[str] = frozenset()
    while isinstance(function, functools.partial):
        given |= function.keywords.keys()
        function = function.func
    return given


def _hints(function: Callable[..., object], name: str, localns: Mapping[str, Any] | None) -> dict[str, Any]:
    target: Any = inspect.unwrap(_without_partial(function))
    if not inspect.isroutine(target) and not inspect.isclass(target):
        target = type(target).__call__
    if inspect.isclass(target):
        target = target.__init__
    try:
        return typing.get_type_hints(target, localns={**_closure(target), **(localns or {})}, include_extras=True)
    except Exception as error:  # an annotation as text is any code
        raise SignatureError(f"the annotations of `{name}` do not resolve: {error}") from error


def _closure(function: Any) -> dict[str, Any]:
    plain = getattr(function, "__func__", function)
    names: dict[str, Any] = {}
    if isinstance(plain, types.FunctionType):
        for name, cell in zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # a variable that is not bound yet
                names[name] = cell.cell_contents
    return names


def _default_schema(default: object) -> dict[str, Any]:
    value = default.value if isinstance(default, enum.Enum) else default
    try:
        return {"default": json.loads(json.dumps(value, allow_nan=False))}
    except (TypeError, ValueError, RecursionError):
        return {}  # a default that JSON cannot show is still a default


def _first_paragraph(doc: str) -> str:
    first = doc.strip().split("\n\n", 1)[0]
    return "" if _ARGS_HEADER.match(first) else " ".join(first.split())


_ARGS_HEADER = re.compile(r"^(?:Args|Arguments|Parameters):[ \t]*$", re.MULTILINE)
_ARGS_ENTRY = re.compile(r"(\w+)\s*(?:\([^)]*\))?:(?:\s+(.*))?$")


def _argument_descriptions(doc: str) -> dict[str, str]:
    """Read a Google-style `Args:` section: entries at one indentation, their continuations at a deeper one."""
    header = _ARGS_HEADER.search(doc)
    descriptions: dict[str, list[str]] = {}
    current: list[str] = []
    indentation: int | None = None
    # A docstring that begins with its header has lost the indentation of what follows.
    outside = -1 if header and header.start() == 0 else 0
    for line in doc[header.end() :].splitlines() if header else ():
        if not line.strip():
            continue
        depth = len(line) - len(line.lstrip())
        if depth <= outside:
            break
        indentation = depth if indentation is None else indentation
        entry = _ARGS_ENTRY.match(line.strip()) if depth <= indentation else None
        if entry:
            current = descriptions[entry.group(1)] = [entry.group(2) or ""]
        else:
            current.append(line.strip())
    return {name: " ".join(" ".join(lines).split()) for name, lines in descriptions.items()}


# --- what annotations mean --------------------------------------------------------------------------------


def _shape_of(annotation: Any, inside: tuple[Any, ...]) -> _Shape:
    """Give the shape of an annotation; `inside` are the classes whose fields are being looked at."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        shape = _shape_of(arguments[0], inside)
        text = next((note for note in arguments[1:] if isinstance(note, str)), None)
        return attrs.evolve(shape, schema=shape.schema | {"description": text}) if text else shape
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if isinstance(annotation, typing.NewType):
        return _shape_of(annotation.__supertype__, inside)
    if origin in (typing.Required, typing.NotRequired):
        return _shape_of(arguments[0], inside)
    if origin is typing.Literal:
        return _choice_shape([(value, value) for value in arguments])
    if origin in (typing.Union, types.UnionType):
        return _union_shape([_shape_of(option, inside) for option in arguments])
    base = origin or annotation
    if base is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis) and arguments:
        return _fixed_tuple_shape([_shape_of(item, inside) for item in arguments])
    if base in _ARRAYS:
        return _array_shape(_shape_of(arguments[0] if arguments else Any, inside), _ARRAYS[base])
    if base in _OBJECTS and (not arguments or arguments[0] is str):
        return _mapping_shape(_shape_of(arguments[1] if arguments else Any, inside))
    if isinstance(annotation, enum.EnumMeta):
        return _enum_shape(annotation)
    if isinstance(annotation, type) and (fields := _fields_of(annotation, inside)) is not None:
        make = dict if typing.is_typeddict(annotation) else annotation
        return _record_shape(annotation.__name__, fields, lambda values: make(**values), annotation)
    raise SignatureError(
        f"{_label(annotation)} has no JSON schema; use str, int, float, bool, None, list, dict, tuple, Literal, "
        "an enum, a TypedDict, a dataclass or an attrs class, and convert inside the function"
    )


def _label(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _checked_by(label: str, accepts: Callable[[object], bool]) -> _Check:
    def check(value: object, where: str, problems: list[Problem]) -> object:
        if not accepts(value):
            problems.append(Problem(where, label, _named(value)))
        return value

    return check


def _check_int(value: object, where: str, problems: list[Problem]) -> object:
    if isinstance(value, float) and value.is_integer():  # to JSON schema, 2.0 is an integer
        return int(value)
    return _checked_by("int", lambda v: isinstance(v, int) and not isinstance(v, bool))(value, where, problems)


def _check_float(value: object, where: str, problems: list[Problem]) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            return float(value)
    return _checked_by("float", lambda v: isinstance(v, float))(value, where, problems)


_ANYTHING = _Shape("anything", {}, lambda value, where, problems: value)
_NONE = _Shape("None", {"type": "null"}, _checked_by("None", lambda value: value is None))
_PLAIN: dict[Any, _Shape] = {
    Any: _ANYTHING,
    object: _ANYTHING,
    None: _NONE,
    types.NoneType: _NONE,
    str: _Shape("str", {"type": "string"}, _checked_by("str", lambda value: isinstance(value, str))),
    bool: _Shape("bool", {"type": "boolean"}, _checked_by("bool", lambda value: isinstance(value, bool))),
    int: _Shape("int", {"type": "integer"}, _check_int),
    float: _Shape("float", {"type": "number"}, _check_float),
}
_ARRAYS: dict[Any, type[list[Any] | tuple[Any, ...]]] = {
    list: list,
    tuple: tuple,
    collections.abc.Sequence: list,
    collections.abc.Iterable: list,
}
_OBJECTS = (dict, collections.abc.Mapping)


def _choice_shape(choices: list[tuple[object, object]]) -> _Shape:
    """Give the shape of a fixed choice of `(JSON value, Python value)`."""
    label = "one of " + ", ".join(repr(value) for value, _ in choices)
    if not all(isinstance(value, str | int | float | bool | None) for value, _ in choices):
        raise SignatureError(f"{label}: choices are str, int, float, bool or None, to be JSON")

    def check(value: object, where: str, problems: list[Problem]) -> object:
        for json_value, python_value in choices:
            # By type, too, since True == 1. A member of an enum of str equals its value, and stands for itself.
            if value is python_value or (type(value) is type(json_value) and value == json_value):
                return python_value
        problems.append(Problem(where, label, _named(value)))
        return value

    return _Shape(label, {"enum": [value for value, _ in choices]}, check)


def _enum_shape(members: enum.EnumMeta) -> _Shape:
    return _choice_shape([(member.value, member) for member in typing.cast(Iterable[enum.Enum], members)])


def _union_shape(options: list[_Shape]) -> _Shape:
    label = " | ".join(option.label for option in options)

    def check(value: object, where: str, problems: list[Problem]) -> object:
        accepted = []
        for option in options:
            not_this: list[Problem] = []
            checked = option.check(value, where, not_this)
            if not not_this and checked is value:
                return value  # an option that takes the value as it is goes before those that convert it
            if not not_this:
                accepted.append(checked)
        if not accepted:
            problems.append(Problem(where, label, _named(value)))
        return accepted[0] if accepted else value

    return _Shape(label, {"anyOf": [option.schema for option in options]}, check)


def _array_shape(item: _Shape, make: type[list[Any] | tuple[Any, ...]]) -> _Shape:
    label = f"{make.__name__}[{item.label}{', ...' if make is tuple else ''}]"

    def check(value: object, where: str, problems: list[Problem]) -> object:
        if not isinstance(value, list | tuple):
            problems.append(Problem(where, label, _named(value)))
            return value
        return make([item.check(each, f"{where}[{n}]", problems) for n, each in enumerate(value)])

    return _Shape(label, {"type": "array", "items": item.schema}, check)


def _fixed_tuple_shape(items: list[_Shape]) -> _Shape:
    label = f"tuple[{', '.join(item.label for item in items)}]"

    def check(value: object, where: str, problems: list[Problem]) -> object:
        if not isinstance(value, list | tuple) or len(value) != len(items):
            problems.append(Problem(where, label, _named(value)))
            return value
        return tuple(
            item.check(each, f"{where}[{n}]", problems) for n, (item, each) in enumerate(zip(items, value, strict=True))
        )

    schemas = [item.schema for item in items]
    schema = {"type": "array", "prefixItems": schemas, "minItems": len(items), "maxItems": len(items)}
    return _Shape(label, schema, check)


def _mapping_shape(item: _Shape) -> _Shape:
    label = f"dict[str, {item.label}]"

    def check(value: object, where: str, problems: list[Problem]) -> object:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            problems.append(Problem(where, label, _named(value)))
            return value
        return {key: item.check(each, f"{where}[{key!r}]", problems) for key, each in value.items()}

    return _Shape(label, {"type": "object", "additionalProperties": item.schema}, check)


_Fields: TypeAlias = dict[str, tuple[_Shape, bool]]  # shape, and whether it must be given


def _fields_of(cls: Any, inside: tuple[Any, ...]) -> _Fields | None:
    """Give the fields of a TypedDict, dataclass or attrs class; None for other classes."""
    if not (typing.is_typeddict(cls) or dataclasses.is_dataclass(cls) or attrs.has(cls)):
        return None
    if cls in inside:
        raise SignatureError(f"{_label(cls)} holds itself, which has no finite schema")
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except Exception as error:
        raise SignatureError(f"the annotations of {_label(cls)} do not resolve: {error}") from error
    # By the name to pass it as: the name of its annotation, and whether it must be given.
    named: dict[str, tuple[str, bool]]
    if typing.is_typeddict(cls):
        named = {name: (name, is_required(cls, name, hint)) for name, hint in hints.items()}
    elif dataclasses.is_dataclass(cls):
        none = dataclasses.MISSING
        fields = [field for field in dataclasses.fields(cls) if field.init]
        named = {f.name: (f.name, f.default is none and f.default_factory is none) for f in fields}
    else:
        named = {f.alias or f.name: (f.name, f.default is attrs.NOTHING) for f in attrs.fields(cls) if f.init}
    return {alias: (_shape_of(hints.get(name, Any), (*inside, cls)), must) for alias, (name, must) in named.items()}


def _record_shape(
    label: str, fields: _Fields, make: Callable[[dict[str, object]], object], instance_of: type | None = None
) -> _Shape:
    """Give the shape of an object with these fields; an instance of the class itself is taken as it is."""
    is_instance = instance_of is not None and not typing.is_typeddict(instance_of)

    def check(value: object, where: str, problems: list[Problem]) -> object:
        if is_instance and isinstance(value, typing.cast(type, instance_of)):
            return value
        if not isinstance(value, Mapping):
            problems.append(Problem(where, label, _named(value)))
            return value
        before = len(problems)
        at = f"{where}." if where else ""
        known = f"no such name (known: {', '.join(fields) or 'none'})"
        problems += [Problem(f"{at}{key}", known, _named(value[key])) for key in value if key not in fields]
        values = {}
        for name, (shape, must_be_given) in fields.items():
            if name in value:
                values[name] = shape.check(value[name], f"{at}{name}", problems)
            elif must_be_given:
                problems.append(Problem(f"{at}{name}", shape.label, "nothing (it is missing)"))
        if len(problems) > before:
            return value
        try:
            return make(values)
        except (TypeError, ValueError) as error:  # the class has checks of its own
            problems.append(Problem(where, label, f"{_named(value)}: {error}"))
            return value

    required = [name for name, (_, must_be_given) in fields.items() if must_be_given]
    properties = {name: shape.schema for name, (shape, _) in fields.items()}
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return _Shape(label, schema, check)


def _named(value: object) -> str:
    if value is None:
        return "None"
    shown = repr(value) if isinstance(value, str | int | float | bool | list | tuple | dict) else ""
    shown = shown if len(shown) <= 80 else f"{shown[:80]}..."
    return f"{type(value).__name__} {shown}".strip()
