from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from handgrad import agreement, numeric
from handgrad.errors import HandgradError, ShapeError
from handgrad.numeric import (
    TOLERANCES,
    agree,
    blind,
    central,
    complex_step,
    complex_step_unguarded,
    direction,
    directional,
    gradient,
    in_interval,
    jacobian,
    kink_margin,
    one_sided,
    quiet,
    scale,
    supports_complex_step,
    vjp,
)

SCALES = (1e-8, 1e-4, 1.0, 1e4, 1e8)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


def softmax_loss(x: Any, y: Any) -> Any:
    shifted = x - x.real.max(axis=1, keepdims=True)
    return (np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]).mean()


def softmax_gradient(x: Any, y: Any) -> Any:
    p = np.exp(x - x.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    return p / len(y)


def batchnorm(x: Any) -> Any:
    centred = x - x.mean(axis=0)
    return centred / np.sqrt((centred * centred).mean(axis=0) + 1e-5)


def batchnorm_backward(dout: Any, x: Any) -> Any:
    centred = x - x.mean(axis=0)
    std = np.sqrt((centred * centred).mean(axis=0) + 1e-5)
    hat = centred / std
    return (dout - dout.mean(axis=0) - hat * (dout * hat).mean(axis=0)) / std


W = np.random.default_rng(1).normal(size=(5, 3))
Y = np.array([0, 2, 1, 4, 4, 3, 0])


# The complex step


@pytest.mark.parametrize("s", SCALES)
@pytest.mark.parametrize(
    ("f", "derivative"),
    [
        (lambda x: x @ W, lambda x, u: u @ W),
        (lambda x: x * x, lambda x, u: 2 * x * u),
        (lambda x: x**3, lambda x, u: 3 * x**2 * u),
        (relu, lambda x, u: (x > 0) * u),
    ],
    ids=["matmul", "square", "cube", "relu"],
)
def test_the_complex_step_is_exact_at_every_scale(
    f: Callable[..., Any], derivative: Callable[..., Any], s: float, rng: np.random.Generator
) -> None:
    x = rng.normal(size=(7, 5)) * s
    u = direction(x, rng)
    true = derivative(x, u)
    assert np.linalg.norm(complex_step(f, x, u) - true) < 1e-14 * np.linalg.norm(true)


@pytest.mark.parametrize(
    ("f", "slope"),
    [(np.exp, np.exp), (np.tanh, lambda x: 1 / np.cosh(x) ** 2), (np.sin, np.cos)],
    ids=["exp", "tanh", "sin"],
)
def test_the_complex_step_is_exact_entry_by_entry(
    f: Callable[..., Any], slope: Callable[..., Any], rng: np.random.Generator
) -> None:
    x, u = rng.normal(size=(2, 40))
    assert_allclose(complex_step(f, x, u), slope(x) * u, rtol=1e-14, atol=0)


def test_the_complex_step_matches_softmax_cross_entropy_by_hand(rng: np.random.Generator) -> None:
    x, u = rng.normal(size=(2, 7, 5))
    true = np.sum(softmax_gradient(x, Y) * u)
    assert_allclose(complex_step(lambda z: softmax_loss(z, Y), x, u), true, rtol=1e-14)


def test_the_complex_step_matches_batch_normalisation_by_hand(rng: np.random.Generator) -> None:
    x, u, dout = rng.normal(size=(3, 7, 5))
    left, right = np.sum(dout * complex_step(batchnorm, x, u)), np.sum(batchnorm_backward(dout, x) * u)
    assert abs(left - right) < 1e-14 * np.linalg.norm(dout)


def test_the_complex_step_gives_f_an_array_of_its_own() -> None:
    x, u = np.array([1.0, -2.0, 3.0]), np.ones(3)

    def in_place(z: Any) -> Any:
        z[z.real < 0] = 0
        z *= 2
        return z

    assert_array_equal(complex_step(in_place, x, u), [2, 0, 2])
    assert_array_equal(x, [1, -2, 3])


# The central difference and its bound

SMOOTH: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2),
    "log": (lambda x: np.log(np.abs(x)), lambda x: 1 / x),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "offset": (lambda x: 1e6 + np.sin(x), np.cos),
    "fast": (lambda x: np.sin(100 * x), lambda x: 100 * np.cos(100 * x)),
    "abs": (np.abs, np.sign),
    "kink": (lambda x: np.abs(x - 0.25), lambda x: np.sign(x - 0.25)),
    "float32": (lambda x: np.sin(x).astype(np.float32), np.cos),
}


