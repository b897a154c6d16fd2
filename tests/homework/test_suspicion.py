"""Numerical differentiation is pointed out to the teacher, derived gradients never are, and no mark changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handgrad.homework.answers import Spent
from handgrad.homework.sandbox import Limits
from handgrad.homework.suspicion import by_counting, by_growth
from tests.homework.sandboxed import SMALL, graded, points

LIMITS = replace(Limits(), memory_mb=160)

CENTRAL = """
def affine_backward(dout, cache):
    x, w, b = cache
    grads = []
    for k, a in enumerate((x, w, b)):
        g = np.zeros_like(a)
        for i in np.ndindex(*a.shape):
            values = []
            for h in (1e-5, -1e-5):
                args = [x, w, b]
                args[k] = a.copy()
                args[k][i] += h
                values.append(np.sum(affine_forward(*args)[0] * dout))
            g[i] = (values[0] - values[1]) / 2e-5
        grads.append(g)
    return tuple(grads)
"""
COMPLEX = """
def affine_backward(dout, cache):
    x, w, b = cache
    def out(x, w, b):
        return x @ w + b
    grads = []
    for k, a in enumerate((x, w, b)):
        g = np.zeros_like(a)
        for i in np.ndindex(*a.shape):
            args = [x, w, b]
            args[k] = a.astype(complex)
            args[k][i] += 1e-30j
            g[i] = np.sum(out(*args).imag * dout) / 1e-30
        grads.append(g)
    return tuple(grads)
"""
BATCHED = """
def affine_backward(dout, cache):
    x, w, b = cache
    rows, drows = x.reshape(-1, x.shape[2]), dout.reshape(-1, dout.shape[2])
    grads = []
    for k, a in enumerate((rows, w, b)):
        steps = a + 1e-30j * np.eye(a.size).reshape(a.size, *a.shape)
        args = [rows, w, b]
        args[k] = steps if k < 2 else steps[:, None, :]
        moved = (args[0] @ args[1] + args[2]).imag / 1e-30
        g = np.sum(moved * drows, axis=(1, 2))
        grads.append(g.reshape((x, w, b)[k].shape))
    return tuple(grads)
"""
DISGUISED = """
def affine_backward(dout, cache):
    x, w, b = cache
    eps = 2.0 ** -17
    def energy(p, q, r):
        return float(((p @ q + r) * dout).sum())
    def slope(which, place):
        trial = [np.array(v) for v in (x, w, b)]
        trial[which][place] += eps
        up = energy(*trial)
        trial[which][place] -= 2 * eps
        return (up - energy(*trial)) / (2 * eps)
    made = [np.array([slope(k, i) for i in np.ndindex(*v.shape)]).reshape(v.shape) for k, v in enumerate((x, w, b))]
    return tuple(made)
"""
TWIN_BY_OTHERS = """
def twin_backward(dout, x1, x2, w, b):
    grads = []
    for k, a in enumerate((x1, x2, w, b)):
        g = np.zeros_like(a)
        for i in np.ndindex(*a.shape):
            args = [v.astype(complex) for v in (x1, x2, w, b)]
            args[k][i] += 1e-30j
            y1, y2 = affine_forward(args[0], *args[2:])[0], affine_forward(args[1], *args[2:])[0]
            g[i] = np.sum((y1 * y2).imag * dout) / 1e-30
        grads.append(g)
    return tuple(grads)
"""
SOFTMAX_COMPLEX = """
def softmax_loss(x, y, mask):
    def value(x):
        shifted = (x - x.real.max(axis=2, keepdims=True))[mask]
        costs = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(mask.sum()), y[mask]]
        return np.sum(costs) / len(x)
    dx = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        moved = x.astype(complex)
        moved[i] += 1e-30j
        dx[i] = value(moved).imag / 1e-30
    return float(value(x)), dx
"""

NUMERICAL = [
    ("affine", "backward", CENTRAL, "affine_backward"),
    ("affine", "backward", COMPLEX, "affine_backward"),
    ("affine", "backward", BATCHED, "affine_backward"),
    ("affine", "backward", DISGUISED, "affine_backward"),
    ("affine", "twin-backward", TWIN_BY_OTHERS, "twin_backward"),
    ("softmax", "loss", SOFTMAX_COMPLEX, "softmax_loss"),
]
NAMES = ["central", "complex step", "batched complex step", "disguised", "through other answers", "a loss"]


@pytest.mark.parametrize(("slug", "grade_id", "code", "name"), NUMERICAL, ids=NAMES)
def test_numerical_differentiation_is_pointed_out_and_keeps_its_points(slug, grade_id, code, name):
    result = graded({grade_id: code}, slug, LIMITS)
    assert name in [suspicion.function for suspicion in result.suspicions]
    assert points(result) == points(graded({}, slug, LIMITS)) or code in (CENTRAL, DISGUISED)


LOOP_N = """
def affine_backward(dout, cache):
    x, w, b = cache
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros_like(b)
    for n in range(len(x)):
        dx[n] = dout[n] @ w.T
        dw += x[n].T @ dout[n]
        db += dout[n].sum(axis=0)
    return dx, dw, db
