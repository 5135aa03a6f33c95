"""Keep the events of a run in a file, and play them back.

`writing` puts events into lines of JSON, `reading` makes events of them again, `values` says how values are written,
and `recording` is what a file holds.
"""

from __future__ import annotations

from graphflow.recordings.reading import replay
from graphflow.recordings.recording import Recording
from graphflow.recordings.values import RecordedObject
from graphflow.recordings.writing import record

__all__ = ["RecordedObject", "Recording", "record", "replay"]