@given(
    name=st.sampled_from(sorted(SMOOTH)),
    exponent=st.floats(-6, 2.5),
    sign=st.sampled_from([-1, 1]),
    turn=st.floats(0.1, 3),
)
def test_the_true_error_of_a_difference_is_within_twice_its_bound(
    name: str, exponent: float, sign: int, turn: float
) -> None:
    f, slope = SMOOTH[name]
    x = np.asarray(sign * 10**exponent)
    with quiet():
        estimate, true = central(f, x, turn * x), slope(x) * turn * x
    if np.isfinite(true):
        assert abs(estimate.value - true) <= 2 * estimate.error


@given(distance=st.floats(-3, 3), slopes=st.tuples(st.floats(-2, 2), st.floats(-2, 2)))
def test_stepping_over_a_kink_is_within_twice_the_bound(distance: float, slopes: tuple[float, float]) -> None:
    x = np.asarray(1 + distance * 1e-3)
    if distance == 0:
        return
    estimate = central(lambda z: np.where(z > 1, slopes[0], slopes[1]) * (z - 1), x, np.asarray(1.0), h=1e-3)
    true = slopes[0] if x > 1 else slopes[1]
    assert abs(estimate.value - true) <= 2 * estimate.error + 1e-9


@pytest.mark.parametrize("s", SCALES)
def test_a_difference_is_good_to_a_billionth_at_every_scale(s: float, rng: np.random.Generator) -> None:
    x = rng.normal(size=(7, 5)) * s
    u = direction(x, rng)
    estimate = central(lambda z: z**3, x, u)
    true = 3 * x**2 * u
    assert np.linalg.norm(estimate.value - true) < 1e-9 * np.linalg.norm(true)
    assert np.linalg.norm(estimate.error) < 1e-8 * np.linalg.norm(true)


def test_a_step_too_small_to_be_felt_is_enlarged(rng: np.random.Generator) -> None:
    x = rng.normal(size=6) * 1e-8  # sigmoid is 0.5 here, and moves by 1e-14 at the first step
    u = direction(x, rng)
    estimate = central(lambda z: 1 / (1 + np.exp(-z)), x, u)
    assert estimate.step > 1e2 * numeric.STEP
    assert_allclose(estimate.value, 0.25 * u, rtol=1e-7)


def test_a_step_too_large_is_reduced() -> None:
    x = np.array([1e-3, 1e3])  # the first entry would move by its scale, 700
    u = np.array([1.0, 0.0])
    assert_allclose(central(lambda z: np.sin(1e3 * z[0]), x, u).value, 1e3 * np.cos(1), rtol=1e-6)


def test_a_larger_step_that_contradicts_a_smaller_one_is_not_taken() -> None:
    # The third step is one period of f: every sample of it is f(x), as if f were constant.
    x = np.asarray(2 * np.pi)
    speed = 2 * np.pi / (numeric.STEP * 1e4 * x)
    estimate = central(lambda z: 1e12 + np.sin(speed * (z - x)), x, np.asarray(1.0))
    assert abs(estimate.value - speed) <= 2 * estimate.error
    assert estimate.value > speed / 2


def test_an_entry_above_the_typical_size_has_a_step_of_its_own() -> None:
    x, u = np.ones(100), np.zeros(100)
    x[3], u[3] = 50.0, 1.0
    assert_allclose(central(lambda z: z * z, x, u).step, 50 * numeric.STEP)
    assert_allclose(central(lambda z: z * z, x, np.roll(u, 1)).step, numeric.STEP * scale(x))