"""
LOOP_ALL = """
def affine_backward(dout, cache):
    x, w, b = cache
    (N, T, D), M = x.shape, len(b)
    dx, dw, db = np.zeros((N, T, D)), np.zeros((D, M)), np.zeros(M)
    for n in range(N):
        for t in range(T):
            for m in range(M):
                for d in range(D):
                    dx[n, t, d] += dout[n, t, m] * w[d, m]
                    dw[d, m] += x[n, t, d] * dout[n, t, m]
                db[m] += dout[n, t, m]
    return dx, dw, db
"""
LOOP_STEPS = """
def affine_backward(dout, cache):
    x, w, b = cache
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros_like(b)
    for n in range(x.shape[0]):
        for t in range(x.shape[1]):
            dx[n, t] = w @ dout[n, t]
            dw += np.outer(x[n, t], dout[n, t])
            db += dout[n, t]
    return dx, dw, db
"""
EINSUM = """
def affine_backward(dout, cache):
    x, w, b = cache
    dx = np.einsum("ntm,dm->ntd", dout, w)
    return dx, np.einsum("ntd,ntm->dm", x, dout), np.einsum("ntm->m", dout)
"""
CALLS_FORWARD = """
def affine_backward(dout, cache):
    x, w, b = cache
    out, again = affine_forward(x, w, b)
    assert out.shape == dout.shape
    return dout @ w.T, np.tensordot(x, dout, axes=((0, 1), (0, 1))), dout.sum(axis=(0, 1))
"""
PLAIN_LISTS = """
def affine_backward(dout, cache):
    x, w, b = cache
    rows, W, G = x.reshape(-1, len(w)).tolist(), w.tolist(), dout.reshape(-1, len(b)).tolist()
    dx = [[sum(g * v for g, v in zip(row, weights)) for weights in W] for row in G]
    dw = [[sum(r[d] * g[m] for r, g in zip(rows, G)) for m in range(len(b))] for d in range(len(W))]
    return np.array(dx).reshape(x.shape), np.array(dw), np.array([sum(g[m] for g in G) for m in range(len(b))])
"""
DERIVED = {
    "vectorised": "",
    "a loop over N": LOOP_N,
    "loops over N and T": LOOP_STEPS,
    "loops over everything": LOOP_ALL,
    "einsum": EINSUM,
    "one call of the forward": CALLS_FORWARD,
    "lists": PLAIN_LISTS,
}


@pytest.mark.parametrize("name", DERIVED)
def test_a_derived_gradient_is_not_suspected(name):
    result = graded({"backward": DERIVED[name]} if DERIVED[name] else {}, "affine", LIMITS)
    assert result.suspicions == ()
    assert result.points == 16.0


@pytest.mark.parametrize(
    "slug", ["batchnorm", "chain_rule", "dimension_analysis", "full_jacobians", "graphs", "relu", "softmax"]
)
def test_the_authors_own_answers_are_never_suspected(slug):
    result = graded({}, slug, LIMITS)
    assert result.suspicions == ()
    assert result.points == result.max_points


def test_a_limit_that_is_met_while_looking_for_growth_costs_no_points():
    slow = """
def affine_backward(dout, cache):
    x, w, b = cache
    if len(x) > 20:
        while True: pass
    return dout @ w.T, np.tensordot(x, dout, axes=((0, 1), (0, 1))), dout.sum(axis=(0, 1))
"""
    limits = replace(SMALL, total=SMALL.instructions)
    result = graded({"backward": slow}, limits=limits)
    assert result.points == 16.0
    assert [part.state for part in result.parts] == ["judged"] * 5


def spent(**changes):
    return Spent(
        **{"part": "p", "name": "f", "instructions": 1_000_000, "returned": 10, "others": 0, **changes}
    )


def test_many_calls_of_other_answers_are_counted():
    assert by_counting([spent(others=7)]) == {}
    assert "calls other answers 8 times, for 10 numbers" in by_counting([spent(others=8)])["f"].words
    assert by_counting([spent(others=20, returned=100)]) == {}


def test_instructions_for_each_number_are_counted_unless_the_growth_is_looked_at():
    busy = spent(instructions=50_000_000)
    assert "instructions for each of 10 numbers" in by_counting([busy])["f"].words
    assert by_counting([busy], work=False) == {}
    assert by_counting([spent(instructions=50_000_000, returned=0)]) == {}


@pytest.mark.parametrize(
    "roles",
    [
        {},
        {"forward": None, "backward": None},
        {"forward": 7, "backward": 7},
        {"forward": lambda *a: (1, 2), "backward": lambda *a: 3},
        {"forward": lambda x, w, b: (x, 2), "backward": lambda *a: 3},
        {"loss": lambda *a: 1},
        {"backward": lambda *a: 1},
        {"forward": lambda *a: 1 / 0, "backward": 1},
    ],
)
def test_roles_that_are_no_answers_raise_nothing(roles):
    assert list(by_growth("temporal_affine", roles, [])) == []
    assert list(by_growth("no such layer", roles, [])) == []
