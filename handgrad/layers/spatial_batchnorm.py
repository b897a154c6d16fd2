"""Batch normalisation of pictures: each channel gets mean 0 and variance 1 over all pixels of the batch.

    mean  = 1/(N H W) sum_nhw x_nhw           var = 1/(N H W) sum_nhw (x_nhw - mean)^2      (for each channel)
    std   = sqrt(var + eps)                   x_hat = (x - mean) / std
    out   = gamma x_hat + beta

It is `batchnorm` with a pixel in the place of a sample: N H W rows of C features. With dx_hat = gamma dout, and
averages over N, H and W:

    dx     = (dx_hat - average of dx_hat - x_hat (average of dx_hat x_hat)) / std
    dgamma = sum_nhw dout_nhw x_hat_nhw       dbeta = sum_nhw dout_nhw

x, out, x_hat, dout, dx:                            (N, C, H, W)
gamma, beta, mean, var, std, dgamma, dbeta:         (C,)

bn_param is batchnorm's: "mode", "train" or "test" (needed); "eps", 1e-5; "momentum", 0.9; "running_mean" and
"running_var", zeros of shape (C,), replaced in train mode and used in test mode. The backward belongs to train mode.

Source: `spatial_batchnorm_forward` and `spatial_batchnorm_backward` of CS231n, assignment 2; Ioffe & Szegedy,
"Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift" (2015), section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.layers import Case, Mistake, batchnorm
from handgrad.layers._common import Array
from handgrad.layers._pixels import (
    BnParam,
    Cache,
    Forward,
    Gradients,
    as_pictures,
    as_rows,
    backward_of_pictures,
    forward_of_pictures,
    rows_of,
)
from handgrad.layers._spatial_axes import AXES

SHAPES = "x: N C H W, gamma: C, beta: C -> out: N C H W"
REDUCTION = (
    "mean and variance are averages over N, H and W; dgamma and dbeta are sums over them, without a 1/(N H W)"
)
GRADS = ("x", "gamma", "beta")
SMALLEST = "one picture of one channel, 1 by 3 pixels"
CACHE = "(x, x_hat, mean, std, gamma), with std = sqrt(var + eps); x and x_hat are (N, C, H, W)"
UPDATES = ("bn_param",)


def forward(x: Array, gamma: Array, beta: Array, bn_param: BnParam) -> tuple[Array, Cache]:
    """gamma (x - mean) / sqrt(var + eps) + beta for each channel, with the batch's statistics or the running ones.

    x: (N, C, H, W), gamma: (C,), beta: (C,) -> out: (N, C, H, W), cache: (x, x_hat, mean, std, gamma).
    In train mode, bn_param["running_mean"] and bn_param["running_var"], both (C,), are replaced.
    Raises ValueError where bn_param["mode"] is neither "train" nor "test".
    """
    out, (_, x_hat, mean, std, _) = batchnorm.forward(as_rows(x), gamma, beta, bn_param)
    return as_pictures(out, x.shape), (x, as_pictures(x_hat, x.shape), mean, std, gamma)


def backward(dout: Array, cache: Cache) -> Gradients:
    """dx as the sum of its three paths, dgamma = sum of dout x_hat, dbeta = sum of dout.

    dout: (N, C, H, W), cache: (x, x_hat, mean, std, gamma) of train mode
    -> dx: (N, C, H, W), dgamma: (C,), dbeta: (C,). dgamma and dbeta are sums over N, H and W.
    """
    dx, dgamma, dbeta = batchnorm.backward(as_rows(dout), rows_of(cache))
    return as_pictures(dx, dout.shape), dgamma, dbeta


def path_direct(dout: Array, cache: Cache) -> Array:
    """x_hat's own x, as if mean and std were constants. (N, C, H, W)."""
    return as_pictures(batchnorm.path_direct(as_rows(dout), rows_of(cache)), dout.shape)


def path_mean(dout: Array, cache: Cache) -> Array:
    """Through the mean, which every pixel of a channel shares. (N, C, H, W)."""
    return as_pictures(batchnorm.path_mean(as_rows(dout), rows_of(cache)), dout.shape)


def path_variance(dout: Array, cache: Cache) -> Array:
    """Through the variance, which every pixel of a channel shares. (N, C, H, W)."""
    return as_pictures(batchnorm.path_variance(as_rows(dout), rows_of(cache)), dout.shape)


PATHS = {"dx": {"direct": path_direct, "mean": path_mean, "variance": path_variance}}


