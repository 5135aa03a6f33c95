"""How values stand in a recording: as JSON where they are JSON, else as an object that names what it is.

What is not known here is kept as what it looked like, a `RecordedObject`: reading a recording makes values of the
classes of this file and no others, and runs no code that the file names. Writing never fails, whatever a value is and
its methods raise, and what it writes can be read.
"""

from __future__ import annotations

import base64
import functools
import json
import math
import types
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from graphflow.components import messages
from graphflow.components.retrieval.document import Document
from graphflow.errors import RecordedError

#: The key that says what an object is.
TAG: Final = "$"
#: How much is kept of what a value of an unknown class looks like, in characters.
LONGEST_REPR: Final = 2_000
#: How deep values may be nested.
DEEPEST: Final = 200
#: How many parts (items of collections, fields of messages) are written of one value. Without a bound, a value whose
#: parts are shared, such as y = [y, y] some dozens of times, would be written without end.
MOST_PARTS: Final = 100_000

_CLASSES: Final[Mapping[str, type]] = {
    cls.__name__: cls
    for cls in (
        messages.AIMessage,
        messages.AIMessageChunk,
        messages.HumanMessage,
        messages.ImageBlock,
        messages.ReasoningBlock,
        messages.SystemMessage,
        messages.TextBlock,
        messages.ToolCall,
        messages.ToolCallBlock,
        messages.ToolCallChunk,
        messages.ToolMessage,
        messages.Usage,
        Document,
    )
}
_COLLECTIONS: Final[Mapping[str, Callable[[list[Any]], Any]]] = {"tuple": tuple, "set": set, "frozenset": frozenset}
_NOT_FINITE: Final = {repr(number): number for number in (math.nan, math.inf, -math.inf)}

Fits = Callable[[object], bool]


@attrs.frozen
class RecordedObject:
    """What a recording keeps of a value whose class it does not know: the name of the class and what it looked like."""

    type: str
    text: str

    def __repr__(self) -> str:
        return self.text


# --- the fields of the classes that are known --------------------------------------------------------------


@attrs.frozen(eq=False)
class _Field:
    name: str
    alias: str
    type: str
    default: object
    fits: Fits


@functools.cache
def _fields_of(cls: type) -> tuple[_Field, ...]:
    hints = get_type_hints(cls)
    return tuple(
        _Field(field.name, field.alias or field.name, str(field.type), _default(field), _fits(hints[field.name]))
        for field in attrs.fields(cls)
        if field.init
    )


def _default(field: Any) -> object:
    if not isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
        return field.default
    # What is made of the other fields is written: to make it may fail, as with the id of a document.
    return attrs.NOTHING if field.default.takes_self else field.default.factory()


