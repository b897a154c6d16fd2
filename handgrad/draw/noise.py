"""Rounding noise taken out of a graph before it is drawn, so that what should cancel is drawn as 0."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.graph import Graph

__all__ = ["noiseless"]

Array = NDArray[Any]

_NOISE = 1e-14
_CANCELS = {"add", "subtract", "matmul", "sum", "mean", "var"}


def noiseless(g: Graph) -> Graph:
    """A copy of a graph in which noise is 0; the graph itself stays as it is.

    Noise is a gradient below 1e-14 of the largest gradient of the graph, and a value below 1e-14 of the
    largest operand where the operation adds or subtracts. It differs between machines and says nothing.
    """
    nodes = [copy.copy(n) for n in g.nodes]
    largest = max((_largest(n.gradient) for n in g.nodes if n.gradient is not None), default=0.0)
    for node in nodes:
        if node.op in _CANCELS:
            node.value = _clean(node.value, max(_largest(g.nodes[i].value) for i in node.inputs))
        if node.gradient is not None:
            node.gradient = _clean(node.gradient, largest)
    edges = [
        e
        if e.contribution is None or e.spread is None
        else replace(e, contribution=_clean(e.contribution, largest), spread=_clean(e.spread, largest))
        for e in g.edges
    ]
    return Graph(nodes, {k: nodes[n.id] for k, n in g.inputs.items()}, nodes[g.output.id], edges)


def _largest(array: Array) -> float:
    finite = np.abs(array[np.isfinite(array)])
    return float(finite.max()) if finite.size else 0.0


def _clean(array: Array, scale: float) -> Array:
    return np.where(np.abs(array) < _NOISE * scale, 0.0, array)
