"""Read a recording. Nothing in the file is run: it makes events and values of known classes, or says what is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

from graphflow.errors import RecordedError, RecordingFormatError
from graphflow.events import KINDS, CustomEvent, EndEvent, ErrorEvent, Event, Run, StartEvent, StreamEvent
from graphflow.recordings.recording import Recording
from graphflow.recordings.values import read
from graphflow.recordings.writing import VERSION

#: What is larger is refused before it costs time and memory: in characters of a line and of a file, in events.
LONGEST_LINE: Final = 1 << 26
LONGEST_FILE: Final = 1 << 30
MOST_EVENTS: Final = 10_000_000
#: In seconds, some thirty years: to play what lasts longer, or for ever, would never return.
LONGEST_RUN: Final = 1_000_000_000

_FIRST: Final = f'{{"graphflow_recording":{VERSION}}}'

_CLASSES: Final[Mapping[str, type[StartEvent | EndEvent | ErrorEvent]]] = {
    "start": StartEvent,
    "end": EndEvent,
    "error": ErrorEvent,
}


def replay(path: str | os.PathLike[str], /, *, allow_cut: bool = False) -> Recording:
    """Read a file that `record` has written.

    Args:
        path: the file.
        allow_cut: the program that wrote it may have died in the middle of a line: leave that line out.

    Raises:
        RecordingFormatError: it is something else, is damaged or cut; the message names the file, the line, and what
            was expected.
        OSError: the file cannot be read.
    """
    reader = _Reader(os.fspath(path))
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in _lines(file, reader):
            if not line.endswith("\n"):
                reader.cut(line, allow_cut)
                break
            reader.take(line)
    if reader.number == 0:
        reader.fail("the file is empty")
    return Recording(reader.path, tuple(reader.events), tuple(reader.times))


def _lines(file: Any, reader: _Reader) -> Iterator[str]:
    length = 0
    while True:
        reader.number += 1
        try:
            line = file.readline(LONGEST_LINE + 1)
        except UnicodeDecodeError as error:
            reader.fail(f"this is not UTF-8: {error.reason}")
        if not line:
            reader.number -= 1
            return
        if len(line) > LONGEST_LINE:
            reader.fail(f"this line has more than {LONGEST_LINE:,} characters")
        length += len(line)
        if length > LONGEST_FILE:
            reader.fail(f"the file has more than {LONGEST_FILE:,} characters up to here")
        yield line


class _Reader:
    def __init__(self, path: str) -> None:
        self.path = path
        self.number = 0
        self.events: list[Event] = []
        self.times: list[float] = []
        self._runs: dict[str, Run] = {}

    def fail(self, problem: str) -> NoReturn:
        raise RecordingFormatError(self.path, self.number, problem)

    def cut(self, line: str, is_allowed: bool) -> None:
        """Refuse a line that is cut, unless it may be."""
        if self.number == 1:
            self.fail(f"expected a whole line, {_FIRST}, found {line!r:.60}, which is cut: there is nothing to replay")
        if not is_allowed:
            self.fail("this line is cut: the program that wrote it has died (allow_cut=True leaves it out)")

    def take(self, line: str) -> None:
        """Read one line."""
        try:
            value = json.loads(line, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            self.fail(f"this is not JSON that can be read: {error}")
        if not isinstance(value, dict):
            self.fail(f"expected an object, found {line.strip():.60}")
        if self.number == 1:
            self._version(value)
        elif "run" in value:
            self._run(value)
        else:
            self._event(value)

    def _version(self, value: dict[str, Any]) -> None:
        version = value.get("graphflow_recording")
        if version is None:
            self.fail('the first line has no key "graphflow_recording": this is no recording')
        if type(version) is not int or version != VERSION:
            self.fail(f"this recording has version {version!r:.20}, but this graphflow reads version {VERSION}")

    def _run(self, value: dict[str, Any]) -> None:
        run_id = self._text(value, "run")
        if run_id in self._runs:
            self.fail(f"the run {run_id!r:.60} is told of again; expected one line for a run")
        kind = self._text(value, "kind")
        if kind not in KINDS:
            self.fail(f'"kind" is one of {", ".join(KINDS)}, not {kind!r:.60}')
        metadata = self._read(value, "metadata")
        if not isinstance(metadata, dict):
            self.fail('"metadata" is no object')
        parents, tags = self._texts(value, "parents"), self._texts(value, "tags")
        self._check_parents(run_id, parents)
        self._runs[run_id] = Run(kind, self._text(value, "name"), run_id, parents, tags, metadata)

    def _check_parents(self, run_id: str, parents: tuple[str, ...]) -> None:
        """Refuse parents that form no line from the outermost run to this one.

        A parent need not be told of: a filter may have left it out.
        """
        if len({*parents, run_id}) != len(parents) + 1:
            self.fail(
                f'expected under "parents" other runs than {run_id!r:.60}, each once, found {list(parents)!r:.200}'
            )
        for position, parent_id in enumerate(parents):
            parent = self._runs.get(parent_id)
            if parent is None:
                continue
            # The length and the last are enough, since those before were compared themselves.
            if len(parent.parent_ids) != position or (position and parent.parent_ids[-1] != parents[position - 1]):
                self.fail(
                    f'expected under "parents" before {parent_id!r:.60} those of that run, '
                    f"{list(parent.parent_ids)!r:.200}, found {list(parents[:position])!r:.200}"
                )

    def _event(self, value: dict[str, Any]) -> None:
        if len(self.events) >= MOST_EVENTS:
            self.fail(f"there are more than {MOST_EVENTS:,} events")
        at = self._time(value)
        run = self._runs.get(self._text(value, "of"))
        if run is None:
            self.fail(f"no line before tells of the run {value['of']!r:.60}")
        action = self._text(value, "event")
        data = self._read(value, "data")
        seq = len(self.events)
        event: Event
        if action == "stream":
            event = StreamEvent(run, data, seq)
        elif action == "custom":
            event = CustomEvent(run, data, seq, self._text(value, "label"))
        elif action in _CLASSES:
            if not isinstance(data, dict):
                self.fail('"data" is no object')
            if (action == "error" or "error" in data) and not isinstance(data.get("error"), RecordedError):
                self.fail(f'expected an error under "data", "error", found {data.get("error")!r:.60}')
            event = _CLASSES[action](run, data, seq)
        else:
            self.fail(f'"event" is start, stream, end, error or custom, not {action!r:.60}')
        self.events.append(event)
        self.times.append(at)

    # --- pieces ---

    def _time(self, value: dict[str, Any]) -> float:
        at = value.get("at")
        if not isinstance(at, int | float) or isinstance(at, bool):
            self.fail(f'expected a number under "at", found {at!r:.60}')
        if not 0 <= at <= LONGEST_RUN:
            self.fail(f'expected seconds under "at", from 0 to {LONGEST_RUN:,}, found {at!r:.60}')
        if self.times and at < self.times[-1]:
            self.fail(f'expected under "at" no less than before, {self.times[-1]!r}, found {at!r}')
        return float(at)

    def _text(self, value: dict[str, Any], key: str) -> str:
        text = value.get(key)
        if not isinstance(text, str):
            self.fail(f'expected a string under "{key}"' + ("" if key in value else ", which is missing"))
        return text

    def _texts(self, value: dict[str, Any], key: str) -> tuple[str, ...]:
        texts = value.get(key)
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            self.fail(f'expected a list of strings under "{key}"')
        return tuple(texts)

    def _read(self, value: dict[str, Any], key: str) -> Any:
        if key not in value:
            self.fail(f'the key "{key}" is missing')
        try:
            return read(value[key])
        except (ValueError, TypeError, RecursionError) as error:
            self.fail(f'under "{key}": {error}')


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} stands where a number belongs")
