"""Close what is iterated, where it can be closed: an iterator that is no generator often cannot."""

from __future__ import annotations


def close(chunks: object) -> None:
    """Close an iterator, if it can be closed."""
    closes = getattr(chunks, "close", None)
    if closes is not None:
        closes()


async def aclose(chunks: object) -> None:
    """Close an asynchronous iterator, if it can be closed."""
    closes = getattr(chunks, "aclose", None)
    if closes is not None:
        await closes()
