"""TypedDict classes as records."""

from typing import Any

import attrs

from graphflow_compiler.types.bases import hints, parameters
from graphflow_compiler.types.model import UNKNOWN, Field, Record
from graphflow_compiler.types.shapes import is_typed_dict, plain, qualified, split, substitute


def record_of(annotation: object) -> Record | None:
    """Read a type as a record: a `Record` itself or a TypedDict class, with its arguments if generic; else None.

    >>> from typing import NotRequired, TypedDict
    >>> class Query(TypedDict):
    ...     text: str
    ...     limit: NotRequired[int]
    >>> record_of(Query) == Record((Field("text", str), Field("limit", int, required=False)))
    True
    >>> record_of(dict[str, str]) is None
    True
    """
    annotation = plain(annotation)
    if isinstance(annotation, Record):
        return annotation
    cls, args = split(annotation)
    if cls is None or not is_typed_dict(cls):
        return None
    record = _declared(cls)
    if not parameters(cls):
        return record
    bindings = dict(zip(parameters(cls), args or (), strict=False))
    fields = (attrs.evolve(field, type=substitute(field.type, bindings)) for field in record.fields)
    return attrs.evolve(record, fields=tuple(fields))


def _declared(cls: Any) -> Record:
    known = hints(cls)
    keys = [*known, *sorted((cls.__required_keys__ | cls.__optional_keys__) - known.keys())]
    record = Record(tuple(_field(cls, key, known.get(key, UNKNOWN)) for key in keys))
    for base in cls.__dict__.get("__orig_bases__", ()):
        origin, args = split(base)
        if origin is not None and args and is_typed_dict(origin):  # what it inherits has the base's type variables
            general, special = _declared(origin).fields, record_of(base)
            assert special is not None
            fields = ((special.get(field.name) or field) if field in general else field for field in record.fields)
            record = attrs.evolve(record, fields=tuple(fields))
    return record


def _field(cls: Any, key: str, hint: object) -> Field:
    required = key in cls.__required_keys__
    while (layer := qualified(hint))[1] is not hint:
        name, inner = layer
        if name is None and qualified(inner)[0] is None:
            break  # Annotated around a type, not around a qualifier: keep it
        required = name == "Required" or (required and name != "NotRequired")
        hint = inner
    return Field(key, hint, required)
