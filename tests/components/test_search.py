"""What documents and the search index promise: on real files, from many threads, to hostile text."""

from __future__ import annotations

import concurrent.futures
import gc
import json
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from graphflow import Document, DocumentConflictError, DocumentIndexError, SearchIndex, UnknownDocumentError

untimed = settings(deadline=None)

TEXTS = [
    "harrison worked at kensho",
    "harrison likes spicy food",
    "the parrot said NOT to worry, text and all",
    "a dataflow graph compiler with a Trio runtime",
]


@pytest.fixture(params=["memory", "file"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    with SearchIndex(":memory:" if request.param == "memory" else tmp_path / "index.db") as index:
        yield index


@pytest.fixture(scope="module")
def parrots() -> Any:
    with SearchIndex.from_texts(TEXTS) as index:
        yield index


def found(index: SearchIndex, query: str, **options: Any) -> list[str]:
    return [document.text for document in index.search(query, **options)]


# --- documents --------------------------------------------------------------------------------------------


def test_a_document_without_an_id_gets_one_from_its_content() -> None:
    document = Document("a text", {"page": 3, "tags": ["x"]})

    assert document.id == Document("a text", {"tags": ["x"], "page": 3}).id
    assert document.id == "9597c50b-8547-5744-b352-749baa59d4dd"
    assert len({document.id, Document("a text").id, Document("another").id, Document("a text", {"page": 4}).id}) == 4
    assert Document("a text", id="mine").id == "mine"


def test_metadata_that_is_not_json_still_gives_a_stable_id() -> None:
    letters = {"seen": {"a", "b", "c"}, "path": Path("x")}

    assert Document("t", letters).id == Document("t", {"path": Path("x"), "seen": {"c", "b", "a"}}).id
    with pytest.raises(TypeError, match="give it an id="):
        Document("t", {1: 1, "a": 2})  # type: ignore[dict-item]
    assert Document("t", {1: 1, "a": 2}, "mine").id == "mine"  # type: ignore[dict-item]


def test_a_score_is_no_part_of_a_document_s_identity() -> None:
    assert Document("a", score=1.5) == Document("a")
    assert hash(Document("a", {"x": []}, score=1.5)) == hash(Document("a", {"x": []}))


def test_documents_are_frozen_values_with_short_reprs() -> None:
    document = Document("a text", {"page": 3}, "d1", score=0.123456)

    assert repr(document) == "Document('a text', metadata={'page': 3}, id='d1', score=0.1235)"
    assert repr(Document("x" * 1000, id="d")) == f"Document('{'x' * 100}'... (1000 characters), id='d')"
    assert pickle.loads(pickle.dumps(document)) == document
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        document.text = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3,), "text of a Document is a str, not int"),
        (("a", [1]), "metadata is a mapping, not list"),
        (("a", {}, 3), "id of a Document is a str, not int"),
    ],
)
def test_what_is_no_document_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Document(*arguments)


# --- searching --------------------------------------------------------------------------------------------


def test_search_gives_the_documents_with_any_of_the_words_best_first(index: SearchIndex) -> None:
    index.add(TEXTS)

    results = index.search("Where did Harrison work, and what is spicy?")

    scores = [document.score or 0 for document in results]
    assert results[0].text == TEXTS[1]
    assert {document.text for document in results} == {TEXTS[0], TEXTS[1], TEXTS[2]}
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0


def test_a_rarer_word_weighs_more(parrots: SearchIndex) -> None:
    assert found(parrots, "harrison kensho")[0] == TEXTS[0]
    assert found(parrots, "harrison food")[0] == TEXTS[1]


def test_a_word_that_every_document_has_still_finds_them() -> None:
    with SearchIndex.from_texts(["harrison a", "harrison b"]) as index:
        assert found(index, "harrison") == ["harrison a", "harrison b"]


