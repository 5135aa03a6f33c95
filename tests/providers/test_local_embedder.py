"""The embedder in this process: real weights from a package, no network."""

from __future__ import annotations

import concurrent.futures
import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

import graphflow as gf
from graphflow.providers import local_embedder
from tests.docs.pages import ROOT

PAIRS = [
    ("Dogs need a ticket.", "Do I have to pay for my pet?"),
    ("The harbour café opens at six.", "Where can I have breakfast?"),
    ("The ferry to Orlo leaves at 7:40 and at 17:15.", "When does the boat depart?"),
    ("Our office is closed on Sundays.", "On which days can I visit you?"),
    ("Press the red button to stop the engine.", "How do I switch the machine off?"),
]


@pytest.fixture(scope="module")
def embedder() -> gf.LocalEmbedder:
    return gf.LocalEmbedder()


def test_questions_find_the_passages_that_answer_them_without_a_word_in_common() -> None:
    with gf.VectorIndex.from_texts([answer for answer, _ in PAIRS], gf.LocalEmbedder()) as index:
        assert [index.search(question, k=1)[0].text for _, question in PAIRS] == [answer for answer, _ in PAIRS]


def test_the_vectors_are_those_of_the_model(embedder: gf.LocalEmbedder) -> None:
    """A change of the weights, or of how they are read, is a change of what files hold: it needs another name."""
    (vector,) = embedder.embed(["The ferry to Orlo leaves at 7:40."])
    assert embedder.model == "wordllama-l2-supercat-256"
    assert (vector.shape, vector.dtype) == ((256,), np.float32)
    assert vector[:4] == pytest.approx([-0.01538, 0.03772, 0.10386, 0.07081], abs=1e-5)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


def reference(text: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The mean of the vectors of the whole text's tokens, by the tokenizer's and numpy's own means."""
    spec = importlib.util.find_spec("wordllama")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers/l2_supercat_tokenizer_config.json"))
    content = (folder / "weights/l2_supercat_256.safetensors").read_bytes()
    table = np.frombuffer(content[-32_000 * 256 * 2 :], "<f2").reshape(32_000, 256).astype(np.float64)
    mean = table[tokenizer.encode(text, add_special_tokens=False).ids].mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


@pytest.mark.parametrize("text", ["a", "two words", "naïve 東京 🦜", "a long text with words " * 400, " leading"])
def test_a_text_of_any_length_is_the_mean_of_its_tokens(embedder: gf.LocalEmbedder, text: str) -> None:
    assert embedder.embed([text])[0] == pytest.approx(reference(text), abs=1e-5)


@settings(max_examples=50)
@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_text_has_a_finite_vector_whatever_stands_beside_it(embedder: gf.LocalEmbedder, texts: list[str]) -> None:
    vectors = embedder.embed(texts)
    assert vectors.shape == (len(texts), 256)
    for vector, text in zip(vectors, texts, strict=True):
        assert np.array_equal(vector, embedder.embed([text])[0])
        assert np.linalg.norm(vector) == pytest.approx(1 if text else 0, abs=1e-6)


@pytest.mark.parametrize("text", ["\0", "x" * 200_000, " " * 10_000, "\n\t" * 5_000, "<s></s><unk>", "\x07\x1b[31m"])
def test_hostile_text_is_text(embedder: gf.LocalEmbedder, text: str) -> None:
    assert np.isfinite(embedder.embed([text])).all()


def test_an_empty_query_finds_nothing() -> None:
    with gf.VectorIndex.from_texts(["a", ""], gf.LocalEmbedder()) as index:
        assert index.search("") == []
        assert [document.text for document in index.search("a")] == ["a"]


def test_several_threads_that_are_the_first_load_the_weights_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[None] = []
    real = local_embedder._WordLlama
    barrier = threading.Barrier(4)

    def counted(folder: Path) -> object:
        made.append(None)
        return real(folder)

    def embed(_: int) -> bytes:
        barrier.wait()
        return gf.LocalEmbedder().embed(["a text"]).tobytes()

    monkeypatch.setattr(local_embedder, "_WordLlama", counted)
    local_embedder._loaded.cache_clear()
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(embed, range(4)))) == 1
    assert len(made) == 1


def test_it_opens_no_socket_and_runs_no_code_of_the_package_with_the_weights(tmp_path: Path) -> None:
    program = """
import sys
import graphflow as gf

def refuse(event, args):
    if event.startswith("socket.") or event == "import" and args[0].split(".")[0] in ("wordllama", "requests"):
        raise AssertionError(f"{event} {args}")

sys.addaudithook(refuse)
with gf.VectorIndex.from_texts(["Dogs need a ticket.", "The café opens at six."], gf.LocalEmbedder()) as index:
    print(index.search("pets", k=1)[0].text)
print([name for name in ("wordllama", "requests", "huggingface_hub", "pydantic") if name in sys.modules])
"""
    # No folder that a download could go to, either.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout.splitlines(), done.stderr) == (["Dogs need a ticket.", "[]"], "")
    assert list(tmp_path.iterdir()) == []


def test_missing_weights_are_told_like_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_embedder, "_WEIGHTS", "weights/absent.safetensors")
    with pytest.raises(gf.MissingExtraError, match=r"LocalEmbedder needs the extra `embeddings`, .*\[embeddings\]'"):
        gf.LocalEmbedder()
