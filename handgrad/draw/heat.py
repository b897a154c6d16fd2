"""Matrices and Jacobians as heat maps: numbers where they fit, and zeros distinct from what is merely small."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handgrad.draw.svg import Canvas, Picture, mono_width, number
from handgrad.errors import ShapeError, layout

__all__ = ["jacobian", "matrix"]

_MOST = 64  # rows or columns; a larger map shows nothing more


def matrix(
    a: ArrayLike,
    row_labels: Sequence[str] = (),
    col_labels: Sequence[str] = (),
    title: str = "Matrix",
    digits: int = 3,
) -> Picture:
    """Draw an array of shape (R, C), or (C,) as one row, as a heat map.

    The stronger the fill, the larger the magnitude; negative entries have the other colour and, where no
    number is written, a minus. Entries that are exactly 0 have no fill. Raises ShapeError for more than two
    axes, more than 64 rows or columns, no entries, or labels of another number than the rows or columns.
    """
    values = _table(a)
    rows, cols = values.shape
    row_labels, col_labels = _checked("row", row_labels, rows), _checked("column", col_labels, cols)
    canvas = Canvas()
    numbers = _cells(canvas, values, row_labels, col_labels, digits)
    zeros = int(np.sum(values == 0))
    desc = f"Heat map of {rows} by {cols} entries, {zeros} of them 0; {_range(values, digits)}."
    return canvas.picture(title, desc, _words(title, values, row_labels, col_labels, digits, numbers))


def jacobian(
    j: ArrayLike,
    out_shape: tuple[int, ...] | None = None,
    in_shape: tuple[int, ...] | None = None,
    out: str = "y",
    inp: str = "x",
    title: str = "",
    digits: int = 3,
) -> Picture:
    """Draw a Jacobian: row i, column j holds the derivative of output entry i by input entry j.

    j: of shape out_shape + in_shape, or (outputs, inputs) flattened in row-major order; shapes left out
    are (outputs,) and (inputs,). Heavier lines stand between the rows of `out` and of `inp`, their first
    axis, where there is more than one axis. Raises ShapeError for shapes that do not fit j, and as `matrix` does.
    """
    array = np.asarray(j, dtype=np.float64)
    flat = array.shape if array.ndim == 2 else (1, 1)
    out_shape = flat[:1] if out_shape is None else tuple(out_shape)
    in_shape = flat[1:] if in_shape is None else tuple(in_shape)
    rows, cols = math.prod(out_shape), math.prod(in_shape)
    if array.shape not in ((*out_shape, *in_shape), (rows, cols)):
        raise ShapeError(
            layout(
                "jacobian",
                f"has shape {array.shape}",
                [
                    f"outputs of shape {out_shape} and inputs of shape {in_shape} make {(*out_shape, *in_shape)}"
                ],
                step=f"pass that, or {(rows, cols)}",
            )
        )
    values = _table(array.reshape(rows, cols))
    row_step = rows // out_shape[0] if len(out_shape) > 1 else 0
    col_step = cols // in_shape[0] if len(in_shape) > 1 else 0
    row_labels, col_labels = _entries(out, out_shape), _entries(inp, in_shape)
    kind = _structure(values, row_step, col_step, out)
    apart = dict.fromkeys(name for name, step in ((out, row_step), (inp, col_step)) if step)
    canvas = Canvas()
    numbers = _cells(canvas, values, row_labels, col_labels, digits, row_step, col_step)
    if apart:
        lines = f"heavy lines: between rows of {' and of '.join(apart)}"
        canvas.text(canvas.box[0], canvas.box[3] + 16, lines, anchor="start", size=12, sans=True)
    title = title or f"Jacobian of {out} by {inp}"
    desc = (
        f"{rows} rows, one for each entry of {out}, by {cols} columns, one for each entry of {inp}: {kind}."
    )
    text = _words(title, values, row_labels, col_labels, digits, numbers)
    return canvas.picture(title, desc, f"{desc}\n{text}")


def _table(a: ArrayLike) -> NDArray[Any]:
    values = np.asarray(a, dtype=np.float64)
    if values.ndim < 2:
        values = values.reshape(1, -1)
    if values.ndim > 2 or not values.size or max(values.shape) > _MOST:
        what = f"cannot draw shape {np.shape(a)} as a heat map"
        raise ShapeError(layout("draw", what, step=f"pass a matrix of 1 to {_MOST} rows and columns"))
    return values


def _checked(what: str, labels: Sequence[str], count: int) -> Sequence[str]:
    if labels and len(labels) != count:
        raise ShapeError(layout("matrix", f"got {len(labels)} {what} labels for {count} {what}s"))
    return labels


def _entries(name: str, shape: tuple[int, ...]) -> list[str]:
    """The names of an array's entries in row-major order: x[0,0], x[0,1], …"""
    return [name] if not shape else [f"{name}[{','.join(map(str, index))}]" for index in np.ndindex(*shape)]


