"""Batch normalisation: each feature gets mean 0 and variance 1 over the batch, then a scale and a shift.

    mean  = 1/N sum_n x_n                     var = 1/N sum_n (x_n - mean)^2      (biased: over N)
    std   = sqrt(var + eps)                   x_hat = (x - mean) / std
    out   = gamma x_hat + beta

x reaches out on three paths: directly, through the mean, and through the variance. With dx_hat = gamma dout:

    dx     = (dx_hat - 1/N sum_n dx_hat_n - x_hat 1/N sum_n dx_hat_n x_hat_n) / std
    dgamma = sum_n dout_n x_hat_n             dbeta = sum_n dout_n

x, out, x_hat, dout, dx:                            (N, D)
gamma, beta, mean, var, std, dgamma, dbeta:         (D,)

bn_param is a dict: "mode", "train" or "test" (needed); "eps", 1e-5; "momentum", 0.9; "running_mean" and
"running_var", zeros of shape (D,). In train mode both are replaced in it by

    running = momentum running + (1 - momentum) batch

and in test mode they stand for mean and var. The backward belongs to train mode.

Source: Ioffe & Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
Covariate Shift" (2015), algorithm 1 and section 3; `batchnorm_forward` and `batchnorm_backward` of
CS231n, assignment 2, whose running average this is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.layers import Case, Mistake
from handgrad.layers._batchnorm_gradients import GRADIENTS
from handgrad.layers._batchnorm_running import RUNNING
from handgrad.layers._common import Array

SHAPES = "x: N D, gamma: D, beta: D -> out: N D"
REDUCTION = "mean and variance are averages over N; dgamma and dbeta are sums over N, without a 1/N"
GRADS = ("x", "gamma", "beta")
SMALLEST = "N=3 and one feature"
CACHE = "(x, x_hat, mean, std, gamma), with std = sqrt(var + eps)"
UPDATES = ("bn_param",)

BnParam = dict[str, Any]
Cache = tuple[Array, Array, Array, Array, Array]
Gradients = tuple[Array, Array, Array]
Forward = Callable[[Array, Array, Array, BnParam], tuple[Array, Cache]]


def forward(x: Array, gamma: Array, beta: Array, bn_param: BnParam) -> tuple[Array, Cache]:
    """gamma (x - mean) / sqrt(var + eps) + beta, with the batch's statistics or the running ones.

    x: (N, D), gamma: (D,), beta: (D,) -> out: (N, D), cache: (x, x_hat, mean, std, gamma).
    In train mode, bn_param["running_mean"] and bn_param["running_var"], both (D,), are replaced.
    Raises ValueError where bn_param["mode"] is neither "train" nor "test".
    """
    mode = bn_param.get("mode")
    eps = bn_param.get("eps", 1e-5)
    momentum = bn_param.get("momentum", 0.9)
    running_mean = bn_param.get("running_mean", np.zeros(x.shape[1]))
    running_var = bn_param.get("running_var", np.zeros(x.shape[1]))
    if mode == "train":
        mean = x.mean(axis=0)
        var = ((x - mean) ** 2).mean(axis=0)
        bn_param["running_mean"] = momentum * running_mean + (1 - momentum) * mean
        bn_param["running_var"] = momentum * running_var + (1 - momentum) * var
    elif mode == "test":
        mean, var = running_mean, running_var
    else:
        raise ValueError(f"batchnorm.forward: bn_param['mode'] must be 'train' or 'test', got {mode!r}")
    std = np.sqrt(var + eps)
    x_hat = (x - mean) / std
    out = gamma * x_hat + beta
    return out, (x, x_hat, mean, std, gamma)


def backward(dout: Array, cache: Cache) -> Gradients:
    """dx as the sum of its three paths, dgamma = sum of dout x_hat, dbeta = sum of dout.

    dout: (N, D), cache: (x, x_hat, mean, std, gamma) of train mode
    -> dx: (N, D), dgamma: (D,), dbeta: (D,). dgamma and dbeta are sums over N.
    """
    _, x_hat, _, _, _ = cache
    dx = path_direct(dout, cache) + path_mean(dout, cache) + path_variance(dout, cache)
    dgamma = (dout * x_hat).sum(axis=0)
    dbeta = dout.sum(axis=0)
    return dx, dgamma, dbeta


def path_direct(dout: Array, cache: Cache) -> Array:
    """x_hat's own x, as if mean and std were constants: dx_hat / std. (N, D)."""
    _, _, _, std, gamma = cache
    return gamma * dout / std


