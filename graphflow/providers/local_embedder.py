"""An embedder in this process, with weights that come in a package. No network, no key."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from graphflow.components.retrieval.embedder import Embedder
from graphflow.errors import MissingExtraError
from graphflow.extras import find_package, require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_EXTRA: Final = "embeddings"
_WEIGHTS: Final = "weights/l2_supercat_256.safetensors"
_TOKENIZER: Final = "tokenizers/l2_supercat_tokenizer_config.json"

#: How many characters become tokens at a time: about a millisecond, for which other threads may have to wait.
_PIECE: Final = 2000
#: How many tokens are added up at a time.
_TOKENS: Final = 4096

_loading: Final = threading.Lock()


class LocalEmbedder(Embedder):
    """An embedder that runs in this process, on the CPU.

    Needs ``pip install 'graphflow-compiler[embeddings]'``, which brings the package `wordllama` with the vectors of
    32,000 word pieces, trained as WordLlama's L2 Supercat, mostly on English. The vector of a text, of 256 numbers, is
    the mean of those of its pieces. So it is fast, takes text of any length, and knows no order of words: good for
    short passages, tests and demonstrations.

    Only the package's files are read; they are loaded when the first text is embedded, and kept for all embedders.

    Raises:
        MissingExtraError: the weights, or what reads them, are not installed.

    >>> sea, boat, tax = LocalEmbedder().embed(["the sea", "a boat on the ocean", "income tax"])
    >>> bool(sea @ boat > sea @ tax)
    True
    """

    def __init__(self) -> None:
        for package in ("numpy", "tokenizers"):
            require(package, "LocalEmbedder", _EXTRA)
        self._folder = _folder()
        super().__init__("wordllama-l2-supercat-256")

    def embed(self, texts: list[str], /) -> NDArray[np.float32]:
        """Make a vector of every text: of length 1, or zeros for a text without any characters."""
        return _model(self._folder).embed(texts)


def _folder() -> Path:
    """Return the folder of the weights' package, which is not imported: it sets up logging, and opens a socket."""
    found = find_package("wordllama")
    for folder in (found.submodule_search_locations if found is not None else None) or ():
        if all(Path(folder, file).is_file() for file in (_WEIGHTS, _TOKENIZER)):
            return Path(folder)
    raise MissingExtraError("LocalEmbedder", _EXTRA)


def _model(folder: Path) -> _WordLlama:
    with _loading:  # by one thread, when several are the first
        return _loaded(folder)


@functools.cache
def _loaded(folder: Path) -> _WordLlama:
    return _WordLlama(folder)


class _WordLlama:
    def __init__(self, folder: Path) -> None:
        self._numpy = require("numpy", "LocalEmbedder", _EXTRA)
        self._tokenizer = require("tokenizers", "LocalEmbedder", _EXTRA).Tokenizer.from_file(str(folder / _TOKENIZER))
        self._vectors = self._read(folder / _WEIGHTS)

    def _read(self, path: Path) -> NDArray[np.float16]:
        """Read the one tensor of a file of safetensors: the length of a header, the header, and numbers."""
        content = path.read_bytes()
        begin = 8 + int.from_bytes(content[:8], "little")
        described: dict[str, Any] = json.loads(content[8:begin])["embedding.weight"]
        start, end = described["data_offsets"]
        numbers = self._numpy.frombuffer(content[begin + start : begin + end], "<f2")
        vectors: NDArray[np.float16] = numbers.reshape(described["shape"])
        return vectors

    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        numpy = self._numpy
        vectors: NDArray[np.float32] = numpy.zeros((len(texts), self._vectors.shape[1]), numpy.float32)
        for row, text in enumerate(texts):
            for tokens in self._tokens(text):
                vectors[row] += self._vectors[tokens].sum(axis=0, dtype=numpy.float32)
            vectors[row] /= numpy.linalg.norm(vectors[row]) or 1
        return vectors

    def _tokens(self, text: str) -> Iterator[list[int]]:
        for piece in _pieces(text):
            tokens = self._tokenizer.encode(piece, add_special_tokens=False).ids
            for at in range(0, len(tokens), _TOKENS):
                yield tokens[at : at + _TOKENS]


def _pieces(text: str) -> Iterator[str]:
    """Cut a text at spaces, where no token crosses: each piece begins as if there had been one.

    >>> [len(piece) for piece in _pieces("word " * 1000)]
    [1999, 1999, 1000]
    """
    at = 0
    while at < len(text):
        end = at + _PIECE
        space = text.rfind(" ", at + 1, end) if end < len(text) else -1
        yield text[at : space if space != -1 else end]
        at = space + 1 if space != -1 else end