@pytest.mark.parametrize("k", [1000, 1001, 1003, 1010, 1100, 1234])
def test_the_rounding_of_the_argument_is_in_the_bound(k: int) -> None:
    x = np.asarray(k * np.pi)  # f is near 0, so that its own rounding is, too
    estimate = central(np.sin, x, np.asarray(1.0), h=1e-8)
    assert abs(estimate.value - np.cos(x)) <= estimate.error < 1e-3
    assert estimate.error > np.finfo(float).eps * x / 1e-8 / 2


def test_a_larger_step_that_leaves_the_domain_is_not_taken() -> None:
    def f(z: Any) -> Any:
        if z > 1.001:
            raise ArithmeticError("beyond 1.001")
        return 1e9 + z

    estimate = central(f, np.asarray(1.0), np.asarray(1.0))
    assert abs(estimate.value - 1) <= 2 * estimate.error < 1


def test_a_difference_has_an_infinite_bound_where_f_is_not_finite() -> None:
    estimate = central(lambda z: np.log(z), np.array([-1.0, 2.0]), np.ones(2))
    assert estimate.error[0] == np.inf
    assert abs(estimate.value[1] - 0.5) < 1e-9


def test_a_difference_survives_a_buffer_that_f_reuses() -> None:
    buffer = np.empty(3)

    def f(z: Any) -> Any:
        np.multiply(z, 2, out=buffer)
        return buffer

    assert_allclose(central(f, np.ones(3), np.ones(3)).value, 2, rtol=1e-9)


@pytest.mark.parametrize("out", [None, "text", [None, 1], 1j])
def test_a_function_that_returns_no_real_numbers_is_named(out: Any) -> None:
    with pytest.raises(HandgradError, match="numeric: f must return real numbers, got"):
        central(lambda z: out, np.ones(3), np.ones(3))


# Whether the complex step applies


def einsum_gram(x: Any) -> Any:
    return np.einsum("ij,kj->ik", x, x)


