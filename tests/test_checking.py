"""`check` says what is wrong, in the words that a student will read."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import numpy as np
import pytest

from handgrad import check, layers
from handgrad.report import Report

AFFINE, RELU, SOFTMAX, BATCHNORM = (layers.get(slug) for slug in ("affine", "relu", "softmax", "batchnorm"))


def affine_forward(x: Any, w: Any, b: Any) -> Any:
    return x.reshape(len(x), -1) @ w + b, (x, w, b)


def affine_backward(dout: Any, cache: Any) -> Any:
    x, w, _ = cache
    return (dout @ w.T).reshape(x.shape), x.reshape(len(x), -1).T @ dout, dout.sum(axis=0)


def causes(report: Report) -> list[str | None]:
    return [f.cause for f in report.findings]


def only(report: Report) -> Any:
    assert len(report.findings) == 1, str(report)
    return report.findings[0]


# ------------------------------------------------------------ right answers


@pytest.mark.parametrize("slug", layers.names())
def test_every_reference_is_correct_without_findings(slug: str) -> None:
    layer = layers.get(slug)
    functions = (
        {"loss": layer.loss} if layer.is_loss else {"forward": layer.forward, "backward": layer.backward}
    )
    report = check(slug, **functions)
    assert (report.ok, report.verdict, report.findings) == (True, "correct", ())
    assert set(report.parts.values()) == {"right"}


def test_a_correct_report_says_what_was_tried() -> None:
    assert str(check("affine", forward=affine_forward, backward=affine_backward)).splitlines() == [
        "affine: correct",
        "  right in 6 cases: different sizes (N=7 ...=2x3 D=6 M=5), rank 2 (N=7 ...=5 D=5 M=3), "
        "one sample (N=1 ...=4 D=4 M=3), square (N=4 ...=4 D=4 M=4), rank 4 (N=5 ...=2x3x2 D=12 M=7), "
        "one output (N=5 ...=3 D=3 M=1)",
    ]


def test_the_same_seed_gives_the_same_report_and_another_seed_other_numbers() -> None:
    first, again = (check("affine", backward=lambda d, c: (0 * c[0], 0 * c[1], d.sum(0))) for _ in range(2))
    assert str(first) == str(again)
    wrong = lambda d, c: (c[0], c[1], c[2])  # noqa: E731
    assert str(check("affine", backward=wrong, seed=1)) != str(check("affine", backward=wrong, seed=2))


def test_a_backward_alone_gets_the_documented_cache() -> None:
    assert check("affine", backward=affine_backward).parts == {
        "out": "not checked",
        "dx": "right",
        "dw": "right",
        "db": "right",
    }


def test_a_forward_alone_is_checked_alone() -> None:
    report = check("affine", forward=affine_forward)
    assert report.ok
    assert report.parts["dx"] == "not checked"


def test_the_backward_gets_the_cache_of_the_own_forward() -> None:
    def forward(x: Any, w: Any, b: Any) -> Any:
        return affine_forward(x, w, b)[0], {"inputs": (x, w, b)}

    assert check("affine", forward=forward, backward=lambda d, c: affine_backward(d, c["inputs"])).ok


# ------------------------------------------------------------ wrong answers, one for each step of the diagnosis


def test_a_stub_is_not_attempted_and_has_no_errors_of_its_own() -> None:
    report = check("affine", forward=lambda x, w, b: None, backward=lambda dout, cache: None)
    assert report.verdict == "not attempted"
    assert str(report).splitlines()[0] == "affine: not attempted yet"
    assert report.points({"out": 1, "dw": 2}) == 0.0


@pytest.mark.parametrize("stub", [(None, None), [None, None]])
def test_a_stub_that_returns_nones_is_not_attempted(stub: object) -> None:
    assert check("relu", forward=lambda x: stub).verdict == "not attempted"
    assert check("softmax", loss=lambda x, y: stub).verdict == "not attempted"


def test_not_implemented_is_not_attempted() -> None:
    def stub(dout: Any, cache: Any) -> Any:
        raise NotImplementedError

    assert check("relu", backward=stub).verdict == "not attempted"


def test_one_gradient_left_as_none_is_said_and_the_others_are_judged() -> None:
    report = check("affine", backward=lambda d, c: (*affine_backward(d, c)[:2], None))
    assert report.verdict == "incorrect"
    assert report.headline == "right so far, not finished yet"
    assert report.parts["db"] == "not attempted"
    assert report.points({"dx": 1, "dw": 2, "db": 4}) == 3.0


def test_an_exception_is_reported_with_its_line_and_the_shapes() -> None:
    def backward(dout: Any, cache: Any) -> Any:
        x, w, b = cache
        return dout @ w, x, b

    report = check("affine", backward=backward)
    finding = only(report)
    assert (report.verdict, finding.kind, finding.cause) == ("error", "raised", "raised")
    assert (
        "affine.backward: raised an exception\n"
        "  ValueError: in this matrix product the inner axes differ: 5 on the left, 6 on the right"
        in finding.message
    )
    assert "return dout @ w, x, b" in finding.message
    assert "x (7, 2, 3), w (6, 5), b (5,)        N=7 ...=2x3 D=6 M=5" in finding.message
    assert "the cache is the documented one, (x, w, b): the inputs of forward" in finding.message


@pytest.mark.parametrize(
    "error", [SystemExit(0), GeneratorExit(), StopIteration(), RecursionError(), MemoryError()]
)
def test_no_exception_of_student_code_escapes(error: BaseException) -> None:
    def backward(dout: Any, cache: Any) -> Any:
        raise error

    assert check("relu", backward=backward).verdict == "error"


def test_a_keyboard_interrupt_goes_through() -> None:
    def backward(dout: Any, cache: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("relu", backward=backward)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (
            lambda d, c: (d, d),
            "affine.backward: returned 2 values, expected 3 values, (dx, dw, db)\n  check: end with return dx, dw, db",
        ),
        (
            lambda d, c: d,
            "affine.backward: returned one array, expected 3 values, (dx, dw, db)\n  check: end with return dx, dw, db",
        ),
        (
            lambda d, c: {"dx": d},
            "affine.backward: returned a dict, expected 3 values, (dx, dw, db)\n  check: end with return dx, dw, db",
        ),
    ],
)
def test_a_wrong_number_of_values_is_counted(returned: Any, message: str) -> None:
    finding = only(check("affine", backward=returned))
    assert (finding.cause, finding.message) == ("arity", message)


def test_a_trailing_comma_is_recognised() -> None:
    finding = only(check("relu", backward=lambda d, c: (d * (c > 0),)))
    assert finding.message == (
        "relu.backward: returned a tuple of one: is there a comma too many?\n  expected one array, dx"
    )


def test_a_forward_without_a_cache_is_told_so() -> None:
    finding = only(check("relu", forward=lambda x: np.maximum(x, 0)))
    assert finding.message == (
        "relu.forward: returned one array, expected (out, cache)\n  check: end with return out, cache"
    )


def test_a_list_for_an_array_is_refused_in_its_own_words() -> None:
    finding = only(check("affine", backward=lambda d, c: (*affine_backward(d, c)[:2], list(d.sum(axis=0)))))
    assert (finding.param, finding.cause) == ("db", "not-an-array")
    assert "it is a list, expected a numpy.ndarray; wrap it in np.array(…)" in finding.message


@pytest.mark.parametrize("wrap", [np.asmatrix, np.ma.array])
def test_a_subclass_of_ndarray_is_refused(wrap: Any) -> None:
    finding = only(check("relu", backward=lambda d, c: wrap((d * (c > 0)).reshape(len(d), -1))))
    assert finding.cause == "not-an-array"
    assert "a subclass of ndarray with rules of its own" in finding.message


def test_outputs_in_another_order_are_recognised() -> None:
    finding = only(check("affine", backward=lambda d, c: affine_backward(d, c)[::-1]))
    assert finding.cause == "permuted"
    assert "returned (db, dw, dx), expected (dx, dw, db)" in finding.message
    assert "check: return them as (dx, dw, db)" in finding.message


def test_a_loss_and_its_gradient_in_another_order_are_recognised() -> None:
    assert SOFTMAX.loss is not None
    finding = only(check("softmax", loss=lambda x, y: SOFTMAX.loss(x, y)[::-1]))
    assert finding.message.splitlines()[0] == "softmax: returned (dx, loss), expected (loss, dx)"


def test_a_row_vector_for_a_bias_gradient_is_refused_in_its_own_words() -> None:
    finding = only(
        check("affine", backward=lambda d, c: (*affine_backward(d, c)[:2], d.sum(0, keepdims=True)))
    )
    assert (finding.param, finding.kind, finding.cause) == ("db", "shape", "kept-axis")
    assert "db has shape (1, 5), expected shape (M,) = (5,)" in finding.message
    assert "check: leave out keepdims=True" in finding.message


def test_a_sum_without_an_axis_is_refused_as_summed_too_much() -> None:
    finding = only(check("affine", backward=lambda d, c: (*affine_backward(d, c)[:2], np.sum(d))))
    assert (finding.param, finding.cause) == ("db", "summed-too-much")


def test_a_transposed_gradient_is_recognised_by_its_shape() -> None:
    def backward(d: Any, c: Any) -> Any:
        dx, dw, db = affine_backward(d, c)
        return dx, dw.T, db

    finding = only(check("affine", backward=backward))
    assert (finding.param, finding.kind, finding.cause) == ("dw", "shape", "transposed")


@pytest.mark.parametrize(
    ("dtype", "word"), [(int, "int64"), (complex, "complex128"), (object, "object"), (bool, "bool")]
)
def test_a_dtype_that_is_no_float_is_refused(dtype: Any, word: str) -> None:
    finding = only(check("relu", backward=lambda d, c: (d * (c > 0)).astype(dtype)))
    assert finding.cause == "wrong-dtype"
    assert f"its dtype is {word}, expected float64" in finding.message


def test_a_nan_is_counted() -> None:
    def backward(d: Any, c: Any) -> Any:
        dx = d * (c > 0)
        dx[0, 0] = np.nan
        return dx

    finding = only(check("relu", backward=backward))
    assert (finding.kind, finding.cause) == ("not finite", "not-finite")
    assert "1 of 35 entries are NaN or infinite" in finding.message


def test_the_message_of_a_wrong_value_holds_shape_worst_entry_cause_and_next_step() -> None:
    def backward(d: Any, c: Any) -> Any:
        dx, dw, db = affine_backward(d, c)
        return dx, -dw, db

    finding = only(check("affine", backward=backward))
    lines = finding.message.splitlines()
    assert lines[0] == "affine.backward: dw is wrong in 30 of 30 entries"
    assert lines[1] == "  shape (D, M) = (6, 5): correct        N=7 ...=2x3 D=6 M=5"
    assert lines[2].startswith("  worst [")
    assert lines[2].endswith("tolerance 1e-09 of the largest entry")
    assert lines[3] == "  looks like dw with the wrong sign: every entry is −1 times the right one"
    assert lines[4].startswith("  check: ")


def test_a_message_never_holds_the_right_value() -> None:
    report = check("affine", backward=lambda d, c: (0 * c[0], 0 * c[1], 0 * c[2]))
    rng = np.random.default_rng([0, 0])
    inputs = AFFINE.sample(rng, dict(AFFINE.cases[0].sizes))
    out, cache = affine_forward(*inputs.values())
    truth = affine_backward(rng.standard_normal(out.shape), cache)
    printed = str(report) + report.to_json() + report._repr_html_()
    assert report.verdict == "incorrect"
    assert not any(f"{abs(v):.4g}" in printed for a in truth for v in a.ravel() if abs(v) > 0.01)


def test_a_size_written_as_a_number_is_right_first_and_wrong_later() -> None:
    assert SOFTMAX.loss is not None

    def loss(x: Any, y: Any) -> Any:
        value, dx = SOFTMAX.loss(x, y)
        return value, dx * len(x) / 7

    finding = only(check("softmax", loss=loss))
    assert finding.param == "dx"
    assert "right in the cases before it: " in finding.message


def test_a_backward_that_matches_its_own_wrong_forward_is_told_so() -> None:
    report = check(
        "tanh", forward=lambda x: (np.tanh(2 * x), x), backward=lambda d, x: d * 2 * (1 - np.tanh(2 * x) ** 2)
    )
    assert report.parts == {"out": "wrong", "dx": "own forward"}
    assert report.findings[1].cause == "own-forward"
    assert "dx is the right gradient of your own forward" in report.findings[1].message
    assert report.points({"dx": 1}) == 0.0


def test_a_right_backward_with_a_wrong_forward_is_right() -> None:
    report = check(
        "affine",
        forward=lambda x, w, b: (affine_forward(x, w, b)[0] + 1, (x, w, b)),
        backward=affine_backward,
    )
    assert report.parts == {"out": "wrong", "dx": "right", "dw": "right", "db": "right"}


# ------------------------------------------------------------ side effects


def test_changing_dout_in_place_and_returning_it_is_correct_with_a_warning() -> None:
    def backward(dout: Any, x: Any) -> Any:
        dout[x <= 0] = 0
        return dout

    report = check("relu", backward=backward)
    assert report.ok
    assert (only(report).severity, only(report).cause) == ("warning", "mutates-dout")
    assert "dout may be used again" in str(report)


def test_a_second_call_that_differs_is_incorrect_and_names_the_cache() -> None:
    def backward(dout: Any, cache: Any) -> Any:
        dx = dout * (cache > 0)
        cache *= -1
        return dx

    report = check("relu", backward=backward)
    assert report.verdict == "incorrect"
    assert only(report).cause == "second-call-differs"
    assert "a second call gave another dx" in only(report).message
    assert "the first call changed an array of the cache" in only(report).message


def test_a_counter_kept_between_calls_is_found_though_no_array_changes() -> None:
    calls: list[int] = []

    def backward(dout: Any, cache: Any) -> Any:
        calls.append(1)
        return dout * (cache > 0) * len(calls)

    assert "is something kept between calls?" in only(check("relu", backward=backward)).message


def test_an_accumulator_returned_twice_is_found() -> None:
    total = {"dx": 0.0}

    def backward(dout: Any, cache: Any) -> Any:
        total["dx"] = (
            total["dx"] + dout * (cache > 0) if np.shape(total["dx"]) == dout.shape else dout * (cache > 0)
        )
        return total["dx"]

    assert only(check("relu", backward=backward)).cause == "second-call-differs"


def test_a_harmless_change_of_the_cache_is_a_warning() -> None:
    def backward(dout: Any, x: Any) -> Any:
        x[x < 0] = -1.0
        return dout * (x > 0)

    report = check("relu", backward=backward)
    assert (report.ok, causes(report)) == (True, ["mutates-cache"])


def test_a_forward_that_changes_its_input_is_warned() -> None:
    def forward(x: Any) -> Any:
        x[x < 0] = 0
        return x, x > 0

    report = check("relu", forward=forward, backward=lambda d, mask: d * mask)
    assert (report.ok, causes(report)) == (True, ["mutates-input"])


def test_float32_is_correct_with_a_warning() -> None:
    report = check("affine", backward=lambda d, c: tuple(g.astype(np.float32) for g in affine_backward(d, c)))
    assert report.ok
    assert set(causes(report)) == {"float32"}
    assert {f.param for f in report.findings} == {"dx", "dw", "db"}


def test_a_float32_forward_makes_a_float64_backward_a_float32_answer() -> None:
    def forward(x: Any, w: Any, b: Any) -> Any:
        single = [a.astype(np.float32) for a in (x, w, b)]
        return affine_forward(*single)

    report = check("affine", forward=forward, backward=affine_backward)
    assert report.ok
    assert set(causes(report)) == {"float32"}


def test_a_wrong_float32_answer_is_refused() -> None:
    report = check("relu", backward=lambda d, c: (1.001 * d * (c > 0)).astype(np.float32))
    assert report.verdict == "incorrect"


def test_an_overflow_at_large_logits_is_a_warning() -> None:
    def loss(x: Any, y: Any) -> Any:
        p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
        dx = p.copy()
        dx[np.arange(len(x)), y] -= 1
        return -np.log(p[np.arange(len(x)), y]).mean(), dx / len(x)

    report = check("softmax", loss=loss)
    assert (report.ok, causes(report)) == (True, ["overflow"])
    assert "subtract each row's maximum before exp" in str(report)


@pytest.mark.parametrize(
    ("slug", "forward", "words"),
    [
        (
            "affine",
            lambda x, w, b: (np.cos(x.reshape(len(x), -1) @ w + b), x),
            "calculate one entry by hand, and",
        ),
        ("relu", lambda x: (np.cos(x), x), "take a single number for x; calculate out by hand, and"),
    ],
)
def test_a_wrong_forward_is_to_be_calculated_and_not_derived(slug: str, forward: Any, words: str) -> None:
    said = str(check(slug, forward=forward))
    assert words in said
    assert "derive" not in said


def test_an_overflow_in_an_element_wise_layer_speaks_of_signs_and_not_of_rows() -> None:
    report = check("sigmoid", forward=lambda x: (np.exp(x) / (1 + np.exp(x)), x))
    assert (report.ok, causes(report)) == (True, ["overflow"])
    assert "next: give exp no positive number; for inputs of either sign" in str(report)
    assert "row" not in str(report)


def test_a_backward_calls_its_upstream_gradient_dout_and_a_loss_has_none() -> None:
    said = str(check("relu", backward=lambda dout, x: (x > 0) * 1.0))
    assert "check: the chain rule multiplies the local derivative by dout" in said
    true = layers.get("svm").loss
    assert true is not None
    averaged_twice = check("svm", loss=lambda x, y: (true(x, y)[0], true(x, y)[1] / len(x)))
    assert "in a backward, the upstream gradient already carries the loss's" in str(averaged_twice)


def stable_loss(x: Any, y: Any) -> float:
    z = x - x.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(x)), y]))


@pytest.mark.parametrize("least", [0.0, 1e-300])
def test_a_gradient_that_overflows_at_large_logits_is_a_warning_though_the_loss_is_right(
    least: float,
) -> None:
    def loss(x: Any, y: Any) -> Any:
        dx = np.exp(np.minimum(x, 700.0) if least else x)  # clipping keeps it finite, and wrong
        dx /= dx.sum(axis=1, keepdims=True) + least
        dx[np.arange(len(x)), y] -= 1
        return stable_loss(x, y), dx / len(x)

    report = check("softmax", loss=loss)
    assert (report.ok, causes(report)) == (True, ["overflow"])
    assert report.findings[0].param == "dx"
    assert "dx is not right at the edge: scores near 1000" in str(report)
    assert "subtract each row's maximum before exp" in str(report)


def test_a_loss_and_a_gradient_that_overflow_are_one_warning() -> None:
    def loss(x: Any, y: Any) -> Any:
        e = [[math.exp(s) for s in row] for row in x]
        P = np.array([[v / sum(row) for v in row] for row in e])
        return -np.log(P[np.arange(len(x)), y]).mean(), (P - np.eye(x.shape[1])[y]) / len(x)

    report = check("softmax", loss=loss)
    assert (report.ok, causes(report)) == (True, ["overflow"])
    assert "loss and dx are not right at the edge: scores near 1000" in str(report)


def test_an_overflow_of_a_gradient_that_is_wrong_anyway_is_not_spoken_of() -> None:
    report = check("softmax", loss=lambda x, y: (stable_loss(x, y), np.exp(x) * 0.0 + 1.0))
    assert "at the edge" not in str(report)


def test_a_numpy_warning_in_student_code_is_kept_off_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    def backward(dout: Any, x: Any) -> Any:
        np.log(np.zeros(1))
        print("debugging", file=sys.stderr)
        return dout * (x > 0)

    assert check("relu", backward=backward).ok
    assert capfd.readouterr().err == ""


# ------------------------------------------------------------ batch normalisation's states


def test_running_averages_are_checked() -> None:
    assert BATCHNORM.forward is not None

    def forward(x: Any, gamma: Any, beta: Any, bn_param: Any) -> Any:
        return BATCHNORM.forward(x, gamma, beta, dict(bn_param))

    report = check("batchnorm", forward=forward, backward=BATCHNORM.backward)
    assert report.parts["bn_param"] == "wrong"
    assert report.parts["out"] == "right"
    assert report.points({"out": 1, "bn_param": 1}) == 1.0


def test_test_mode_is_checked() -> None:
    assert BATCHNORM.forward is not None

    def forward(x: Any, gamma: Any, beta: Any, bn_param: Any) -> Any:
        bn_param["mode"] = "train"
        return BATCHNORM.forward(x, gamma, beta, bn_param)

    report = check("batchnorm", forward=forward)
    assert report.parts["out"] == "wrong"
    assert report.findings[0].cause == "test-mode-uses-batch"


# ------------------------------------------------------------ misuse


def test_an_unknown_layer_is_answered_with_the_nearest_name() -> None:
    report = check("afine", forward=affine_forward)
    assert report.verdict == "error"
    assert "no layer 'afine'\n  did you mean 'affine'?" in str(report)


@pytest.mark.parametrize("slug", [None, 3, ["affine"], b"affine"])
def test_a_slug_that_is_no_text_is_an_error(slug: Any) -> None:
    assert check(slug, forward=affine_forward).verdict == "error"


def test_no_function_at_all_is_an_error() -> None:
    assert str(check("affine")).splitlines()[2:] == [
        "check('affine'): no function given, expected forward or backward",
        "  check: check('affine', forward=your_function, backward=your_function)",
    ]


def test_a_call_in_place_of_a_function_is_recognised() -> None:
    report = check("relu", forward=affine_forward(np.ones((1, 1)), np.ones((1, 1)), 0))  # type: ignore[arg-type]
    assert (
        "forward is a tuple, expected a function\n"
        "  give the function itself, without calling it: forward=f, not forward=f(x)" in str(report)
    )


def test_a_role_that_the_layer_has_not_is_an_error() -> None:
    assert "this layer has no forward, expected loss" in str(check("softmax", forward=affine_forward))
    assert "this layer has no loss, expected forward and backward" in str(
        check("affine", loss=affine_forward)
    )


def test_a_wrong_signature_is_a_finding() -> None:
    report = check("affine", backward=lambda dout: dout)
    assert report.verdict == "error"
    assert "takes 1 positional argument but 2 were given" in str(report)


# ------------------------------------------------------------ the report itself


def test_points_of_an_unknown_part_are_an_error_that_names_the_parts() -> None:
    with pytest.raises(
        LookupError, match=r"affine.points: no part 'dW'\n  did you mean 'dw'\? known: db, dw, dx, out"
    ):
        check("affine", backward=affine_backward).points({"dW": 1})


def test_points_are_a_plain_float() -> None:
    assert type(check("affine", backward=affine_backward).points({"dw": 2})) is float


def test_the_report_as_json_holds_the_same() -> None:
    report = check("affine", backward=lambda d, c: (*affine_backward(d, c)[:2], d))
    data = json.loads(report.to_json())
    assert data["verdict"] == "incorrect"
    assert data["parts"]["db"] == "wrong"
    assert [f["cause"] for f in data["findings"]] == causes(report)


def test_the_report_as_html_escapes_student_text() -> None:
    def backward(dout: Any, cache: Any) -> Any:
        raise ValueError("<script>alert(1)</script>")

    page = check("relu", backward=backward)._repr_html_()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "background" not in page.replace("background:none", "")


@pytest.mark.parametrize("scale", [1e160, 1e300, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("slug", ["tanh", "affine"])
def test_gradients_and_outputs_of_any_size_are_refused(slug: str, scale: float) -> None:
    layer = layers.get(slug)

    def backward(dout: Any, cache: Any) -> Any:
        grads = layer.backward(dout, cache)
        return scale * grads if slug == "tanh" else (scale * grads[0], *grads[1:])

    def forward(*inputs: Any) -> Any:
        out, cache = layer.forward(*inputs)
        return scale * out, cache

    assert check(slug, forward=layer.forward, backward=backward).parts["dx"] == "wrong"
    assert check(slug, forward=forward, backward=layer.backward).parts["out"] == "wrong"
