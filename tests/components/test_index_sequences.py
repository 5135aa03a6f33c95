"""Any sequence of changes leaves an index with what a dict would have; so do reopening, and other readers."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import graphflow as gf
from graphflow import Document
from tests.components.embedders import Written, cosine

Index: TypeAlias = gf.SearchIndex | gf.VectorIndex

IDS: Final = st.sampled_from("abcdef")
METADATA: Final = st.dictionaries(st.sampled_from(["page", "draft"]), st.sampled_from([0, 1, 1.0, True, None, "1"]))
FILTERS: Final = st.dictionaries(
    st.sampled_from(["page", "draft", "none"]), st.sampled_from([0, 1, True, None, "1"]), max_size=2
)


def fits(document: Document, filter: dict[str, Any]) -> bool:
    return all(
        key in document.metadata
        and document.metadata[key] == value
        and isinstance(document.metadata[key], bool) == isinstance(value, bool)
        for key, value in filter.items()
    )


class Sequences(RuleBasedStateMachine):
    """An index, another one on the same file, and a dict of what is in both, in order of adding."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.path = Path(self.stack.enter_context(tempfile.TemporaryDirectory()), "index.db")
        self.model: dict[str, Document] = {}
        self.index: Index
        self.reader: Index

    def opened(self) -> Index:
        raise NotImplementedError

    def check_search(self, query: str, filter: dict[str, Any], results: list[Document]) -> None:
        raise NotImplementedError

    def documents(self, data: st.DataObject, ids: st.SearchStrategy[str]) -> list[Document]:
        return [
            Document(data.draw(self.texts()), data.draw(METADATA), id)
            for id in data.draw(st.lists(ids, max_size=4, unique=True))
        ]

    def texts(self) -> st.SearchStrategy[str]:
        raise NotImplementedError

    @initialize()
    def open(self) -> None:
        self.index = self.opened()
        self.reader = self.opened()

    def teardown(self) -> None:
        self.index.close()
        self.reader.close()
        self.stack.close()

    @rule()
    def reopen(self) -> None:
        self.index.close()
        self.index = self.opened()

    @rule(data=st.data())
    def add(self, data: st.DataObject) -> None:
        documents = [one for one in self.documents(data, IDS) if self.model.get(one.id, one) == one]
        assert self.index.add(documents) == [document.id for document in documents]
        for document in documents:
            self.model.setdefault(document.id, document)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def add_again_and_in_conflict(self, data: st.DataObject) -> None:
        there = data.draw(st.sampled_from(sorted(self.model.values(), key=lambda one: one.id)))
        new = Document(there.text, {**there.metadata, "is": "new"}, there.id)
        fresh = Document(there.text, id="fresh")
        assert self.index.add([there, there]) == [there.id] * 2
        with pytest.raises(gf.DocumentConflictError):
            self.index.add([fresh, new])

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def update(self, data: st.DataObject) -> None:
        documents = self.documents(data, st.sampled_from(sorted(self.model)))
        self.index.update(documents)
        self.model.update({document.id: document for document in documents})

    @rule(data=st.data())
    def update_an_unknown_document(self, data: st.DataObject) -> None:
        with pytest.raises(gf.UnknownDocumentError, match="no document with id 'unknown'"):
            self.index.update([*self.model.values(), Document(data.draw(self.texts()), id="unknown")])

    @rule(ids=st.lists(IDS, max_size=3))
    def delete(self, ids: list[str]) -> None:
        assert self.index.delete(ids) == len(self.model.keys() & set(ids))
        for id in ids:
            self.model.pop(id, None)

    @rule(data=st.data(), filter=FILTERS)
    def search(self, data: st.DataObject, filter: dict[str, Any]) -> None:
        query = data.draw(self.texts())
        results = self.index.search(query, 10, filter=filter)
        assert results == self.reader.search(query, 10, filter=filter)
        assert all(self.model[document.id] == document for document in results)
        self.check_search(query, filter, results)
        for k in (1, 2):
            assert self.index.search(query, k, filter=filter) == results[:k]
        if results and results[-1].score is not None:
            assert self.index.search(query, 10, filter=filter, min_score=results[-1].score) == results

    @invariant()
    def has_what_the_dict_has(self) -> None:
        assert len(self.reader) == len(self.model)
        assert self.reader.get(list(self.model)) == list(self.model.values())


class SearchSequences(Sequences):
    def opened(self) -> gf.SearchIndex:
        return gf.SearchIndex(self.path)

    def texts(self) -> st.SearchStrategy[str]:
        return st.lists(st.sampled_from(["ferry", "harbour", "dog", "ticket"]), max_size=4).map(" ".join)

    def check_search(self, query: str, filter: dict[str, Any], results: list[Document]) -> None:
        words = set(query.split())
        expected = {id for id, one in self.model.items() if words & set(one.text.split()) and fits(one, filter)}
        assert {document.id for document in results} == expected


class VectorSequences(Sequences):
    def opened(self) -> gf.VectorIndex:
        return gf.VectorIndex(Written(), self.path)

    def texts(self) -> st.SearchStrategy[str]:
        return st.lists(st.integers(-2, 2), min_size=3, max_size=3).map(json.dumps)

    def check_search(self, query: str, filter: dict[str, Any], results: list[Document]) -> None:
        asked = json.loads(query)
        vectors = {id: json.loads(one.text) for id, one in self.model.items() if fits(one, filter)}
        scores = {id: cosine(vector, asked) for id, vector in vectors.items() if any(vector) and any(asked)}
        assert {document.id: document.score for document in results} == pytest.approx(scores, abs=1e-6)
        places = {id: place for place, id in enumerate(self.model)}
        order = [(-(document.score or 0), places[document.id]) for document in results]
        assert order == sorted(order)


dose = settings(max_examples=20, stateful_step_count=30)

TestSearchSequences = SearchSequences.TestCase
TestSearchSequences.settings = dose

TestVectorSequences = VectorSequences.TestCase
TestVectorSequences.settings = dose
