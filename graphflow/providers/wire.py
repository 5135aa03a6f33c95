"""What models behind an HTTP service share: the client of a run, its errors, its end, and what is kept secret.

A run makes a client of its own and closes it, so leaving a run closes the connection, and no connection outlives
the event loop that it was made in. Making one is cheap, since they share what is costly, the TLS context.
"""

from __future__ import annotations

import abc
import base64
import email.utils
import functools
import importlib
import inspect
import math
import os
import time
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar, Final, Protocol, Self, TypeAlias, TypeVar, final

import trio

from graphflow.components.chat_model import ChatModel
from graphflow.components.messages import AIMessageChunk, Message
from graphflow.components.tool import Tool
from graphflow.errors import (
    AuthenticationError,
    BadRequestError,
    ProviderConnectionError,
    ProviderError,
    ProviderResponseError,
    ProviderServerError,
    ProviderTimeoutError,
    RateLimitError,
)
from graphflow.extras import require
from graphflow.functions import brief
from graphflow.places import caller_location
from graphflow.providers.sse import EventDecoder
from graphflow_compiler.errors import compile_error

T = TypeVar("T")

#: How long closing a connection may take: long enough for a goodbye, short enough for Control-C.
_CLOSING_SECONDS = 1.0

#: Packages whose exceptions tell of the network and the provider; all others are bugs, and arrive as themselves.
_PACKAGES = {"openai", "anthropic", "httpx", "httpx2", "httpcore", "httpcore2", "anyio", "ssl"}


#: How long nothing may come, and how long connecting may take, in seconds, unless the model says it.
SILENCE: Final = 60.0
CONNECTING: Final = 5.0

#: How much of what a server says goes into an error, in characters, and how much is read of a refusal, in bytes.
LONGEST_MESSAGE: Final = 2_000
LONGEST_REFUSAL: Final = 1 << 20
_LONGEST_ID: Final = 200

#: What is shorter is not looked for in what a server says: it would be found in words that have nothing to do with it.
_SHORTEST_SECRET: Final = 4

#: What the SDKs are given for servers that want no key.
_NO_KEY = "none"


class Secret:
    """A text that no repr, traceback or log shows.

    >>> Secret("sk-1234"), str(Secret("sk-1234"))
    (<secret>, '<secret>')
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    @property
    def fits_a_header(self) -> bool:
        """Whether a header may have it as its value; what refuses one that may not would show it."""
        return self._text.isascii() and self._text.isprintable() and self._text == self._text.strip()

    def __repr__(self) -> str:
        return "<secret>"


#: A name and a password.
Login: TypeAlias = tuple[str, Secret]


def scrubbed(text: str, secrets: Iterable[Secret]) -> str:
    """Return a text without the secrets that stand in it.

    >>> scrubbed("Incorrect API key provided: sk-1234", [Secret("sk-1234")])
    'Incorrect API key provided: ***'
    """
    for secret in sorted((secret.reveal() for secret in secrets), key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    return text


def shortened(text: str, most: int = LONGEST_MESSAGE) -> str:
    """Return the beginning of a text, and how long it is.

    >>> shortened("No, and no again.", 3)
    'No,... (the first 3 of 17 characters that came)'
    """
    return text if len(text) <= most else f"{text[:most]}... (the first {most:,} of {len(text):,} characters that came)"


@functools.cache
def _tls() -> Any:
    """Return the TLS context of all clients: reading the certificates takes longer than all else that a client does."""
    return importlib.import_module("httpx2").create_ssl_context()


class ErrorEventError(Exception):
    """The provider tells of an error in mid-stream; never leaves this package."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        super().__init__()
        self.body = body


class TookTooLongError(Exception):
    """The provider has used up its time; never leaves this package."""


@final
class Allowance:
    """How long a provider may take in all; only the time that is spent waiting for it counts, not that of the reader.

    Args:
        seconds: how long; None for as long as it wants.
    """

    def __init__(self, seconds: float | None) -> None:
        self._left = math.inf if seconds is None else seconds

    async def wait(self, answer: Awaitable[T]) -> T:
        """Wait for something that the provider gives.

        Raises:
            TookTooLongError: there is no time left.
        """
        begun = trio.current_time()
        try:
            with trio.move_on_after(max(self._left, 0.0)):
                return await answer
        finally:
            self._left -= trio.current_time() - begun
        raise TookTooLongError


class Reader(Protocol):
    """What makes chunks of the events of one response."""

    is_done: bool
    """Whether the event came that ends the response."""

    def feed(self, data: str, /) -> Iterator[AIMessageChunk]:
        """Give the chunks of an event; raise `ErrorEventError` for one that tells of an error."""

    def finish(self) -> Iterator[AIMessageChunk]:
        """Give what is left at the end; raise `EOFError` if the response is not complete."""


