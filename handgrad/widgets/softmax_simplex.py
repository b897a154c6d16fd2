"""Softmax of three logits as a point in a triangle, and its loss's gradient p − y as an arrow (002.10, 002.20)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray

from handgrad.layers import softmax
from handgrad.widgets.base import Figure, fixed, listed

__all__ = ["SoftmaxSimplex"]


class SoftmaxSimplex(Figure):
    """p = softmax(z) of one sample with three classes, loss = −log p_label, dz = p − y with y one-hot.

    z, p, y, dz: (3,); z from −4 to 4, label 0, 1 or 2. One sample, so there is no 1/N.
    """

    label: ClassVar[str] = "Softmax on the simplex"
    lead: ClassVar[str] = (
        "The dot is p: near a corner, that class has nearly all of the probability. The arrow from the label's "
        "corner to p is the gradient dz = p − y. Predict what adding 1 to all three logits does; then step downhill."
    )
    z0 = traitlets.Float(1.0, min=-4, max=4).tag(sync=True)
    z1 = traitlets.Float(0.4, min=-4, max=4).tag(sync=True)
    z2 = traitlets.Float(-0.7, min=-4, max=4).tag(sync=True)
    target = traitlets.Int(1, min=0, max=2).tag(sync=True)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """z, p, y, dz: (3,), and loss: ()."""
        z = np.array([self.z0, self.z1, self.z2])
        y = np.eye(3)[self.target]
        loss, dz = softmax.loss(z[None, :], np.array([self.target]))
        return {"z": z, "p": dz[0] + y, "y": y, "dz": dz[0], "loss": np.asarray(loss)}

    def words(self) -> list[str]:
        """z, p, y, dz with its sum, and the loss."""
        a = self.arrays()
        return [
            f"z = {listed(a['z'], 1)}",
            f"p = softmax(z) = {listed(a['p'], 3)}",
            f"y = {listed(a['y'], 0)}: the label is class {self.target}",
            f"dz = p − y = {listed(a['dz'], 3)}, whose sum is {fixed(a['dz'].sum(), 3)}",
            f"loss = −log p{self.target} = {fixed(a['loss'], 3)}",
        ]
