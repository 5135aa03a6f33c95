"""Documents: texts with metadata, known by their ids."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any, Final

import attrs

_NAMESPACE: Final = uuid.UUID("6f9c2c9e-54a1-5b0e-9a53-0c5f5a2a9f4d")


def _copied(metadata: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata is a mapping, not {type(metadata).__name__}")
    return dict(metadata)


def _must_be_str(document: object, field: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{field.name} of a Document is a str, not {type(value).__name__}")


def _id_of_content(document: Document) -> str:
    try:
        content = json.dumps([document.text, document.metadata], sort_keys=True, default=_stable_text)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"no id can be made for a document with this metadata ({error}): give it an id=") from None
    return str(uuid.uuid5(_NAMESPACE, content))


def _stable_text(value: object) -> object:
    # The order of a set changes with the hash seed; an id must not.
    return sorted(map(repr, value)) if isinstance(value, set | frozenset) else str(value)


@attrs.frozen(repr=False)
class Document:
    """A text with metadata: what retrievers give.

    Without an `id` it gets one made from its text and metadata, a UUID: equal documents have equal ids in every
    process, so indexing the same documents again adds nothing. `score` says how well a search result matches
    (higher is better) and has no part in equality.

    Raises:
        TypeError: text or id is not a str, metadata is not a mapping, or no id can be made from it.

    >>> Document("a text").id == Document("a text").id
    True
    """

    text: str = attrs.field(validator=_must_be_str)
    metadata: Mapping[str, Any] = attrs.field(factory=dict, converter=_copied, hash=False)
    id: str = attrs.field(default=attrs.Factory(_id_of_content, takes_self=True), validator=_must_be_str)
    score: float | None = attrs.field(default=None, eq=False, kw_only=True)

    def __repr__(self) -> str:
        text = repr(self.text) if len(self.text) <= 120 else f"{self.text[:100]!r}... ({len(self.text)} characters)"
        metadata = f", metadata={self.metadata!r}" if self.metadata else ""
        score = "" if self.score is None else f", score={self.score:.4g}"
        return f"Document({text}{metadata}, id={self.id!r}{score})"