def softmax_by_max(x: Any) -> Any:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_by_real_max(x: Any) -> Any:
    e = np.exp(x - x.real.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def edits_its_argument(x: Any) -> Any:
    x[x < 0] *= 0.1
    return x


def mutated_buffer(x: Any) -> Any:
    out = np.zeros_like(x)
    for i in range(len(x)):
        out[i] = x[i] ** 2
    return out


ANALYTIC: dict[str, Callable[..., Any]] = {
    "sin": np.sin,
    "exp": np.exp,
    "tanh": np.tanh,
    "matmul": lambda x: x @ W,
    "einsum": einsum_gram,
    "mask": lambda x: x * (x > 0),
    "where": lambda x: np.where(x > 0, x, 0.01 * x),
    "maximum": relu,  # NumPy orders complex numbers by their real parts first
    "clip": lambda x: np.clip(x, -0.5, 0.5),
    "sort": lambda x: np.sort(x, axis=0),
    "sum": lambda x: x.sum(),
    "variance": lambda x: ((x - x.mean(axis=0)) ** 2).mean(axis=0),
    "batchnorm": batchnorm,
    "softmax by max": softmax_by_max,
    "softmax by real max": softmax_by_real_max,
    "cross-entropy": lambda x: softmax_loss(x, Y),
    "in place": edits_its_argument,
    "zeros_like": mutated_buffer,
    "constant": lambda x: np.ones(3),
    "zero": lambda x: 0 * x,
    "bias before batchnorm": lambda x: batchnorm(W + x[0, :3]),
}


def real_buffer(x: Any) -> Any:
    out = np.zeros(x.shape)
    for i in range(len(x)):
        out[i] = x[i] * 2
    return out


def asks_for_the_type(x: Any) -> Any:
    return x * 3 if np.iscomplexobj(x) else x


def asks_for_the_type_and_hides_it(x: Any) -> Any:
    return x.real + 3 * (x - x.real) if np.iscomplexobj(x) else x


_DRAWS = np.random.default_rng(3)

TRAPS: dict[str, tuple[Callable[..., Any], str]] = {
    "abs": (np.abs, "f turns complex numbers into real ones"),
    "abs sum": (lambda x: np.abs(x).sum(), "f turns complex numbers into real ones"),
    "var": (lambda x: x.var(axis=0), "f turns complex numbers into real ones"),
    "std": (lambda x: x.std(axis=0), "f turns complex numbers into real ones"),
    "norm": (lambda x: np.linalg.norm(x), "f turns complex numbers into real ones"),
    "real": (lambda x: x.real**2, "f turns complex numbers into real ones"),
    "std inside": (lambda x: (x - x.mean(axis=0)) / x.std(axis=0), "finite difference differ: not analytic"),
    "conj": (lambda x: x.conj() * x, "finite difference differ: not analytic"),
    "vdot": (lambda x: np.vdot(x, x), "finite difference differ: not analytic"),
    "sign": (lambda x: np.sign(x) * x, "finite difference differ: not analytic"),
    "abs as a path": (lambda x: x + 1e-3 * np.abs(x), "finite difference differ: not analytic"),
    "real buffer": (real_buffer, "f casts complex numbers to real ones"),
    "asarray": (lambda x: np.asarray(x, dtype=float) ** 2, "f casts complex numbers to real ones"),
    "float": (lambda x: float(x.sum()), "f casts complex numbers to real ones"),
    "hypot": (lambda x: np.hypot(x, 1), r"f does not take complex numbers \(TypeError: ufunc 'hypot'"),
    "integers": (lambda x: (x > 0).astype(int), "f returns int64, which is a step function"),
    "type": (asks_for_the_type, "another value for a complex argument"),
    "hidden type": (asks_for_the_type_and_hides_it, "finite difference differ: not analytic"),
    "random": (lambda x: x * (_DRAWS.random(x.shape) < 0.5), "another value for a complex argument"),
    "not finite": (lambda x: np.log(-x * x), r"f\(x\) is not finite"),
    "overflow": (lambda x: 1 / (1 + np.exp(1e8 * x * x)), "overflows inside f"),
    "shape": (lambda x: x.ravel() if np.iscomplexobj(x) else x, r"shape \(35,\) for a complex argument"),
    "no number": (lambda x: None, "f must return real numbers"),
    "raises": (lambda x: {}["missing"], "f raises KeyError for a real argument"),
    "rounding only": (lambda x: batchnorm(x).mean(axis=0), "too inexact|another value"),
    "far above zero": (lambda x: 1e9 + 1e-7 * np.abs(x / scale(x.real)).sum(), "f turns complex"),
    "steps": (lambda x: (x > 0) * 1.0, "f turns complex numbers into real ones"),
    "inexact": (
        lambda x: 1e16 * x + 1e16 * np.roll(x, 1) - 1e16 * x - 1e16 * np.roll(x, 1),
        "another value|too inexact|or coarse",
    ),
}


@pytest.mark.parametrize("s", [1e-2, 1.0, 1e2])
@pytest.mark.parametrize("name", ANALYTIC)
def test_an_analytic_function_is_supported(name: str, s: float, rng: np.random.Generator) -> None:
    support = supports_complex_step(ANALYTIC[name], rng.normal(size=(7, 5)) * s, rng)
    assert support.ok, support.why


@pytest.mark.parametrize("s", [1e-2, 1.0, 1e2])
@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_is_refused_and_named(name: str, s: float, rng: np.random.Generator) -> None:
    f, why = TRAPS[name]
    support = supports_complex_step(f, rng.normal(size=(7, 5)) * s, rng)
    assert not support
    assert re.search(why, support.why), support.why


def test_a_trap_far_above_zero_is_still_refused(rng: np.random.Generator) -> None:
    support = supports_complex_step(lambda z: 1e8 + z.var(), rng.normal(size=(7, 5)), rng)
    assert not support.ok


def test_a_probe_leaves_the_argument_alone_and_leaks_no_warning(rng: np.random.Generator) -> None:
    x = rng.normal(size=(7, 5))
    kept = x.copy()

    def noisy(z: Any) -> Any:
        warnings.warn("a reader's own", UserWarning, stacklevel=1)
        z /= 0 * z
        return real_buffer(z)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        supports_complex_step(noisy, x, rng)
        supports_complex_step(real_buffer, x, rng)
        complex_step(noisy, x, x)
        central(noisy, x, x)
        one_sided(noisy, x, x)
        vjp(noisy, x[0], np.ones(5))
        directional(noisy, x, x, np.ones_like(x))
    assert_array_equal(x, kept)


def test_a_keyboard_interrupt_goes_through(rng: np.random.Generator) -> None:
    def stop(z: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        supports_complex_step(stop, np.ones(3), rng)


# The method is chosen


def test_directional_uses_the_complex_step_where_it_may(rng: np.random.Generator) -> None:
    x, u = rng.normal(size=(2, 7, 5))
    estimate = directional(np.tanh, x, u)
    assert estimate.method == "complex step"
    assert_allclose(estimate.value, u / np.cosh(x) ** 2, rtol=1e-14)
    assert (np.abs(estimate.value - u / np.cosh(x) ** 2) <= estimate.error).all()


def test_directional_falls_back_to_a_difference_and_says_so(rng: np.random.Generator) -> None:
    x, u = rng.normal(size=(2, 7, 5))
    estimate = directional(lambda z: z.var(axis=0), x, u)
    true = 2 * ((x - x.mean(axis=0)) * u).mean(axis=0)
    assert estimate.method == "central"
    assert (np.abs(estimate.value - true) <= estimate.error).all()
    assert (estimate.error < 1e-8).all()


@pytest.mark.parametrize("f", [np.sin, lambda z: np.sin(z.real)], ids=["complex step", "central"])
def test_directional_with_dout_is_an_inner_product(f: Callable[..., Any], rng: np.random.Generator) -> None:
    x, u, dout = rng.normal(size=(3, 7, 5))
    estimate = directional(f, x, u, dout)
    assert estimate.value.shape == estimate.error.shape == ()
    assert abs(estimate.value - np.sum(dout * np.cos(x) * u)) <= estimate.error < 1e-7


def test_directional_refuses_a_dout_of_another_shape() -> None:
    with pytest.raises(ShapeError, match=r"expected \(3,\), got \(3, 1\)"):
        directional(np.sin, np.ones(3), np.ones(3), np.ones((3, 1)))


# Whole gradients


@pytest.mark.parametrize("f", [batchnorm, lambda x: batchnorm(x.real)], ids=["complex step", "central"])
def test_vjp_is_the_whole_gradient(f: Callable[..., Any], rng: np.random.Generator) -> None:
    x, dout = rng.normal(size=(2, 7, 5))
    got, true = vjp(f, x, dout), batchnorm_backward(dout, x)
    assert got.shape == x.shape
    assert_allclose(got, true, rtol=0, atol=1e-14 if f is batchnorm else 1e-9)


def test_entries_of_different_sizes_have_steps_of_their_own() -> None:
    x = np.array([1e-3, 1.0, 1e6])
    assert_allclose(vjp(lambda z: np.abs(z) ** 3, x, np.ones(3)), 3 * x**2, rtol=1e-8)


def test_gradient_of_a_scalar_function() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert_array_equal(gradient(lambda z: (z**2).sum(), x), 2 * x)
    assert_array_equal(gradient(lambda z: (z**2).sum(keepdims=True), x), 2 * x)


def test_gradient_of_an_array_is_refused_with_a_next_step() -> None:
    with pytest.raises(ShapeError, match=r"one number, got shape \(3,\)\n  use vjp\(f, x, dout\)"):
        gradient(np.sin, np.ones(3))


def test_vjp_refuses_a_dout_of_another_shape() -> None:
    with pytest.raises(
        ShapeError, match=r"vjp: dout must have the shape of f\(x\)\n  expected \(3,\), got \(2,\)"
    ):
        vjp(np.sin, np.ones(3), np.ones(2))


def test_jacobian_has_the_axes_of_the_output_then_of_the_input(rng: np.random.Generator) -> None:
    x = rng.normal(size=(2, 5))
    got = jacobian(lambda z: z @ W, x)
    assert got.shape == (2, 3, 2, 5)
    assert_allclose(got, np.einsum("ik,dj->ijkd", np.eye(2), W), rtol=1e-15)


def test_empty_and_scalar_arguments_work(rng: np.random.Generator) -> None:
    empty = np.zeros((0, 5))
    assert supports_complex_step(lambda z: z @ W, empty, rng).ok
    assert vjp(lambda z: z @ W, empty, np.zeros((0, 3))).shape == (0, 5)
    assert jacobian(lambda z: z.sum(axis=0), empty).shape == (5, 0, 5)
    assert directional(lambda z: z @ W, empty, empty).value.shape == (0, 3)
    assert agree(empty, np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3)), empty) == 0
    assert_allclose(gradient(np.exp, 1.5), np.exp(1.5), rtol=1e-15)
    assert jacobian(np.exp, np.asarray(1.5)).shape == ()
    assert_allclose(central(abs, -2.0, 1.0).value, -1, rtol=1e-9)

    def in_place(z: Any) -> Any:
        z[...] = z * z
        return z

    assert gradient(in_place, 3.0) == 6