def test_k_limits_and_ties_are_in_order_of_adding(index: SearchIndex) -> None:
    index.add([Document("same words", id=name) for name in "dbac"])

    assert [document.id for document in index.search("words")] == ["d", "b", "a", "c"]
    assert [document.id for document in index.search("words", 2)] == ["d", "b"]
    assert len(index.search("words", 10**30)) == 4


def test_min_score_leaves_out_what_matches_less(parrots: SearchIndex) -> None:
    best, *others = parrots.search("harrison kensho the")
    assert best.score is not None

    assert parrots.search("harrison kensho the", min_score=best.score) == [best]
    assert parrots.search("harrison kensho the", min_score=0) == [best, *others]
    assert parrots.search("harrison kensho the", min_score=best.score + 1) == []


def test_case_and_accents_do_not_matter() -> None:
    with SearchIndex.from_texts(["Das Café in GROẞSTADT", "naïve"]) as index:
        assert found(index, "CAFE") == found(index, "cafe\N{COMBINING ACUTE ACCENT}") == ["Das Café in GROẞSTADT"]
        assert found(index, "Naive") == ["naïve"]


def test_the_tokenizer_decides_what_a_word_is() -> None:
    with SearchIndex.from_texts(["running dogs"], tokenizer="porter unicode61") as index:
        assert found(index, "dog run") == ["running dogs"]
    with SearchIndex.from_texts(["東京都渋谷区"], tokenizer="trigram") as index:
        assert found(index, "渋谷区") == ["東京都渋谷区"]
    with SearchIndex.from_texts(["the user_name"], tokenizer="unicode61 tokenchars '_'") as index:
        assert found(index, "user_name?") == ["the user_name"]
        assert found(index, "name") == []


# --- hostile queries --------------------------------------------------------------------------------------

OPERATORS = [
    "AND",
    "OR",
    "NOT",
    "NEAR",
    "(",
    ")",
    '"',
    "'",
    "*",
    "^",
    "-",
    "+",
    ":",
    "text:",
    "{",
    "}",
    ";",
    "--",
    "\0",
]


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("kensho AND spicy", [TEXTS[2], TEXTS[0], TEXTS[1]]),  # `and` is a word of one text
        ("NOT kensho", [TEXTS[2], TEXTS[0]]),
        ("NEAR(kensho, 1)", [TEXTS[0]]),
        ("text: kensho", [TEXTS[2], TEXTS[0]]),
        ("kens*", []),
        ("^kensho", [TEXTS[0]]),
        ('"worked likes"', [TEXTS[0], TEXTS[1]]),
        ('kensho"', [TEXTS[0]]),
        ('"', []),
        ("'; DROP TABLE documents; --", []),
        ("kensho\0spicy", [TEXTS[0], TEXTS[1]]),
        ("\0", []),
        ("", []),
        (" \n\t", []),
        ("?!.,;:-()[]{}*^\"'", []),
        ("🦜🎉", []),
        ("🦜kensho🎉", [TEXTS[0]]),
        ("\ud800kensho\udfff", [TEXTS[0]]),
        ("_ __ kensho", [TEXTS[0]]),
    ],
)
def test_query_syntax_is_text(parrots: SearchIndex, query: str, texts: list[str]) -> None:
    assert sorted(found(parrots, query)) == sorted(texts)


@untimed
@given(st.lists(st.sampled_from([*OPERATORS, "kensho", "spicy", "parrot", "ké"]) | st.text(max_size=4), max_size=8))
def test_no_query_is_an_error(parrots: SearchIndex, parts: list[str]) -> None:
    for query in ("".join(parts), " ".join(parts)):
        results = parrots.search(query)
        assert all(document.text in TEXTS for document in results)
        assert ("kensho" not in query.split()) or TEXTS[0] in [document.text for document in results]


