"""Temporal affine layer: one weight and one bias, used at every step of every sample.

    out_nt = x_nt W + b               at each sample n and each step t
    dx     = dout W^T                 at each sample and step
    dW     = sum_nt x_nt^T dout_nt    sums over the N samples and the T steps
    db     = sum_nt dout_nt           sums over the N samples and the T steps

x:    (N, T, D)   N samples, each a sequence of T steps of D numbers
w:    (D, M)      W in the formulas
b:    (M,)
out, dout: (N, T, M)
dx:   (N, T, D)
dw:   (D, M)      dW in the formulas
db:   (M,)

It is the affine layer with N T rows. The sums are no averages: a loss that is a mean has put its 1/N into
dout already.

Source: `temporal_affine_forward` and `temporal_affine_backward` of CS231n, assignment 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.layers import Case, Mistake, affine
from handgrad.layers._common import Array
from handgrad.layers.affine import Cache, Gradients

SHAPES = "x: N T D, w: D M, b: M -> out: N T M"
REDUCTION = "dw and db are sums over N and T; there is no 1/N here, dout already carries the loss's"
GRADS = ("x", "w", "b")
CACHE = "(x, w, b): the inputs of forward"
SMALLEST = "N=2, T=2, D=1 and M=1"


def _rows(values: Array) -> Array:
    """One row for each sample and step: (N, T, K) -> (N T, K)."""
    return values.reshape(-1, values.shape[2])


def forward(x: Array, w: Array, b: Array) -> tuple[Array, Cache]:
    """x W + b at every sample and step.

    x: (N, T, D), w: (D, M), b: (M,) -> out: (N, T, M), cache: (x, w, b).
    """
    out, _ = affine.forward(_rows(x), w, b)
    return out.reshape(*x.shape[:2], -1), (x, w, b)


def backward(dout: Array, cache: Cache) -> Gradients:
    """dx = dout W^T at every sample and step; dw and db sum what each of them sends back.

    dout: (N, T, M), cache: (x, w, b) -> dx: (N, T, D), dw: (D, M), db: (M,). Sums over N and T.
    """
    x, w, b = cache
    dx, dw, db = affine.backward(_rows(dout), (_rows(x), w, b))
    return dx.reshape(x.shape), dw, db


def tangent(x: Array, w: Array, b: Array, ux: Array, uw: Array, ub: Array) -> Array:
    """How out changes with x, w and b moved along ux, uw and ub: ux W + x UW + ub at every sample and step.

    x, ux: (N, T, D), w, uw: (D, M), b, ub: (M,) -> (N, T, M).
    """
    return affine.tangent(_rows(x), w, b, _rows(ux), uw, ub).reshape(*x.shape[:2], -1)


def sample(rng: np.random.Generator, sizes: dict[str, Any]) -> dict[str, Any]:
    """Random x: (N, T, D), w: (D, M), b: (M,)."""
    N, T, D, M = (sizes[axis] for axis in "NTDM")
    return {
        "x": rng.normal(size=(N, T, D)) + 0.3,
        "w": rng.normal(size=(D, M)),
        "b": rng.normal(size=M) + 1.0,
    }


CASES = (
    Case("different sizes", {"N": 7, "T": 4, "D": 5, "M": 3}),
    Case("one sample", {"N": 1, "T": 5, "D": 4, "M": 3}),
    Case("one step", {"N": 5, "T": 1, "D": 4, "M": 3}),
    Case("square", {"N": 4, "T": 4, "D": 4, "M": 4}),
    Case("more steps than samples", {"N": 3, "T": 8, "D": 5, "M": 7}),
    Case("one output", {"N": 5, "T": 2, "D": 3, "M": 1}),
)


def _at(taken: Callable[[Array], Array]) -> Callable[[Array, Cache], Gradients]:
    """A backward whose dw and db come from some of the uses alone, those that `taken` takes of (N, T, K)."""

    def wrong(dout: Array, cache: Cache) -> Gradients:
        x, w, b = cache
        _, dw, db = backward(taken(dout), (taken(x), w, b))
        return backward(dout, cache)[0], dw, db

    return wrong


def _only(part: str, made: Callable[[Array, Cache], Array]) -> Callable[[Array, Cache], Gradients]:
    """A backward that is right but for one part."""

    def wrong(dout: Array, cache: Cache) -> Gradients:
        dx, dw, db = (
            made(dout, cache) if name == part else right
            for name, right in zip(("dx", "dw", "db"), backward(dout, cache), strict=True)
        )
        return dx, dw, db

    return wrong


def _by_rows(wrong: Callable[[Array, Cache], Gradients]) -> Callable[[Array, Cache], Gradients]:
    """A mistake of the affine layer, made with one row for each sample and step."""

    def with_steps(dout: Array, cache: Cache) -> Gradients:
        x, w, b = cache
        dx, dw, db = wrong(_rows(dout), (_rows(x), w, b))
        return dx.reshape(x.shape), dw, db

    return with_steps


def _each_step(dout: Array, cache: Cache) -> Gradients:
    x, _, _ = cache
    return backward(dout, cache)[0], np.einsum("ntd,ntm->tdm", x, dout), dout.sum(axis=0)


def _each_sample(dout: Array, cache: Cache) -> Gradients:
    x, _, _ = cache
    return backward(dout, cache)[0], np.einsum("ntd,ntm->ndm", x, dout), dout.sum(axis=1)


def _row_a_sample(dout: Array, cache: Cache) -> Gradients:
    x, _, _ = cache
    long_x, long_dout = x.reshape(len(x), -1), dout.reshape(len(dout), -1)
    return backward(dout, cache)[0], long_x.T @ long_dout, long_dout.sum(axis=0)


def _steps_first(dout: Array, cache: Cache) -> Gradients:
    return backward(dout.swapaxes(0, 1).reshape(dout.shape), cache)


def _permuted(dout: Array, cache: Cache) -> Gradients:
    dx, dw, db = backward(dout, cache)
    return dw, dx, db


def _divided(count: Callable[[Array], int]) -> Callable[[Array, Cache], Gradients]:
    """A backward that averages dw and db."""

    def wrong(dout: Array, cache: Cache) -> Gradients:
        dx, dw, db = backward(dout, cache)
        return dx, dw / count(dout), db / count(dout)

    return wrong


def _missing_bias(x: Array, w: Array, b: Array) -> tuple[Array, Cache]:
    return x @ w, (x, w, b)


def _bias_subtracted(x: Array, w: Array, b: Array) -> tuple[Array, Cache]:
    return x @ w - b, (x, w, b)


def _rows_left(x: Array, w: Array, b: Array) -> tuple[Array, Cache]:
    return _rows(forward(x, w, b)[0]), (x, w, b)


def _steps_summed(x: Array, w: Array, b: Array) -> tuple[Array, Cache]:
    return x.sum(axis=1) @ w + b, (x, w, b)


def _last_alone(x: Array, w: Array, b: Array) -> tuple[Array, Cache]:
    return x[:, -1] @ w + b, (x, w, b)


def _out_steps_first(x: Array, w: Array, b: Array) -> tuple[Array, Cache]:
    out, cache = forward(x, w, b)
    return out.swapaxes(0, 1).reshape(out.shape), cache


MISTAKES = (
    Mistake(
        "unsummed-broadcast",
        _only("db", lambda dout, cache: dout.copy()),
        ("db",),
        "db was not summed at all: b is used at every step of every sample, so the gradients of all those "
        "uses add up.",
    ),
    Mistake(
        "steps-not-summed",
        _each_step,
        ("dw", "db"),
        "{what} was summed over the samples and keeps one gradient for each step: all steps share the same "
        "weight and bias, so their gradients add up as well.",
    ),
    Mistake(
        "samples-not-summed",
        _each_sample,
        ("dw", "db"),
        "{what} was summed over the steps and keeps one gradient for each sample: all samples share the same "
        "weight and bias, so their gradients add up as well.",
    ),
    Mistake(
        "last-step-alone",
        _at(lambda values: values[:, -1:]),
        ("dw", "db"),
        "{what} comes from the last step alone: every step sends a gradient back, and they are added, not "
        "put in the place of one another.",
    ),
    Mistake(
        "first-step-alone",
        _at(lambda values: values[:, :1]),
        ("dw", "db"),
        "{what} comes from the first step alone: every step uses the same weight and bias, and sends a "
        "gradient back.",
    ),
    Mistake(
        "last-sample-alone",
        _at(lambda values: values[-1:]),
        ("dw", "db"),
        "{what} comes from the last sample alone: every sample sends a gradient back, and they are added, not "
        "put in the place of one another.",
    ),
    Mistake(
        "summed-before-the-product",
        _only("dw", lambda dout, cache: cache[0].sum(axis=1).T @ dout.sum(axis=1)),
        ("dw",),
        "dw was formed from sums over the steps, so that the input of one step meets the upstream gradient of "
        "another: each step has a product of its own, and the products are summed.",
    ),
    Mistake(
        "steps-and-samples-mixed",
        _steps_first,
        ("dx", "dw"),
        "{what} mixes samples with steps: the rows of the upstream gradient were laid out with the steps "
        "first, those of the input with the samples first.",
    ),
    Mistake(
        "one-row-for-each-sample",
        _row_a_sample,
        ("dw", "db"),
        "{what} was formed with one long row for each sample, as if every step had a weight and a bias of its "
        "own: what the layer multiplies is one row for each sample and step.",
    ),
    Mistake(
        "summed-over-wrong-axis",
        _only("db", lambda dout, cache: dout.sum(axis=2)),
        ("db",),
        "db was summed over the outputs and kept one number for each sample and step: b has one entry for each "
        "output, and it is the samples and the steps that share it.",
    ),
    Mistake(
        "samples-alone-are-kept",
        _only("db", lambda dout, cache: dout.sum(axis=(1, 2))),
        ("db",),
        "db was summed over the steps and the outputs: b has one entry for each output, and it is the samples "
        "and the steps that share it.",
        cause="summed-over-wrong-axis",
    ),
    Mistake(
        "steps-alone-are-kept",
        _only("db", lambda dout, cache: dout.sum(axis=(0, 2))),
        ("db",),
        "db was summed over the samples and the outputs: b has one entry for each output, and it is the "
        "samples and the steps that share it.",
        cause="summed-over-wrong-axis",
    ),
    Mistake(
        "summed-too-much",
        _only("db", lambda dout, cache: np.asarray(dout.sum())),
        ("db",),
        "db was summed to a single number: each of the M biases feeds its own column only, so only the "
        "samples and the steps are summed.",
    ),
    Mistake(
        "flattened",
        _only("dx", lambda dout, cache: _rows(backward(dout, cache)[0])),
        ("dx",),
        "dx still has one row for each sample and step: a gradient has exactly the shape of its variable, so "
        "samples and steps have to be parted again.",
    ),
    Mistake(
        "permuted",
        _permuted,
        ("dx", "dw"),
        "the first two gradients are returned in the wrong order: they come in the order of the forward's "
        "arguments.",
    ),
    Mistake(
        "divided-by-N",
        _divided(len),
        ("dw", "db"),
        "{what} was averaged over the samples: the upstream gradient already carries the 1/N of the loss, so "
        "this layer only sums.",
    ),
    Mistake(
        "divided-by-T",
        _divided(lambda dout: dout.shape[1]),
        ("dw", "db"),
        "{what} was averaged over the steps: each step adds its gradient in full, so this layer only sums.",
    ),
    Mistake(
        "divided-by-N-and-T",
        _divided(lambda dout: dout.shape[0] * dout.shape[1]),
        ("dw", "db"),
        "{what} was averaged over the samples and the steps: what has to be averaged is in the upstream "
        "gradient already, so this layer only sums.",
    ),
    *(
        replace(mistake, wrong=_by_rows(mistake.wrong))
        for mistake in affine.MISTAKES
        if mistake.name in ("transposed", "ignores-dout", "output-for-input", "output-for-dout")
    ),
    Mistake(
        "missing-bias",
        _missing_bias,
        ("out",),
        "the bias is missing: every step of every sample of out is off by b.",
        role="forward",
    ),
    Mistake(
        "bias-subtracted",
        _bias_subtracted,
        ("out",),
        "the bias was subtracted: this layer adds it at every step of every sample.",
        role="forward",
    ),
    Mistake(
        "steps-not-parted",
        _rows_left,
        ("out",),
        "out still has one row for each sample and step: it keeps the samples and the steps as two axes, as x "
        "has them.",
        cause="flattened",
        role="forward",
    ),
    Mistake(
        "steps-summed",
        _steps_summed,
        ("out",),
        "the steps were summed before the product: out has an answer of its own for each step.",
        role="forward",
    ),
    Mistake(
        "only-the-last-step",
        _last_alone,
        ("out",),
        "out holds the last step alone: it has an answer of its own for each step.",
        cause="last-step-alone",
        role="forward",
    ),
    Mistake(
        "steps-first",
        _out_steps_first,
        ("out",),
        "the rows of out were laid out with the steps first and parted as if the samples came first, so that "
        "numbers of one sample stand with another.",
        cause="steps-and-samples-mixed",
        role="forward",
    ),
)

PATHS: dict[str, Any] = {}