def test_a_float32_argument_is_differentiated_in_float64(rng: np.random.Generator) -> None:
    x = rng.normal(size=8).astype(np.float32)
    assert_allclose(gradient(lambda z: np.exp(z).sum(), x), np.exp(x.astype(np.float64)), rtol=1e-15)


def test_scale_is_one_where_there_is_nothing_to_measure() -> None:
    assert scale(np.zeros(3)) == scale(np.zeros(0)) == scale([np.inf, 1]) == 1
    assert_allclose(scale([3e200, -3e200]), 3e200)
    assert_allclose(scale(1e-300), 1e-300)


def test_the_floor_of_the_tolerance_is_where_the_complex_step_underflows() -> None:
    assert np.finfo(np.float64).tiny / numeric.TINY_STEP == agreement.SMALLEST


# Verdicts

METHODS = ("complex step", "central")


def _affine(s: float, rng: np.random.Generator) -> tuple[Any, Any, Any, Any, Any, Any]:
    x, w, dout = rng.normal(size=(7, 5)) * s, rng.normal(size=(5, 3)), rng.normal(size=(7, 3))
    u = direction(x, rng)
    return x, dout @ w.T, u @ w, dout, x @ w, u


@pytest.mark.parametrize("s", SCALES)
@pytest.mark.parametrize("method", METHODS)
def test_a_right_gradient_agrees_at_every_scale(s: float, method: str, rng: np.random.Generator) -> None:
    _, g, ju, dout, out, u = _affine(s, rng)
    assert agree(g, ju, dout, out, u, method) < 0.1
    assert agree(g.astype(np.float32), ju, dout, out, u, "float32") < 0.1