@settings(untimed, max_examples=25)
@given(st.integers(1, 300), st.randoms(use_true_random=False))
def test_a_long_query_scores_as_the_sum_of_its_words(parrots: SearchIndex, length: int, random: Any) -> None:
    words = list(dict.fromkeys(" ".join(TEXTS).lower().replace(",", "").split())) + [
        f"absent{n}" for n in range(length)
    ]
    random.shuffle(words)
    scores: dict[str, float] = {}
    for word in words:
        for document in parrots.search(word, 10):
            scores[document.id] = scores.get(document.id, 0) + (document.score or 0)

    results = {document.id: document.score for document in parrots.search(" ".join(words), 10)}

    assert results == pytest.approx(scores)


@pytest.mark.parametrize(
    "query",
    [
        "kensho " + "a" * 1_000_000,
        "kensho " + '"' * 1_000_000,
        "kensho " * 140_000,
        " ".join(f"w{n}" for n in range(140_000)) + " kensho",
    ],
)
def test_a_megabyte_of_query_is_answered(parrots: SearchIndex, query: str) -> None:
    assert found(parrots, query) == [TEXTS[0]]


# --- filters ----------------------------------------------------------------------------------------------

ODD_KEYS = ["a", 'quo"te', "o'k", "$.a", "a.b", "[0]", "", "\0", "%", "größe", "\ud800", "'; DROP TABLE fields; --"]
scalars = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, -0.0, 1.0, 1.5, 1e300, 10**400])
scalars |= st.sampled_from(["", "1", "true", "null", "a", "'", '"', "\0", "\ud800", "🦜"])
records = st.dictionaries(st.sampled_from(ODD_KEYS), scalars | st.lists(scalars, max_size=1), max_size=4)


@untimed
@given(st.lists(records, max_size=6), st.dictionaries(st.sampled_from(ODD_KEYS), scalars, max_size=2))
def test_a_filter_selects_by_equality_whatever_keys_and_values(
    metadatas: list[dict[str, Any]], wanted: dict[str, Any]
) -> None:
    def fits(metadata: dict[str, Any]) -> bool:
        return all(
            key in metadata and metadata[key] == value and isinstance(metadata[key], bool) == isinstance(value, bool)
            for key, value in wanted.items()
        )

    with SearchIndex() as index:
        index.add([Document("same", metadata, str(n)) for n, metadata in enumerate(metadatas)])

        assert [int(document.id) for document in index.search("same", 10, filter=wanted)] == [
            n for n, metadata in enumerate(metadatas) if fits(metadata)
        ]


def test_the_best_k_are_chosen_among_those_that_the_filter_lets_through(index: SearchIndex) -> None:
    index.add([Document("word " * (9 - n), {"even": n % 2 == 0}, str(n)) for n in range(8)])

    assert len(index.search("word", 3, filter={"even": True})) == 3
    assert all(document.metadata["even"] for document in index.search("word", 3, filter={"even": True}))
    assert index.search("word", 3, filter={"odd": True}) == []


# --- adding, changing, reading ----------------------------------------------------------------------------


def test_add_gives_the_ids_in_order_and_get_the_documents(index: SearchIndex) -> None:
    one, two = Document("one", {"a": [1, {"b": None}]}), Document("two", id="second")

    ids = index.add([one, "a bare text", two])

    assert ids == [one.id, Document("a bare text").id, "second"]
    assert index.get(["second", one.id, "second"]) == [two, one, two]
    assert index.get("second") == [two]
    assert index.get([]) == []
    assert len(index) == 3
    assert index.add("a bare text") == [ids[1]]
    assert index.add(document for document in [two]) == ["second"]


def test_what_is_in_the_index_is_not_added_again(index: SearchIndex) -> None:
    index.add(TEXTS)
    index.add([*TEXTS, TEXTS[0]])

    assert len(index) == len(TEXTS)
    assert found(index, "kensho") == [TEXTS[0]]


