"""What several layer files share: the array type, and the cases of the element-wise layers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handgrad.layers import Case

__all__ = ["ELEMENTWISE_CASES", "Array"]

# complex128 when a forward is differentiated by a complex step; float64 otherwise.
Array = NDArray[np.float64]

ELEMENTWISE_CASES = (
    Case("different sizes", {"N": 7, "...": (5,)}),
    Case("one sample", {"N": 1, "...": (4,)}),
    Case("square", {"N": 4, "...": (4,)}),
    Case("higher rank", {"N": 5, "...": (2, 3, 4)}),
    Case("a vector", {"N": 6, "...": ()}),
)