@pytest.mark.parametrize("s", SCALES)
@pytest.mark.parametrize("method", [*METHODS, "float32"])
@pytest.mark.parametrize(
    "wrong",
    [
        lambda g: -g,
        lambda g: g / 7,
        lambda g: 2 * g,
        lambda g: 0 * g,
        lambda g: g * (1 + 1e-4),
        lambda g: g + 1e-3 * np.eye(7, 5) * np.abs(g).max(),
        lambda g: np.where(np.arange(35).reshape(7, 5) == 17, 0, g),
        lambda g: g[::-1],
    ],
    ids=["sign", "divided", "doubled", "zero", "1e-4 off", "diagonal", "one entry", "rows reversed"],
)
def test_a_wrong_gradient_is_rejected_by_every_method(
    wrong: Callable[..., Any], s: float, method: str, rng: np.random.Generator
) -> None:
    worst = 0.0
    for _ in range(2):
        _, g, ju, dout, out, u = _affine(s, rng)
        worst = max(worst, agree(wrong(g), ju, dout, out, u, method))
    assert worst > 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_never_agrees(value: float, rng: np.random.Generator) -> None:
    _, g, ju, dout, out, u = _affine(1.0, rng)
    with quiet():
        for i in range(4):
            arguments = [a.copy() for a in (g, ju, dout, out)]
            arguments[i][0, 0] = value
            assert agree(*arguments, u) == np.inf
        assert in_interval(np.where(g == g[0, 0], value, g), ju, ju, dout, u) == np.inf


