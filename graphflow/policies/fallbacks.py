"""Fallbacks: another chain takes the place of one that has failed, while nothing of its output has gone out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any, Literal, final

import attrs

from graphflow.policies.policy import Errors, Policy, checked_errors, is_meant
from graphflow.runtime.current import NOTHING

if TYPE_CHECKING:
    from graphflow.runtime.attempts import Attempts


@final
@attrs.frozen
class Fallbacks(Policy):
    """Run one chain after another on the same input, until one succeeds."""

    on: Errors
    until: Literal["first chunk", "end"]

    def __attrs_post_init__(self) -> None:
        if self.until not in ("first chunk", "end"):
            raise ValueError(f'with_fallbacks(until=...) is "first chunk" or "end", not {self.until!r}')
        checked_errors(self.on, "with_fallbacks")

    @property
    def gives_whole(self) -> bool:
        """True where a chain may fail at any time: its output is held back until it has succeeded."""
        return self.until == "end"

    @property
    def may_repeat(self) -> bool:
        """True: the next chain takes the same input."""
        return True

    def explain(self, names: Sequence[str]) -> str:
        """Say it in words."""
        instead = " or ".join(f"`{name}`" for name in names[1:])
        if self.gives_whole:
            return f"has {instead} in its place if it fails; the output is held back until one has succeeded"
        return f"has {instead} in its place if it fails before its first chunk; so long its input is kept"

    async def chunks(self, attempts: Attempts) -> AsyncGenerator[Any, None]:
        """Run the bodies in turn until one succeeds, and yield its output."""
        failed: list[Exception] = []
        async with attempts:
            while True:
                chunks = attempts.begin(len(failed))
                try:
                    chunk = await (attempts.value() if self.gives_whole else anext(chunks, NOTHING))
                    break
                except Exception as error:
                    await attempts.close()
                    failed.append(error)
                    if (
                        len(failed) >= attempts.count
                        or attempts.comes_from_input(error)
                        or not is_meant(error, self.on)
                    ):
                        if len(failed) > 1:
                            before = "; ".join(f"{type(one).__name__}: {one}" for one in failed[:-1])
                            error.add_note(f"what it stands in for failed with {before}")
                        raise
            attempts.forget_input()
            if chunk is not NOTHING:
                yield chunk
            if not self.gives_whole:
                async for chunk in chunks:
                    yield chunk
