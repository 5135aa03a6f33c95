"""Time limits: a chain that gives nothing for too long is ended with an error."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any, final

import attrs
import trio

from graphflow.errors import TimeLimitError
from graphflow.policies.policy import Policy, is_number
from graphflow.runtime.current import NOTHING
from graphflow.runtime.failures import combined

if TYPE_CHECKING:
    from graphflow.runtime.attempts import Attempts


@final
@attrs.frozen
class Timeout(Policy):
    """End a chain that takes too long; all in seconds."""

    total: float | None
    first_chunk: float | None
    between_chunks: float | None

    def __attrs_post_init__(self) -> None:
        limits = attrs.asdict(self)
        for name, seconds in limits.items():
            if seconds is not None and not is_number(seconds):
                raise TypeError(f"with_timeout({name}=...) takes seconds, not {seconds!r}")
            if seconds is not None and not seconds > 0:
                raise ValueError(f"with_timeout({name}=...) takes seconds, more than 0, not {seconds!r}")
        if all(seconds is None for seconds in limits.values()):
            raise ValueError("with_timeout needs a limit: total=, first_chunk= or between_chunks=, in seconds")

    def explain(self, names: Sequence[str]) -> str:
        """Say it in words."""
        limits = {
            "in all": self.total,
            "before its first chunk": self.first_chunk,
            "between two chunks": self.between_chunks,
        }
        return "may take " + ", ".join(
            f"{seconds:g} s {what}" for what, seconds in limits.items() if seconds is not None
        )

    async def chunks(self, attempts: Attempts) -> AsyncGenerator[Any, None]:
        """Run the body, and yield its output while it keeps to the limits. The time of its reader is not counted."""
        async with attempts:
            chunks = attempts.begin()
            spent = 0.0
            pause, what = self.first_chunk, "before its first chunk"
            while True:
                # A chunk may come after the time is up: where the body holds off its cancellation, or the event loop.
                left = math.inf if self.total is None else max(self.total - spent, 0.0)
                limit = min(left, math.inf if pause is None else pause)
                began = trio.current_time()
                chunk: Any = NOTHING
                failed: list[BaseException] = []
                try:
                    with trio.move_on_after(limit) as scope:  # left before anything is yielded
                        chunk = await anext(chunks, NOTHING)
                except Exception as error:
                    if not scope.cancel_called:
                        raise
                    failed.append(error)  # on its way out
                spent += trio.current_time() - began
                if scope.cancelled_caught or failed:
                    allowed, where = (self.total, "in all") if limit == left else (pause, what)
                    late = TimeLimitError(f"`{attempts.name}` took longer than {allowed:g} s {where}")
                    raise combined(late, failed) or late
                if chunk is NOTHING:
                    return
                yield chunk
                pause, what = self.between_chunks, "between two chunks"
