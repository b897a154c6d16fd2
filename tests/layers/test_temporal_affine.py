from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from autograd import make_vjp
from autograd import numpy as anp

from handgrad import check
from handgrad.layers import Case, Layer, affine

SLUG = "temporal_affine"


def test_the_output_is_a_weighted_sum_of_each_step_plus_the_bias(
    layer: Layer, case: Case, draw: Any, agree: Any
) -> None:
    x, w, b = draw(case).values()
    N, T, D = x.shape
    expected = np.empty((N, T, len(b)))
    for n in range(N):
        for t in range(T):
            for m in range(len(b)):
                expected[n, t, m] = b[m] + sum(x[n, t, d] * w[d, m] for d in range(D))
    out, _ = layer.forward(x, w, b)
    agree(out, expected)


def test_the_gradients_agree_with_autograd(layer: Layer, train_case: Case, draw: Any, agree: Any) -> None:
    x, w, b = draw(train_case).values()
    out, cache = layer.forward(x, w, b)
    dout = np.random.default_rng(5).normal(size=out.shape)

    def forward(inputs: Any) -> Any:
        x, w, b = inputs
        return anp.einsum("ntd,dm->ntm", x, w) + anp.einsum("nt,m->ntm", anp.ones(x.shape[:2]), b)

    expected = make_vjp(forward)((x, w, b))[0](dout)
    for got, right in zip(layer.backward(dout, cache), expected, strict=True):
        agree(got, right)


def test_a_worked_example_comes_out_exactly(layer: Layer) -> None:
    x = np.array([[[1.0], [2.0]], [[3.0], [5.0]]])
    out, cache = layer.forward(x, np.array([[10.0]]), np.array([7.0]))
    assert out.tolist() == [[[17.0], [27.0]], [[37.0], [57.0]]]
    dx, dw, db = layer.backward(np.array([[[1.0], [-1.0]], [[2.0], [4.0]]]), cache)
    assert dx.tolist() == [[[10.0], [-10.0]], [[20.0], [40.0]]]
    assert dw.tolist() == [[1.0 - 2.0 + 6.0 + 20.0]]
    assert db.tolist() == [6.0]


def test_the_gradients_are_the_sums_of_those_of_an_affine_layer_at_each_step(
    layer: Layer, draw: Any, agree: Any
) -> None:
    x, w, b = draw(layer.cases[0]).values()
    dout = np.random.default_rng(6).normal(size=(*x.shape[:2], len(b)))
    dx, dw, db = layer.backward(dout, (x, w, b))
    steps = [affine.backward(dout[:, t], (x[:, t], w, b)) for t in range(x.shape[1])]
    agree(dx, np.stack([step[0] for step in steps], axis=1))
    agree(dw, sum(step[1] for step in steps))
    agree(db, sum(step[2] for step in steps))


def test_the_cache_holds_the_three_inputs(layer: Layer, draw: Any) -> None:
    inputs = draw(layer.cases[0])
    _, cache = layer.forward(**inputs)
    assert all(got is given for got, given in zip(cache, inputs.values(), strict=True))


def _loop(dout: Any, cache: Any, over: int, keeps: bool) -> Any:
    """A backward that goes through the samples (`over` 0) or the steps (1), and adds up or overwrites."""
    x, w, b = cache
    dw, db = np.zeros_like(w), np.zeros_like(b)
    for i in range(x.shape[over]):
        values, upstream = np.take(x, i, axis=over), np.take(dout, i, axis=over)
        dw = values.T @ upstream + (dw if keeps else 0.0)
        db = upstream.sum(axis=0) + (db if keeps else 0.0)
    return dout @ w.T, dw, db


@pytest.mark.parametrize(("over", "cause"), [(0, "last-sample-alone"), (1, "last-step-alone")])
def test_a_loop_that_overwrites_is_told_which_part_is_left(over: int, cause: str) -> None:
    assert check(SLUG, backward=lambda dout, cache: _loop(dout, cache, over, keeps=True)).ok
    report = check(SLUG, backward=lambda dout, cache: _loop(dout, cache, over, keeps=False))
    assert [(f.param, f.cause) for f in report.findings] == [("dw", cause), ("db", cause)]
    assert f"comes from the last {cause.split('-')[1]} alone" in str(report)


@pytest.mark.parametrize(
    ("part", "wrong", "cause", "words"),
    [
        ("dw", "np.einsum('ntd,ntm->tdm', x, dout)", "steps-not-summed", "one gradient for each step"),
        ("dw", "x.swapaxes(1, 2) @ dout", "samples-not-summed", "one gradient for each sample"),
        ("dw", "(dout.swapaxes(1, 2) @ x).sum(axis=0)", "transposed", "dw is transposed"),
        ("dw", "np.einsum('nsd,ntm->dm', x, dout)", "summed-before-the-product", "meets the upstream"),
        ("dw", "np.einsum('ntd,ntm->dm', x, dout) / dout[..., 0].size", "divided-by-N-and-T", "averaged"),
        ("dw", "x.reshape(-1, x.shape[2]).T @ dout.transpose(1, 0, 2).reshape(-1, dout.shape[2])",
         "steps-and-samples-mixed", "the steps first"),
        ("db", "dout.sum(axis=0)", "steps-not-summed", "keeps one gradient for each step"),
        ("db", "dout.sum(axis=1)", "samples-not-summed", "keeps one gradient for each sample"),
        ("db", "dout.sum(axis=-1)", "summed-over-wrong-axis", "one number for each sample and step"),
        ("db", "dout.mean(axis=(0, 1))", "divided-by-N-and-T", "the samples and the steps"),
        ("db", "dout.mean(axis=1).sum(axis=0)", "divided-by-T", "averaged over the steps"),
        ("db", "dout.mean(axis=0).sum(axis=0)", "divided-by-N", "averaged over the samples"),
        ("db", "dout.reshape(len(dout), -1).sum(axis=0)", "one-row-for-each-sample", "one long row"),
        ("dx", "dout.reshape(-1, dout.shape[2]) @ w.T", "flattened", "parted again"),
    ],
)  # fmt: skip
def test_what_is_new_about_the_steps_is_named(
    layer: Layer, part: str, wrong: str, cause: str, words: str
) -> None:
    def backward(dout: Any, cache: Any) -> Any:
        x, w, b = cache
        given = {"np": np, "x": x, "w": w, "b": b, "dout": dout}
        right = dict(zip(layer.grad_names, layer.backward(dout, cache), strict=True))
        return (*{**right, part: eval(wrong, given)}.values(),)

    report = check(SLUG, backward=backward)
    assert [(f.param, f.cause) for f in report.findings] == [(part, cause)]
    assert words in str(report)


def test_a_weight_of_its_own_for_every_step_does_not_fit() -> None:
    report = check(SLUG, forward=lambda x, w, b: (x.reshape(len(x), -1) @ w + b, None))
    assert "the inner axes differ: 20 on the left, 5 on the right" in str(report)


def test_every_step_counts_at_the_only_step_too(layer: Layer) -> None:
    one = next(case for case in layer.cases if case.sizes["T"] == 1)
    inputs = layer.sample(np.random.default_rng(0), dict(one.sizes))
    dout = np.random.default_rng(1).normal(size=(one.sizes["N"], 1, one.sizes["M"]))
    flat = affine.backward(dout[:, 0], (inputs["x"][:, 0], inputs["w"], inputs["b"]))
    for got, expected in zip(layer.backward(dout, (*inputs.values(),)), flat, strict=True):
        assert np.array_equal(got.reshape(expected.shape), expected)
