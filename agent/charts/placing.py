"""Where labels go in a chart so that they cover no line and no other label. Plain geometry, in pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle, y upwards."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """The area both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(width, 0.0) * max(height, 0.0)

    def grown(self, by: float) -> Box:
        """The same with a margin around it."""
        return Box(self.left - by, self.bottom - by, self.right + by, self.top + by)


class Segment(NamedTuple):
    """A straight piece of a line."""

    x1: float
    y1: float
    x2: float
    y2: float


def inside(segment: Segment, box: Box) -> float:
    """How long the part of a segment within a box is (Liang-Barsky clipping)."""
    dx, dy = segment.x2 - segment.x1, segment.y2 - segment.y1
    enter, leave = 0.0, 1.0
    for p, q in (
        (-dx, segment.x1 - box.left),
        (dx, box.right - segment.x1),
        (-dy, segment.y1 - box.bottom),
        (dy, box.top - segment.y1),
    ):
        if p == 0:
            if q < 0:
                return 0.0
        elif p < 0:
            enter = max(enter, q / p)
        else:
            leave = min(leave, q / p)
    length = float((dx * dx + dy * dy) ** 0.5)
    return max(leave - enter, 0.0) * length


def best_place(candidates: Iterable[Box], room: Box, lines: Sequence[Segment], labels: Sequence[Box]) -> int | None:
    """The index of the first candidate within the room that touches nothing, else of the one that covers least.

    None if no candidate fits in the room.
    """
    best: tuple[float, int] | None = None
    for index, box in enumerate(candidates):
        if box.left < room.left or box.right > room.right or box.bottom < room.bottom or box.top > room.top:
            continue
        covered = sum(box.overlap(other) for other in labels) + sum(inside(segment, box) for segment in lines)
        if covered == 0:
            return index
        if best is None or covered < best[0]:
            best = covered, index
    return best[1] if best else None


def spread(wanted: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Middles of labels in a column, as near as possible to the wanted ones, none over another, all in the room.

    Neighbours that touch form a block, which stands around the mean of what its members want.
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    blocks: list[tuple[list[int], float, float]] = []  # members, bottom, height
    for index in order:
        members, height = [index], heights[index]
        bottom = min(max(wanted[index] - height / 2, low), high - height)
        while blocks and blocks[-1][1] + blocks[-1][2] > bottom:
            before, _, below = blocks.pop()
            members, height = before + members, below + height
            offset, total = 0.0, 0.0
            for member in members:
                total += wanted[member] - offset - heights[member] / 2
                offset += heights[member]
            bottom = min(max(total / len(members), low), high - height)
        blocks.append((members, bottom, height))
    middles = [0.0] * len(wanted)
    for members, bottom, _ in blocks:
        at = bottom
        for member in members:
            middles[member] = at + heights[member] / 2
            at += heights[member]
    return middles