def test_add_never_replaces_and_fails_as_a_whole(index: SearchIndex) -> None:
    index.add(Document("old", id="d1"))

    with pytest.raises(DocumentConflictError, match=r"id 'd1' already belongs to another document; .* update\(\)"):
        index.add([Document("fresh", id="d2"), Document("new", id="d1")])
    with pytest.raises(ValueError, match="already belongs"):
        index.add(Document("old", {"page": 1}, "d1"))
    index.add(Document("true", {"flag": True, "n": 1}, "d3"))
    assert index.add(Document("true", {"n": 1, "flag": True}, "d3")) == ["d3"]
    with pytest.raises(DocumentConflictError):
        index.add(Document("true", {"flag": 1, "n": 1}, "d3"))
    assert index.delete("d3") == 1
    assert index.get("d1") == [Document("old", id="d1")]
    assert len(index) == 1
    assert index.search("fresh") == []


def test_update_replaces_text_metadata_and_words(index: SearchIndex) -> None:
    index.add([Document("old words", {"page": 1}, "d1"), Document("others", id="d2")])

    index.update(Document("new text", {"page": 2}, "d1"))

    assert index.get("d1") == [Document("new text", {"page": 2}, "d1")]
    assert (found(index, "old"), found(index, "new")) == ([], ["new text"])
    assert index.search("new", filter={"page": 1}) == []
    assert found(index, "new", filter={"page": 2}) == ["new text"]
    assert len(index) == 2


def test_update_of_an_unknown_document_changes_nothing(index: SearchIndex) -> None:
    index.add(Document("old", id="d1"))

    with pytest.raises(UnknownDocumentError, match="no document with id 'd2', 'd3'") as raised:
        index.update([Document("new", id="d1"), Document("x", id="d2"), Document("x", id="d3")])
    assert raised.value.ids == ("d2", "d3")
    assert index.get("d1") == [Document("old", id="d1")]


def test_delete_says_how_many_there_were(index: SearchIndex) -> None:
    ids = index.add(TEXTS)

    assert index.delete([ids[0], "unknown", ids[0]]) == 1
    assert index.delete(ids[1]) == 1
    assert index.delete([]) == 0
    assert index.search("harrison") == []
    assert len(index) == 2
    assert index.add(TEXTS[0]) == [ids[0]]
    assert found(index, "harrison") == [TEXTS[0]]


def test_unknown_ids_are_named(index: SearchIndex) -> None:
    with pytest.raises(UnknownDocumentError, match="no document with id 'a', 'b', 'c', 'd', 'e' and 1 more") as raised:
        index.get(list("abcdef"))
    assert isinstance(raised.value, KeyError)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_an_index_deletes_and_updates_thousands_at_once(index: SearchIndex) -> None:
    ids = index.add([f"document number {n}" for n in range(3_000)])

    assert len(index.get(ids)) == 3_000
    assert index.delete(ids[:2_999]) == 2_999
    assert found(index, "number") == ["document number 2999"]