def _fits(hint: Any) -> Fits:
    """Return what tells whether a value is of a type that a field has; no subclass, since none is written as itself."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda value: True
    if origin in (Union, types.UnionType):
        kinds = [_fits(part) for part in parts]
        return lambda value: any(fits(value) for fits in kinds)
    if origin is Literal:
        return lambda value: type(value) is str and value in parts
    if origin is tuple:
        item = _fits(parts[0])
        return lambda value: type(value) is tuple and all(map(item, value))
    if origin is not None and parts[1] is Any:
        return lambda value: type(value) is dict
    if origin is not None:
        of_key = _fits(parts[1])
        return lambda value: type(value) is dict and all(map(of_key, value.values()))
    if hint is float:  # which an integer is taken as, unless it is too large to be one
        return lambda value: type(value) is float or (type(value) is int and value.bit_length() < 1024)
    return lambda value: type(value) is hint


def _plain(value: object) -> object:
    """Return a text or number of a class of its own, such as a member of an enum, as the text or number that it is."""
    match value:
        case bool():
            return value
        case str():
            return str.__str__(value)
        case int():
            return int.__int__(value)
        case float():
            return float.__float__(value)
        case bytearray():
            return bytes(value)
    return value


# --- writing -----------------------------------------------------------------------------------------------


def written(value: object) -> Any:
    """Return a value as JSON."""
    return _Writing().write(value, 0)


class _Writing:
    """Writes one value."""

    def __init__(self) -> None:
        self._room = MOST_PARTS
        self._left_out = 0
        self._misfits = 0

    def write(self, value: object, depth: int) -> Any:
        if value is None or type(value) in (bool, str):
            return value
        if type(value) is int:
            # Python reads and writes integers of so many digits only.
            return value if value.bit_length() < 10_000 else {TAG: "int", "hex": hex(value)}
        if type(value) is float:
            return value if math.isfinite(value) else {TAG: "float", "text": repr(value)}
        if type(value) in (bytes, bytearray):
            return {TAG: "bytes", "base64": base64.b64encode(value).decode("ascii")}  # type: ignore[arg-type]
        if isinstance(value, BaseException):
            return {TAG: "error", "type": type(value).__name__, "text": _shown(value, str)}
        if type(value) in (list, dict, tuple, set, frozenset):
            assert isinstance(value, list | dict | tuple | set | frozenset)
            if depth >= DEEPEST or len(value) > self._room:
                return self._leave_out(value)
            self._room -= len(value)
            return self._collection(value, depth + 1)
        if _CLASSES.get(type(value).__name__) is type(value):
            return self._known(value, depth + 1)
        return _as_object(value)

    def _collection(
        self, value: list[Any] | dict[Any, Any] | tuple[Any, ...] | set[Any] | frozenset[Any], depth: int
    ) -> Any:
        if isinstance(value, dict):
            if TAG not in value and all(type(key) is str for key in value):
                return {key: self.write(item, depth) for key, item in value.items()}
            pairs = [[self.write(key, depth), self.write(item, depth)] for key, item in value.items()]
            return {TAG: "dict", "items": pairs}
        items = [self.write(item, depth) for item in value]
        if isinstance(value, list):
            return items
        if not isinstance(value, tuple):
            items.sort(key=json.dumps)  # the order of a set changes with the hash seed
        return {TAG: type(value).__name__, "items": items}

    def _known(self, value: object, depth: int) -> Any:
        """Write the fields of a value, if all of it can be read again as what it is."""
        cls: type = type(value)
        fields = _fields_of(cls)
        if depth > DEEPEST or len(fields) > self._room:
            return self._leave_out(value)
        left_out, misfits = self._left_out, self._misfits
        found = {TAG: cls.__name__}
        for field in fields:
            kept = getattr(value, field.name)
            if type(kept) is type(field.default) and kept == field.default:
                continue
            kept = _plain(kept)
            if not field.fits(kept):
                self._misfits += 1
                break
            self._room -= 1
            found[field.alias] = self.write(kept, depth)
        if self._left_out > left_out:
            return self._leave_out(value)
        return found if self._misfits == misfits else _as_object(value)

    def _leave_out(self, value: object) -> dict[str, str]:
        # No repr: that of a value whose parts are shared would be as long as what is left out.
        self._left_out += 1
        return _as_object(value, f"<{type(value).__name__}, too deep or too large for a recording>")


def _as_object(value: object, text: str | None = None) -> dict[str, str]:
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    return {TAG: "object", "type": name, "text": _shown(value, repr) if text is None else text}


def _shown(value: object, show: Callable[[object], str]) -> str:
    try:
        return show(value)[:LONGEST_REPR]
    except Exception as error:  # it is the user's code
        return f"<{type(value).__name__} whose {show.__name__} raised {type(error).__name__}>"


# --- reading -----------------------------------------------------------------------------------------------


def read(value: Any) -> Any:
    """Return the value that JSON stands for.

    Raises:
        ValueError: it stands for none; the message says what was found and what was expected.
    """
    if isinstance(value, list):
        return [read(item) for item in value]
    if not isinstance(value, dict):
        return value
    if TAG not in value:
        return {key: read(item) for key, item in value.items()}
    try:
        return _tagged(value)
    except KeyError as error:
        raise ValueError(f"this is not what a {value[TAG]!r} is written as: it has no key {error}") from None
    except (TypeError, AttributeError) as error:
        raise ValueError(f"this is not what a {value[TAG]!r} is written as: {error}") from None


def _tagged(value: dict[str, Any]) -> Any:
    tag = value[TAG]
    rest = {key: item for key, item in value.items() if key != TAG}
    match tag:
        case "int":
            return int(_text(rest["hex"]), 16)
        case "float":
            return _number(_text(rest["text"]))
        case "dict":
            return {read(key): read(item) for key, item in map(_pair, _list(rest["items"]))}
        case "bytes":
            return base64.b64decode(_text(rest["base64"]), validate=True)
        case "error":
            return RecordedError(_text(rest["type"]), _text(rest["text"]))
        case "object":
            return RecordedObject(_text(rest["type"]), _text(rest["text"]))
        case str() if tag in _COLLECTIONS:
            return _COLLECTIONS[tag]([read(item) for item in _list(rest["items"])])
        case str() if tag in _CLASSES:
            return _made(_CLASSES[tag], {key: read(item) for key, item in rest.items()})
    known = ", ".join(sorted(["bytes", "dict", "error", "float", "int", "object", *_COLLECTIONS, *_CLASSES]))
    raise ValueError(f"{TAG}: {tag!r:.80} is nothing that a recording holds; it holds {known}")


def _made(cls: type, given: dict[str, Any]) -> object:
    # Made first and looked at then, since a class may take what it makes its own of, such as a list of blocks.
    made: object = cls(**given)
    for field in _fields_of(cls):
        found = getattr(made, field.name)
        if not field.fits(found):
            raise TypeError(f"{field.alias} is {field.type}, found {found!r:.80}")
    return made


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a string, found {value!r:.80}")
    return value


def _number(text: str) -> float:
    if text not in _NOT_FINITE:
        raise TypeError(f"expected one of {', '.join(_NOT_FINITE)}, found {text!r:.80}")
    return _NOT_FINITE[text]


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {value!r:.80}")
    return value


def _pair(value: object) -> list[Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError(f"expected a list of a key and a value, found {value!r:.80}")
    return value
