"""One variable used many times: its value fans out, its gradients are summed back (sources 000.13, 001.20)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.draw.noise import noiseless
from handgrad.draw.svg import Canvas, Picture, cells, mono_width, spoken
from handgrad.errors import HandgradError, layout
from handgrad.graph import OPS, Edge, Graph

__all__ = ["fanout"]

_LINE = 15


@dataclass(frozen=True)
class _Use:
    """One use: its label, the operation it enters, its share of the gradient, and the result with its gradient."""

    label: str
    symbol: str
    share: NDArray[Any]
    result: NDArray[Any] | None = None
    upstream: NDArray[Any] | None = None


def fanout(g: Graph, name: str, most: int = 6, title: str = "") -> Picture:
    """Draw every use of the node `name` after `Graph.backward`: forwards one value, backwards one share a use.

    An operand that was broadcast is used once for each row, column or entry that it was repeated for. At
    most `most` uses are drawn; the sum is over all. Raises UnknownNameError for an unknown name, and
    HandgradError before backward or for a node that gets no gradient.
    """
    g = noiseless(g)
    node = g[name]
    uses = [use for edge in g.uses(node) for use in _uses(g, edge)]
    if node.gradient is None or not uses:
        raise HandgradError(
            layout("fanout", f"{name} has no use with a gradient", step="call backward on the graph first")
        )
    canvas = Canvas()
    shown = uses[:most]
    value = cells(node.value) or [str(node.shape)]
    total = cells(node.gradient) or [str(node.shape)]
    shares = [cells(u.share) or [str(u.share.shape)] for u in shown]
    results = [cells(u.result) if u.result is not None else [] for u in shown]
    upstreams = [cells(u.upstream) if u.upstream is not None else [] for u in shown]

    lines = [max(len(s), len(u)) for s, u in zip(shares, upstreams, strict=True)]
    above = max(len(value), max(len(r) for r in results))
    tops = [0.0]
    for k in range(len(shown) - 1):
        tops.append(tops[k] + max(44, _LINE * (lines[k] + above) + 22))
    centre = (tops[0] + tops[-1]) / 2

    box = max(mono_width(name) + 18, 34)
    stub = max(mono_width(t) for t in value + total) + 14
    split = box + stub
    arrive = split + 44
    tip = arrive + max(mono_width(t) for rows in [value, *shares] for t in rows) + 22
    boxes = max(max(mono_width(u.symbol) for u in shown) + 16, 30)
    out = tip + boxes + max([mono_width(t) for rows in results + upstreams for t in rows], default=0) + 16

    canvas.rect(0, centre - 15, box, 30, rx=2, line="value")
    canvas.text(box / 2, centre + 4.5, name, bold=True)
    canvas.path([(box, centre), (split, centre)])
    _block(canvas, (box + split) / 2, centre, value, total)
    canvas.head(box + 7, centre + 21 + _LINE * len(total), "gradient", back=True)
    canvas.path(
        [(box + 7, centre + 21 + _LINE * len(total)), (split, centre + 21 + _LINE * len(total))],
        ink="gradient",
        dash="4 3",
    )
    canvas.text(
        (box + split) / 2, centre + 38 + _LINE * len(total), f"sum of {len(uses)}", "gradient", size=12
    )
    for k, use in enumerate(shown):
        y = tops[k]
        canvas.curve(split, centre, arrive, y)
        canvas.path([(arrive, y), (tip - 1, y)])
        canvas.head(tip, y)
        _block(canvas, (arrive + tip - 8) / 2, y, value, shares[k])
        canvas.rect(tip, y - 15, boxes, 30, fill="quiet", alpha=0.14, rx=8)
        canvas.text(tip + boxes / 2, y + 4.5, use.symbol)
        end = out if results[k] else tip + boxes
        if results[k]:
            canvas.path([(tip + boxes, y), (end + 8, y)])
            canvas.head(end + 8, y)
            _block(canvas, (tip + boxes + end) / 2, y, results[k], upstreams[k])
        canvas.text(end + 16, y + 4.5, use.label, anchor="start", size=12)
    rest = len(uses) - len(shown)
    if rest:
        canvas.text(
            tip + boxes / 2, canvas.box[3] + 20, f"… and {rest} more", anchor="middle", size=12, sans=True
        )
    y = canvas.box[3] + 24
    canvas.text(0, y, "above: the value, the same for every use", "value", "start", 12, sans=True)
    canvas.text(
        0,
        y + 17,
        "below: one use's share of the gradient; the shares are added",
        "gradient",
        "start",
        12,
        sans=True,
    )

    text = [f"{name} = {spoken(node.value)} is used {len(uses)} times"]
    for use in uses if len(uses) <= 64 else shown:
        into = f" into {spoken(use.result)}" if use.result is not None else ""
        text.append(f"  {use.label} ({use.symbol}){into}: share of the gradient {spoken(use.share)}")
    text.append(f"The gradient of {name} is the sum of the {len(uses)} shares: {spoken(node.gradient)}")
    desc = f"The value of {name} goes to {len(uses)} uses; on the way back their gradients are added."
    return canvas.picture(title or f"{name} fans out to {len(uses)} uses", desc, "\n".join(text))


def _block(canvas: Canvas, x: float, y: float, above: list[str], below: list[str]) -> None:
    """Values above an edge and gradients below it."""
    for k, line in enumerate(above):
        canvas.text(x, y - 6 - _LINE * (len(above) - 1 - k), line, "value")
    for k, line in enumerate(below):
        canvas.text(x, y + 15 + _LINE * k, line, "gradient")


def _uses(g: Graph, edge: Edge) -> list[_Use]:
    """The uses that one edge stands for: one, or one for each place to which the operand was broadcast."""
    source, target = g.nodes[edge.source], g.nodes[edge.target]
    if edge.contribution is None or edge.spread is None:
        return []
    spread, symbol = edge.spread, OPS[target.op].symbol
    if spread.shape == source.shape:
        small = target.size <= 4
        result, upstream = (target.value, target.gradient) if small else (None, None)
        return [_Use(target.name, symbol, edge.contribution, result, upstream)]
    lead = spread.ndim - source.ndim
    repeated = [i for i in range(spread.ndim) if i < lead or spread.shape[i] != source.shape[i - lead]]
    uses = []
    whole = spread.shape == target.shape  # the uses can be read off the result, too
    for place in np.ndindex(*(spread.shape[i] for i in repeated)):
        index: list[Any] = [slice(None)] * spread.ndim
        for axis, at in zip(repeated, place, strict=True):
            index[axis] = at if axis < lead else slice(at, at + 1)
        key = tuple(index)
        result = target.value[key] if whole else None
        upstream = target.gradient[key] if whole and target.gradient is not None else None
        uses.append(
            _Use(_place(target.name, repeated, place, spread.ndim), symbol, spread[key], result, upstream)
        )
    return uses


def _place(name: str, repeated: list[int], place: tuple[int, ...], ndim: int) -> str:
    if ndim == 2 and len(repeated) == 1:
        return f"{'row' if repeated == [0] else 'column'} {place[0]} of {name}"
    where: list[str] = [":"] * ndim
    for axis, at in zip(repeated, place, strict=True):
        where[axis] = str(at)
    return f"{name}[{','.join(where)}]"
