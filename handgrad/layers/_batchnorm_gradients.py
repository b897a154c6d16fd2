"""What goes wrong in batch normalisation's gradients, factor by factor: one backward, written out, with one slip."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from handgrad.layers import Mistake
from handgrad.layers._common import Array

__all__ = ["GRADIENTS"]

Cache = tuple[Array, Array, Array, Array, Array]
Gradients = tuple[Array, Array, Array]


class _Given(NamedTuple):
    """What a backward has at hand; g is the gradient of the normalised x."""

    dout: Array
    g: Array
    x: Array
    x_hat: Array
    xc: Array
    std: Array
    gamma: Array


def _dx(a: _Given) -> Array:
    return _folded(a.g, a.g, a.x_hat, a.x_hat) / a.std


def _folded(own: Array, shared: Array, outside: Array, inside: Array) -> Array:
    """`own` less two averages of `shared` over the batch."""
    difference: Array = own - shared.mean(axis=0) - outside * (shared * inside).mean(axis=0)
    return difference


def _dx_without_eps(a: _Given) -> Array:
    std: Array = a.xc.std(axis=0)
    x_hat = a.xc / std
    return _folded(a.g, a.g, x_hat, x_hat) / std


def _dgamma(a: _Given) -> Array:
    summed: Array = (a.dout * a.x_hat).sum(axis=0)
    return summed


def _dbeta(a: _Given) -> Array:
    summed: Array = a.dout.sum(axis=0)
    return summed


def _backward(
    dx: Callable[[_Given], Array] = _dx,
    dgamma: Callable[[_Given], Array] = _dgamma,
    dbeta: Callable[[_Given], Array] = _dbeta,
) -> Callable[[Array, Cache], Gradients]:
    """A backward that is right unless told otherwise."""

    def backward(dout: Array, cache: Cache) -> Gradients:
        x, x_hat, mean, std, gamma = cache
        given = _Given(dout, gamma * dout, x, x_hat, x - mean, std, gamma)
        return dx(given), dgamma(given), dbeta(given)

    return backward


GRADIENTS = (
    Mistake(
        "missing-std",
        _backward(dx=lambda a: _folded(a.g, a.g, a.x_hat, a.x_hat)),
        ("dx",),
        "dx was not divided by the standard deviation, as x is on its way to the normalised x.",
    ),
    Mistake(
        "std-on-direct-path-alone",
        _backward(dx=lambda a: _folded(a.g / a.std, a.g, a.x_hat, a.x_hat)),
        ("dx",),
        "the direct path alone was divided by the standard deviation: the paths through mean and variance need it, "
        "too.",
    ),
    Mistake(
        "gamma-on-direct-path-alone",
        _backward(dx=lambda a: _folded(a.g, a.dout, a.x_hat, a.x_hat) / a.std),
        ("dx",),
        "gamma stands in the direct path alone: the paths through mean and variance start from gamma times dout, too.",
    ),
    Mistake(
        "dx-without-eps",
        _backward(dx=_dx_without_eps),
        ("dx",),
        "eps is missing from dx: the standard deviation there is the forward's, with eps under its root.",
        cause="eps-missing",
    ),
    Mistake(
        "stops-at-x-hat",
        _backward(dx=lambda a: a.g),
        ("dx",),
        "that is the gradient of the normalised x, gamma times dout: the way from there back to x is missing.",
    ),
    Mistake(
        "dout-passed-on",
        _backward(dx=lambda a: a.dout.copy()),
        ("dx",),
        "dx is dout unchanged: the scale and the normalisation lie between out and x.",
    ),
    Mistake(
        "variance-path-uses-centred-x",
        _backward(dx=lambda a: _folded(a.g, a.g, a.xc, a.x_hat) / a.std),
        ("dx",),
        "the path through the variance has x minus its mean where the normalised x belongs.",
    ),
    Mistake(
        "variance-path-uses-centred-x-twice",
        _backward(dx=lambda a: _folded(a.g, a.g, a.xc, a.xc) / a.std),
        ("dx",),
        "the path through the variance has x minus its mean, twice, where the normalised x belongs.",
        cause="variance-path-uses-centred-x",
    ),
    Mistake(
        "dgamma-uses-x",
        _backward(dgamma=lambda a: (a.dout * a.x).sum(axis=0)),
        ("dgamma",),
        "dgamma was formed with x: what gamma is multiplied by in the forward is the normalised x.",
    ),
    Mistake(
        "dgamma-uses-centred-x",
        _backward(dgamma=lambda a: (a.dout * a.xc).sum(axis=0)),
        ("dgamma",),
        "dgamma was formed with x minus its mean: what gamma is multiplied by in the forward has been divided "
        "by the standard deviation as well.",
        cause="dgamma-uses-x",
    ),
    Mistake(
        "dgamma-times-gamma",
        _backward(dgamma=lambda a: a.gamma * _dgamma(a)),
        ("dgamma",),
        "dgamma was multiplied by gamma: out is gamma times the normalised x, and the derivative of that by "
        "gamma holds no gamma.",
    ),
    Mistake(
        "dgamma-without-x-hat",
        _backward(dgamma=_dbeta),
        ("dgamma",),
        "dgamma is the sum of dout alone, as dbeta is: gamma is multiplied by the normalised x, so that belongs in "
        "the sum.",
    ),
    Mistake(
        "dgamma-is-dbeta-times-gamma",
        _backward(dgamma=lambda a: a.gamma * _dbeta(a)),
        ("dgamma",),
        "dgamma is dbeta times gamma: gamma is multiplied by the normalised x, so that belongs in the sum, and gamma "
        "itself does not.",
        cause="dgamma-without-x-hat",
    ),
    Mistake(
        "dbeta-with-x-hat",
        _backward(dbeta=_dgamma),
        ("dbeta",),
        "dbeta was formed with the normalised x, as dgamma is: beta is only added, so its factor is 1.",
    ),
    Mistake(
        "dbeta-times-gamma",
        _backward(dbeta=lambda a: a.gamma * _dbeta(a)),
        ("dbeta",),
        "dbeta was multiplied by gamma: beta is only added, so its factor is 1.",
    ),
)
