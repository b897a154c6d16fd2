"""A report's own words and sums: two reports made one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from handgrad import check_gradient
from handgrad.report import Report

Array = NDArray[np.float64]


def _judged(gradients: Callable[[Array, Array, Array], object], N: int, D: int, M: int) -> Report:
    rng = np.random.default_rng(N)
    x, w, dout = rng.normal(size=(N, D)), rng.normal(size=(D, M)), rng.normal(size=(N, M))
    return check_gradient(
        lambda x, w: x @ w,
        {"x": x, "w": w},
        lambda: gradients(dout, x, w),
        dout=dout,
        shapes="x: N D, w: D M",
        subject="layer",
    )


def _both(gradients: Callable[[Array, Array, Array], object]) -> Report:
    return _judged(gradients, 7, 5, 3).and_also(_judged(gradients, 4, 3, 2))


def test_what_is_right_at_both_sizes_is_right() -> None:
    report = _both(lambda dout, x, w: (dout @ w.T, x.T @ dout))
    assert report.ok
    assert report.tried == ("N=7 D=5 M=3", "N=4 D=3 M=2")
    assert report.findings == ()


def test_a_size_written_as_a_number_is_refused_at_the_other_size() -> None:
    report = _both(lambda dout, x, w: (dout @ w.T, x.T @ dout * 7 / len(x)))
    assert report.parts == {"dx": "right", "dw": "wrong"}
    assert report.points({"dx": 2, "dw": 1}) == 2.0
    [found] = report.findings
    assert found.message.endswith("right in the cases before it: N=7 D=5 M=3; is a size written as a number?")


def test_a_part_that_is_wrong_at_the_first_sizes_is_told_of_once() -> None:
    report = _both(lambda dout, x, w: (-(dout @ w.T), x.T @ dout))
    assert report.parts == {"dx": "wrong", "dw": "right"}
    [found] = report.findings
    assert found.cause == "sign"
    assert "right in the cases before it" not in found.message


def test_each_part_keeps_the_first_finding_against_it() -> None:
    def gradients(dout: Array, x: Array, w: Array) -> object:
        return -(dout @ w.T), x.T @ dout * (2.0 if len(x) == 4 else 1.0)

    report = _both(gradients)
    assert [(f.param, f.cause) for f in report.findings] == [("dx", "sign"), ("dw", "doubled")]
    assert report.findings[1].message.endswith("right in the cases before it: N=7 D=5 M=3")


def test_a_function_that_raises_at_the_other_size_loses_what_was_right() -> None:
    def gradients(dout: Array, x: Array, w: Array) -> object:
        return (dout.reshape(7, 3) @ w.T), x.T @ dout

    report = _both(gradients)
    assert report.points({"dx": 1, "dw": 1}) == 0.0
    assert report.verdict == "error"
    assert "cannot reshape" in str(report)
    assert str(report).endswith("is a size written as a number?")


def test_nothing_attempted_is_said_once() -> None:
    report = _both(lambda dout, x, w: None)
    assert report.verdict == "not attempted"
    assert len(report.findings) == 1


def test_a_warning_is_kept_once() -> None:
    report = _both(lambda dout, x, w: ((dout @ w.T).astype(np.float32), x.T @ dout))
    assert report.ok
    assert [f.cause for f in report.findings] == ["float32"]


def test_a_wrong_call_stays_an_error_from_either_side() -> None:
    good = _judged(lambda dout, x, w: (dout @ w.T, x.T @ dout), 7, 5, 3)
    wrong_call = check_gradient(lambda x: x, {"x": "no array"}, (), subject="layer")
    assert good.and_also(wrong_call).verdict == "error"
    assert wrong_call.and_also(good).verdict == "error"


def test_reports_on_two_subjects_are_not_made_one() -> None:
    report = _judged(lambda dout, x, w: (dout @ w.T, x.T @ dout), 7, 5, 3)
    with pytest.raises(ValueError, match="a report on the same subject, got other"):
        report.and_also(Report("other", {"dx": "right"}))