class RemoteChatModel(ChatModel):
    """A chat model behind an SDK that speaks HTTP. Subclasses say what a request is, and read the events."""

    provider: ClassVar[str]
    """The name of the provider, of its SDK's package and of the extra."""
    key_variable: ClassVar[str]
    """The environment variable of the API key."""
    url_variable: ClassVar[str]
    """That of the address, which the SDK reads."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        timeout: float | None = SILENCE,
        connect_timeout: float | None = CONNECTING,
        total_timeout: float | None = None,
        max_retries: int = 0,
        headers: Mapping[str, str] | None = None,
        name: str | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        for option, seconds in (
            ("timeout", timeout),
            ("connect_timeout", connect_timeout),
            ("total_timeout", total_timeout),
        ):
            if seconds is not None and not seconds > 0:
                raise ValueError(f"{option} is a number of seconds above 0, or None for no limit, not {seconds!r}")
        self._sdk = require(self.provider, type(self).__name__, self.provider)
        _tls()
        self.model = model
        self._base_url, self._login = _taken_apart(base_url)
        self._key = Secret(api_key) if api_key is not None else None
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._total_timeout = total_timeout
        self._max_retries = max_retries
        self._headers = {name: Secret(value) for name, value in (headers or {}).items()}
        for header, value in self._headers.items():
            if not value.fits_a_header:
                raise ValueError(
                    f"headers[{header!r}] has white space at an end, or a character that no header may have"
                )
        given = {"temperature": temperature, "max_tokens": max_tokens}
        super().__init__(
            name=name,
            metadata={
                "provider": self.provider,
                "model_name": model,
                "model_type": "chat",
                **given,
                **(metadata or {}),
            },
        )
        self._options = {option: value for option, value in given.items() if value is not None}

    def bind(self, **options: object) -> Self:
        """Return the same model with options for every call; what is bound again wins.

        Args:
            options: `tools` (made by `gf.tool`, or as the provider writes them), `tool_choice` (the name of a tool,
                or a word that the provider knows), `stop` (a text or several), `temperature`, `max_tokens`, and
                whatever else the request of the provider has.

        Raises:
            CompileError: the request has no such option.
        """
        known = self._known_options()
        for option in options:
            if option not in known:
                raise compile_error(
                    "GF110",
                    f"`{self.name}` has no option `{option}`",
                    location=caller_location(),
                    hint="options that the provider's SDK does not name go into extra_body={...}",
                )
        tools = options.get("tools", ())
        if not (isinstance(tools, list | tuple) and all(isinstance(tool, Tool | Mapping) for tool in tools)):
            raise TypeError(
                f"tools= takes a list of what gf.tool makes, or of dicts as the provider has them, not {brief(tools)}"
            )
        return super().bind(**options)

    async def generate(self, messages: list[Message], /, **options: Any) -> AsyncIterator[AIMessageChunk]:
        """Ask the provider, and give the chunks as they come."""
        request = self._request(messages, options)
        secrets = self._secrets()
        client = self._client()
        allowance = Allowance(self._total_timeout)
        try:
            # The SDK's own iterator leaves generators behind, so the bytes of the response are read instead.
            opened = await self._told(allowance.wait(self._open(client, request)), None, secrets)
            response = opened.response
            self._check_type(response, secrets)
            received = response.aiter_bytes()
            events = EventDecoder()
            reader = self._reader(_request_id(response, secrets))
            try:
                while not reader.is_done:
                    piece = await self._told(allowance.wait(anext(received, None)), response, secrets)
                    if piece is None:
                        break
                    for chunk in self._read(_chunks(events, reader, piece), response, secrets):
                        yield chunk
                for chunk in self._read(reader.finish(), response, secrets):
                    yield chunk
            finally:
                await _unwind(received)
        finally:
            with trio.move_on_after(_CLOSING_SECONDS, shield=True):
                await client.close()

    # --- for subclasses ---

    @abc.abstractmethod
    def _known_options(self) -> frozenset[str]: ...

    @abc.abstractmethod
    def _request(self, messages: list[Message], options: dict[str, Any]) -> dict[str, Any]: ...

    @abc.abstractmethod
    def _new_client(self, **options: Any) -> Any: ...

    @abc.abstractmethod
    def _open(self, client: Any, request: dict[str, Any]) -> Awaitable[Any]: ...

    @abc.abstractmethod
    def _reader(self, request_id: str | None) -> Reader: ...

    # --- clients ---

    def _client(self) -> Any:
        address, login = self._address()
        return self._new_client(
            api_key=self._api_key().reveal(),
            base_url=address,
            timeout=self._sdk.Timeout(self._timeout, connect=self._connect_timeout),
            max_retries=self._max_retries,
            default_headers={name: value.reveal() for name, value in self._headers.items()},
            http_client=self._sdk.DefaultAsyncHttpxClient(
                verify=_tls(),
                auth=None if login is None else (login[0], login[1].reveal()),
                event_hooks={"response": [_limit_refusal]},
            ),
        )

    def _address(self) -> tuple[str | None, Login | None]:
        if self._base_url:
            return self._base_url, self._login
        return _taken_apart(os.environ.get(self.url_variable))

    def _api_key(self) -> Secret:
        key = self._key or Secret(os.environ.get(self.key_variable) or "")
        if not key.fits_a_header:
            raise AuthenticationError(
                "the API key has white space at an end, such as the end of a line, or a character that no key has",
                self.provider,
                self.model,
            )
        if key.reveal():
            return key
        if self._address()[0]:
            return Secret(_NO_KEY)  # servers of one's own seldom want a key, and the SDKs do not go without
        raise AuthenticationError(
            f"there is no API key: give api_key=, or set {self.key_variable}", self.provider, self.model
        )

    def _secrets(self) -> list[Secret]:
        _, login = self._address()
        others = [value for value in self._headers.values() if len(value.reveal()) >= _SHORTEST_SECRET]
        if login is not None:
            sent = base64.b64encode(f"{login[0]}:{login[1].reveal()}".encode()).decode()
            others += [login[1], Secret(sent)]
        key = self._api_key()
        return others if key.reveal() == _NO_KEY else [key, *others]

    # --- errors ---

    async def _told(self, answer: Awaitable[T], response: Any, secrets: list[Secret]) -> T:
        """Wait for what the SDK gives; raise what it raises as one of our errors, which do not hold the request."""
        try:
            return await answer
        except Exception as error:
            told = self._error(error, response, secrets)
            if told is None:
                raise
        raise told

    def _read(self, chunks: Iterator[AIMessageChunk], response: Any, secrets: list[Secret]) -> Iterator[AIMessageChunk]:
        """Read an event; what cannot be read is the provider's fault."""
        try:
            yield from chunks
            return
        except EOFError as error:
            told: ProviderError = self._failure(ProviderConnectionError, str(error), response, secrets)
        except ErrorEventError as error:
            told = self._refusal(error, response, secrets)
        except (ValueError, RecursionError) as error:  # from json.loads and bytes.decode
            told = self._failure(ProviderResponseError, f"an event is malformed: {error}", response, secrets)
        except (AttributeError, LookupError, TypeError) as error:
            what = f"an event is not what was expected: {type(error).__name__}: {error}"
            told = self._failure(ProviderResponseError, what, response, secrets)
        raise told

    def _check_type(self, response: Any, secrets: list[Secret]) -> None:
        kind = scrubbed(response.headers.get("content-type", ""), secrets)  # here, since tracebacks may show locals
        if "json" in kind or "html" in kind:  # a server that does not stream, or a page of something in between
            what = f"the answer is {kind}, not a stream of events"
            raise self._failure(ProviderResponseError, what, response, secrets)

    def _failure(
        self, kind: type[ProviderError], message: str, response: Any, secrets: list[Secret], *more: object
    ) -> ProviderError:
        """Make an error, whose message may have words of the server; all that is shown of them passes here."""
        said = shortened(scrubbed(message, secrets))
        status = getattr(response, "status_code", None)
        return kind(said, self.provider, self.model, status, _request_id(response, secrets), *more)

    def _error(self, error: Exception, response: Any, secrets: list[Secret]) -> ProviderError | None:
        """Return the error of ours that tells of one of the SDK's; None for what is no matter of the provider's."""
        response = getattr(error, "response", None) or response
        if isinstance(error, TookTooLongError):
            return self._failure(
                ProviderTimeoutError, f"the answer was not complete after {self._total_timeout:g} s", response, secrets
            )
        if type(error).__module__.partition(".")[0] not in _PACKAGES:
            return None
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if kinds & {"APITimeoutError", "TimeoutException"}:
            is_connecting = "ConnectTimeout" in {type(error).__name__, type(error.__cause__).__name__}
            what = (
                f"there was no connection within {self._connect_timeout:g} s"
                if is_connecting
                else f"nothing came for {self._timeout:g} s"
            )
            return self._failure(ProviderTimeoutError, what, response, secrets)
        if "APIConnectionError" in kinds or not kinds & {"OpenAIError", "AnthropicError"}:
            what = "the connection failed" if response is None else "the connection was cut in mid-response"
            return self._failure(ProviderConnectionError, f"{what}: {_message(error)}", response, secrets)
        if "APIResponseValidationError" in kinds:
            return self._failure(ProviderResponseError, _message(error), response, secrets)
        return self._refusal(error, response, secrets)

    def _refusal(self, error: Exception, response: Any, secrets: list[Secret]) -> ProviderError:
        """Return the error for a status, or for an error event, whose status is a good one."""
        status = getattr(response, "status_code", None)
        body = getattr(error, "body", None)
        kind = _kind(_status_of_event(body) if status is None or status < 400 else status)
        more = [_retry_after(getattr(response, "headers", {}))] if kind is RateLimitError else []
        return self._failure(kind, _message(error), response, secrets, *more)


