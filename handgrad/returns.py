"""What a call returned, as a whole: how many values there are, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.causes import words_for
from handgrad.diagnose import wrong_entries
from handgrad.judge import TOLERANCE, Context
from handgrad.probe import items, read_array, type_name
from handgrad.report import Finding

__all__ = ["not_a_pair", "permuted", "split"]

Array = NDArray[Any]


def split(context: Context, returned: object, names: Sequence[str]) -> dict[str, Any] | Finding:
    """The returned values by name, or the finding that says how many there are instead."""
    values = items(returned)
    if len(names) > 1 and values is not None and len(values) == len(names):
        return dict(zip(names, values, strict=True))
    several = f"({', '.join(names)})"
    expected = f"{len(names)} values, {several}" if len(names) > 1 else f"one array, {names[0]}"
    if len(names) == 1:
        if issubclass(type(returned), tuple) and values is not None:
            comma = (
                "a tuple of one: is there a comma too many?" if len(values) == 1 else f"{len(values)} values"
            )
            return context.finding("", "arity", "arity", f"returned {comma}", [f"expected {expected}"])
        return {names[0]: returned}
    step = f"check: end with return {', '.join(names)}"
    if values is None:
        got = "one array" if type(returned) is np.ndarray else f"a {type_name(returned)}"
        return context.finding("", "arity", "arity", f"returned {got}, expected {expected}", step=step)
    count = f"{len(values)} value{'s' if len(values) != 1 else ''}"
    return context.finding("", "arity", "arity", f"returned {count}, expected {expected}", step=step)


def permuted(context: Context, values: Mapping[str, Any], truths: Mapping[str, Array]) -> Finding | None:
    """The finding for right values in the wrong order: shapes and numbers must both fit the other order."""
    names = list(values)
    arrays = list(values.values())
    if len(names) < 2 or len(names) > 6 or any(type(a) is not np.ndarray for a in arrays):
        return None
    for order in permutations(range(len(names))):
        if order == tuple(range(len(names))):
            continue
        moved = [arrays[i] for i in order]
        if all(_fits(a, truths[name]) for name, a in zip(names, moved, strict=True)):
            words = words_for("permuted", "", ", ".join(names))
            got = ", ".join(names[order.index(i)] for i in range(len(names)))
            sentence = f"returned ({got}), expected ({', '.join(names)})"
            return context.finding("", "permuted", "permuted", sentence, [], words.cause, words.step)
    return None


def _fits(a: Array, truth: Array) -> bool:
    cause, _ = read_array(a, truth.shape)
    return not cause and not wrong_entries(a.astype(np.float64), truth, TOLERANCE["float32"]).any()


def not_a_pair(context: Context, returned: object, expected: str) -> Finding:
    """The finding for a call that should have returned two things."""
    values = items(returned)
    count = f"{len(values or [])} value{'' if len(values or []) == 1 else 's'}"
    got = (
        "one array"
        if type(returned) is np.ndarray
        else f"a {type_name(returned)}"
        if values is None
        else count
    )
    step = f"check: end with return {expected.strip('()')}"
    return context.finding("", "arity", "arity", f"returned {got}, expected {expected}", step=step)
