"""Where an answer is wrong: a row, a run of steps, the entries that a mask names. Knows masks alone, no values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Region", "find"]

Mask = NDArray[np.bool_]


class Region(NamedTuple):
    """The slug of a cause, the row of the causes that words it, and where it is."""

    slug: str
    words: str
    where: str


def find(wrong: Mask, silent: Mask, arrays: Mapping[str, Any]) -> Region | None:
    """The region that the wrong entries are, or None where they have no shape that is known.

    wrong: some entries, not all, of any shape; silent: the same shape, where an entry cannot be seen to be wrong.
    `arrays` are inputs by name, whose signs, labels and masks may be what the wrong entries share.
    """
    for name, mask in _masks(wrong.shape, arrays).items():
        if np.array_equal(wrong, mask):
            return Region("some-entries", "some-entries", f"exactly those where {name}")
    if wrong.sum() == 1:
        index = ", ".join(str(int(i[0])) for i in np.nonzero(wrong))
        return Region("some-entries", "some-entries", f"[{index}] alone")
    if wrong.ndim > 2:
        found = _slices(wrong, silent)
        if found is not None:
            return found
    return _lines(wrong, silent) if wrong.ndim >= 2 else None


def _slices(wrong: Mask, silent: Mask) -> Region | None:
    """Whole slices along one of three axes or more."""
    for axis in range(wrong.ndim):
        others = tuple(i for i in range(wrong.ndim) if i != axis)
        lines, whole = np.asarray(wrong.any(axis=others)), np.asarray((wrong | silent).all(axis=others))
        if _is_run(lines) and whole[lines].all():
            slug = {0: "some-rows", wrong.ndim - 1: "some-columns"}.get(axis, "some-slices")
            return Region(slug, "some-slices", _index(lines, axis, wrong.ndim))
    return None


def _lines(wrong: Mask, silent: Mask) -> Region | None:
    """Rows, or columns, of an answer with one row a sample."""
    flat, telling = (a.reshape(wrong.shape[0], -1) for a in (wrong, ~silent))
    for slug, axis in (("some-rows", 1), ("some-columns", 0)):
        lines, whole = np.asarray(flat.any(axis=axis)), np.asarray((flat | ~telling).all(axis=axis))
        if _is_run(lines) and (2 * lines.sum() <= lines.size or whole[lines].all()):
            return Region(slug, slug, _list(lines))
    return None


def _is_run(lines: Mask) -> bool:
    """Whether the wrong rows are a beginning, an end, or a single one: what a loop or an index gets wrong."""
    which = np.flatnonzero(lines)
    consecutive = which[-1] - which[0] + 1 == len(which)
    return bool(
        consecutive and not lines.all() and (len(which) == 1 or which[0] == 0 or which[-1] == len(lines) - 1)
    )


def _masks(shape: tuple[int, ...], arrays: Mapping[str, Any]) -> dict[str, Mask]:
    """Regions that have a name: the signs of same-shaped arrays, the labels' entries, and the rows of a mask."""
    masks: dict[str, Mask] = {}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            continue
        if array.shape == shape and array.dtype.kind == "f":
            masks[f"{name} < 0"], masks[f"{name} > 0"] = array < 0, array > 0
        elif array.dtype.kind in "ib" and array.ndim and array.shape == shape[:-1]:
            masks.update(_rows(name, array, shape))
    return masks


def _rows(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> dict[str, Mask]:
    """The regions that labels or a mask name, which have one entry for each row of an answer of this shape."""
    if array.dtype.kind == "b":
        rows = np.broadcast_to(array[..., None], shape)
        return {f"{name} is False": ~rows, f"{name} is True": rows}
    label = array[..., None] == np.arange(shape[-1])
    return {f"the column is the label {name}": label, f"the column is not the label {name}": ~label}


def _index(which: Mask, axis: int, ndim: int) -> str:
    """How the run of wrong lines along an axis is written: "[:, 3]", "[2:]", "[..., :4]"."""
    first, last = (int(np.flatnonzero(which)[i]) for i in (0, -1))
    run = f"{first}" if first == last else f"{first}:" if first else f":{last + 1}"
    before = "..., " if axis == ndim - 1 else ":, " * axis
    return f"[{before}{run}]"


def _list(which: Mask) -> str:
    indices = np.flatnonzero(which)
    shown = ", ".join(map(str, indices[:6]))
    return shown + (f", … {len(indices)} in all" if len(indices) > 6 else "")
