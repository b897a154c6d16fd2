"""How exact the derivatives are that the checker judges by, measured on every layer."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.peers import Task
from handgrad import layers, numeric

__all__ = ["errors"]

DIRECTIONS = 50


def errors(slug: str) -> dict[str, float]:
    """Of a layer at its first case, the largest of all arguments and random directions.

    "complex step" and "central": |<dout, J u> - <g, u>| / S, with g the reference's gradient and S as in
    `numeric.agree`. "central, of its bound": the actual error of the difference as a share of the error that
    it claims to have, at most 1 if the claim is true; the complex step stands for the truth.
    """
    layer = layers.get(slug)
    rng = np.random.default_rng(0)
    worst = dict.fromkeys(("complex step", "central", "central, of its bound"), 0.0)
    inputs = layer.sample(rng, dict(layer.cases[0].sizes), **layer.cases[0].options)
    task = Task(layer, inputs)
    out, cache = task.forward(*task.arguments)
    dout = rng.standard_normal(np.shape(out))
    for i, (x, g) in enumerate(zip(task.arguments, task.backward(dout, cache), strict=True)):
        f = partial(_along, task, i)
        for _ in range(DIRECTIONS):
            u = numeric.direction(x, rng)
            exact, estimate = numeric.complex_step(f, x, u), numeric.central(f, x, u)
            for method, ju in (("complex step", exact), ("central", estimate.value)):
                size = np.linalg.norm(g * u) + np.linalg.norm(dout * ju)
                gap = abs(float(np.sum(dout * ju)) - float(np.sum(g * u)))
                worst[method] = max(worst[method], gap / float(size))
            bound = np.abs(estimate.error) + 4 * np.finfo(float).eps * np.abs(exact)
            off = np.abs(estimate.value - exact)
            share = float(np.max(np.divide(off, bound, out=np.zeros_like(off), where=off > 0)))
            worst["central, of its bound"] = max(worst["central, of its bound"], share)
    return worst


def _along(task: Task, i: int, value: Any) -> Any:
    arguments = list(task.arguments)
    arguments[i] = value
    return task.forward(*arguments)[0]
