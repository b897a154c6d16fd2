"""What shapes alone decide about dW = X.T @ G: the arrangements that fit, true and false (000.6, 000.8)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray

from handgrad import shapes
from handgrad.widgets.base import Figure, fixed

__all__ = ["CANDIDATES", "Arrangements"]

# In the order of the picture, each with the coincidence of sizes that its shape needs.
CANDIDATES = (
    ("X.T @ G", ""),
    ("X @ G", "D = N"),
    ("G.T @ X", "D = C"),
    ("X.T @ G.T", "C = N"),
    ("G @ X", "D = C = N"),
    ("G @ X.T", "D = C = N"),
    ("X @ G.T", "D = C = N"),
    ("G.T @ X.T", "D = C = N"),
    ("X * G", "D = C = N"),
    ("X * G.T", "D = C = N"),
    ("X.T * G", "D = C = N"),
    ("X.T * G.T", "D = C = N"),
)


class Arrangements(Figure):
    """The products of X: N D and G: N C that have the shape of dW: D C, for N, D, C from 1 to 9.

    As in `handgrad.shapes.arrangements` without reductions: each array once, transposed or not, in either
    order, as a matrix product or entry by entry, without broadcasting. The error is the largest difference
    from X.T @ G, over its largest entry, for two matrices of whole numbers.
    """

    label: ClassVar[str] = "What shapes decide, and what they do not"
    lead: ClassVar[str] = (
        "S = X W, with X of shape (N, D); the upstream gradient G = dL/dS is (N, C), so dW must be (D, C). "
        "Predict how many products of X and G, transposed or not, have that shape when all sizes differ. "
        "And when two are equal? All three?"
    )
    N = traitlets.Int(7, min=1, max=9).tag(sync=True)
    D = traitlets.Int(3, min=1, max=9).tag(sync=True)
    C = traitlets.Int(2, min=1, max=9).tag(sync=True)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """X: (N, D) and G: (N, C), of whole numbers from −3 to 3, so that both languages agree to the last digit."""
        n = np.arange(1, self.N + 1)[:, None]
        d, c = np.arange(1, self.D + 1), np.arange(1, self.C + 1)
        return {
            "X": (5 * n * n + 3 * d + 6 * n * d) % 7 - 3.0,
            "G": (6 * n + 4 * c * c + 2 * n * c + 1) % 7 - 3.0,
        }

    def fitting(self) -> dict[str, float]:
        """The error of each arrangement that fits at these sizes, by formula."""
        arrays = self.arrays()
        truth = arrays["X"].T @ arrays["G"]
        found = shapes.arrangements("D C", {"X": "N D", "G": "N C"}, sizes=self.state())
        scale = np.abs(truth).max() or 1.0
        return {str(a): float(np.abs(a.evaluate(arrays) - truth).max() / scale) for a in found}

    def words(self) -> list[str]:
        """The shapes, and for each of the twelve products whether it fits, and its error."""
        fitting = self.fitting()
        lines = [f"X is ({self.N}, {self.D}), G is ({self.N}, {self.C}), dW must be ({self.D}, {self.C})"]
        for formula, need in CANDIDATES:
            if formula not in fitting:
                lines.append(f"{formula}: does not fit, needs {need}")
            elif need == "":
                lines.append(f"{formula}: fits, and is right")
            else:
                error = fitting[formula]
                lines.append(
                    f"{formula}: fits, an impostor: "
                    + (f"error {fixed(error)}" if error else "at these sizes equal to the right one")
                )
        return lines
