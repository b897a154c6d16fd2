"""What goes wrong in batch normalisation's running averages: one forward, written out, with one slip at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.layers import Mistake
from handgrad.layers._common import Array

__all__ = ["RUNNING"]

Forward = Callable[[Array, Array, Array, dict[str, Any]], tuple[Array, tuple[Array, ...]]]


def _momentum(bn_param: dict[str, Any]) -> float:
    return float(bn_param.get("momentum", 0.9))


def _variance(var: Array, eps: float, N: int) -> Array:
    return var


def _forward(
    momentum: Callable[[dict[str, Any]], float] = _momentum,
    fed: Callable[[Array, float, int], Array] = _variance,
    start: float = 0.0,
    updates: tuple[str, ...] = ("train",),
    uses_batch: tuple[str, ...] = ("train",),
    updates_first: bool = False,
) -> Forward:
    """A forward that is right unless told otherwise.

    `momentum(bn_param)` is the share of the old average that is kept, `fed(var, eps, N)` what the running
    variance averages, from `start` on; `updates` and `uses_batch` are the modes that store new averages and
    that normalise by the batch; with `updates_first`, the others normalise by the new averages.
    """

    def forward(
        x: Array, gamma: Array, beta: Array, bn_param: dict[str, Any]
    ) -> tuple[Array, tuple[Array, ...]]:
        mode, eps, kept = bn_param["mode"], bn_param.get("eps", 1e-5), momentum(bn_param)
        mean, var = x.mean(axis=0), x.var(axis=0)
        old_mean = bn_param.get("running_mean", np.zeros(x.shape[1]))
        old_var = bn_param.get("running_var", np.full(x.shape[1], start))
        new_mean = kept * old_mean + (1 - kept) * mean
        new_var = kept * old_var + (1 - kept) * fed(var, eps, len(x))
        if mode in updates:
            bn_param["running_mean"], bn_param["running_var"] = new_mean, new_var
        if mode not in uses_batch:
            mean, var = (new_mean, new_var) if updates_first else (old_mean, old_var)
        std = np.sqrt(var + eps)
        x_hat = (x - mean) / std
        return gamma * x_hat + beta, (x, x_hat, mean, std, gamma)

    return forward


_FED_ROOT = (
    "the running variance was fed the standard deviation: it averages variances, and test mode takes the "
    "root itself."
)

RUNNING = (
    Mistake(
        "running-average-swapped",
        _forward(momentum=lambda bn_param: 1 - _momentum(bn_param)),
        ("bn_param",),
        "momentum weighs the new batch: it is the share of the old average that is kept.",
        role="forward",
    ),
    Mistake(
        "momentum-hard-coded",
        _forward(momentum=lambda _: 0.9),
        ("bn_param",),
        "momentum does not come from bn_param: its default was used although another value was passed.",
        role="forward",
        case="other eps and momentum",
    ),
    Mistake(
        "running-statistics-not-stored",
        _forward(updates=()),
        ("bn_param",),
        "it did not change: the updated average has to be put back into bn_param, or "
        "test mode never learns them.",
        cause="not-updated",
        role="forward",
    ),
    Mistake(
        "running-variance-unbiased",
        _forward(fed=lambda var, eps, N: var * N / (N - 1)),
        ("bn_param",),
        "the running variance was fed a variance divided by N - 1: here it averages the same variance, over "
        "N, that the batch is normalised with.",
        role="forward",
    ),
    Mistake(
        "running-variance-std",
        _forward(fed=lambda var, eps, N: np.sqrt(var + eps)),
        ("bn_param",),
        _FED_ROOT,
        role="forward",
    ),
    Mistake(
        "running-variance-std-without-eps",
        _forward(fed=lambda var, eps, N: np.sqrt(var)),
        ("bn_param",),
        _FED_ROOT,
        cause="running-variance-std",
        role="forward",
    ),
    Mistake(
        "running-variance-with-eps",
        _forward(fed=lambda var, eps, N: var + eps),
        ("bn_param",),
        "eps was averaged into the running variance: test mode adds eps itself, and it would count twice.",
        role="forward",
    ),
    Mistake(
        "running-variance-starts-at-one",
        _forward(start=1.0),
        ("bn_param",),
        "the running variance started at ones: where bn_param holds none yet, it starts at zeros here.",
        role="forward",
        case="defaults only",
    ),
    Mistake(
        "updated-in-test-mode",
        _forward(updates=("train", "test")),
        ("bn_param",),
        "{what} changed in test mode: running averages are learnt in training, and a prediction only reads "
        "them.",
        role="forward",
        case="test mode",
    ),
    Mistake(
        "updated-before-use-in-test-mode",
        _forward(updates=("train", "test"), updates_first=True),
        ("out", "bn_param"),
        "test mode updated the running averages before it used them: they are learnt in training, and a "
        "prediction only reads them.",
        cause="updated-in-test-mode",
        role="forward",
        case="test mode",
    ),
    Mistake(
        "test-mode-uses-batch",
        _forward(uses_batch=("train", "test")),
        ("out",),
        "test mode used the statistics of the batch: a prediction must not depend on who else is in the "
        "batch, so the running ones are meant.",
        role="forward",
        case="test mode",
    ),
)
