"""How much text was read, and enough of the last of it to say where an error is."""

BEFORE, AFTER = 24, 11
"""How many characters of the text around an error its excerpt shows."""


class Trail:
    """What remains of the text that was read: its last pieces, and the number of characters and lines before.

    `read` characters were read. When they exceed `due`, it is time to `forget` the older ones. A fault may lie as many
    as `reach` characters before the newest piece.
    """

    def __init__(self, reach: int) -> None:
        self.read = 0
        self.due = 0
        self.pieces: list[str] = []
        self._reach = reach + BEFORE
        self._lines = 0  # in the text that is forgotten
        self._column = 0  # where its last line ends

    def forget(self) -> None:
        """Let go of the older pieces: not of the newest, nor of the characters that are in reach from there."""
        newest = self.pieces.pop()
        text = "".join(self.pieces)
        self._lines, self._column = self._place(text[: -self._reach])
        self.pieces[:] = text[-self._reach :], newest
        self.due = self.read + max(4096, self._reach)

    def locate(self, left: int) -> tuple[int, int, int, str]:
        """Offset, line, column and excerpt of the place that has `left` of the characters that were read behind it."""
        text = "".join(self.pieces)
        at = len(text) - left
        lines, column = self._place(text[:at])
        return self.read - left, lines + 1, column + 1, text[max(at - BEFORE, 0) : at + 1 + AFTER]

    def _place(self, text: str) -> tuple[int, int]:
        lines = text.count("\n")
        return self._lines + lines, len(text) - text.rfind("\n") - 1 if lines else self._column + len(text)
