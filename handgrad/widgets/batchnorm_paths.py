"""Batch normalisation's three paths from x to the loss, switched on and off one by one (002.21)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray

from handgrad.layers import batchnorm
from handgrad.widgets.base import Figure, fixed, listed

__all__ = ["BatchnormPaths"]


class BatchnormPaths(Figure):
    """dx of one feature over a batch of seven, as the sum of the paths that are on; gamma 1.5, beta 0, eps 1e-5.

    x, x_hat, dout, dx: (7,). dout is a fixed one, plus `shift`, plus `tilt` times x_hat, both from −1 to 1.
    """

    label: ClassVar[str] = "Batch normalisation's three paths"
    lead: ClassVar[str] = (
        "Bars are the dx of the paths that are on, outlines the true dx. Switch a path off: which of the two sums goes "
        "wrong? Then, with all on, add shift to every dout, or tilt times x_hat: predict what that does to dx."
    )
    direct = traitlets.Bool(True).tag(sync=True)
    mean = traitlets.Bool(True).tag(sync=True)
    variance = traitlets.Bool(True).tag(sync=True)
    shift = traitlets.Float(0.0, min=-1, max=1).tag(sync=True)
    tilt = traitlets.Float(0.0, min=-1, max=1).tag(sync=True)
    x = np.array([0.5, -1.2, 2.1, 0.3, -0.7, 1.6, -0.4])
    upstream = np.array([0.8, -0.5, 0.3, 1.1, -0.9, 0.4, -0.2])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """x_hat, dout, the paths, their chosen sum dx, and the true dx: (7,)."""
        gamma, beta = np.array([1.5]), np.array([0.0])
        _, cache = batchnorm.forward(self.x[:, None], gamma, beta, {"mode": "train"})
        x_hat = cache[1]
        dout = self.upstream[:, None] + self.shift + self.tilt * x_hat
        paths = {name: path(dout, cache) for name, path in batchnorm.PATHS["dx"].items()}
        chosen = sum((paths[name] for name in paths if getattr(self, name)), np.zeros_like(dout))
        true = batchnorm.backward(dout, cache)[0]
        columns = {"x_hat": x_hat, "dout": dout, **paths, "dx": chosen, "true": true}
        return {name: column[:, 0] for name, column in columns.items()}

    def words(self) -> list[str]:
        """The batch, each path's part of dx, the sum of those that are on, the true dx, and two sums of dx."""
        a = self.arrays()
        lines = [f"x = {listed(self.x, 1)}", f"x_hat = {listed(a['x_hat'])}", f"dout = {listed(a['dout'])}"]
        for name in ("direct", "mean", "variance"):
            lines.append(f"{name} path ({'on' if getattr(self, name) else 'off'}): {listed(a[name])}")
        return [
            *lines,
            f"dx, the sum of the paths that are on: {listed(a['dx'])}",
            f"true dx: {listed(a['true'])}",
            f"sum of dx: {fixed(a['dx'].sum())}, of the true one {fixed(a['true'].sum())}",
            f"sum of dx times x_hat: {fixed((a['dx'] * a['x_hat']).sum())}, "
            f"of the true one {fixed((a['true'] * a['x_hat']).sum())}",
        ]