@pytest.mark.parametrize(
    "text", ["a\0b kensho", "🦜 kensho", "", "x" * 1_000_000 + " kensho", "\N{RIGHT-TO-LEFT MARK}kensho"]
)
def test_any_text_is_kept_exactly(index: SearchIndex, text: str) -> None:
    (id,) = index.add(text)

    assert index.get(id)[0].text == text
    assert found(index, "kensho") == ([text] if text else [])


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda index: index.add(3), TypeError, "expected documents or texts, not int"),
        (lambda index: index.add({"text": "a"}), TypeError, "expected documents or texts, not dict"),
        (lambda index: index.add([b"a"]), TypeError, "expected a document or a text, not bytes"),
        (lambda index: index.add("a\ud800"), ValueError, "not Unicode: a lone surrogate at 1"),
        (
            lambda index: index.add(Document("a", id="")),
            ValueError,
            "an id is a text without NUL and not empty, not ''",
        ),
        (lambda index: index.add(Document("a", id="a\0")), ValueError, "without NUL"),
        (
            lambda index: index.add(Document("a", {"k": {1}}, "d")),
            TypeError,
            "metadata of document 'd' is not JSON: .*set",
        ),
        (lambda index: index.add(Document("a", {"k": {1: 2}}, "d")), TypeError, "not JSON: key 1 is int, not str"),
        (lambda index: index.add(Document("a", {"k": float("nan")}, "d")), ValueError, "metadata of document 'd'"),
        (lambda index: index.add(Document("a", nested(100_000), "d")), ValueError, "nested too deeply"),
        (lambda index: index.get(3), TypeError, "expected ids, not int"),
        (lambda index: index.get([3]), TypeError, "an id is a str, not int"),
        (lambda index: index.delete({"a": 1}), TypeError, "expected ids, not dict"),
        (lambda index: index.search(None), TypeError, "query is a str, not NoneType"),
        (lambda index: index.search("a", 0), ValueError, "k is 1 or more, not 0"),
        (lambda index: index.search("a", True), TypeError, "k is an int, not bool"),
        (lambda index: index.search("a", 2.0), TypeError, "k is an int, not float"),
        (lambda index: index.search("a", min_score="1"), TypeError, "min_score is a number or None, not str"),
        (lambda index: index.search("a", filter=[("a", 1)]), TypeError, "filter is a mapping of metadata keys"),
        (lambda index: index.search("a", filter={"k": [1]}), TypeError, r"filter\['k'\] is a str, int, .*, not list"),
        (lambda index: index.search("a", filter={1: 1}), TypeError, "a key of filter is a str, not 1"),
        (lambda index: index.search("a", filter={"k": float("nan")}), ValueError, r"filter\['k'\] is nan"),
    ],
)
def test_bad_input_is_refused_and_leaves_the_index_usable(
    index: SearchIndex, use: Callable[[Any], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        use(index)
    assert len(index) == 0
    index.add("fine")
    assert found(index, "fine") == ["fine"]


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"in": value}
    return value


def test_from_texts_pairs_texts_with_metadatas() -> None:
    with SearchIndex.from_texts(["one", "two"], [{"n": 1}, {"n": 2}]) as index:
        assert found(index, "one two", filter={"n": 2}) == ["two"]
    with pytest.raises(ValueError, match="shorter"):
        SearchIndex.from_texts(["one", "two"], [{"n": 1}])


# --- files ------------------------------------------------------------------------------------------------


def test_a_file_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "índex with 'quotes'.db"
    with SearchIndex.from_texts(TEXTS, path=path, tokenizer="porter unicode61") as index:
        before = index.search("works", 10)
    with SearchIndex(str(path)) as index:
        assert index.search("works", 10) == before
        assert [document.score for document in index.search("works", 10)] == [document.score for document in before]
        index.add("works too")
    with SearchIndex(path, tokenizer="porter unicode61") as index:
        assert len(index) == len(TEXTS) + 1


def test_another_tokenizer_than_the_file_s_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    SearchIndex(path).close()

    with pytest.raises(DocumentIndexError, match=r"was built with the tokenizer 'unicode61.*', not 'trigram'"):
        SearchIndex(path, tokenizer="trigram")


@pytest.mark.parametrize("tokenizer", ["nonsense", "", "'", "unicode61'); DROP TABLE documents; --", "a\0b", "\ud800"])
def test_what_is_no_tokenizer_is_refused_before_a_file_is_made(tmp_path: Path, tokenizer: str) -> None:
    with pytest.raises(ValueError, match="is not an FTS5 tokenizer"):
        SearchIndex(tmp_path / "index.db", tokenizer=tokenizer)
    with pytest.raises(TypeError, match="tokenizer is a str"):
        SearchIndex(tokenizer=3)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes\n" * 100)

    with pytest.raises(DocumentIndexError, match="file is not a database") as raised:
        SearchIndex(path)
    assert str(path) in str(raised.value)
    assert path.read_text() == "these are my notes\n" * 100


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE accounts (name)")
    connection.close()
    before = path.read_bytes()

    with pytest.raises(DocumentIndexError, match=r"accounts\.db': the file is an SQLite database of something else"):
        SearchIndex(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["accounts.db"]


@pytest.mark.parametrize(
    ("version", "remedy"),
    [(2, "version 2, .* version 1: upgrade graphflow"), (0, "version 0, .*: build the index anew")],
)
def test_another_schema_version_is_refused(tmp_path: Path, version: int, remedy: str) -> None:
    path = tmp_path / "index.db"
    SearchIndex(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()

    with pytest.raises(DocumentIndexError, match=remedy) as raised:
        SearchIndex(path)
    assert str(path) in str(raised.value)
    assert raised.value.path == str(path)


def test_paths_that_cannot_be_opened_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent" / "index.db"):
        with pytest.raises(DocumentIndexError, match="unable to open database file") as raised:
            SearchIndex(path)
        assert str(path) in str(raised.value)
    for wrong in ("", "a\0b"):
        with pytest.raises(ValueError, match="path is a file's path or ':memory:'"):
            SearchIndex(wrong)
    with pytest.raises(TypeError, match="path is a str or a path, not int"):
        SearchIndex(3)  # type: ignore[arg-type]


def test_a_damaged_file_is_reported_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    SearchIndex.from_texts([f"document number {n}" for n in range(500)], path=path).close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)

    with pytest.raises(DocumentIndexError, match=r"malformed|corrupt") as raised, SearchIndex(path) as index:
        index.search("number")
    assert str(path) in str(raised.value)


def test_a_relative_path_stays_the_same_file_when_the_directory_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with SearchIndex.from_texts(TEXTS, path="index.db") as index:
        monkeypatch.chdir(tmp_path / "other")
        with concurrent.futures.ThreadPoolExecutor(8) as threads:  # forces new connections
            assert set(threads.map(lambda _: len(index), range(50))) == {len(TEXTS)}
        assert index.path == str(tmp_path / "index.db")
    assert os.listdir(tmp_path / "other") == []


# --- threads and processes --------------------------------------------------------------------------------


def test_many_threads_use_one_index(index: SearchIndex) -> None:
    barrier = threading.Barrier(8)

    def work(worker: int) -> None:
        barrier.wait()
        for n in range(20):
            (id,) = index.add(Document(f"worker{worker} item{n} shared", {"worker": worker}))
            assert found(index, f"item{n}", filter={"worker": worker}) == [f"worker{worker} item{n} shared"]
            index.update(Document("changed shared", {"worker": worker, "n": n}, id))
            if n % 2:
                assert index.delete(id) == 1

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert len(index) == 80
    assert len(index.search("shared", 100)) == 80


def test_readers_see_whole_changes_only_and_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    with SearchIndex(tmp_path / "index.db") as index:
        done = threading.Event()
        sizes: list[int] = []

        def read() -> None:
            while not done.is_set():
                sizes.append(len(index.search("pair", 1_000)))

        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            readers = [threads.submit(read) for _ in range(3)]
            for n in range(30):
                index.add([f"pair left {n}", f"pair right {n}"])
            # A writer that holds its lock, as another process may, does not stop a reader.
            with sqlite3.connect(tmp_path / "index.db", isolation_level=None) as other:
                other.execute("BEGIN IMMEDIATE")
                assert len(index.search("pair", 1_000)) == 60
                other.execute("ROLLBACK")
            other.close()
            done.set()
            for reader in readers:
                reader.result()
        assert all(size % 2 == 0 for size in sizes)


def test_trio_worker_threads_use_one_index(index: SearchIndex) -> None:
    async def main() -> None:
        async def one(n: int) -> None:
            await trio.to_thread.run_sync(index.add, f"from thread {n}")
            results = await trio.to_thread.run_sync(index.search, f"{n}")
            assert [document.text for document in results] == [f"from thread {n}"]

        async with trio.open_nursery() as nursery:
            for n in range(100, 140):
                nursery.start_soon(one, n)

    trio.run(main)
    assert len(index) == 40


def test_several_indexes_make_and_use_one_file_at_once(tmp_path: Path) -> None:
    barrier = threading.Barrier(6)

    def work(worker: int) -> int:
        barrier.wait()
        with SearchIndex(tmp_path / "index.db") as index:
            index.add(f"worker {worker}")
            return len(index.search("worker", 10))

    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        seen = list(threads.map(work, range(6)))
    assert max(seen) == 6
    with SearchIndex(tmp_path / "index.db") as index:
        assert len(index) == 6


def test_processes_share_a_file(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from graphflow import SearchIndex\n"
        "with SearchIndex(sys.argv[1]) as index:\n"
        "    index.add([f'{sys.argv[2]} {n} shared' for n in range(50)])\n"
    )
    path = tmp_path / "index.db"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with SearchIndex(path) as index:
        others = [
            subprocess.Popen([sys.executable, "-W", "error", "-c", program, str(path), name], env=environment)
            for name in ("one", "two")
        ]
        index.add([f"own {n} shared" for n in range(50)])
        assert [other.wait(timeout=30) for other in others] == [0, 0]
        assert len(index.search("shared", 1_000)) == 150


# --- closing ----------------------------------------------------------------------------------------------


def open_files(path: Path) -> list[str]:
    links = Path("/proc/self/fd")
    if not links.is_dir():
        return []
    targets = [os.readlink(link) for link in links.iterdir() if os.path.lexists(link)]
    return [target for target in targets if target.startswith(str(path))]


def test_a_closed_index_holds_no_file_and_says_that_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    index = SearchIndex.from_texts(TEXTS, path=path)
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: index.search("harrison"), range(50)))

    index.close()
    index.close()

    assert open_files(tmp_path) == []
    assert os.listdir(tmp_path) == ["index.db"]
    uses: list[Callable[[], object]] = [lambda: len(index), lambda: index.search("a"), lambda: index.add("a")]
    for use in uses:
        with pytest.raises(DocumentIndexError, match=r"index\.db': it is closed"):
            use()


