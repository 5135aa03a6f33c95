"""All groups of cases, in the order of the table."""

from __future__ import annotations

from typing import Final

from benchmarks import (
    chunkwise,
    compiling,
    events,
    filters,
    fork,
    generators,
    importing,
    invoke,
    memory,
    model,
    opening,
    profiling,
    sync_stream,
)
from benchmarks.cases import Group

GROUPS: Final[tuple[Group, ...]] = (
    chunkwise.GROUP,
    generators.GROUP,
    model.GROUP,
    invoke.GROUP,
    opening.GROUP,
    fork.GROUP,
    events.GROUP,
    filters.GROUP,
    profiling.GROUP,
    sync_stream.GROUP,
    memory.GROUP,
    compiling.GROUP,
    importing.GROUP,
)