def _taken_apart(address: str | None) -> tuple[str | None, Login | None]:
    """Return an address without the login that stands in it, and the login: the HTTP client logs addresses.

    >>> _taken_apart("https://ada:word%21@example.org:8080/v1")
    ('https://example.org:8080/v1', ('ada', <secret>))
    """
    parts = urllib.parse.urlsplit(address or "")
    if parts.username is None and parts.password is None:
        return address, None
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return plain, (urllib.parse.unquote(parts.username or ""), Secret(urllib.parse.unquote(parts.password or "")))


async def _unwind(received: AsyncIterator[bytes]) -> None:
    """End the generators of the HTTP client from the innermost, which waits for the socket.

    Closing the outermost would leave some of those inside to the garbage collector. So they go on, in a scope that is
    cancelled: what has been received is passed over, and the first wait for more ends them all.
    """
    with trio.CancelScope() as scope:
        scope.cancel()
        with suppress(Exception):
            while await anext(received, None) is not None:
                pass


async def _limit_refusal(response: Any) -> None:
    """Leave of the body of a refusal what `LONGEST_REFUSAL` allows, decoded: the SDKs would read all of it."""
    if response.status_code < 400:
        return
    client = importlib.import_module("httpx2")
    given = client.Response(
        response.status_code, headers=response.headers, stream=response.stream, request=response.request
    )
    received = given.aiter_bytes()
    body = bytearray()
    try:
        while len(body) < LONGEST_REFUSAL and (piece := await anext(received, None)) is not None:
            body += piece
    finally:
        await _unwind(received)
        await given.aclose()
    response.headers.pop("content-encoding", None)
    response.stream = client.ByteStream(bytes(body[:LONGEST_REFUSAL]))


