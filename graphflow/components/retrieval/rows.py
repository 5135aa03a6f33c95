"""From what users give to rows of an index: checked, and plain enough for SQLite."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import attrs

from graphflow.components.retrieval.document import Document

Scalar: TypeAlias = str | int | float | bool | None


@attrs.frozen
class Row:
    """A document as an index keeps it.

    Attributes:
        id: of the document.
        text: of the document.
        metadata: as JSON.
        fields: what filters look at: keys and plain values of the metadata, as canonical JSON.
        vector: the direction of the text, in an index by meaning; None where the text has none.
    """

    id: str
    text: str
    metadata: str
    fields: tuple[tuple[str, str], ...]
    vector: bytes | None = None

    @classmethod
    def of(cls, document: Document) -> Row:
        """Check a document, and return its row.

        Raises:
            TypeError: metadata that JSON cannot hold.
            ValueError: an empty id, text that is not Unicode, or metadata that JSON cannot hold.
        """
        _check_unicode(document.text, f"the text of document {document.id!r}")
        _check_id(document.id)
        try:
            _check_json(document.metadata)
            metadata = json.dumps(document.metadata, allow_nan=False)
        except RecursionError:
            raise ValueError(f"metadata of document {document.id!r} is nested too deeply") from None
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"metadata of document {document.id!r} is not JSON: {error}") from None
        return cls(document.id, document.text, metadata, tuple(_canonical_pairs(document.metadata)))

    def is_kept_as(self, text: str, metadata: str) -> bool:
        """Tell whether what an index has is the same document."""
        # Texts of JSON are compared, not values, since to Python True equals 1.
        return self.text == text and _sorted_json(self.metadata) == _sorted_json(metadata)


def documents_of(documents: object) -> list[Document]:
    """Return documents, where texts may stand for some, or one of them for a list."""
    if isinstance(documents, str | Document):
        documents = [documents]
    if not isinstance(documents, Iterable) or isinstance(documents, Mapping | bytes):
        raise TypeError(f"expected documents or texts, not {type(documents).__name__}")
    return [item if isinstance(item, Document) else Document(_text(item)) for item in documents]


def paired(texts: Iterable[str | Document], metadatas: Iterable[Mapping[str, Any]] | None) -> Iterable[str | Document]:
    """Return documents of texts and as many metadata.

    Raises:
        ValueError: there are more or fewer of one than of the other.
    """
    if metadatas is None:
        return texts
    return [Document(_text(text), metadata) for text, metadata in zip(texts, metadatas, strict=True)]


def ids_of(ids: object) -> list[str]:
    """Return checked ids, where one may stand for a list."""
    listed = [ids] if isinstance(ids, str) else ids
    if not isinstance(listed, Iterable) or isinstance(listed, Mapping | bytes):
        raise TypeError(f"expected ids, not {type(ids).__name__}")
    checked = list(listed)
    for id in checked:
        _check_id(id)
    return checked


def check_options(k: object, min_score: object) -> None:
    """Refuse options of a search that mean nothing.

    Raises:
        TypeError, ValueError: `k` is not an int from 1, or `min_score` not a number.
    """
    if not isinstance(k, int) or isinstance(k, bool):
        raise TypeError(f"k is an int, not {type(k).__name__}")
    if k < 1:
        raise ValueError(f"k is 1 or more, not {k}")
    if min_score is not None and (not isinstance(min_score, int | float) or isinstance(min_score, bool)):
        raise TypeError(f"min_score is a number or None, not {type(min_score).__name__}")
    if isinstance(min_score, float) and math.isnan(min_score):
        raise ValueError("min_score is a number or None, not nan")


def check_query(query: object) -> None:
    """Refuse what is no text.

    Raises:
        TypeError: `query` is no str.
    """
    if not isinstance(query, str):
        raise TypeError(f"query is a str, not {type(query).__name__}")


def wanted_fields(filter: Mapping[str, Scalar] | None) -> list[tuple[str, str]]:
    """Return what a filter asks for, as `Row.fields` has it.

    Raises:
        TypeError, ValueError: `filter` is not a mapping of texts to plain values.
    """
    if filter is None:
        return []
    if not isinstance(filter, Mapping):
        raise TypeError(f"filter is a mapping of metadata keys to values, not {type(filter).__name__}")
    for key, value in filter.items():
        if not isinstance(key, str):
            raise TypeError(f"a key of filter is a str, not {key!r}")
        if not isinstance(value, Scalar):
            raise TypeError(f"filter[{key!r}] is a str, int, float, bool or None, not {type(value).__name__}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"filter[{key!r}] is {value}, which no metadata can hold")
    return _canonical_pairs(filter)


def _canonical(value: Scalar) -> str:
    """Give one text for all values that are equal, except that True and False are no numbers."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


def _canonical_pairs(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(json.dumps(key), _canonical(value)) for key, value in metadata.items() if isinstance(value, Scalar)]


def _sorted_json(text: str) -> str:
    return json.dumps(json.loads(text), sort_keys=True)


def _check_json(value: object) -> None:
    # json.dumps itself would turn a key 1 into "1" and say nothing.
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"key {key!r} is {type(key).__name__}, not str")
            _check_json(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_json(item)


def _text(item: object) -> str:
    if not isinstance(item, str):
        raise TypeError(f"expected a document or a text, not {type(item).__name__}")
    return item


def _check_id(id: object) -> None:
    if not isinstance(id, str):
        raise TypeError(f"an id is a str, not {type(id).__name__}")
    if not id or "\0" in id:
        raise ValueError(f"an id is a text without NUL and not empty, not {id!r}")
    _check_unicode(id, f"the id {id!r}")


def _check_unicode(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} is not Unicode: a lone surrogate at {error.start}") from None