def sample(rng: np.random.Generator, sizes: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Random x: (N, C, H, W), gamma and beta: (C,), and bn_param, as `batchnorm.sample` draws them.

    `options` are its: mode, spread, eps, momentum, defaults.
    """
    N, C, H, W = (sizes[axis] for axis in "NCHW")
    drawn = batchnorm.sample(rng, {"N": N * H * W, "D": C}, **options)
    return {**drawn, "x": as_pictures(drawn["x"], (N, C, H, W))}


CASES = (
    Case("different sizes", {"N": 5, "C": 4, "H": 3, "W": 7}),
    Case("one sample", {"N": 1, "C": 3, "H": 4, "W": 5}),
    Case("one pixel", {"N": 7, "C": 3, "H": 1, "W": 1}),
    Case("square", {"N": 4, "C": 4, "H": 4, "W": 4}),
    Case("variance near eps", {"N": 3, "C": 2, "H": 2, "W": 3}, {"spread": 0.003}),
    Case("other eps and momentum", {"N": 3, "C": 4, "H": 2, "W": 3}, {"eps": 0.05, "momentum": 0.6}),
    Case("defaults only", {"N": 3, "C": 2, "H": 5, "W": 2}, {"defaults": True}),
    Case("test mode", {"N": 5, "C": 3, "H": 2, "W": 4}, {"mode": "test", "eps": 0.05}, backward=False),
)

# The sentences of batchnorm that speak of rows, columns, features or N, said of pixels and channels.
_SAID = {
    "missing-path:mean": "the path through the mean is missing from dx: each x moves the mean that every pixel of its "
    "channel shares, in every picture.",
    "missing-path:variance": "the path through the variance is missing from dx: each x moves the variance that every "
    "pixel of its channel shares, in every picture.",
    "statistics-not-averaged": "the paths through mean and variance are N·H·W times too large: one x moves a mean over "
    "N·H·W numbers by its share of it only.",
    "unbiased-variance": "the variance was divided by one less than N·H·W: batch normalisation divides by N·H·W, since "
    "it is about this batch and no estimate of anything else.",
    "eps-missing": "eps is missing: it keeps the division finite where a channel hardly varies.",
    "mean-not-subtracted": "the mean was not subtracted: each channel has to be centred before it is scaled.",
    "missing-beta": "beta is missing: every pixel of out is off by its channel's.",
    "normalised-over-features": "each pixel was normalised over its own channels: here the statistics are those of one "
    "channel, over all pixels of the batch.",
    "running-variance-unbiased": "the running variance was fed a variance divided by one less than N·H·W: here it "
    "averages the same variance, over N·H·W, that the batch is normalised with.",
}
_RENAMED = {"normalised-over-features": "normalised-over-channels"}
_OWN = ("unsummed-broadcast", "divided-by-N")  # other axes are at stake here


def _of_pictures(mistake: Mistake) -> Mistake:
    wrap: Callable[..., Any] = forward_of_pictures if mistake.role == "forward" else backward_of_pictures
    name = _RENAMED.get(mistake.name, mistake.name)
    cause = name if mistake.cause == mistake.name else mistake.cause
    feedback = _SAID.get(mistake.name, mistake.feedback)
    return replace(mistake, name=name, cause=cause, wrong=wrap(mistake.wrong), feedback=feedback)


def _by_default(**other: float) -> Forward:
    """The forward with other numbers where bn_param holds none."""

    def wrong_forward(x: Array, gamma: Array, beta: Array, bn_param: BnParam) -> tuple[Array, Cache]:
        filled = {**other, **bn_param}
        result = forward(x, gamma, beta, filled)
        bn_param.update({name: filled[name] for name in ("running_mean", "running_var") if name in filled})
        return result

    return wrong_forward


# They come first: where bn_param holds no momentum, a default of 0.1 is an average the other way round.
_DEFAULTS = (
    *(
        Mistake(
            f"eps-by-default-{eps:.0e}",
            _by_default(eps=eps),
            ("out",),
            f"eps is {eps:.0e} where bn_param holds none: its default is 1e-5.",
            cause="eps-by-default",
            role="forward",
            case="defaults only",
        )
        for eps in (1e-12, 1e-8, 1e-7, 1e-6, 1e-4, 1e-3)
    ),
    *(
        Mistake(
            f"momentum-by-default-{momentum}",
            _by_default(momentum=momentum),
            ("bn_param",),
            f"momentum is {momentum} where bn_param holds none: its default is 0.9.",
            cause="momentum-by-default",
            role="forward",
            case="defaults only",
        )
        for momentum in (0.1, 0.5, 0.95, 0.99, 0.999)
    ),
)

MISTAKES = (*_DEFAULTS, *(_of_pictures(m) for m in batchnorm.MISTAKES if m.name not in _OWN), *AXES)
