"""Events come out the same however their bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphflow.providers.sse import EventDecoder

#: What may stand in a line of data: all but the ends of lines, which is less than what Python thinks ends one.
LINES = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]) | st.sampled_from("\u2028é☃: "))


def decoded(pieces: list[bytes]) -> list[str]:
    events = EventDecoder()
    return [data for piece in pieces for data in events.feed(piece)]


@given(
    st.lists(st.lists(LINES, min_size=1)),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", "\ufeff"]),
    st.sampled_from(["", ": keep-alive", "event: delta", "retry: 3", "id"]),
    st.data(),
)
def test_any_cut_of_the_bytes_gives_the_same_events(
    events: list[list[str]], end: str, start: str, other: str, data: st.DataObject
) -> None:
    lines = [line for event in events for line in (*filter(None, [other]), *(f"data: {text}" for text in event), "")]
    written = (start + "".join(f"{line}{end}" for line in lines)).encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(written)), max_size=20)))
    pieces = [written[i:j] for i, j in zip([0, *cuts], [*cuts, len(written)], strict=True)]
    # A carriage return at the end may be half of a line's end, so it is one only when something follows.
    assert decoded([*pieces, b"\n"]) == ["\n".join(event) for event in events]


def test_an_event_that_never_ends_does_not_fill_the_memory() -> None:
    with pytest.raises(ValueError, match="longer than 64 MiB"):
        decoded([b"data: ", *[b"x" * (1 << 22)] * 20])


def test_bytes_that_are_no_text_are_an_error() -> None:
    with pytest.raises(UnicodeDecodeError):
        decoded([b"data: \xff\n\n"])
