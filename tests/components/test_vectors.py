"""What the index by meaning promises: exact search, on real files, from many threads, whatever the embedder gives."""

from __future__ import annotations

import concurrent.futures
import json
import os
import pickle
import sqlite3
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

import graphflow as gf
from graphflow import Document, DocumentIndexError, EmbeddingError, VectorIndex
from tests.components.embedders import Written, WrittenLater, cosine
from tests.leaving.watch import open_files

EAST, NORTH_EAST, NORTH, WEST = "[1, 0]", "[3, 3]", "[0, 2]", "[-1, 0]"
COMPASS = [EAST, NORTH_EAST, NORTH, WEST]


@pytest.fixture(params=["memory", "file"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorIndex]:
    with VectorIndex(Written(), ":memory:" if request.param == "memory" else tmp_path / "index.db") as index:
        yield index


def found(index: VectorIndex, query: str, **options: Any) -> list[str]:
    return [document.text for document in index.search(query, **options)]


def gives(vectors: object) -> gf.Embedder:
    """Return an embedder that always gives the same."""

    class Gives(gf.Embedder):
        def embed(self, texts: list[str], /) -> Any:
            return vectors

    return Gives()


# --- searching --------------------------------------------------------------------------------------------


def test_search_gives_the_nearest_by_cosine_best_first(index: VectorIndex) -> None:
    index.add(COMPASS)

    results = index.search("[10, 1]")

    assert [document.text for document in results] == [EAST, NORTH_EAST, NORTH, WEST]
    assert [document.score for document in results] == pytest.approx(
        [cosine([10, 1], json.loads(document.text)) for document in results]
    )
    assert found(index, "[10, 1]", k=2) == [EAST, NORTH_EAST]
    assert len(index.search("[10, 1]", 10**30)) == 4


def test_the_score_of_the_same_direction_is_one(index: VectorIndex) -> None:
    index.add("[0.1, 0.7]")

    assert index.search("[0.1, 0.7]", min_score=1)[0].score == 1
    assert index.search("[0.2, 1.4]")[0].score == pytest.approx(1, abs=1e-12)


def test_ties_are_in_order_of_adding(index: VectorIndex) -> None:
    index.add([Document(EAST, id=name) for name in "dbac"])
    index.update(Document("[5, 0]", id="b"))

    assert [document.id for document in index.search("[1, 1]")] == ["d", "b", "a", "c"]
    assert [document.id for document in index.search("[1, 1]", 2)] == ["d", "b"]


def test_min_score_leaves_out_what_is_less_near(index: VectorIndex) -> None:
    index.add(COMPASS)

    assert found(index, EAST, min_score=0.5) == [EAST, NORTH_EAST]
    assert found(index, EAST, min_score=-1) == COMPASS
    assert found(index, EAST, min_score=1.1) == found(index, EAST, min_score=10**400) == []


def test_the_best_k_are_chosen_among_those_that_the_filter_lets_through(index: VectorIndex) -> None:
    index.add([Document(f"[1, {n}]", {"even": n % 2 == 0, "n": n}, str(n)) for n in range(8)])

    assert found(index, EAST, k=3, filter={"even": True}) == ["[1, 0]", "[1, 2]", "[1, 4]"]
    assert found(index, EAST, filter={"even": True, "n": 6.0}) == ["[1, 6]"]
    assert found(index, EAST, filter={"even": 1}) == []
    assert found(index, EAST, filter={"odd": True}) == []


def test_what_has_no_direction_is_never_found_and_finds_nothing(index: VectorIndex) -> None:
    index.add(["[0, 0]", WEST])

    assert found(index, EAST) == [WEST]
    assert found(index, "[0, 0]") == []
    assert len(index) == 2
    index.update(Document("[0, 0]", id=index.search(EAST)[0].id))
    assert found(index, EAST) == []


def test_an_empty_index_finds_nothing(index: VectorIndex) -> None:
    assert index.search(EAST) == []
    index.delete(index.add(EAST))
    assert index.search(EAST) == []


@pytest.mark.parametrize("numbers", [[1e300, 1e300], [5e-324, 5e-324], [2**40, 2**40], [1e-300, 1e-300]])
def test_the_size_of_a_vector_does_not_matter(index: VectorIndex, numbers: list[float]) -> None:
    index.add(json.dumps(numbers))

    assert index.search("[1, 1]")[0].score == 1


whole = st.integers(-3, 3)
numbers = st.floats(-1, 1, allow_subnormal=False) | whole


@st.composite
def collections(draw: st.DrawFn) -> tuple[list[list[float]], list[float], int, float | None]:
    dimension = draw(st.sampled_from([1, 2, 3, 7, 16]))
    vector = st.lists(numbers, min_size=dimension, max_size=dimension)
    some = draw(st.lists(vector, min_size=1, max_size=5))
    vectors = draw(st.lists(vector | st.sampled_from(some), max_size=40))  # some of them several times
    return vectors, draw(vector), draw(st.integers(1, 45)), draw(st.none() | st.floats(-1.1, 1.1))


@given(collections())
def test_search_is_exact(example: tuple[list[list[float]], list[float], int, float | None]) -> None:
    vectors, query, k, min_score = example
    scores = {
        str(n): cosine(vector, query) for n, vector in enumerate(vectors) if any(vector) and any(query)
    }  # the reference
    with VectorIndex(Written()) as index:
        index.add([Document(json.dumps(vector), id=str(n)) for n, vector in enumerate(vectors)])
        results = index.search(json.dumps(query), k, min_score=min_score)

    near = pytest.approx(0, abs=1e-6)
    assert all(document.score - scores[document.id] == near for document in results if document.score is not None)
    least = -2.0 if min_score is None else min_score
    assert all(document.score is not None and document.score >= least for document in results)
    surely = [score for score in scores.values() if score > least + 1e-6]
    assert min(k, len(surely)) <= len(results) <= min(k, len([s for s in scores.values() if s > least - 1e-6]))
    if len(results) == k:
        missed = scores.keys() - {document.id for document in results}
        assert max((scores[id] for id in missed), default=-2) <= min(scores[d.id] for d in results) + 1e-6
    places = [(-(document.score or 0), int(document.id)) for document in results]
    assert places == sorted(places)


@settings(max_examples=20)
@given(st.integers(1, 64), st.integers(0, 2**32 - 1))
def test_nearly_equal_vectors_are_told_apart(k: int, seed: int) -> None:
    """In 32 bits all of these cosines are the same; the vectors are not."""
    random = np.random.default_rng(seed)
    base = random.standard_normal(384)
    vectors = (base + random.standard_normal((64, 384)) * 1e-7).tolist()
    with VectorIndex(Written()) as index:
        index.add([Document(json.dumps(vector), id=str(n)) for n, vector in enumerate(vectors)])
        all_of_them = index.search(json.dumps(base.tolist()), 64)
        assert index.search(json.dumps(base.tolist()), k) == all_of_them[:k]


# --- hostile queries --------------------------------------------------------------------------------------


class Recorded(gf.Embedder):
    """Takes any text that is Unicode."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[str] = []

    def embed(self, texts: list[str], /) -> list[list[float]]:
        return [[1.0] for text in texts if text.encode()]

    def embed_queries(self, texts: list[str], /) -> list[list[float]]:
        self.queries += texts
        return [[1.0] for text in texts if text.encode() or not text]


@given(st.text() | st.sampled_from(["", "\0", "'; DROP TABLE documents; --", '" OR 1', "[", "a" * 100_000]))
def test_a_query_is_data_and_reaches_the_embedder_as_it_is(query: str) -> None:
    embedder = Recorded()
    with VectorIndex.from_texts(["a text"], embedder) as index:
        assert found(index, query) == ["a text"]
    assert embedder.queries == [query]


def test_an_embedder_gets_unicode_only() -> None:
    embedder = Recorded()
    with VectorIndex.from_texts(["a text"], embedder) as index:
        assert found(index, "kens\ud800ho") == ["a text"]
        with pytest.raises(ValueError, match="not Unicode: a lone surrogate at 4"):
            index.add("text\ud800")
    assert embedder.queries == ["kens?ho"]


# --- embedding --------------------------------------------------------------------------------------------


def test_each_new_text_is_embedded_once_in_batches() -> None:
    embedder = Written(batch_size=2)
    with VectorIndex(embedder) as index:
        index.add([Document(EAST, id="a"), Document(NORTH, id="b"), Document(EAST, id="c"), Document(WEST, id="d")])
        assert embedder.asked == [[EAST, NORTH], [WEST]]
        index.add([Document(EAST, id="a"), Document(NORTH_EAST, id="e")])
        index.update([Document(EAST, {"page": 3}, "a"), Document(WEST, id="b")])
        assert embedder.asked[2:] == [[NORTH_EAST], [WEST]]
        assert found(index, EAST, filter={"page": 3}) == [EAST]
        assert found(index, WEST, k=2) == [WEST, WEST]


def test_queries_may_be_embedded_otherwise_than_documents() -> None:
    class Marked(Written):
        def embed_queries(self, texts: list[str], /) -> list[Any]:
            return self.embed([text.removeprefix("query: ") for text in texts])

    with VectorIndex.from_texts(COMPASS, Marked()) as index:
        assert found(index, "query: [0, 1]", k=1) == [NORTH]


def test_vectors_may_come_as_arrays_or_in_any_order_of_iteration() -> None:
    kinds: list[Callable[[list[Any]], Any]] = [
        np.array,
        lambda rows: np.array(rows, np.float16),
        lambda rows: np.array(rows, order="F"),
        lambda rows: iter([tuple(row) for row in rows]),
        lambda rows: [np.array(row, np.int8) for row in rows],
    ]
    for kind in kinds:

        class Given(Written):
            def embed(self, texts: list[str], /, kind: Callable[[list[Any]], Any] = kind) -> Any:
                return kind(super().embed(texts))

        with VectorIndex.from_texts(COMPASS, Given()) as index:
            assert found(index, EAST, k=2) == [EAST, NORTH_EAST]


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[1.0, float("nan")]], "embedder `Gives`: the vector of 'a text' has numbers that are not finite"),
        ([[float("inf"), 1.0]], "not finite"),
        (np.array([[np.nan, 1]], np.float16), "not finite"),
        ([[1.0], [2.0]], "it gave 2 vectors for 1 texts"),
        ([], "it gave 0 vectors for 1 texts"),
        ([1.0], r"did not give vectors of numbers, all of one length, but an array of float64 of the shape \(1,\)"),
        ([[]], r"of the shape \(1, 0\)"),
        ([[[1.0]]], r"of the shape \(1, 1, 1\)"),
        ([["1.0"]], "did not give vectors of numbers"),
        ([[True, False]], "an array of bool"),
        ([[1j]], "an array of complex128"),
        ([[2**70, "x"]], "did not give vectors of numbers"),
        ([[None]], "an array of object"),
        (3, r"did not give vectors of numbers, all of one length \('int' object is not iterable\)"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_vector_is_refused_and_nothing_is_added(vectors: object, message: str) -> None:
    with VectorIndex(gives(vectors)) as index:
        with pytest.raises(EmbeddingError, match=message) as raised:
            index.add("a text")
        assert raised.value.model == "Gives"
        assert isinstance(raised.value, ValueError)
        assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
        assert len(index) == 0
        with pytest.raises(EmbeddingError, match=message.replace("'a text'", "'a query'")):
            index.search("a query")


def test_vectors_of_different_lengths_are_refused(index: VectorIndex) -> None:
    with pytest.raises(EmbeddingError, match="did not give vectors of numbers, all of one length"):
        index.add(["[1, 2]", "[1, 2, 3]"])
    index.add(EAST)
    with pytest.raises(EmbeddingError, match=r"its vectors have 3 numbers, and those of the index '.*' have 2"):
        index.add("[1, 2, 3]")
    with pytest.raises(EmbeddingError, match="have 3 numbers"):
        index.search("[1, 2, 3]")
    with pytest.raises(EmbeddingError, match="have 1 numbers"):
        index.update(Document("[1]", id=Document(EAST).id))
    assert found(index, EAST) == [EAST]


def test_batches_of_different_dimensions_are_refused_as_a_whole() -> None:
    with VectorIndex(Written(batch_size=1)) as index:
        with pytest.raises(
            EmbeddingError, match="its vectors have 3 numbers, and those of the index ':memory:' have 2"
        ):
            index.add(["[1, 2, 3]", "[1, 2]"])
        assert len(index) == 0
        index.add("[1, 2, 3, 4]")
        assert found(index, "[1, 2, 3, 4]") == ["[1, 2, 3, 4]"]


def test_an_error_of_the_embedder_arrives_as_itself_and_nothing_is_added(index: VectorIndex) -> None:
    for use in (index.add, index.search):
        with pytest.raises(json.JSONDecodeError):
            use("not a vector")
    assert len(index) == 0


def test_a_plain_embedder_that_gives_an_awaitable_is_refused() -> None:
    async def later() -> list[list[float]]:
        return [[1.0]]

    with VectorIndex(gives(later())) as index, pytest.raises(EmbeddingError, match="`embed` is not `async def`"):
        index.add("a")


def test_what_is_no_embedder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="embedder is an Embedder, not str"):
        VectorIndex("model", tmp_path / "index.db")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="batch_size is 1 or more, not 0"):
        Written(batch_size=0)
    with pytest.raises(ValueError, match="model is a name"):
        Written("")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda index: index.add(3), TypeError, "expected documents or texts, not int"),
        (lambda index: index.add(Document(EAST, {"k": {1}}, "d")), TypeError, "metadata of document 'd' is not JSON"),
        (lambda index: index.search(None), TypeError, "query is a str, not NoneType"),
        (lambda index: index.search(EAST, 0), ValueError, "k is 1 or more, not 0"),
        (lambda index: index.search(EAST, min_score="1"), TypeError, "min_score is a number or None, not str"),
        (lambda index: index.search(EAST, min_score=float("nan")), ValueError, "min_score is .*, not nan"),
        (lambda index: index.search(EAST, filter={"k": [1]}), TypeError, r"filter\['k'\] is a str, int, .*, not list"),
    ],
)
def test_bad_input_is_refused_before_it_is_embedded(
    use: Callable[[Any], Any], error: type[Exception], message: str
) -> None:
    embedder = Written()
    with VectorIndex(embedder) as index, pytest.raises(error, match=message):
        use(index)
    assert embedder.asked == []


# --- asynchronous embedders -------------------------------------------------------------------------------


def test_an_asynchronous_embedder_is_asked_in_the_loop_that_the_caller_belongs_to() -> None:
    embedder = WrittenLater()

    async def main() -> None:
        await trio.to_thread.run_sync(shared.add, [NORTH, WEST])
        assert embedder.loops == {trio.lowlevel.current_trio_token()}
        assert [d.text for d in await shared.as_retriever(k=1).invoke(NORTH)] == [NORTH]
        assert embedder.loops == {trio.lowlevel.current_trio_token()}

    with VectorIndex(embedder) as shared:
        trio.run(main)
        embedder.loops.clear()
        shared.add(EAST)  # from a thread without a loop
        assert found(shared, EAST, k=1) == [EAST]
        assert len(embedder.loops) == 1


def test_an_asynchronous_embedder_may_not_block_the_loop_that_it_needs() -> None:
    async def main() -> None:
        for verb, call in (("add", shared.add), ("search", shared.search)):
            with pytest.raises(RuntimeError, match=rf"trio\.to_thread\.run_sync\(index\.{verb}, \.\.\.\)"):
                call(EAST)

    with VectorIndex(WrittenLater()) as shared:
        trio.run(main)
        assert len(shared) == 0


# --- files ------------------------------------------------------------------------------------------------


def test_a_file_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "índex with 'quotes'.db"
    with VectorIndex.from_texts(COMPASS, Written(), [{"n": n} for n in range(4)], path=path) as index:
        before = index.search("[3, 1]", 10)
    embedder = Written()
    with VectorIndex(embedder, str(path)) as index:
        after = index.search("[3, 1]", 10)
        assert index.embedder is embedder
    assert [(d, d.score, d.metadata) for d in after] == [(d, d.score, d.metadata) for d in before]
    assert embedder.asked == [["[3, 1]"]]


@settings(max_examples=25)
@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=8))
def test_what_a_file_gives_back_is_the_same_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, vectors: list[list[float]]
) -> None:
    path = tmp_path_factory.mktemp("index") / "index.db"
    query = json.dumps(vectors[0])
    with VectorIndex.from_texts(map(json.dumps, vectors), Written(), path=path) as index:
        before = [(document, document.score) for document in index.search(query, 10)]
    with VectorIndex(Written(), path) as index:
        assert [(document, document.score) for document in index.search(query, 10)] == before


def test_the_file_is_what_the_guide_says_that_it_is(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    VectorIndex.from_texts([Document("[3, 4]", {"größe": [1, None]}, "d1")], Written(), path=path).close()

    with sqlite3.connect(path) as connection:
        statement = "SELECT text, metadata, vector FROM documents JOIN vectors ON document = number WHERE id = 'd1'"
        ((text, metadata, vector),) = connection.execute(statement).fetchall()
        built = dict(connection.execute("SELECT key, value FROM settings"))
        assert connection.execute("PRAGMA application_id").fetchone() == (int.from_bytes(b"gfvx", "big"),)
    connection.close()
    assert (text, json.loads(metadata)) == ("[3, 4]", {"größe": [1, None]})
    assert struct.unpack("<2f", vector) == pytest.approx((0.6, 0.8))
    assert built == {"model": "written", "dimension": "2", "changes": "1"}


def test_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    VectorIndex.from_texts(COMPASS, Written("one"), path=path).close()

    with pytest.raises(DocumentIndexError, match=r"its vectors are of the model 'one', which cannot be .* of 'other'"):
        VectorIndex(Written("other"), path)
    with VectorIndex(Written("one"), path) as index:
        assert len(index) == 4


def test_an_index_of_another_kind_is_refused_and_left_alone(tmp_path: Path) -> None:
    words, vectors = tmp_path / "words.db", tmp_path / "vectors.db"
    gf.SearchIndex.from_texts(["a"], path=words).close()
    VectorIndex.from_texts(COMPASS, Written(), path=vectors).close()

    with pytest.raises(DocumentIndexError, match=r"words\.db': it is a SearchIndex, not a VectorIndex: each needs"):
        VectorIndex(Written(), words)
    with pytest.raises(DocumentIndexError, match=r"vectors\.db': it is a VectorIndex, not a SearchIndex"):
        gf.SearchIndex(vectors)
    with gf.SearchIndex(words) as index:
        assert len(index) == 1


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        (b"\0" * 7, "damaged: vector 2 is not 8 bytes long"),
        (b"", "damaged"),
        ("text", "damaged"),
        (struct.pack("<2f", float("nan"), 1), "damaged: a vector has numbers that are not finite"),
    ],
)
def test_a_damaged_vector_is_reported_with_the_path(tmp_path: Path, vector: object, message: str) -> None:
    path = tmp_path / "index.db"
    VectorIndex.from_texts(COMPASS, Written(), path=path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE vectors SET vector = ? WHERE version = 2", (vector,))
    connection.close()

    with VectorIndex(Written(), path) as index:
        with pytest.raises(DocumentIndexError, match=message) as raised:
            index.search(EAST)
        assert raised.value.path == str(path)
        assert len(index) == 4


def test_loading_a_file_executes_nothing_of_it(tmp_path: Path) -> None:
    """Neither pickles nor code: the bytes of a vector are numbers, whatever they spell."""
    path = tmp_path / "index.db"
    VectorIndex.from_texts([EAST], Written(), path=path).close()
    with sqlite3.connect(path) as connection:
        bomb = pickle.dumps(Explosive())
        connection.execute("UPDATE vectors SET vector = ?", (bomb,))
    connection.close()

    with VectorIndex(Written(), path) as index, pytest.raises(DocumentIndexError, match="damaged"):
        index.search(EAST)
    assert not exploded


exploded: list[None] = []


class Explosive:
    def __reduce__(self) -> tuple[Any, ...]:
        return exploded.append, (None,)


# --- threads and processes --------------------------------------------------------------------------------


def test_what_another_index_writes_to_the_file_is_found_at_once(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with VectorIndex(Written(), path) as one, VectorIndex(Written(), path) as other:
        for text in COMPASS:
            one.add(text)
            assert found(other, EAST, k=10) == found(one, EAST, k=10)
        other.delete(Document(NORTH).id)
        other.update(Document("[1, 3]", id=Document(WEST).id))
        assert found(one, EAST) == found(other, EAST) == [EAST, NORTH_EAST, "[1, 3]"]
        one.delete([document.id for document in one.search(EAST)])
        assert found(other, EAST) == []
        one.add(WEST)
        assert found(other, EAST) == [WEST]


def test_processes_share_a_file(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from graphflow import Document, VectorIndex\n"
        "from tests.components.embedders import Written\n"
        "with VectorIndex(Written(), sys.argv[1]) as index:\n"
        "    for n in range(10):\n"
        "        index.add(Document(f'[{n + 1}, 1]', id=f'{sys.argv[2]} {n}'))\n"
        "        assert index.search('[1, 0]')\n"
    )
    path = tmp_path / "index.db"
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, *sys.path]))}
    with VectorIndex(Written(), path) as index:
        others = [
            subprocess.Popen([sys.executable, "-W", "error", "-c", program, str(path), name], env=environment)
            for name in ("one", "two")
        ]
        for n in range(10):
            index.add(Document(f"[{n + 1}, 1]", id=f"own {n}"))
        assert [other.wait(timeout=60) for other in others] == [0, 0]
        assert len(index.search("[1, 0]", 100)) == 30


def test_readers_beside_a_writer_see_whole_changes_and_never_a_vector_of_another_text(tmp_path: Path) -> None:
    done = threading.Event()
    counts: list[int] = []

    def read() -> None:
        while not done.is_set():
            results = shared.search("[1, 0]", 1_000)
            counts.append(len(results))
            for document in results:
                assert document.score == pytest.approx(cosine(json.loads(document.text), [1, 0]), abs=1e-6)

    def pair(n: int, side: int) -> list[Document]:
        return [Document(f"[{side}, {n + 1}]", id=f"{n} left"), Document(f"[{-side}, {n + 1}]", id=f"{n} right")]

    with VectorIndex(Written(), tmp_path / "index.db") as shared, concurrent.futures.ThreadPoolExecutor(4) as threads:
        readers = [threads.submit(read) for _ in range(3)]
        try:
            for n in range(30):
                shared.add(pair(n, 1))
                shared.update(pair(n, 7))
                if n % 3 == 0:
                    assert shared.delete([document.id for document in pair(n, 0)]) == 2
        finally:
            done.set()
        for reader in readers:
            reader.result()
        assert len(shared.search("[1, 0]", 1_000)) == 40
    assert all(count % 2 == 0 for count in counts)


def test_a_search_that_began_before_a_change_never_sees_half_of_it(tmp_path: Path) -> None:
    """While one search is under way, another thread changes the index and loads what it has then."""

    class Interrupted(VectorIndex):
        interrupt: Callable[[], object] | None = None

        def _setting(self, connection: sqlite3.Connection, key: str) -> int | None:
            value = super()._setting(connection, key)
            if key == "changes" and self.interrupt is not None:
                interrupt, self.interrupt = self.interrupt, None
                with concurrent.futures.ThreadPoolExecutor(1) as threads:
                    threads.submit(interrupt).result()
            return value

    with Interrupted(Written(), tmp_path / "index.db") as interrupted:
        ids = interrupted.add(COMPASS)
        interrupted.search(EAST)

        def change() -> None:
            interrupted.delete(ids[0])
            interrupted.update(Document("[1, -4]", id=ids[1]))
            assert found(interrupted, EAST, k=1) == ["[1, -4]"]

        interrupted.interrupt = change
        assert found(interrupted, EAST) == ["[1, -4]", NORTH, WEST]


def test_many_threads_use_one_index(index: VectorIndex) -> None:
    barrier = threading.Barrier(6)

    def work(worker: int) -> None:
        barrier.wait()
        for n in range(15):
            (id,) = index.add(Document(f"[{n + 1}, {worker}]", {"worker": worker}, f"{worker} {n}"))
            assert index.search(f"[{n + 1}, {worker}]", filter={"worker": worker})[0].score == 1
            index.update(Document(f"[{worker + 1}, -1]", {"worker": worker}, id))
            if n % 2:
                assert index.delete(id) == 1

    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    assert len(index) == len(index.search("[1, 1]", 100)) == 48


def test_an_embedder_is_never_asked_while_the_file_is_locked(tmp_path: Path) -> None:
    def use_the_file() -> None:
        with sqlite3.connect(tmp_path / "index.db", timeout=0, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        other.close()
        assert len(shared) < 3

    with VectorIndex(Written(before=use_the_file), tmp_path / "index.db") as shared:
        shared.add(COMPASS[:2])
        shared.update(Document(NORTH, id=Document(EAST).id))
        assert len(shared.search(EAST)) == 2


def test_a_closed_index_holds_no_file_and_says_that_it_is_closed(tmp_path: Path) -> None:
    before = open_files()
    index = VectorIndex.from_texts(COMPASS, Written(), path=tmp_path / "index.db")
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: index.search(EAST), range(50)))

    index.close()
    index.close()

    assert open_files() == before
    assert os.listdir(tmp_path) == ["index.db"]
    uses: Iterable[Callable[[str], object]] = (index.add, index.search, index.get, index.delete)
    for use in uses:
        with pytest.raises(DocumentIndexError, match=r"index\.db': it is closed"):
            use(EAST)