def test_a_call_under_way_ends_normally_when_the_index_is_closed(tmp_path: Path) -> None:
    index = SearchIndex(tmp_path / "index.db")

    def documents() -> Any:
        for n in range(2_000):
            yield f"document {n}"

    results: list[object] = []
    closing = threading.Event()

    def search() -> None:
        while True:
            try:
                results.append(len(index.search("document", 5_000)))
            except DocumentIndexError as error:
                results.append(error.reason)
                return
            closing.set()

    index.add(documents())
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        searches = [threads.submit(search) for _ in range(4)]
        assert closing.wait(timeout=30)
        index.close()
        for running in searches:
            running.result()
    assert set(results) == {2_000, "it is closed"}
    assert open_files(tmp_path) == []


def test_an_index_that_is_dropped_is_closed(tmp_path: Path) -> None:
    index = SearchIndex.from_texts(TEXTS, path=tmp_path / "index.db")
    assert len(index) == len(TEXTS)

    del index
    gc.collect()

    assert open_files(tmp_path) == []


@pytest.mark.parametrize("content", [b"no database at all, but text" * 50, None])
def test_a_failed_opening_leaves_nothing_open(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "index.db"
    if content is not None:
        path.write_bytes(content)
        with pytest.raises(DocumentIndexError):
            SearchIndex(path)
    else:
        with pytest.raises(TypeError, match="expected a document or a text"):
            SearchIndex.from_texts([3], path=path)  # type: ignore[list-item]
    gc.collect()
    assert open_files(tmp_path) == []


def test_metadata_is_kept_as_json_that_other_tools_can_read(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    SearchIndex.from_texts([Document("a", {"größe": [1, None]}, "d1")], path=path).close()

    with sqlite3.connect(path) as connection:
        ((text, metadata),) = connection.execute("SELECT text, metadata FROM documents WHERE id = 'd1'").fetchall()
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    assert (text, json.loads(metadata)) == ("a", {"größe": [1, None]})