def test_a_gradient_that_is_exactly_zero_is_told_from_one_that_is_not(rng: np.random.Generator) -> None:
    x, dout = rng.normal(size=(2, 7, 5))
    bias, u = rng.normal(size=(2, 5))
    ju = complex_step(lambda b: batchnorm(x + b), bias, u)
    out = batchnorm(x + bias)
    assert agree(np.zeros(5), ju, dout, out, u) < 1
    assert agree(batchnorm_backward(dout, x + bias).sum(axis=0), ju, dout, out, u) < 1
    assert agree(np.full(5, 1e-9), ju, dout, out, u) > 1
    assert agree(np.zeros(5), np.zeros((7, 5)), dout, 0 * out, u) == 0


def test_a_fallback_accepts_the_right_gradient_and_rejects_a_wrong_one(rng: np.random.Generator) -> None:
    def f(z: Any) -> Any:
        return (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)

    for s in (1e-3, 1.0, 1e3):
        x, dout = rng.normal(size=(7, 5)) * s, rng.normal(size=(7, 5))
        u = direction(x, rng)
        estimate = directional(f, x, u)
        assert estimate.method == "central"
        right = batchnorm_backward(dout, x)
        for error in (None, estimate.error):
            rest = (estimate.value, dout, f(x), u, "central", error)
            assert agree(right, *rest) < 1
            assert agree(right * 1.001, *rest) > 1
            assert agree(dout / np.sqrt(x.var(axis=0) + 1e-5), *rest) > 1
            assert not blind(right, *rest)


def test_blindness_is_admitted(rng: np.random.Generator) -> None:
    x = rng.normal(size=6) * 1e-8
    dout, u = rng.normal(size=6), direction(x, rng)

    def sigmoid(z: Any) -> Any:
        return 1 / (1 + np.exp(-z.real))

    estimate = directional(sigmoid, x, u)
    rest = (estimate.value, dout, sigmoid(x), u, "central")
    assert agree(dout * 0.5, *rest) < 1  # wrong by 2, but rounding hides it from the fixed tolerance
    assert blind(dout * 0.5, *rest[:4], "float32")
    assert agree(dout * 0.5, *rest, estimate.error) > 1  # the measured error does not hide it
    assert agree(dout * 0.25, *rest, estimate.error) < 1
    assert not blind(dout * 0.25, *rest, estimate.error)


def test_tolerances_are_ordered_as_the_methods_are_accurate() -> None:
    exact, difference, single = (TOLERANCES[m] for m in (*METHODS, "float32"))
    assert exact.relative < difference.relative < single.relative
    assert exact.absolute < difference.absolute < single.absolute


@pytest.mark.parametrize("offset", [0, 30])
def test_a_correct_float32_backward_is_within_the_float32_tolerance(
    offset: float, rng: np.random.Generator
) -> None:
    refused = 0
    for _ in range(20):
        x, dout = rng.normal(size=(32, 6)) + offset, rng.normal(size=(32, 6))
        u = direction(x, rng)
        g = batchnorm_backward(dout.astype(np.float32), x.astype(np.float32))
        assert g.dtype == np.float32
        rest = (complex_step(batchnorm, x, u), dout, batchnorm(x), u)
        assert agree(g, *rest, "float32") < 1
        refused += agree(g, *rest) > 1
    assert refused >= 15  # a direction may happen to cancel most of such an error


