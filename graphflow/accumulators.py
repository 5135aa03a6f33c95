"""The accumulators that need no making, by the names that users know: ``accumulate=gf.latest``."""

from __future__ import annotations

from typing import Final

from graphflow_compiler.accumulate import CONCAT, LATEST, SINGLE, Accumulator

concat: Final[Accumulator] = CONCAT
"""The chunks are joined end to end, in the way of the first one's class: text, bytes, lists, tuples, messages."""

latest: Final[Accumulator] = LATEST
"""The last chunk is the value: for snapshots, such as partial JSON."""

single: Final[Accumulator] = SINGLE
"""There is exactly one chunk, and it is the value."""
