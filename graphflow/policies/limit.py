"""Limits of a chain: so many of its runs at once, wherever they come from."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any, final

import attrs

from graphflow.limits import Hold, Limit, limited_stream
from graphflow.policies.policy import Policy

if TYPE_CHECKING:
    from graphflow.runtime.attempts import Attempts


@final
@attrs.frozen
class Limited(Policy):
    """Run a chain only while there is a place for it."""

    limit: Limit

    def explain(self, names: Sequence[str]) -> str:
        """Say it in words."""
        total = self.limit.total
        return "runs once at a time" if total == 1 else f"runs at most {total:,} times at once"

    async def chunks(self, attempts: Attempts) -> AsyncGenerator[Any, None]:
        """Wait for a place, then run the body and yield its output."""
        hold = attempts.hold = Hold(self.limit, wraps=True)
        async with attempts, contextlib.aclosing(limited_stream(hold, attempts.begin())) as chunks:
            async for chunk in chunks:
                yield chunk
