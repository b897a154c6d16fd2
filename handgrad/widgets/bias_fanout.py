"""A bias used N times: its value is copied to every sample, its gradient summed back (000.11 to 000.13, 001.20)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray

from handgrad.widgets.base import Figure, fixed

__all__ = ["BiasFanout"]


class BiasFanout(Figure):
    """out_n = s_n + b for N samples, from 1 to 6, one output; and db, the sum of dout over the samples.

    s: (N,), a column of X W, fixed; b: scalar; out, dout: (N,), dout_n is g0 to g5; db: scalar.
    """

    label: ClassVar[str] = "One bias, used once for each sample"
    lead: ClassVar[str] = (
        "Predict db before you add a sample with the slider N. Then move b: which gradients change? "
        "Move one upstream gradient: how much of the move arrives at db?"
    )
    N = traitlets.Int(4, min=1, max=6).tag(sync=True)
    b = traitlets.Float(0.5, min=-2, max=2).tag(sync=True)
    g0 = traitlets.Float(0.4, min=-2, max=2).tag(sync=True)
    g1 = traitlets.Float(-1.1, min=-2, max=2).tag(sync=True)
    g2 = traitlets.Float(0.7, min=-2, max=2).tag(sync=True)
    g3 = traitlets.Float(0.9, min=-2, max=2).tag(sync=True)
    g4 = traitlets.Float(-0.3, min=-2, max=2).tag(sync=True)
    g5 = traitlets.Float(1.2, min=-2, max=2).tag(sync=True)
    s = np.array([1.0, -0.6, 2.3, 0.2, -1.7, 0.8])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """s, out, dout: (N,), and db: ()."""
        s = self.s[: self.N]
        dout = np.array([getattr(self, f"g{n}") for n in range(self.N)])
        return {"s": s, "out": s + self.b, "dout": dout, "db": dout.sum(axis=0)}

    def words(self) -> list[str]:
        """b and its uses, one line a sample, and db."""
        a = self.arrays()
        lines = [f"b = {fixed(self.b, 1)} is used {self.N} time{'s' if self.N > 1 else ''}"]
        for n, (s, out, g) in enumerate(zip(a["s"], a["out"], a["dout"], strict=True)):
            lines.append(
                f"sample {n}: out = {fixed(s, 1)} + {fixed(self.b, 1)} = {fixed(out, 1)}; dout {fixed(g, 1)} goes to b"
            )
        terms = " + ".join(f"({fixed(g, 1)})" if g < 0 else fixed(g, 1) for g in a["dout"])
        return [*lines, f"db = {terms + ' = ' if self.N > 1 else ''}{fixed(a['db'], 1)}"]
