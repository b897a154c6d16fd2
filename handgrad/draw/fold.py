"""Where a wide graph is folded: its layers in rows, one under the other, each no wider than asked if possible."""

from __future__ import annotations

from dataclasses import dataclass

from handgrad.draw.layered import Layout
from handgrad.draw.svg import Canvas, mono_width

__all__ = ["Columns", "fold", "lines_between", "lower", "mark", "mark_width"]

_SMALL = 10.5  # the size of the text in a mark


@dataclass
class Columns:
    """The x of each layer: left edge and width of its boxes, where the labels end, where arrows with labels start."""

    left: list[float]
    box: list[float]
    end: list[float]
    arrive: list[float]

    def widths(self, bend: float) -> list[float]:
        """What each layer takes, with the curves to the next, which take `bend`."""
        return [end - arrive + bend for arrive, end in zip(self.arrive, self.end, strict=True)]

    def restart(self, row: list[int], ends: list[float]) -> None:
        """Let every row start at the left, after the room for what stands where a line is cut."""
        back = 0.0
        for k in range(1, len(row)):
            if row[k] != row[k - 1]:
                back = self.arrive[k] - ends[k - 1]
            for xs in (self.left, self.end, self.arrive) if back else ():
                xs[k] -= back


def lines_between(layout: Layout) -> list[int]:
    """How many lines go from each layer to the next."""
    return [sum(len(layout.slots[key].after) for key in keys) for keys in layout.layers[:-1]]


def fold(widths: list[float], lines: list[int], ends: list[float], most: float) -> list[int]:
    """The row of each layer: as few rows as fit into `most`, and among those as few lines cut as possible.

    widths: of the layers; lines: see `lines_between`; ends: the room that a fold after each layer takes at the
    end of one row and again at the start of the next. A single layer that is wider has a row to itself.
    """
    n = len(widths)
    # Of the first k layers: rows, lines cut, the widest row, and where the last row starts.
    best: list[tuple[int, int, float, int]] = [(0, 0, 0.0, 0)]
    for stop in range(1, n + 1):
        options = []
        for start in range(stop - 1, -1, -1):
            room = sum(widths[start:stop])
            room += (ends[start - 1] if start else 0) + (ends[stop - 1] if stop < n else 0)
            if room > most and start < stop - 1:
                break
            rows, cut, widest, _ = best[start]
            cut += lines[start - 1] if start else 0
            options.append((rows + 1, cut, max(widest, room), start))
        best.append(min(options))
    row = [0] * n
    stop = n
    while stop:
        start = best[stop][3]
        row[start:stop] = [best[stop][0] - 1] * (stop - start)
        stop = start
    return row


def lower(layout: Layout, row: list[int], gap: float) -> None:
    """Move every row of layers down until it is clear of the row before."""
    floor = None
    for r in range(1 + max(row, default=0)):
        slots = [s for s in layout.slots.values() if row[s.layer] == r]
        if floor is not None:
            shift = round(floor + gap - min(s.y - s.up for s in slots))
            for s in slots:
                s.y += shift
        floor = max(s.y + s.down for s in slots)


def mark_width(tag: str) -> float:
    """The width of a mark."""
    return mono_width(tag, _SMALL) + 8


def mark(canvas: Canvas, x: float, y: float, tag: str) -> None:
    """What stands where a line is cut, with its left edge at x."""
    width = mark_width(tag)
    canvas.rect(x, y - 6.5, width, 13, fill="quiet", alpha=0.14, line="quiet", rx=6)
    canvas.text(x + width / 2, y + 3.7, tag, size=_SMALL)