def _chunks(events: EventDecoder, reader: Reader, received: bytes) -> Iterator[AIMessageChunk]:
    """Give the chunks of all events that end in what was received, up to the one that ends the response."""
    for data in events.feed(received):
        yield from reader.feed(data)
        if reader.is_done:
            return


def _message(error: Exception) -> str:
    """Return what an error of an SDK says: the provider's own words, else its own, with those of its cause."""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    said = inner.get("message") if isinstance(inner, Mapping) else inner
    if isinstance(said, str) and said:
        return said
    text, cause = str(error) or type(error).__name__, str(error.__cause__ or "")
    return text if cause in text else f"{text} ({cause})"


def _kind(status: int) -> type[ProviderError]:
    match status:
        case 401 | 403:
            return AuthenticationError
        case 408 | 504:
            return ProviderTimeoutError
        case 429:
            return RateLimitError
        case _ if 400 <= status < 500:
            return BadRequestError
        case _:
            return ProviderServerError


def _status_of_event(body: object) -> int:
    """Return the status that an error event would have had as a response: some servers say it, others say its type."""
    inner = body.get("error", body) if isinstance(body, Mapping) else None
    if not isinstance(inner, Mapping):
        return 500
    if isinstance(inner.get("code"), int):
        return int(inner["code"])
    words = f"{inner.get('type')} {inner.get('code')}"
    for part, status in (("rate_limit", 429), ("authentication", 401), ("permission", 403), ("invalid_request", 400)):
        if part in words:
            return status
    return 500


def _request_id(response: Any, secrets: Iterable[Secret]) -> str | None:
    headers = getattr(response, "headers", {})
    found = headers.get("x-request-id") or headers.get("request-id")
    return None if found is None else shortened(scrubbed(str(found), secrets), _LONGEST_ID)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the provider asks to wait.

    >>> _retry_after({"retry-after-ms": "1500"}), _retry_after({"retry-after": "2"}), _retry_after({})
    (1.5, 2.0, None)
    """
    with suppress(KeyError, ValueError):
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        return max(0.0, float(headers["retry-after"]))
    with suppress(KeyError, ValueError):
        date = email.utils.parsedate_to_datetime(headers["retry-after"])
        return max(0.0, date.timestamp() - time.time())
    return None


@functools.cache
def options_of(method: Any) -> frozenset[str]:
    """Return the names of the parameters of a method of an SDK."""
    return frozenset(inspect.signature(method).parameters) - {"self", "messages", "model", "stream", "timeout"}
