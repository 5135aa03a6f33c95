"""How values stand in a recording: as JSON where they are JSON, else as an object that names what it is.

What is not known here is kept as what it looked like, a `RecordedObject`: reading a recording makes values of the
classes of this file and no others, and runs no code that the file names.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

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


@attrs.frozen
class RecordedObject:
    """What a recording keeps of a value whose class it does not know: the name of the class and what it looked like."""

    type: str
    text: str

    def __repr__(self) -> str:
        return self.text


def written(value: object, depth: int = 0) -> Any:
    """Return a value as JSON."""
    if value is None or type(value) in (bool, str):
        return value
    if type(value) is int:
        # Python reads and writes integers of so many digits only.
        return value if value.bit_length() < 10_000 else {TAG: "int", "hex": hex(value)}
    if type(value) is float:
        return value if math.isfinite(value) else {TAG: "float", "text": repr(value)}
    if depth >= DEEPEST:
        return _as_object(value)
    if type(value) is list:
        return [written(item, depth + 1) for item in value]
    if type(value) is dict:
        if TAG not in value and all(type(key) is str for key in value):
            return {key: written(item, depth + 1) for key, item in value.items()}
        return {
            TAG: "dict",
            "items": [[written(key, depth + 1), written(item, depth + 1)] for key, item in value.items()],
        }
    if type(value) in (tuple, set, frozenset):
        items = value if isinstance(value, tuple) else sorted(value, key=repr)  # type: ignore[call-overload]
        return {TAG: type(value).__name__, "items": [written(item, depth + 1) for item in items]}
    if type(value) in (bytes, bytearray):
        return {TAG: "bytes", "base64": base64.b64encode(value).decode("ascii")}  # type: ignore[arg-type]
    if isinstance(value, BaseException):
        return {TAG: "error", "type": type(value).__name__, "text": str(value)[:LONGEST_REPR]}
    if _CLASSES.get(type(value).__name__) is type(value):
        return {TAG: type(value).__name__} | _fields(value, depth)
    return _as_object(value)


def _fields(value: Any, depth: int) -> dict[str, Any]:
    found = {}
    for field in attrs.fields(type(value)):
        kept = getattr(value, field.name)
        if field.alias is not None and kept != _default(field, value):
            found[field.alias] = written(kept, depth + 1)
    return found


def _default(field: Any, value: object) -> object:
    default = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return default.factory(value) if default.takes_self else default.factory()
    return default


def _as_object(value: object) -> dict[str, str]:
    try:
        text = repr(value)
    except Exception as error:  # a repr is the user's code
        text = f"<{type(value).__name__} whose repr raised {type(error).__name__}>"
    return {TAG: "object", "type": f"{type(value).__module__}.{type(value).__qualname__}", "text": text[:LONGEST_REPR]}


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
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is not what a {value[TAG]!r} is written as: {error}") from None


def _tagged(value: dict[str, Any]) -> Any:
    tag = value[TAG]
    rest = {key: item for key, item in value.items() if key != TAG}
    match tag:
        case "int":
            return int(rest["hex"], 16)
        case "float":
            return float(rest["text"])
        case "dict":
            return {read(key): read(item) for key, item in rest["items"]}
        case "bytes":
            return base64.b64decode(rest["base64"], validate=True)
        case "error":
            return RecordedError(_text(rest["type"]), _text(rest["text"]))
        case "object":
            return RecordedObject(_text(rest["type"]), _text(rest["text"]))
        case str() if tag in _COLLECTIONS:
            return _COLLECTIONS[tag]([read(item) for item in rest["items"]])
        case str() if tag in _CLASSES:
            return _CLASSES[tag](**{key: read(item) for key, item in rest.items()})
    known = ", ".join(sorted(["bytes", "dict", "error", "float", "int", "object", *_COLLECTIONS, *_CLASSES]))
    raise ValueError(f"{TAG}: {tag!r:.80} is nothing that a recording holds; it holds {known}")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a string, found {value!r:.80}")
    return value