def path_mean(dout: Array, cache: Cache) -> Array:
    """Through the mean, which every row shares: -(mean of dx_hat) / std, the same in each row. (N, D)."""
    _, _, _, std, gamma = cache
    return np.broadcast_to(-(gamma * dout).mean(axis=0) / std, dout.shape)


def path_variance(dout: Array, cache: Cache) -> Array:
    """Through the variance, which every row shares: -x_hat (mean of dx_hat x_hat) / std. (N, D)."""
    _, x_hat, _, std, gamma = cache
    shared: Array = (gamma * dout * x_hat).mean(axis=0)
    return -x_hat * shared / std


PATHS = {"dx": {"direct": path_direct, "mean": path_mean, "variance": path_variance}}


def sample(
    rng: np.random.Generator,
    sizes: dict[str, Any],
    mode: str = "train",
    spread: float = 1.7,
    eps: float = 1e-5,
    momentum: float = 0.9,
    defaults: bool = False,
) -> dict[str, Any]:
    """Random x: (N, D) of standard deviation near `spread`, gamma and beta: (D,), and bn_param.

    With `defaults`, bn_param holds the mode alone.
    """
    N, D = sizes["N"], sizes["D"]
    bn_param: BnParam = {"mode": mode}
    if not defaults:
        bn_param |= {
            "eps": eps,
            "momentum": momentum,
            "running_mean": spread * rng.normal(size=D),
            "running_var": spread**2 * rng.uniform(0.5, 2.0, size=D),
        }
    return {
        "x": spread * (rng.normal(size=(N, D)) + rng.uniform(0.5, 1.5, size=D)),
        "gamma": rng.uniform(1.2, 2.5, size=D),
        "beta": rng.normal(size=D) + 0.7,
        "bn_param": bn_param,
    }


CASES = (
    Case("different sizes", {"N": 7, "D": 5}),
    Case("square", {"N": 5, "D": 5}),
    Case("one feature", {"N": 6, "D": 1}),
    Case("variance near eps", {"N": 8, "D": 3}, {"spread": 0.003}),
    Case("other eps and momentum", {"N": 5, "D": 4}, {"eps": 0.05, "momentum": 0.6}),
    Case("defaults only", {"N": 7, "D": 3}, {"defaults": True}),
    Case("test mode", {"N": 7, "D": 5}, {"mode": "test", "eps": 0.05}, backward=False),
)


def _instead(name: str, wrong: Callable[[Array, Cache], Array]) -> Callable[[Array, Cache], Gradients]:
    """A backward that is right but for the gradient `name`, which is `wrong(dout, cache)`."""

    def wrong_backward(dout: Array, cache: Cache) -> Gradients:
        grads = dict(zip(("dx", "dgamma", "dbeta"), backward(dout, cache), strict=True))
        grads[name] = wrong(dout, cache)
        return grads["dx"], grads["dgamma"], grads["dbeta"]

    return wrong_backward


def _not_averaged(dout: Array, cache: Cache) -> Array:
    return path_direct(dout, cache) + len(dout) * (path_mean(dout, cache) + path_variance(dout, cache))


def _unsummed(dout: Array, cache: Cache) -> Gradients:
    return backward(dout, cache)[0], dout * cache[1], dout.copy()


def _divided(dout: Array, cache: Cache) -> Gradients:
    dx, dgamma, dbeta = backward(dout, cache)
    return dx, dgamma / len(dout), dbeta / len(dout)


def _settings(change: Callable[[BnParam], BnParam]) -> Forward:
    """The forward with other entries in bn_param; the running statistics are stored as usual."""

    def wrong_forward(x: Array, gamma: Array, beta: Array, bn_param: BnParam) -> tuple[Array, Cache]:
        changed = {**bn_param, **change(bn_param)}
        result = forward(x, gamma, beta, changed)
        bn_param.update({name: changed[name] for name in ("running_mean", "running_var") if name in changed})
        return result

    return wrong_forward


def _statistics(change: Callable[[Array, Array, float, int], tuple[Array, Array]]) -> Forward:
    """The forward normalising with `change(mean, var, eps, N)`, a pair (mean, std)."""

    def wrong_forward(x: Array, gamma: Array, beta: Array, bn_param: BnParam) -> tuple[Array, Cache]:
        _, (_, _, mean, root, _) = _settings(lambda _: {"eps": 0.0})(x, gamma, beta, bn_param)
        mean, std = change(mean, root**2, bn_param.get("eps", 1e-5), len(x))
        x_hat = (x - mean) / std
        return gamma * x_hat + beta, (x, x_hat, mean, std, gamma)

    return wrong_forward


