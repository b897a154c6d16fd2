"""ReLU at work and at its kink: three inputs, the 3×3 Jacobian's mask, and dx = mask * dout (001.8 to 001.12)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray

from handgrad.layers import relu
from handgrad.widgets.base import Figure, fixed, listed

__all__ = ["ReluKink"]


class ReluKink(Figure):
    """out = max(0, x) of three inputs from −2 to 2, its Jacobian, and dx for the upstream gradient (0.5, −1.5, 2).

    x, dout, out, dx: (3,); the Jacobian: (3, 3), row i for out_i, column j for x_j. At 0 its entry is 0 by convention.
    """

    label: ClassVar[str] = "ReLU, its kink and its mask"
    lead: ClassVar[str] = (
        "Move one x across 0. Predict first: which entries of the Jacobian can change at all, and by how much? "
        "Then stop at 0 exactly."
    )
    x0 = traitlets.Float(1.2, min=-2, max=2).tag(sync=True)
    x1 = traitlets.Float(-0.8, min=-2, max=2).tag(sync=True)
    x2 = traitlets.Float(0.3, min=-2, max=2).tag(sync=True)
    dout = np.array([0.5, -1.5, 2.0])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """x, out, mask, dout, dx: (3,)."""
        x = np.array([self.x0, self.x1, self.x2])
        out, cache = relu.forward(x)
        return {
            "x": x,
            "out": out,
            "mask": relu.backward(np.ones(3), cache),
            "dout": self.dout,
            "dx": relu.backward(self.dout, cache),
        }

    def words(self) -> list[str]:
        """x, out, the Jacobian's rows, the upstream gradient and dx; a line for each x that is 0."""
        a = self.arrays()
        lines = [
            f"x = {listed(a['x'], 1)}",
            f"out = max(0, x) = {listed(a['out'], 1)}",
            "Jacobian d out / d x:",
        ]
        lines += [f"  {listed(row, 0)}" for row in np.diag(a["mask"])]
        lines += [
            f"upstream dout = {listed(a['dout'], 1)}",
            f"dx = mask * dout = {listed(a['mask'], 0)} * {listed(a['dout'], 1)} = {listed(a['dx'], 1)}",
        ]
        for i in np.flatnonzero(a["x"] == 0):
            lines.append(
                f"x{i} = {fixed(0, 1)}: slope 0 from the left, 1 from the right; the convention is 0"
            )
        return lines
