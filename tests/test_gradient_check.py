"""`check_gradient` judges any function's gradients, analytic or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad import check_gradient
from handgrad.report import Report

RNG = np.random.default_rng(0)
X, W, DOUT = RNG.normal(size=(7, 5)), RNG.normal(size=(5, 3)), RNG.normal(size=(7, 3))


def f(x: Any, w: Any) -> Any:
    return np.tanh(x @ w)


G = DOUT * (1 - f(X, W) ** 2)
DX, DW = G @ W.T, X.T @ G


def cause(report: Report) -> str | None:
    assert len(report.findings) == 1, str(report)
    return report.findings[0].cause


@pytest.mark.parametrize(
    ("inputs", "grads"),
    [
        ({"x": X, "w": W}, {"x": DX, "w": DW}),
        ((X, W), (DX, DW)),
        ([X, W], [DX, DW]),
        ({"x": X, "w": W}, (DX, DW)),
    ],
)
def test_right_gradients_are_correct_however_they_are_given(inputs: Any, grads: Any) -> None:
    assert check_gradient(f, inputs, grads, dout=DOUT).ok


def test_one_array_may_stand_alone() -> None:
    assert check_gradient(lambda x: (x**3).sum(), X, 3 * X**2).ok


def test_of_a_pair_the_first_counts() -> None:
    assert check_gradient(lambda x: (np.tanh(x @ W), "cache"), X, DX, dout=DOUT).ok


def test_some_gradients_may_be_left_out() -> None:
    report = check_gradient(f, {"x": X, "w": W}, {"w": DW}, dout=DOUT)
    assert (report.ok, report.parts) == (True, {"dx": "not checked", "dw": "right"})


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (-DW, "sign"),
        (DW / 7, "divided-by-N"),
        (2 * DW, "doubled"),
        (0 * DW, "all-zero"),
        (DW + 0.1, None),
        (DW.T, "transposed"),
    ],
)
def test_a_wrong_gradient_gets_its_cause(wrong: Any, expected: str | None) -> None:
    report = check_gradient(f, {"x": X, "w": W}, {"x": DX, "w": wrong}, dout=DOUT, shapes="x: N D, w: D M")
    assert report.parts == {"dx": "right", "dw": "wrong"}
    assert cause(report) == expected


def test_gradients_in_another_order_are_recognised() -> None:
    assert cause(check_gradient(f, {"x": X, "w": W}, {"x": DW, "w": DX}, dout=DOUT)) == "permuted"


@pytest.mark.parametrize(
    "loss",
    [lambda x: np.abs(x).sum(), lambda x: np.abs(x).sum().real, lambda x: np.linalg.norm(x.ravel(), 1)],
)
def test_a_function_that_is_not_analytic_is_judged_by_differences(loss: Any) -> None:
    assert check_gradient(loss, X, np.sign(X)).ok
    assert not check_gradient(loss, X, np.sign(X) * 1.001).ok
    assert cause(check_gradient(loss, X, -np.sign(X))) == "sign"


def test_a_variance_is_judged_by_differences_too() -> None:
    right = 2 * (X - X.mean()) / X.size
    assert check_gradient(lambda x: x.var(), X, right).ok
    assert not check_gradient(lambda x: x.var(), X, right * 1.0001).ok


def softmax_sum(x: Any) -> Any:
    return (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)).sum()


def test_a_gradient_that_is_zero_by_construction_is_warned_of() -> None:
    report = check_gradient(softmax_sum, X, np.zeros_like(X))
    assert (report.ok, cause(report)) == (True, "zero-gradient")
    assert "an answer of zeros passes it" in str(report)


def test_a_wrong_gradient_of_that_sum_is_refused_all_the_same() -> None:
    assert not check_gradient(softmax_sum, X, np.full_like(X, 1e-3)).ok


def test_float32_is_correct_with_a_warning() -> None:
    report = check_gradient(f, {"x": X, "w": W}, {"w": DW.astype(np.float32)}, dout=DOUT)
    assert (report.ok, cause(report)) == (True, "float32")


def test_the_inputs_are_not_changed() -> None:
    x = X.copy()

    def rude(z: Any) -> Any:
        z *= 2
        return (z**2).sum()

    check_gradient(rude, x, 8 * X)
    assert np.array_equal(x, X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, X, X), "f is a int, expected a function"),
        ((np.sum, {}, {}), "no inputs given"),
        ((np.sum, {"x": [1.0]}, {"x": X}), "input 'x' is a list, expected an array of floats"),
        (
            (np.sum, {"y": np.arange(3)}, {"y": X}),
            "input 'y' is an array of int64, expected an array of floats",
        ),
        ((np.sum, {"x": X}, {"w": X}), "a gradient for 'w', which is no input\n  inputs: x"),
        ((f, {"x": X, "w": W}, (DX, DW)), "f returns an array of shape (7, 3) and no dout is given"),
        ((lambda x: "text", X, X), "f returns an array of"),
        ((lambda x: x @ x, X, X), "f cannot be evaluated at these inputs: ValueError"),
    ],
)
def test_misuse_is_an_error_that_says_what_to_give(arguments: Any, message: str) -> None:
    report = check_gradient(*arguments)
    assert report.verdict == "error"
    assert message in str(report)


@pytest.mark.parametrize(
    ("grads", "got"),
    [
        ((DX,), "1"),
        ([DX, DW, DW], "3"),
        ((), "0"),
        ({}, "0"),
        (DX, "one array"),
        (7, "one number"),
        (np.float64(7), "one number"),
        ("dx, dw", "one str"),
    ],
)
def test_another_number_of_gradients_is_incorrect_and_says_how_many_are_wanted(grads: Any, got: str) -> None:
    for given, step in (
        (grads, "give one for each, or a dict by name"),
        (lambda: grads, "end with return dx, dw"),
    ):
        report = check_gradient(f, {"x": X, "w": W}, given, dout=DOUT)
        assert (report.verdict, cause(report)) == ("incorrect", "arity")
        assert report.parts == {"dx": "wrong", "dw": "wrong"}
        assert report.findings[0].role == "gradient"
        assert report.points({"dx": 1, "dw": 2}) == 0.0
        assert str(report).endswith(
            f"\ncheck_gradient: expected 2 gradients: dx, dw; got {got}\n  check: {step}"
        )


def test_two_gradients_for_one_input_are_incorrect() -> None:
    report = check_gradient(lambda x: (x**3).sum(), X, (X, X))
    assert (report.verdict, cause(report)) == ("incorrect", "arity")
    assert "expected 1 gradient: dx; got 2" in str(report)


def test_what_the_caller_gives_is_judged_before_the_number_of_gradients() -> None:
    for wrong in ({"dout": W}, {"shapes": "x: N D, w: M D"}, {"dout": None}):
        report = check_gradient(f, {"x": X, "w": W}, (DX,), **{"dout": DOUT, **wrong})
        assert (report.verdict, report.parts) == ("error", {})


def test_a_dout_of_another_shape_is_an_error() -> None:
    assert "dout is (5, 3), expected a float array of f's shape (7, 3)" in str(
        check_gradient(f, {"x": X, "w": W}, (DX, DW), dout=W)
    )


def test_shapes_that_do_not_fit_the_inputs_are_an_error() -> None:
    report = check_gradient(f, {"x": X, "w": W}, (DX, DW), dout=DOUT, shapes="x: N D, w: M D")
    assert report.verdict == "error"
    assert "D=5 (from x)" in str(report)


def test_a_function_that_returns_the_gradients_may_stand_for_them() -> None:
    assert check_gradient(f, {"x": X, "w": W}, lambda: (DX, DW), dout=DOUT).ok
    assert check_gradient(f, {"x": X, "w": W}, lambda: (DX, -DW), dout=DOUT).parts["dw"] == "wrong"


def test_what_that_function_raises_is_a_finding() -> None:
    report = check_gradient(f, {"x": X, "w": W}, lambda: (X @ X, W), dout=DOUT)
    assert (report.verdict, cause(report)) == ("error", "raised")
    assert (
        "your function raised an exception\n"
        "  ValueError: in this matrix product the inner axes differ: 5 on the left, 7 on the right"
        in str(report)
    )
    assert report.points({"dx": 1, "dw": 1}) == 0.0


def test_a_function_that_returns_none_is_not_attempted() -> None:
    assert check_gradient(f, {"x": X, "w": W}, lambda: None, dout=DOUT).verdict == "not attempted"


@pytest.mark.parametrize("missing", [None, (None, None), [None, None]])
def test_gradients_that_are_all_none_are_not_attempted_once(missing: Any) -> None:
    report = check_gradient(f, {"x": X, "w": W}, missing, dout=DOUT)
    assert (report.verdict, cause(report)) == ("not attempted", "not-attempted")


def test_a_jacobian_that_is_not_transposed_is_named() -> None:
    x, dout = RNG.normal(size=5), RNG.normal(size=5)
    right = np.cumsum(dout[::-1])[::-1].copy()
    assert check_gradient(np.cumsum, x, right, dout=dout).ok
    assert cause(check_gradient(np.cumsum, x, np.cumsum(dout), dout=dout)) == "jacobian-not-transposed"


def test_an_upstream_taken_as_ones_is_named() -> None:
    ones = np.ones_like(DOUT) * (1 - f(X, W) ** 2)
    report = check_gradient(f, {"x": X, "w": W}, (ones @ W.T, DW), dout=DOUT)
    assert cause(report) == "ignores-dout"
    assert "looks like the upstream gradient was taken as all ones: it has no effect on dx" in str(report)
    assert "dout" not in str(report)


def test_a_scalar_input_takes_a_scalar_gradient() -> None:
    slope = np.array(0.3)
    assert check_gradient(lambda a: (a * X).sum(), slope, X.sum()).ok
    assert not check_gradient(lambda a: (a * X).sum(), slope, X.sum() + 1.0).ok


def test_a_dropped_axis_and_one_summed_too_much_are_told_apart() -> None:
    b = RNG.normal(size=(3, 1))
    right = DOUT.T.sum(axis=1, keepdims=True)
    for wrong, expected in (
        (right[:, 0], "flattened"),
        (right.sum(), "summed-too-much"),
        (right.T, "transposed"),
    ):
        report = check_gradient(lambda b: W.T @ X.T + b, b, wrong, dout=DOUT.T.copy(), shapes="x: M 1")
        assert cause(report) == expected, str(report)


def test_a_mistake_that_the_caller_knows_is_told_in_its_words() -> None:
    known = {"you used w where x belongs": {"w": 3.0 * DW + 1.0}}
    report = check_gradient(f, (X, W), (DX, 3.0 * DW + 1.0), dout=DOUT, mistakes=known)
    assert "you used w where x belongs" not in str(report)  # inputs in a sequence are called x0 and x1
    report = check_gradient(f, {"x": X, "w": W}, (DX, 3.0 * DW + 1.0), dout=DOUT, mistakes=known)
    assert (report.parts["dw"], "  you used w where x belongs" in str(report)) == ("wrong", True)
    assert check_gradient(f, {"x": X, "w": W}, (DX, DW), dout=DOUT, mistakes={"no": {"w": DW}}).ok


def test_a_gradient_that_a_dict_leaves_out_is_not_checked_and_earns_nothing() -> None:
    report = check_gradient(f, {"x": X, "w": W}, lambda: {"x": DX}, dout=DOUT)
    assert report.parts == {"dx": "right", "dw": "not checked"}
    assert report.points({"dx": 1, "dw": 2}) == 1.0
    assert "dw" not in str(report)


CALLED = {"dout": DOUT, "subject": "twin.backward"}


@pytest.mark.parametrize(
    ("f", "grads", "more", "says"),
    [
        (f, (DX, DW), CALLED, "twin.backward: correct"),
        (f, (DX, -DW), CALLED, "\ntwin.backward: dw is wrong in 15 of 15 entries"),
        (f, (DX, DW.T), CALLED, "\ntwin.backward: dw has shape (3, 5)"),
        (f, (DW, DX), CALLED, "\ntwin.backward: returned"),
        (f, lambda: X @ X, CALLED, "\ntwin.backward: your function raised an exception"),
        (f, lambda: None, CALLED, "\ntwin.backward: not attempted yet"),
        (f, (DX,), CALLED, "\ntwin.backward: expected 2 gradients: dx, dw; got 1"),
        (3, (DX, DW), CALLED, "\ntwin.backward: f is a int"),
        (f, (DX, DW), {"dout": W, "subject": "twin.backward"}, "\ntwin.backward: dout is (5, 3)"),
    ],
)
def test_every_message_says_the_name_that_the_caller_gives(f: Any, grads: Any, more: Any, says: str) -> None:
    report = check_gradient(f, {"x": X, "w": W}, grads, **more)
    assert says in str(report)
    assert report.subject == "twin.backward"
    assert "check_gradient: " not in str(report)


def test_a_function_that_fails_near_the_inputs_is_told_under_that_name() -> None:
    def picky(x: Any) -> Any:
        if not np.array_equal(x, X):
            raise ValueError("no")
        return x.sum()

    report = check_gradient(picky, X, X, subject="picky")
    assert "\npicky: f cannot be evaluated near these inputs\n  ValueError: no" in str(report)


def test_an_answer_that_empties_the_upstream_gradient_is_still_judged_with_what_it_was() -> None:
    rng = np.random.default_rng(0)
    x, dout = rng.normal(size=(7, 5)), rng.normal(size=(7, 5))

    def emptied() -> np.ndarray:
        dout[:] = 0.0
        return np.zeros((7, 5))

    report = check_gradient(lambda x: x * x, {"x": x}, emptied, dout=dout)
    assert report.points({"dx": 1}) == 0.0
    assert report.findings[0].cause == "all-zero"


def test_flattening_and_a_dropped_axis_get_different_advice() -> None:
    x, b = np.ones((2, 3)), np.ones((3, 1))
    flat = check_gradient(lambda x: (x**2).sum(), {"x": x}, {"x": 2 * x.ravel()}, shapes="x: N D")
    dropped = check_gradient(lambda b: (b**2).sum(), {"b": b}, {"b": 2 * b[:, 0]}, shapes="b: M 1")
    assert str(flat).endswith("\n  check: reshape it to the shape expected above")
    assert str(dropped).endswith(
        "\n  check: sum with keepdims=True, or reshape it to the shape expected above"
    )


def test_axes_without_names_are_told_by_their_sizes_once() -> None:
    report = check_gradient(lambda x: (x**2).sum(), {"x": np.ones(4)}, {"x": np.ones((4, 1))})
    assert "looks as if axis 1, of size 1, was kept: expected (4,), without it" in str(report)


def test_a_zero_is_shown_without_a_sign() -> None:
    x = np.arange(1.0, 5.0)
    said = str(check_gradient(lambda x: np.sum(x**2), {"x": x}, {"x": -0.0 * x}))
    assert "yours 0," in said
    assert "yours -0" not in said
