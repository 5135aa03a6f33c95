"""Place what is drawn: a row for every generation, a column for every stage, lines that go round what is in their way.

A box stands one row below the lowest box that leads into it. A stage takes a column, or as many as its branches need; a
body, a block of columns of its own. Across, everything is measured in columns, so that a page may be as wide as it
likes; down, in pixels.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import attrs

from graphflow_compiler.dag import generations
from graphflow_compiler.render.drawing import Box, Drawing, Group, Link

#: In pixels: between two rows; above a row for the title of a frame; below one for its end; between parallel lines.
GAP: Final = 26
TITLE: Final = 30
FOOT: Final = 12
TRACK: Final = 8

#: In columns: how far from the middle of its box a line leaves that must not meet another; how far lines are apart that
#: run down between two columns, and how many may do so before they share a place.
_ASIDE: Final = 0.06
_LANE: Final = 0.012
_LANES: Final = 5


@attrs.frozen
class PlacedBox:
    """A box: its left end in columns, its top and height in pixels."""

    box: Box
    column: float
    top: int
    height: int


@attrs.frozen
class PlacedFrame:
    """A frame around boxes: its left end and its width in columns, its top and height in pixels."""

    group: Group
    column: int
    columns: int
    top: int
    height: int


@attrs.frozen
class PlacedLine:
    """A line by its corners, from the bottom of a box to the top of another: in columns and pixels."""

    link: Link
    corners: tuple[tuple[float, int], ...]


@attrs.frozen
class Layout:
    """Where everything stands, on a page of so many columns and so many pixels."""

    columns: int
    height: int
    boxes: tuple[PlacedBox, ...]
    frames: tuple[PlacedFrame, ...]
    lines: tuple[PlacedLine, ...]


def lay_out(drawing: Drawing, heights: Mapping[str, int]) -> Layout:
    """Place everything that is drawn.

    Args:
        drawing: what is drawn.
        heights: the height of every box by its id, in pixels.
    """
    whole = Group("", "", drawing.boxes, drawing.groups)
    rows = _rows(whole, drawing.links)
    block = _Across(rows, drawing.links).plan(whole)
    down = _Down(rows, heights, block)
    return Layout(
        block.columns,
        down.height,
        tuple(
            PlacedBox(box, block.boxes[box.id], down.tops[rows[box.id]], heights[box.id]) for box in drawing.all_boxes()
        ),
        tuple(PlacedFrame(frame.group, frame.column, frame.columns, *down.frame(frame)) for frame in block.frames),
        tuple(PlacedLine(route.link, tuple(down.corners(route))) for route in block.routes),
    )


def _rows(whole: Group, links: Iterable[Link]) -> dict[str, int]:
    """Return the row of every box. What takes no input stands below the input of its plan all the same."""
    ends = [(link.source, link.target) for link in links]
    fed = {target for _, target in ends}

    def starts(plan: Group) -> Iterator[tuple[str, str]]:
        for inner in plan.groups:
            if inner.stage is None:
                yield from starts(inner)
            else:
                yield from ((plan.boxes[0].id, box.id) for box in inner.boxes if box.id not in fed)

    layers = generations([box.id for box in whole.all_boxes()], [*ends, *starts(whole)])
    return {box_id: row for row, layer in enumerate(layers) for box_id in layer}


# --- across ------------------------------------------------------------------------------------------------


class _Turn(NamedTuple):
    """Where a line goes sideways: in the gap above a row, on the track of a net, to a column."""

    row: int
    net: str
    to: float


@attrs.frozen
class _Route:
    """The way of a line: down from a column, with some turns."""

    link: Link
    start: float
    turns: tuple[_Turn, ...]

    def moved(self, by: int) -> _Route:
        turns = tuple(turn._replace(to=turn.to + by) for turn in self.turns)
        return attrs.evolve(self, start=self.start + by, turns=turns)


@attrs.frozen
class _Frame:
    """A frame with the rows and columns that it takes, and how many frames end with it, itself among them."""

    group: Group
    first: int
    last: int
    column: int
    columns: int
    ending: int = 1


@attrs.frozen
class _Block:
    """What is placed as a whole: its rows, and the columns of what is in it, from 0."""

    first: int
    last: int
    columns: int
    boxes: Mapping[str, float]
    frames: tuple[_Frame, ...] = ()
    routes: tuple[_Route, ...] = ()

    def framed(self, group: Group) -> _Block:
        """Return the block with a frame around it."""
        ending = 1 + max((inner.ending for inner in self.frames if inner.last == self.last), default=0)
        frame = _Frame(group, self.first, self.last, 0, self.columns, ending)
        return attrs.evolve(self, frames=(frame, *self.frames))

    def moved(self, by: int) -> _Block:
        return attrs.evolve(
            self,
            boxes={box_id: column + by for box_id, column in self.boxes.items()},
            frames=tuple(attrs.evolve(frame, column=frame.column + by) for frame in self.frames),
            routes=tuple(route.moved(by) for route in self.routes),
        )


class _Across:
    """Finds columns for the boxes and ways for the lines."""

    def __init__(self, rows: Mapping[str, int], links: Iterable[Link]) -> None:
        self._rows = rows
        self._links_from: dict[str, list[Link]] = defaultdict(list)
        self._sources: dict[str, list[str]] = defaultdict(list)
        for link in links:
            self._links_from[link.source].append(link)
            self._sources[link.target].append(link.source)

    def plan(self, plan: Group) -> _Block:
        """Place the boxes, stages and bodies of a plan or a stage, each near to what leads into it."""
        packing = _Packing(self._rows)
        blocks = [(box, self._alone(box)) for box in plan.boxes]
        blocks += [(group.boxes[0], self.plan(group).framed(group)) for group in plan.groups]
        for box, block in sorted(blocks, key=lambda each: each[1].first):
            packing.add(block, wanted=self._middle_of_sources(box, packing))
        for box in plan.boxes:
            targets = [packing.boxes[link.target] for link in self._links_from[box.id] if link.target in packing.boxes]
            packing.centre(box.id, self._rows[box.id], targets)
        direct = [box for group in (plan, *plan.groups) if group is plan or group.stage for box in group.boxes]
        links = [link for box in direct for link in self._links_from[box.id]]
        return packing.block([self._route(link, packing) for link in links if packing.holds_apart(link)])

    def _alone(self, box: Box) -> _Block:
        row = self._rows[box.id]
        return _Block(row, row, 1, {box.id: 0.0})

    def _middle_of_sources(self, box: Box, packing: _Packing) -> float:
        known = [packing.boxes[source] for source in self._sources[box.id] if source in packing.boxes]
        return sum(known) / len(known) if known else 0.0

    def _route(self, link: Link, packing: _Packing) -> _Route:
        """Find a way: straight down, or with one turn where a column is free, or else between two columns."""
        start, end = packing.boxes[link.source], packing.boxes[link.target]
        first, last = self._rows[link.source] + 1, self._rows[link.target]
        ends = {packing.owner[link.source], packing.owner[link.target]}
        fans_out = len(self._links_from[link.source]) > 1
        if start == end and packing.is_free(start, first, last - 1, ends):
            return _Route(link, start, ())
        leaves = start
        below = packing.standing(start, first)
        if below is not None and below not in {packing.owner[one.target] for one in self._links_from[link.source]}:
            leaves += _ASIDE if end >= start else -_ASIDE
        out, into = f"from {link.source}", f"to {link.target}"
        if packing.is_free(end, first, last - 1, ends):
            return _Route(link, leaves, (_Turn(first, out if fans_out or first < last else into, end),))
        if packing.is_free(start, first, last - 1, ends):
            return _Route(link, leaves, (_Turn(last, into, end),))
        side = packing.side(int(end) + (0 if start < end else 1), first, last - 1)
        lane = side - 0.5 + packing.lane(side, link.source)
        return _Route(link, leaves, (_Turn(first, out, lane), _Turn(last, into, end)))


class _Packing:
    """Blocks beside and below each other.

    Attributes:
        boxes: the column of every box.
        owner: the number of the block that a box stands in.
    """

    def __init__(self, rows: Mapping[str, int]) -> None:
        self._rows = rows
        self.boxes: dict[str, float] = {}
        self.owner: dict[str, int] = {}
        self._blocks: list[_Block] = []
        #: By column: the rows that are taken, and by which block.
        self._taken: list[list[tuple[int, int, int]]] = []
        self._standing: set[tuple[float, int]] = set()
        #: The sides of columns, and the rows, in which a box stands in the middle of two.
        self._between: set[tuple[int, int]] = set()
        self._lanes: dict[int, dict[str, int]] = defaultdict(dict)

    def add(self, block: _Block, wanted: float) -> None:
        """Place a block in the free columns that are nearest to where its middle is wanted."""
        place = wanted - (block.columns - 1) / 2
        count = len(self._taken)
        free = [self.is_free(column, block.first, block.last) for column in range(count)]
        rooms = [column for column in range(count) if all(free[column : column + block.columns])]
        column = min((*rooms, count), key=lambda room: (abs(room - place), room))
        self._taken.extend([] for _ in range(column + block.columns - count))
        for each in range(column, column + block.columns):
            self._taken[each].append((block.first, block.last, len(self._blocks)))
        block = block.moved(column)
        self.boxes |= block.boxes
        for box_id in block.boxes:
            self._stand(box_id)
        self.owner |= dict.fromkeys(block.boxes, len(self._blocks))
        self._blocks.append(block)

    def holds_apart(self, link: Link) -> bool:
        """Tell whether the ends of a link are here, and not in one block, which has drawn it by itself."""
        ends = [self.owner.get(end) for end in (link.source, link.target)]
        return None not in ends and ends[0] != ends[1]

    def is_free(self, column: float, first: int, last: int, besides: Iterable[int] = ()) -> bool:
        """Tell whether nothing stands in some rows of a column, besides the frames of some blocks."""
        if first > last:
            return True
        if column != int(column) or any((column, row) in self._standing for row in range(first, last + 1)):
            return False
        return all(end < first or start > last or owner in besides for start, end, owner in self._taken[int(column)])

    def standing(self, column: float, row: int) -> int | None:
        """Return the number of the block that stands in a row of a column."""
        taken = self._taken[int(column)] if column == int(column) else []
        return next((owner for start, end, owner in taken if start <= row <= end), None)

    def centre(self, box_id: str, row: int, targets: list[float]) -> None:
        """Move a box that is alone in its row to the middle of what it leads to."""
        others = (taken for column in self._taken for taken in column if taken[2] != self.owner[box_id])
        if targets and not any(start <= row <= end for start, end, _ in others):
            self.boxes[box_id] = (min(targets) + max(targets)) / 2
            self._stand(box_id)

    def _stand(self, box_id: str) -> None:
        """Remember where a box stands: one in the middle of two columns, in both."""
        column, row = self.boxes[box_id], self._rows[box_id]
        self._standing |= {(math.floor(column), row), (math.ceil(column), row)}
        if column != int(column):
            self._between.add((math.ceil(column), row))

    def side(self, wanted: int, first: int, last: int) -> int:
        """Return the side of a column, the nearest to one, that no box in some rows stands on: some stand on two."""
        sides = sorted(range(len(self._taken) + 1), key=lambda side: abs(side - wanted))
        rows = range(first, last + 1)
        return next(side for side in sides if not any((side, row) in self._between for row in rows))

    def lane(self, side: int, net: str) -> float:
        """Return where a net runs down between two columns, beside the others that do."""
        lanes = self._lanes[side]
        return (lanes.setdefault(net, len(lanes)) % _LANES - _LANES // 2) * _LANE

    def block(self, routes: list[_Route]) -> _Block:
        """Return all as one block."""
        return _Block(
            min(block.first for block in self._blocks),
            max(block.last for block in self._blocks),
            len(self._taken),
            self.boxes,
            tuple(frame for block in self._blocks for frame in block.frames),
            (*routes, *(route for block in self._blocks for route in block.routes)),
        )


# --- down --------------------------------------------------------------------------------------------------


class _Down:
    """Finds out how high everything stands.

    Attributes:
        tops: of every row.
        height: of all.
    """

    def __init__(self, rows: Mapping[str, int], heights: Mapping[str, int], block: _Block) -> None:
        self._rows = rows
        self._heights = heights
        self._tracks = _tracks(block.routes)
        self._row_heights = [0] * (block.last + 1)
        for box_id, row in rows.items():
            self._row_heights[row] = max(self._row_heights[row], heights[box_id])
        opening = {frame.first for frame in block.frames}
        ending: dict[int, int] = defaultdict(int)
        for frame in block.frames:
            ending[frame.last] = max(ending[frame.last], frame.ending)
        counts: dict[int, int] = defaultdict(int)
        for (row, _), track in self._tracks.items():
            counts[row] = max(counts[row], track + 1)
        self.tops: list[int] = []
        self._gaps: list[int] = []
        y = 0
        for row, height in enumerate(self._row_heights):
            self._gaps.append(y)
            y += (GAP + TRACK * max(counts[row] - 1, 0) if row else 0) + (TITLE if row in opening else 0)
            self.tops.append(y)
            y += height + FOOT * ending[row]
        self.height = y

    def frame(self, frame: _Frame) -> tuple[int, int]:
        """Return the top and the height of a frame."""
        top = self.tops[frame.first] - TITLE
        bottom = self.tops[frame.last] + self._row_heights[frame.last] + FOOT * frame.ending
        return top, bottom - top

    def corners(self, route: _Route) -> Iterator[tuple[float, int]]:
        """Yield the corners of a line, in the middle of its columns."""
        source, target = route.link.source, route.link.target
        x = route.start + 0.5
        yield x, self.tops[self._rows[source]] + self._heights[source]
        for turn in route.turns:
            y = self._gaps[turn.row] + GAP // 2 + TRACK * self._tracks[turn.row, turn.net]
            yield x, y
            x = turn.to + 0.5
            yield x, y
        yield x, self.tops[self._rows[target]]


def _tracks(routes: Iterable[_Route]) -> dict[tuple[int, str], int]:
    """Give every net its track in a gap, so that no two nets run over each other."""
    spans: dict[int, dict[str, tuple[float, float]]] = defaultdict(dict)
    for route in routes:
        x = route.start
        for turn in route.turns:
            low, high = spans[turn.row].get(turn.net, (x, x))
            spans[turn.row][turn.net] = min(low, x, turn.to), max(high, x, turn.to)
            x = turn.to
    tracks = {}
    for row, nets in spans.items():
        ends: list[float] = []
        for net, (low, high) in sorted(nets.items(), key=lambda each: each[1]):
            track = next((index for index, end in enumerate(ends) if end < low), len(ends))
            ends[track : track + 1] = [high]
            tracks[row, net] = track
    return tracks
