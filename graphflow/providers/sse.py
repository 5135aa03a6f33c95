"""Server-sent events: the form in which providers stream, decoded as the bytes come."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Final

#: More than any event of a chat model takes; a server that never ends one must not fill the memory.
_LARGEST_EVENT: Final = 1 << 26


class EventDecoder:
    r"""Takes the bytes of a response in pieces of any size; gives the data of every event that is complete.

    Comments, which keep connections alive, are passed over, and so are the names of events, since the data of all
    providers says what it is.

    >>> events = EventDecoder()
    >>> list(events.feed(b": keep-alive\n\ndata: {\ndata: }\r\n\r\ndata: [DO")), list(events.feed(b"NE]\n\n"))
    (['{\n}'], ['[DONE]'])
    """

    __slots__ = ("_data", "_decoder", "_line", "_size")

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._line: list[str] = []  # the pieces of a line whose end has not come
        self._data: list[str] = []
        self._size = 0

    def feed(self, received: bytes) -> Iterator[str]:
        """Give the data of the events that end in the bytes.

        Raises:
            ValueError: they are no UTF-8, or an event does not end.
        """
        text = self._decoder.decode(received)
        if self._line and self._line[-1].endswith("\r"):  # perhaps the first half of a line's end
            text = self._line.pop() + text
        held_back = text.endswith("\r")
        lines = (text[:-1] if held_back else text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._size += len(text)
        for line in lines[:-1]:
            self._line.append(line)
            yield from self._take("".join(self._line))
            self._line.clear()
        self._line.append(lines[-1])
        if held_back:
            self._line.append("\r")
        if self._size > _LARGEST_EVENT:
            raise ValueError(f"an event is longer than {_LARGEST_EVENT >> 20} MiB")

    def _take(self, line: str) -> Iterator[str]:
        if not line:
            self._size = 0
            if self._data:
                data = "\n".join(self._data)
                self._data.clear()
                yield data
            return
        field, _, value = line.partition(":")
        if field == "data":
            self._data.append(value.removeprefix(" "))
