"""What `lint` finds: in each of LCEL's ways to stream, whether a chain streams, and what keeps it from that."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs

from graphflow.lcel.flow import Code, Step
from graphflow_compiler.errors import Diagnostic, NotStreamingError
from graphflow_compiler.ir import SourceLocation


class Verdict(enum.StrEnum):
    """Whether the output of a chain streams."""

    STREAMS = "streams"  # its first chunk comes before all of it has been made
    BLOCKS = "does not stream"  # nothing comes before all of it has been made
    DEPENDS = "streams for some inputs only"  # one or the other, by what only a run shows
    RAISES = "raises"  # it cannot be run in this way


@attrs.frozen
class Break:
    """A step that keeps the output, or one key of it, from streaming.

    Attributes:
        name: of the step: of its function, or of its class.
        reason: how that is known, in words.
        lcel: what to write instead in LCEL.
        graphflow: what to write instead in graphflow.
        holds_back: the names of the steps whose chunks it holds back; () if nothing streams before it.
        key: the key of the output; None if it is the whole output.
        code: of its diagnostic.
        location: where the user's function or class begins; None if it is langchain's.
    """

    name: str
    reason: str
    lcel: str
    graphflow: str
    holds_back: tuple[str, ...] = ()
    key: str | None = None
    code: Code = "GF501"
    location: SourceLocation | None = attrs.field(default=None, eq=False)


@attrs.frozen
class Outcome:
    """What happens when a chain is run in one of LCEL's ways to stream.

    Attributes:
        verdict: whether the output streams.
        by_key: the same for every key, if the output is a record that is made key by key; else empty.
        begins: the names of the steps where streaming begins.
        breaks: the steps that keep it from streaming, in the order of the chain: at the first one it is lost.
    """

    verdict: Verdict
    by_key: Mapping[str, Verdict]
    begins: tuple[str, ...]
    breaks: tuple[Break, ...]

    @property
    def streams(self) -> bool:
        """Tell whether the output streams, whatever the input."""
        return self.verdict is Verdict.STREAMS


@attrs.frozen(eq=False)
class Line:
    """One step of a chain, as a report lists it.

    Attributes:
        step: which.
        takes: what it takes before it gives its first chunk: ``chunks``, its ``whole`` input or ``nothing`` of it.
        gives: ``chunks``, ``one value``, or ``one or more``.
        reason: how that is known.
    """

    step: Step
    takes: str
    gives: str
    reason: str


@attrs.frozen
class Report:
    """What `lint` finds; its text says all of it.

    Attributes:
        name: the name of the chain.
        stream: what `stream()` does.
        astream: what `astream()` does.
        lines: the steps, in the order in which data reach them.
        diagnostics: what to know and to mend: errors, warnings and notes.
    """

    name: str
    stream: Outcome
    astream: Outcome
    lines: tuple[Line, ...] = attrs.field(eq=False)
    diagnostics: tuple[Diagnostic, ...]

    @property
    def streams(self) -> bool:
        """Tell whether the output streams in both ways, whatever the input."""
        return self.stream.streams and self.astream.streams

    @property
    def verdict(self) -> str:
        """The verdict in words; of both ways, where they differ."""
        if self.stream.verdict is self.astream.verdict:
            return str(self.stream.verdict)
        return f"stream() {self.stream.verdict}, astream() {self.astream.verdict}"

    @property
    def breaks(self) -> tuple[Break, ...]:
        """The steps that keep the output from streaming, in one way or both."""
        by_place: dict[object, Break] = {}
        for one in (*self.stream.breaks, *self.astream.breaks):
            by_place.setdefault((one.name, one.location, one.key), one)
        return tuple(by_place.values())

    def require_streaming(self) -> Report:
        """Return the report itself if the output streams in both ways, whatever the input.

        Raises:
            NotStreamingError: it does not; the message names the steps that break it, their lines and the mends.
        """
        if not self.streams:
            raise NotStreamingError(
                attrs.evolve(one, severity="error")
                for one in self.diagnostics
                if one.severity != "note" or one.code == "GF502"
            )
        return self

    def explain(self) -> str:
        """Return the report as text."""
        from graphflow.lcel.render import render  # the renderer reads reports: imported when one is asked for

        return render(self)

    def __str__(self) -> str:
        return self.explain()
