"""A running average in which the old value and the new one have the wrong weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["wrong_weights"]

Array = NDArray[Any]


def wrong_weights(value: object, before: object, truth: Array) -> tuple[str, Array] | None:
    """What the weights are in words, and the value; None where it is no mixture of the old and the new one.

    value, before: what the average is and was, of truth's shape. The weights of the right average, truth, add up
    to 1, so that a mixture of it and the old value tells their sum.
    """
    if not (isinstance(value, np.ndarray) and isinstance(before, np.ndarray)):
        return None
    if any(
        type(a) is not np.ndarray or a.shape != truth.shape or a.dtype.kind != "f" for a in (value, before)
    ):
        return None
    if truth.size < 3 or not (np.isfinite(value).all() and np.isfinite(before).all()):
        return None
    columns = np.stack([before, truth], axis=-1).reshape(-1, 2)
    (old, right), _, rank, _ = np.linalg.lstsq(columns, value.ravel(), rcond=None)
    exact = np.allclose(columns @ (old, right), value.ravel(), rtol=1e-9, atol=0.0)
    if rank < 2 or not exact or abs(old) < 1e-9:
        return None
    if abs(right) < 1e-9:
        words = f"it is {old:.4g} times the old value: the batch's share is missing"
    elif abs(old + right - 1) < 1e-9:
        words = f"the batch's share is {right:.4g} times what it should be, and the old value has the rest"
    else:
        words = f"the weights of the old value and of the batch's add up to {old + right:.4g}, and not to 1"
    return words, value
