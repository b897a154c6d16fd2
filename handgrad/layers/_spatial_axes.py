"""What goes wrong with the axes in batch normalisation of pictures: the wrong ones averaged, summed or moved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from handgrad.layers import Mistake, batchnorm
from handgrad.layers._common import Array
from handgrad.layers._pixels import (
    Backward,
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

__all__ = ["AXES"]

_right_forward, _right_backward = (
    forward_of_pictures(batchnorm.forward),
    backward_of_pictures(batchnorm.backward),
)

# ---------------------------------------------------------------- forwards


def _over(*axes: int) -> Forward:
    """The forward normalising over other axes; the running statistics are stored as usual."""

    def forward(x: Array, gamma: Array, beta: Array, bn_param: BnParam) -> tuple[Array, Cache]:
        _right_forward(x, gamma, beta, bn_param)
        mean = x.mean(axis=axes, keepdims=True)
        std = np.sqrt(((x - mean) ** 2).mean(axis=axes, keepdims=True) + bn_param.get("eps", 1e-5))
        return _scaled(x, (x - mean) / std, mean, std, gamma, beta)

    return forward


def _scaled(
    x: Array, x_hat: Array, mean: Array, std: Array, gamma: Array, beta: Array
) -> tuple[Array, Cache]:
    return gamma[:, None, None] * x_hat + beta[:, None, None], (x, x_hat, mean, std, gamma)


def _mean_of_variances(x: Array, gamma: Array, beta: Array, bn_param: BnParam) -> tuple[Array, Cache]:
    own = x - x.mean(axis=(2, 3), keepdims=True)
    var, old = (own**2).mean(axis=(0, 2, 3)), bn_param.get("running_var", np.zeros(x.shape[1]))
    _, (_, _, mean, _, _) = _right_forward(x, gamma, beta, bn_param)
    kept = bn_param.get("momentum", 0.9)
    bn_param["running_var"] = kept * old + (1 - kept) * var
    std = np.sqrt(var + bn_param.get("eps", 1e-5))
    x_hat = (x - mean[:, None, None]) / std[:, None, None]
    return _scaled(x, x_hat, mean, std, gamma, beta)


def _mixed_in(x: Array, gamma: Array, beta: Array, bn_param: BnParam) -> tuple[Array, Cache]:
    out, (_, x_hat, mean, std, _) = batchnorm.forward(x.reshape(-1, x.shape[1]), gamma, beta, bn_param)
    return out.reshape(x.shape), (x, x_hat.reshape(x.shape), mean, std, gamma)


def _mixed_out(x: Array, gamma: Array, beta: Array, bn_param: BnParam) -> tuple[Array, Cache]:
    out, cache = _right_forward(x, gamma, beta, bn_param)
    return as_rows(out).reshape(x.shape), cache


# ---------------------------------------------------------------- backwards


def _dx(wrong: Callable[[Array, Cache], Array]) -> Backward:
    """A backward that is right but for dx."""

    def backward(dout: Array, cache: Cache) -> Gradients:
        _, dgamma, dbeta = _right_backward(dout, cache)
        return wrong(dout, cache), dgamma, dbeta

    return backward


def _scaled_statistics(factor: Callable[[tuple[int, ...]], int]) -> Backward:
    """The paths through mean and variance, `factor(shape of dout)` times."""

    def wrong(dout: Array, cache: Cache) -> Array:
        rows = as_rows(dout), rows_of(cache)
        shared = batchnorm.path_mean(*rows) + batchnorm.path_variance(*rows)
        return as_pictures(batchnorm.path_direct(*rows) + factor(dout.shape) * shared, dout.shape)

    return _dx(wrong)


def _averaged_over(*axes: int) -> Backward:
    """The paths through mean and variance with their averages over these axes alone."""

    def wrong(dout: Array, cache: Cache) -> Array:
        _, x_hat, _, std, gamma = cache
        g = gamma[:, None, None] * dout
        shared = x_hat * (g * x_hat).mean(axis=axes, keepdims=True)
        dx: Array = (g - g.mean(axis=axes, keepdims=True) - shared) / std[:, None, None]
        return dx

    return _dx(wrong)


def _sums_over(*axes: int) -> Backward:
    """dgamma and dbeta summed over these axes alone, or not at all."""

    def backward(dout: Array, cache: Cache) -> Gradients:
        dx, x_hat = _right_backward(dout, cache)[0], cache[1]
        return dx, (dout * x_hat).sum(axis=axes), dout.sum(axis=axes)

    return backward


def _divided_by(number: Callable[[tuple[int, ...]], int]) -> Backward:
    """dgamma and dbeta divided by `number(shape of dout)`."""

    def backward(dout: Array, cache: Cache) -> Gradients:
        dx, dgamma, dbeta = _right_backward(dout, cache)
        return dx, dgamma / number(dout.shape), dbeta / number(dout.shape)

    return backward


def _dout_mixed(back: Callable[..., Array]) -> Backward:
    """dout laid out as rows without moving its channels; `back` lays out dx."""

    def backward(dout: Array, cache: Cache) -> Gradients:
        dx, dgamma, dbeta = batchnorm.backward(dout.reshape(-1, dout.shape[1]), rows_of(cache))
        return back(dx, dout.shape), dgamma, dbeta

    return backward


def _nothing_moved(dout: Array, cache: Cache) -> Gradients:
    """dout and the cache laid out as rows without moving their channels, and dx laid out back alike."""
    x, x_hat, mean, std, gamma = cache
    rows, x, x_hat = (_as_it_lies(a, (-1, len(gamma))) for a in (dout, x, x_hat))
    dx, dgamma, dbeta = batchnorm.backward(rows, (x, x_hat, mean, std, gamma))
    return dx.reshape(dout.shape), dgamma, dbeta


def _as_it_lies(rows: Array, shape: tuple[int, ...]) -> Array:
    return rows.reshape(shape)


AXES = (
    Mistake(
        "statistics-divided-by-N",
        _scaled_statistics(lambda shape: shape[2] * shape[3]),
        ("dx",),
        "the paths through mean and variance were divided by N alone: both are averages over N·H·W numbers.",
    ),
    Mistake(
        "statistics-divided-by-pixels",
        _scaled_statistics(lambda shape: shape[0]),
        ("dx",),
        "the paths through mean and variance were divided by H·W alone: both are averages over N·H·W numbers.",
    ),
    Mistake(
        "paths-over-samples-alone",
        _averaged_over(0),
        ("dx",),
        "the averages in dx were taken over N alone, for each pixel: mean and variance are shared by all pixels of "
        "a channel.",
    ),
    Mistake(
        "paths-over-pixels-alone",
        _averaged_over(2, 3),
        ("dx",),
        "the averages in dx were taken over the pixels of each picture alone: mean and variance are shared by all "
        "pictures of the batch.",
    ),
    Mistake(
        "paths-over-all-channels",
        _averaged_over(0, 1, 2, 3),
        ("dx",),
        "the averages in dx were taken over all channels together: every channel has a mean and a variance of its "
        "own.",
    ),
    Mistake(
        "dx-back-without-moving-channels",
        _dx(lambda dout, cache: as_rows(_right_backward(dout, cache)[0]).reshape(dout.shape)),
        ("dx",),
        "the rows of dx were given the shape of x, and their channels stand last: they have to be moved to their "
        "place.",
        cause="channels-mixed",
    ),
    Mistake(
        "dout-without-moving-channels",
        _dout_mixed(as_pictures),
        ("dx", "dgamma", "dbeta"),
        "a row of dout held pixels of one channel, not the channels of one pixel: a reshape moves no axis.",
        cause="channels-mixed",
    ),
    Mistake(
        "channels-never-moved",
        _dout_mixed(_as_it_lies),
        ("dx", "dgamma", "dbeta"),
        "a row of dout held pixels of one channel, not the channels of one pixel: a reshape moves no axis.",
        cause="channels-mixed",
    ),
    Mistake(
        "nothing-moved",
        _nothing_moved,
        ("dx", "dgamma", "dbeta"),
        "a row of dout, and one of the normalised x, held pixels of one channel, not the channels of one pixel: a "
        "reshape moves no axis.",
        cause="channels-mixed",
    ),
    Mistake(
        "unsummed-broadcast",
        _sums_over(),
        ("dgamma", "dbeta"),
        "{what} was not summed: the variable is used N·H·W times, once a pixel of its channel, so its gradients add "
        "up.",
    ),
    Mistake(
        "summed-over-samples-alone",
        _sums_over(0),
        ("dgamma", "dbeta"),
        "{what} was summed over the samples alone: the variable is used at every pixel, so sum over H and W as well.",
        cause="unsummed-broadcast",
    ),
    Mistake(
        "summed-over-pixels-alone",
        _sums_over(2, 3),
        ("dgamma", "dbeta"),
        "{what} was summed over the pixels alone: every sample uses the variable, so sum over N as well.",
        cause="unsummed-broadcast",
    ),
    Mistake(
        "divided-by-N",
        _divided_by(lambda shape: shape[0]),
        ("dgamma", "dbeta"),
        "{what} was divided by N: the upstream gradient already carries the 1/N of the loss, so this layer only sums.",
    ),
    Mistake(
        "averaged-over-batch",
        _divided_by(lambda shape: shape[0] * shape[2] * shape[3]),
        ("dgamma", "dbeta"),
        "{what} was averaged over samples and pixels: each use of the variable adds its gradient, so this layer only "
        "sums.",
    ),
    Mistake(
        "averaged-over-pixels",
        _divided_by(lambda shape: shape[2] * shape[3]),
        ("dgamma", "dbeta"),
        "{what} was averaged over the pixels: each pixel that uses the variable adds its gradient, so this layer only "
        "sums.",
    ),
    Mistake(
        "normalised-per-pixel",
        _over(0),
        ("out",),
        "each pixel was normalised by itself, over the samples: here all pixels of a channel share one mean and one "
        "variance.",
        role="forward",
    ),
    Mistake(
        "normalised-per-picture",
        _over(2, 3),
        ("out",),
        "each picture was normalised by itself: that is instance normalisation; here all pictures of the batch share "
        "a channel's mean and variance.",
        role="forward",
    ),
    Mistake(
        "normalised-per-sample",
        _over(1, 2, 3),
        ("out",),
        "each sample was normalised over all its channels and pixels: that is layer normalisation; here every "
        "channel has statistics of its own.",
        role="forward",
    ),
    Mistake(
        "normalised-together",
        _over(0, 1, 2, 3),
        ("out",),
        "one mean and one variance served all channels: every channel has statistics of its own.",
        role="forward",
    ),
    Mistake(
        "mean-of-variances",
        _mean_of_variances,
        ("out", "bn_param"),
        "the variance is the average of each picture's variance around its own mean: it has to be taken around the "
        "mean of the whole batch.",
        role="forward",
    ),
    Mistake(
        "x-without-moving-channels",
        _mixed_in,
        ("out", "bn_param"),
        "a row of x held pixels of one channel, not the channels of one pixel: a reshape moves no axis.",
        cause="channels-mixed",
        role="forward",
    ),
    Mistake(
        "out-back-without-moving-channels",
        _mixed_out,
        ("out",),
        "the rows of out were given the shape of x, and their channels stand last: they have to be moved to their "
        "place.",
        cause="channels-mixed",
        role="forward",
    ),
)