def _over_features(x: Array, gamma: Array, beta: Array, bn_param: BnParam) -> tuple[Array, Cache]:
    forward(x, gamma, beta, bn_param)
    mean = x.mean(axis=1, keepdims=True)
    std = np.sqrt(((x - mean) ** 2).mean(axis=1, keepdims=True) + bn_param.get("eps", 1e-5))
    x_hat = (x - mean) / std
    return gamma * x_hat + beta, (x, x_hat, mean, std, gamma)


MISTAKES = (
    Mistake(
        "missing-path:mean",
        _instead("dx", lambda dout, cache: path_direct(dout, cache) + path_variance(dout, cache)),
        ("dx",),
        "the path through the mean is missing from dx: each x moves the mean that every row of its column "
        "shares.",
    ),
    Mistake(
        "missing-path:variance",
        _instead("dx", lambda dout, cache: path_direct(dout, cache) + path_mean(dout, cache)),
        ("dx",),
        "the path through the variance is missing from dx: each x moves the variance that every row of its "
        "column shares.",
    ),
    Mistake(
        "statistics-as-constants",
        _instead("dx", path_direct),
        ("dx",),
        "mean and variance were treated as constants: both are computed from x, and two paths lead through "
        "them.",
    ),
    Mistake(
        "statistics-not-averaged",
        _instead("dx", _not_averaged),
        ("dx",),
        "the paths through mean and variance are N times too large: one x moves a mean over N samples by an "
        "Nth only.",
    ),
    Mistake(
        "missing-gamma",
        _instead("dx", lambda dout, cache: backward(dout, cache)[0] / cache[4]),
        ("dx",),
        "gamma is missing from dx: x_hat is multiplied by it on the way to out.",
    ),
    Mistake(
        "missing-root",
        _instead("dx", lambda dout, cache: backward(dout, cache)[0] / cache[3]),
        ("dx",),
        "dx was divided by the variance where the standard deviation belongs: a square root is missing.",
    ),
    Mistake(
        "unsummed-broadcast",
        _unsummed,
        ("dgamma", "dbeta"),
        "{what} was not summed over the batch: the variable is used N times, once a row, so its N "
        "gradients add up.",
    ),
    Mistake(
        "divided-by-N",
        _divided,
        ("dgamma", "dbeta"),
        "{what} was averaged over the batch: the upstream gradient already carries the 1/N of the "
        "loss, so this layer only sums.",
    ),
    *GRADIENTS,
    Mistake(
        "unbiased-variance",
        _statistics(lambda mean, var, eps, N: (mean, np.sqrt(var * N / (N - 1) + eps))),
        ("out",),
        "the variance was divided by N - 1: batch normalisation divides by N, since it is about this batch "
        "and no estimate of anything else.",
        role="forward",
    ),
    Mistake(
        "eps-missing",
        _settings(lambda _: {"eps": 0.0}),
        ("out",),
        "eps is missing: it keeps the division finite where a feature hardly varies.",
        role="forward",
    ),
    Mistake(
        "eps-outside-root",
        _statistics(lambda mean, var, eps, N: (mean, np.sqrt(var) + eps)),
        ("out",),
        "eps was added to the standard deviation: it belongs to the variance, under the square root.",
        role="forward",
    ),
    Mistake(
        "eps-hard-coded",
        _settings(lambda _: {"eps": 1e-5}),
        ("out",),
        "eps does not come from bn_param: its default was used although another value was passed.",
        role="forward",
        case="other eps and momentum",
    ),
    Mistake(
        "divides-by-variance",
        _statistics(lambda mean, var, eps, N: (mean, var + eps)),
        ("out",),
        "x was divided by the variance: it takes the standard deviation to bring the variance to 1.",
        cause="missing-root",
        role="forward",
    ),
    Mistake(
        "mean-not-subtracted",
        _statistics(lambda mean, var, eps, N: (0 * mean, np.sqrt(var + eps))),
        ("out",),
        "the mean was not subtracted: each feature has to be centred before it is scaled.",
        role="forward",
    ),
    Mistake(
        "forward-missing-gamma",
        lambda x, gamma, beta, bn_param: forward(x, np.ones_like(gamma), beta, bn_param),
        ("out",),
        "gamma is missing: the normalised x is multiplied by it before beta is added.",
        cause="missing-gamma",
        role="forward",
    ),
    Mistake(
        "missing-beta",
        lambda x, gamma, beta, bn_param: forward(x, gamma, 0 * beta, bn_param),
        ("out",),
        "beta is missing: every row of out is off by it.",
        role="forward",
    ),
    Mistake(
        "normalised-over-features",
        _over_features,
        ("out",),
        "each row was normalised: that is layer normalisation, here the statistics are those of a column, "
        "taken over the batch.",
        role="forward",
    ),
    *RUNNING,
)