def _structure(values: NDArray[Any], row_step: int, col_step: int, out: str) -> str:
    """Words for where the entries that are not 0 lie."""
    filled = np.argwhere(values != 0)
    count = f"{len(filled)} of {values.size} entries are not 0"
    if not len(filled):
        return "all 0"
    if values.shape[0] == values.shape[1] and all(r == c for r, c in filled):
        return f"diagonal, {count}"
    if row_step and col_step and all(r // row_step == c // col_step for r, c in filled):
        return f"block diagonal, one block for each row of {out}, {count}"
    return "dense, no entry is 0" if len(filled) == values.size else count


def _range(values: NDArray[Any], digits: int) -> str:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "no entry is finite"
    return f"smallest {number(finite.min(), digits)}, largest {number(finite.max(), digits)}"


def _cells(
    canvas: Canvas,
    values: NDArray[Any],
    row_labels: Sequence[str],
    col_labels: Sequence[str],
    digits: int,
    row_step: int = 0,
    col_step: int = 0,
) -> bool:
    """Draw the map; whether its numbers are written in it."""
    rows, cols = values.shape
    texts = [[number(v, digits) for v in row] for row in values]
    size, pad = (12, 8) if cols <= 8 else (11, 4)  # many columns have to fit a narrow screen
    widest = max(mono_width(t, size) for row in texts for t in row)
    numbers = bool(rows <= 12 and cols * (widest + pad) <= 520)
    w, h = (max(widest + pad, 26), 26.0) if numbers else (max(6.0, min(18.0, 360 / cols)),) * 2
    finite = np.abs(values[np.isfinite(values)])
    top = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    for r in range(rows):
        for c in range(cols):
            v, x, y = float(values[r, c]), c * w, r * h
            if v == 0:
                if numbers:
                    canvas.text(x + w / 2, y + h / 2 + 4, "0", "quiet", size=size)
                continue
            share = abs(v) / top if math.isfinite(v) else 0.0
            ink = "value" if v > 0 else "gradient" if v < 0 else "quiet"
            canvas.rect(x, y, w, h, fill=ink, alpha=0.14 + (0.38 if numbers else 0.7) * share, line="none")
            if numbers:
                canvas.text(x + w / 2, y + h / 2 + 4, texts[r][c], size=size)
            elif v < 0 and w >= 8:
                canvas.path([(x + w / 4, y + h / 2), (x + 3 * w / 4, y + h / 2)])
    for r in range(rows + 1):
        heavy = r in (0, rows) or (row_step and r % row_step == 0)
        canvas.path([(0, r * h), (cols * w, r * h)], width=1.8 if heavy else 0.6, alpha=1 if heavy else 0.3)
    for c in range(cols + 1):
        heavy = c in (0, cols) or (col_step and c % col_step == 0)
        canvas.path([(c * w, 0), (c * w, rows * h)], width=1.8 if heavy else 0.6, alpha=1 if heavy else 0.3)
    if row_labels and h >= 12:
        for r, label in enumerate(row_labels):
            canvas.text(-8, r * h + h / 2 + 4, label, anchor="end", size=11)
    if col_labels and all(mono_width(label, 11) <= w - 2 for label in col_labels):
        for c, label in enumerate(col_labels):
            canvas.text(c * w + w / 2, -7, label, size=11)
    elif col_labels and w >= 12:
        for c, label in enumerate(col_labels):
            canvas.upright(c * w + w / 2 + 4, -7, label, size=11)
    _key(canvas, values, rows * h + 24, numbers)
    return numbers


def _key(canvas: Canvas, values: NDArray[Any], y: float, numbers: bool) -> None:
    entries = [("value", "positive"), ("gradient", "negative"), ("", "exactly 0")]
    present = [np.any(values > 0), np.any(values < 0), np.any(values == 0)]
    x = canvas.box[0]
    for (ink, label), here in zip(entries, present, strict=True):
        if not here:
            continue
        canvas.rect(x, y - 10, 14, 14, fill=ink or "none", alpha=0.5, width=0.8)
        if ink == "gradient" and not numbers:
            canvas.path([(x + 3.5, y - 3), (x + 10.5, y - 3)])
        canvas.text(x + 20, y + 1, label, anchor="start", size=12, sans=True)
        x += 88


def _words(
    title: str,
    values: NDArray[Any],
    row_labels: Sequence[str],
    col_labels: Sequence[str],
    digits: int,
    numbers: bool,
) -> str:
    """Every entry of a small map; of a large one, every row's entries that are not 0, up to a limit."""
    rows, cols = values.shape
    names = list(row_labels) or [f"row {i}" for i in range(rows)]
    lines = [f"{title}: {rows} by {cols}"]
    if numbers:
        if col_labels:
            lines.append("columns: " + ", ".join(col_labels))
        lines += [
            f"{k}: " + ", ".join(number(v, digits) for v in row) for k, row in zip(names, values, strict=True)
        ]
        return "\n".join(lines)
    heads = list(col_labels) or [f"column {i}" for i in range(cols)]
    lines.append("all entries that are not listed are 0")
    for k, row in zip(names, values, strict=True):
        found = [f"{heads[c]} {number(row[c], digits)}" for c in np.flatnonzero(row)]
        if found:
            lines.append(f"{k}: " + ", ".join(found))
    return "\n".join(lines)
