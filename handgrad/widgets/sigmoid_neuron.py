"""The sigmoid neuron of source 001, its values above the arrows and its gradients below them (001.2 to 001.6)."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets

from handgrad.graph import Graph, exp, name, trace
from handgrad.widgets.base import Figure, short

__all__ = ["SigmoidNeuron"]

_OPERATIONS = ("w0·x0", "w1·x1", "w0·x0 + w1·x1", "s", "−s", "exp(−s)", "1 + exp(−s)", "f")


class SigmoidNeuron(Figure):
    """f = 1 / (1 + exp(−(w0 x0 + w1 x1 + w2))), one block an operation; w0, x0, w1, x1, w2 from −4 to 4.

    It starts at source 001.3's numbers. All values are scalars; the upstream gradient is 1.
    """

    label: ClassVar[str] = "A sigmoid neuron, block by block"
    lead: ClassVar[str] = (
        "Values stand above the arrows, gradients of f below; a bar shows a gradient's size. Before you move x0: "
        "of whose gradient is it a factor? Then make every input's gradient smaller than 0.01 in size, "
        "with no 0 among the inputs."
    )
    w0 = traitlets.Float(2.0, min=-4, max=4).tag(sync=True)
    x0 = traitlets.Float(-1.0, min=-4, max=4).tag(sync=True)
    w1 = traitlets.Float(-3.0, min=-4, max=4).tag(sync=True)
    x1 = traitlets.Float(-2.0, min=-4, max=4).tag(sync=True)
    w2 = traitlets.Float(-3.0, min=-4, max=4).tag(sync=True)

    def graph(self) -> Graph:
        """The traced computation, after its backward."""
        g = trace(_neuron, **self.state())
        g.backward()
        return g

    def words(self) -> list[str]:
        """A line for each block: its value and its gradient."""
        g = self.graph()
        names = ("w0", "x0", "w1", "x1", "w2", *_OPERATIONS)
        return [f"{n}: value {short(g[n].value)}, gradient {short(g[n].gradient)}" for n in names]


def _neuron(w0: Any, x0: Any, w1: Any, x1: Any, w2: Any) -> Any:
    s = name(name(name(w0 * x0, "w0·x0") + name(w1 * x1, "w1·x1"), "w0·x0 + w1·x1") + w2, "s")
    return name(1.0 / name(1.0 + name(exp(name(s * -1.0, "−s")), "exp(−s)"), "1 + exp(−s)"), "f")
