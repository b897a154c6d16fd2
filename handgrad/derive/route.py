"""What the four routes have in common: a route is lines, each a formula that was run, with its cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handgrad.operations import Array

__all__ = ["ROUTES", "Route", "RouteLine"]

ROUTES: Mapping[str, str] = {
    "elements": "sums over indices, one entry at a time",
    "shapes": "the arrangement that fits; numbers decide where several fit",
    "vec": "full Jacobians as matrices, every array a long vector",
    "graph": "the reverse steps, one an operation and operand",
}


@dataclass(frozen=True)
class RouteLine:
    """One line: what it computes, how it is written, what it costs and why it holds.

    kept: the entries of its result. peak: the most entries that it holds at one moment, its result included.
    """

    name: str
    of: str
    formula: str
    latex: str
    multiply_adds: int
    kept: int
    peak: int
    note: str = ""

    def __str__(self) -> str:
        return self.formula


@dataclass(frozen=True)
class Route:
    """A derivation's backward pass by one route.

    why: why the route does not apply, "" if it does. sizes: those of the counts. values: the gradients by name
    where the route has been run.
    """

    route: str
    says: str
    lines: tuple[RouteLine, ...]
    sizes: Mapping[str, int]
    why: str = ""
    values: Mapping[str, Array] = field(default_factory=dict, compare=False, repr=False)

    @property
    def applies(self) -> bool:
        """Whether the whole backward pass can be had by this route."""
        return not self.why

    @property
    def multiply_adds(self) -> int:
        """The work of all lines."""
        return sum(line.multiply_adds for line in self.lines)

    @property
    def held(self) -> int:
        """The most entries held at one moment: results are kept, all else goes when its line is done."""
        kept, peak = 0, 0
        for line in self.lines:
            peak = max(peak, kept + line.peak)
            kept += line.kept
        return peak

    def __str__(self) -> str:
        title = f"Route {self.route}: {self.says}"
        if not self.applies:
            return f"{title}\n  does not apply: {self.why}"
        rows = [title]
        for line in self.lines:
            rows.append(f"  {line.formula}")
            rows += [f"      {part}" for part in line.note.split("\n") if part]
        sizes = ", ".join(f"{axis} = {size}" for axis, size in self.sizes.items()) or "scalars"
        rows.append(f"At {sizes}: {self.multiply_adds:,} multiply-adds, {self.held:,} entries held.")
        return "\n".join(rows)

    def to_data(self) -> dict[str, Any]:
        """The same as plain data, without the gradients' values."""
        return {
            "route": self.route,
            "says": self.says,
            "applies": self.applies,
            "why": self.why,
            "multiply_adds": self.multiply_adds,
            "held": self.held,
            "lines": [
                {
                    "name": line.name,
                    "of": line.of,
                    "formula": line.formula,
                    "latex": line.latex,
                    "multiply_adds": line.multiply_adds,
                    "kept": line.kept,
                    "peak": line.peak,
                    "note": line.note,
                }
                for line in self.lines
            ],
        }
