"""Random numbers that a grader can replace."""

from __future__ import annotations

import numpy as np

from handgrad import check, check_formula, check_gradient, generator
from handgrad.draws import seeded


def test_a_key_gives_what_numpy_gives():
    assert generator(4).normal() == np.random.default_rng(4).normal()
    assert generator(4, 2).normal() == np.random.default_rng([4, 2]).normal()


def test_a_secret_gives_other_numbers_and_only_inside_its_block():
    with seeded(17):
        inside, again = generator(4).normal(), generator(4).normal()
        with seeded(18):
            other = generator(4).normal()
    assert inside == again
    assert len({inside, other, generator(4).normal()}) == 3


def remembering(seen):
    def forward(x):
        seen.append(np.array(x))
        return np.tanh(x), x

    return forward


def test_the_secret_reaches_every_check():
    layer, gradient = [], []
    for secret in (3, 4):
        with seeded(secret):
            check("tanh", forward=remembering(layer))
            x = generator(1).normal(size=3)
            check_gradient(lambda x: np.tanh(x).sum(), {"x": x}, {"x": 1 - np.tanh(x) ** 2})
            gradient.append(x)
    half = len(layer) // 2
    assert all(not np.array_equal(a, b) for a, b in zip(layer[:half], layer[half:], strict=True))
    assert not np.array_equal(*gradient)


def test_a_check_says_no_under_any_secret():
    for secret in (0, 1, 2**100):
        with seeded(secret):
            assert check_formula("X.T @ dS", "W", forward="S = X @ W", shapes="X: N D, W: D C").ok
            assert not check_formula("X @ dS", "W", forward="S = X @ W", shapes="X: N D, W: D C").ok
            assert not check("tanh", backward=lambda dout, out: dout * out).ok
