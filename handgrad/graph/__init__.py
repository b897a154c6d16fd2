"""Trace a computation to a graph: a value on every node, a gradient on every node and every edge.

    def neuron(w, x):
        return 1 / (1 + np.exp(-(w @ x)))

    g = trace(neuron, w=[2.0, -3.0], x=[-1.0, -2.0])
    g.backward()
    g["w"].gradient

The function is ordinary Python on arrays; it is run once, on traced values. Backward goes through the
nodes in reverse order of their evaluation. Each edge keeps what its use of a variable contributes, and a
node's gradient is the sum over its uses (sources 000.12, 001.3 to 001.6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handgrad.errors import HandgradError, ShapeError, UnknownNameError, layout, nearest
from handgrad.graph.node import (
    Node,
    Tape,
    exp,
    log,
    maximum,
    minimum,
    name,
    relu,
    sigmoid,
    sqrt,
    square,
    tanh,
    where,
)
from handgrad.graph.ops import OPS, unbroadcast

__all__ = [
    "OPS",
    "Edge",
    "Graph",
    "Node",
    "Schedule",
    "exp",
    "log",
    "maximum",
    "minimum",
    "name",
    "relu",
    "sigmoid",
    "sqrt",
    "square",
    "tanh",
    "trace",
    "where",
]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Edge:
    """One use of a node: node `source` is operand number `index` of node `target`.

    contribution: what this use adds to the source's gradient, in the source's shape; None before backward
    and where no gradient flows. spread: the same before it is summed over the axes along which the source
    was broadcast, in the shape of the use. local: the derivative of target by source where both are scalars.
    """

    source: int
    target: int
    index: int
    contribution: Array | None = None
    spread: Array | None = None
    local: float | None = None


class Schedule(NamedTuple):
    """The operations in the order in which they are evaluated, and in which backward visits them."""

    forward: list[Node]
    backward: list[Node]


@dataclass(eq=False)
class Graph:
    """The trace of one computation. nodes: in order of evaluation; edges: in order of their targets."""

    nodes: list[Node]
    inputs: dict[str, Node]
    output: Node
    edges: list[Edge] = field(default_factory=list)

    def __getitem__(self, name: str) -> Node:
        """The node of that name. Raises UnknownNameError."""
        for node in self.nodes:
            if node.name == name and node.op != "constant":
                return node
        known = [n.name for n in self.nodes if n.op != "constant"]
        raise UnknownNameError(layout("graph", f"no node {name!r}", step=nearest(name, known)))

    def uses(self, node: Node) -> list[Edge]:
        """The edges that leave a node, in order of evaluation."""
        return [edge for edge in self.edges if edge.source == node.id]

    def _reach(self) -> set[int]:
        """The ids of the nodes that the output depends on and that have a derivative."""
        reach = {self.output.id} if self.output.differentiable else set()
        for node in reversed(self.nodes):
            if node.id in reach:
                reach.update(i for i in node.inputs if self.nodes[i].differentiable)
        return reach

    def schedule(self) -> Schedule:
        """The order of the forward evaluation and of the backward pass, operations only."""
        reach = self._reach()
        forward = [n for n in self.nodes if n.inputs]
        return Schedule(forward, [n for n in reversed(forward) if n.id in reach])

    def backward(self, dout: ArrayLike | None = None) -> dict[str, Array]:
        """Fill in every gradient, starting from `dout`, and give those of the inputs by name.

        dout: the gradient of the loss by the output, in the output's shape; 1 if left out for a scalar
        output. An input that the output does not depend on gets zeros. Nothing is kept from an earlier
        call. Raises ShapeError if dout is missing or has another shape than the output.
        """
        shape = self.output.shape
        if dout is None and shape:
            raise ShapeError(
                layout("backward", f"the output has shape {shape}", step="pass dout of that shape")
            )
        upstream = np.array(1.0 if dout is None else dout, dtype=np.float64)
        if upstream.shape != shape:
            raise ShapeError(layout("backward", f"dout: expected shape {shape}, got {upstream.shape}"))
        for node in self.nodes:
            node.gradient = np.zeros(node.shape) if node.differentiable else None
        if self.output.differentiable:
            self.output.gradient = upstream
        reach = self._reach()
        fresh: dict[tuple[int, int], Edge] = {}
        for node in reversed(self.nodes):
            if node.id in reach and node.inputs:
                self._pull(node, fresh)
        self.edges = [fresh.get((e.target, e.index), Edge(e.source, e.target, e.index)) for e in self.edges]
        return {k: node.gradient for k, node in self.inputs.items() if node.gradient is not None}

    def _pull(self, node: Node, fresh: dict[tuple[int, int], Edge]) -> None:
        """Hand a node's gradient on to its operands, one edge at a time."""
        values = [self.nodes[i].value for i in node.inputs]
        for index, (i, pullback) in enumerate(zip(node.inputs, OPS[node.op].pullbacks, strict=True)):
            source = self.nodes[i]
            if not source.differentiable or pullback is None or source.gradient is None:
                continue
            spread = np.array(pullback(node.gradient, node.value, *values, **node.options))
            part = unbroadcast(spread, source.shape)
            scalar = not node.shape and not source.shape
            local = float(pullback(np.array(1.0), node.value, *values, **node.options)) if scalar else None
            fresh[node.id, index] = Edge(source.id, node.id, index, part, spread, local)
            source.gradient = np.asarray(source.gradient + part)


def trace(f: Callable[..., Any], /, **inputs: ArrayLike) -> Graph:
    """Run `f(**inputs)` on traced values and give the graph of what it did.

    inputs: numbers or arrays of any shape, taken as float64 (labels and other integers for indexing belong
    in f itself). Raises HandgradError if f does not return a traced value, or uses what cannot be traced.
    """
    tape = Tape()
    nodes = {k: Node(tape, "input", np.array(v, dtype=np.float64), name=k) for k, v in inputs.items()}
    output = f(**nodes)
    if not isinstance(output, Node):
        raise HandgradError(
            layout(
                "trace",
                f"the function returned a {type(output).__name__}, not a traced value",
                step="return one number or array that is computed from the inputs",
            )
        )
    graph = Graph(tape.nodes, nodes, output)
    graph.edges = [Edge(i, n.id, k) for n in tape.nodes for k, i in enumerate(n.inputs)]
    return graph
