"""The errors of graphflow as users catch them; `graphflow_compiler.errors` draws the whole tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from graphflow_compiler.errors import CompileError as CompileError
from graphflow_compiler.errors import Diagnostic as Diagnostic
from graphflow_compiler.errors import DrawingError as DrawingError
from graphflow_compiler.errors import EmptyStreamError as EmptyStreamError
from graphflow_compiler.errors import FoldError as FoldError
from graphflow_compiler.errors import GraphflowError as GraphflowError
from graphflow_compiler.errors import InternalError as InternalError
from graphflow_compiler.errors import NotStreamingError as NotStreamingError


class UnmatchedFilterError(GraphflowError, ValueError):
    """A filter of `events` names something that the plan does not have."""


class NotInvokableError(GraphflowError, TypeError):
    """`invoke` was asked of a chain whose output has no accumulator."""


class InputError(GraphflowError, TypeError):
    """The caller's input is not what the first nodes of the chain can take."""


class TimeLimitError(GraphflowError, TimeoutError):
    """A chain took longer than `with_timeout` allows."""


class MissingExtraError(GraphflowError, ImportError):
    """Something was asked for whose packages are not installed.

    Attributes:
        extra: the extra of `graphflow-compiler` that installs them.
    """

    def __init__(self, what: str, extra: str, install: str | None = None) -> None:
        super().__init__(what, extra, install)
        self.extra = extra
        self._install = install or f"pip install 'graphflow-compiler[{extra}]'"

    def __str__(self) -> str:
        return f"{self.args[0]} needs the extra `{self.extra}`, which is not installed: {self._install}"


class DocumentIndexError(GraphflowError):
    """An index of documents cannot be opened, read or written.

    Attributes:
        path: the index's file, or `:memory:`.
        reason: why, in words.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"index {self.path!r}: {self.reason}"


class UnknownDocumentError(DocumentIndexError, KeyError):
    """No document of the index has these ids.

    Attributes:
        ids: the unknown ids.
    """

    def __init__(self, path: str, ids: Sequence[str]) -> None:
        more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
        super().__init__(path, f"no document with id {', '.join(map(repr, ids[:5]))}{more}")
        self.ids = tuple(ids)

    def __reduce__(self) -> tuple[type[Self], tuple[str, Sequence[str]]]:
        return type(self), (self.path, self.ids)

    __str__ = DocumentIndexError.__str__


class DocumentConflictError(DocumentIndexError, ValueError):
    """`add` was given a document whose id belongs to another one; `update` replaces.

    Attributes:
        id: that id.
    """

    def __init__(self, path: str, id: str) -> None:
        super().__init__(path, f"id {id!r} already belongs to another document; to replace that one, use update()")
        self.id = id

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.path, self.id)


class EmbeddingError(GraphflowError, ValueError):
    """An embedder did not give one usable vector for every text.

    Attributes:
        model: what made the vectors, by the embedder's word.
        reason: what is wrong with them, in words.
    """

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(model, reason)
        self.model = model
        self.reason = reason

    def __str__(self) -> str:
        return f"embedder `{self.model}`: {self.reason}"


class ProviderError(GraphflowError):
    """A model's provider did not answer as it should; the base of all that the providers' models raise.

    What it says never contains an API key. The provider's SDK's own error is not its cause, because that holds the
    request with its headers; what that error said is part of the message.

    Attributes:
        provider: such as ``"openai"``.
        model: the name of the model that was asked.
        status: the HTTP status, 200 for errors that came in a stream; None if there was no answer.
        request_id: by which the provider finds the request; None if it gave none.
    """

    def __init__(
        self,
        message: str,
        provider: str = "",
        model: str = "",
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, provider, model, status, request_id)
        self.provider = provider
        self.model = model
        self.status = status
        self.request_id = request_id

    def __str__(self) -> str:
        facts = [
            f"status {self.status}" if self.status is not None else "",
            f"request {self.request_id}" if self.request_id else "",
            *self._facts(),
        ]
        shown = ", ".join(filter(None, facts))
        of_model = f", model `{self.model}`" if self.model else ""
        return f"{self.provider}{of_model}: {self.args[0]}" + (f" ({shown})" if shown else "")

    def _facts(self) -> list[str]:
        return []


class AuthenticationError(ProviderError):
    """The key is missing, unknown, or not allowed to do this (401, 403)."""


class BadRequestError(ProviderError):
    """The provider does not take the request: an option, a message or a model that it does not know (4xx)."""


class RateLimitError(ProviderError):
    """Too many requests, or none left (429).

    Attributes:
        retry_after: after how many seconds the provider wants to be asked again; None if it does not say.
    """

    def __init__(
        self,
        message: str,
        provider: str = "",
        model: str = "",
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, provider, model, status, request_id)
        self.args = (*self.args, retry_after)
        self.retry_after = retry_after

    def _facts(self) -> list[str]:
        return [] if self.retry_after is None else [f"retry after {self.retry_after:g} s"]


class ProviderServerError(ProviderError):
    """The provider failed, or is overloaded (5xx, 529, or an error event in the stream)."""


class ProviderTimeoutError(ProviderError):
    """A limit of the model was reached (silence, connecting, the whole), or the provider says so itself (408, 504)."""


class ProviderConnectionError(ProviderError):
    """The provider could not be reached, or the connection was cut before the response was complete."""


class ProviderResponseError(ProviderError):
    """What the provider sent is not what its protocol says, such as an event that is not JSON."""


# --- recordings ---


class RecordingFormatError(GraphflowError, ValueError):
    """A file is no recording as `gf.record` writes it, or is damaged.

    Attributes:
        path: the file.
        line: the number of the line, from 1; 0 where the file has none.
    """

    def __init__(self, path: str, line: int, problem: str) -> None:
        super().__init__(path, line, problem)
        self.path = path
        self.line = line

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.args[2]}"


class RecordedError(GraphflowError):
    """What a recording keeps of an error: the name of its class, and what it said.

    Attributes:
        type: the name of the class.
        text: what it said.
    """

    def __init__(self, type: str, text: str) -> None:
        super().__init__(type, text)
        self.type = type
        self.text = text

    def __str__(self) -> str:
        return f"{self.type}: {self.text}" if self.text else self.type