# Kinks


def test_the_margin_keeps_a_difference_on_one_side_of_a_kink(rng: np.random.Generator) -> None:
    for s in SCALES:
        base = rng.normal(size=400)
        x = np.sign(base) * np.maximum(np.abs(base), 2e-4) * s
        assert np.abs(x).min() > kink_margin("central", scale(x))
        u = direction(x, rng)
        assert_allclose(central(relu, x, u).value, u * (x > 0), rtol=1e-9, atol=1e-9 * s)


@pytest.mark.parametrize("s", SCALES)
def test_at_the_margin_the_furthest_entry_of_a_direction_stays_clear(s: float) -> None:
    x = np.full(400, s)
    x[0] = kink_margin("central", scale(x)) * 1.001
    u = np.full(400, s)
    u[0] = -8 * s
    assert_allclose(central(relu, x, u, h=numeric.STEP).value, u, rtol=1e-9)
    x[0] /= 1.1
    assert central(relu, x, u, h=numeric.STEP).error[0] > 1e-3 * s


def test_inside_the_margin_a_difference_can_be_wrong_and_knows_it() -> None:
    x = np.array([kink_margin() / 32, 1.0])
    estimate = central(relu, x, np.ones(2), h=numeric.STEP)
    assert abs(estimate.value[0] - 1) > 0.1
    assert abs(estimate.value[0] - 1) <= 2 * estimate.error[0]


def test_the_complex_step_needs_no_margin_but_that_the_tie_is_broken() -> None:
    x = np.array([1e-12, -1e-12])
    assert kink_margin("complex step") < 1e-12
    assert_array_equal(complex_step(relu, x, np.ones(2)), [1, 0])


def test_one_sided_derivatives_differ_at_a_kink_and_agree_beside_it() -> None:
    left, right = one_sided(relu, np.array([0.0, 1.0, -1.0]), np.ones(3))
    assert_allclose(left, [0, 1, 0], atol=1e-9)
    assert_allclose(right, [1, 1, 0], atol=1e-9)
    left, right = one_sided(np.exp, np.array([0.5]), np.ones(1))
    assert_allclose([left, right], np.exp(0.5), rtol=1e-9)


@given(slope=st.floats(0, 1), sign=st.sampled_from([-1.0, 1.0]), dout=st.floats(0.1, 3))
def test_every_subgradient_of_relu_at_zero_is_inside_the_interval(
    slope: float, sign: float, dout: float
) -> None:
    x, u, upstream = np.zeros(1), np.array([sign]), np.array([dout])
    left, right = one_sided(relu, x, u)
    assert in_interval(slope * upstream, left, right, upstream, u) <= 1


@pytest.mark.parametrize("slope", [2.0, -1.0, 1.01, -0.01])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_slope_outside_the_interval_is_refused(slope: float, sign: float) -> None:
    x, u, dout = np.zeros(1), np.array([sign]), np.array([0.7])
    left, right = one_sided(relu, x, u)
    assert in_interval(slope * dout, left, right, dout, u) > 1


def test_beside_a_kink_the_interval_is_a_point(rng: np.random.Generator) -> None:
    x = np.array([0.5, -0.5, 2.0])
    u, dout = rng.normal(size=(2, 3))
    left, right = one_sided(relu, x, u)
    assert in_interval(dout * (x > 0), left, right, dout, u) <= 1
    assert in_interval(dout, left, right, dout, u) > 1


def test_the_guard_can_be_the_callers() -> None:
    def f(z: Any) -> Any:
        return z + 0 * np.log(0 * z.real)

    with quiet():
        complex_step_unguarded(f, np.ones(2), np.ones(2))
    with pytest.raises(RuntimeWarning, match="divide by zero"):  # pytest makes warnings errors
        complex_step_unguarded(f, np.ones(2), np.ones(2))
