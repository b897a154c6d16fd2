"""Pictures as rows of channels and back: what turns batch normalisation into that of pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from handgrad.layers._common import Array

__all__ = [
    "Backward",
    "BnParam",
    "Cache",
    "Forward",
    "Gradients",
    "as_pictures",
    "as_rows",
    "backward_of_pictures",
    "forward_of_pictures",
    "rows_of",
]

BnParam = dict[str, Any]
Cache = tuple[Array, Array, Array, Array, Array]
Gradients = tuple[Array, Array, Array]
Forward = Callable[[Array, Array, Array, BnParam], tuple[Array, Cache]]
Backward = Callable[[Array, Cache], Gradients]


def as_rows(a: Array) -> Array:
    """One row a pixel: (N, C, H, W) -> (N H W, C)."""
    return np.moveaxis(a, 1, -1).reshape(-1, a.shape[1])


def as_pictures(rows: Array, shape: Sequence[int]) -> Array:
    """The way back from `as_rows`, an array of its own: (N H W, C) -> shape (N, C, H, W)."""
    N, C, H, W = shape
    return np.moveaxis(rows.reshape(N, H, W, C), -1, 1).copy()


def rows_of(cache: Cache) -> Cache:
    """The cache (x, x_hat, mean, std, gamma) with x and x_hat as rows."""
    x, x_hat, mean, std, gamma = cache
    return as_rows(x), as_rows(x_hat), mean, std, gamma


def forward_of_pictures(of_rows: Callable[..., Any]) -> Forward:
    """A forward of rows, for pictures."""

    def forward(x: Array, gamma: Array, beta: Array, bn_param: BnParam) -> tuple[Array, Cache]:
        out, (_, x_hat, mean, std, _) = of_rows(as_rows(x), gamma, beta, bn_param)
        return as_pictures(out, x.shape), (x, as_pictures(x_hat, x.shape), mean, std, gamma)

    return forward


def backward_of_pictures(of_rows: Callable[..., Any]) -> Backward:
    """A backward of rows, for pictures."""

    def backward(dout: Array, cache: Cache) -> Gradients:
        dx, dgamma, dbeta = of_rows(as_rows(dout), rows_of(cache))
        return as_pictures(dx, dout.shape), dgamma, dbeta

    return backward
