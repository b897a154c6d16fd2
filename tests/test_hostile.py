"""No object that a student's function returns, and nothing that it raises, makes a check raise or hang."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handgrad import check, check_formula, check_gradient, layers
from handgrad.report import Report
from tests.mutants.hostile import HOSTILE, RAISERS

RELU = layers.get("relu")
ROLES: dict[str, Callable[[Any], Report]] = {
    "relu backward": lambda value: check("relu", backward=lambda dout, cache: value),
    "affine backward": lambda value: check("affine", backward=lambda dout, cache: value),
    "affine part": lambda value: check("affine", backward=lambda dout, cache: (value, value, value)),
    "forward": lambda value: check("relu", forward=lambda x: value, backward=lambda dout, cache: dout),
    "out": lambda value: check("relu", forward=lambda x: (value, x), backward=lambda dout, cache: dout),
    "cache": lambda value: check(
        "relu", forward=lambda x: (np.maximum(x, 0), value), backward=lambda dout, cache: dout
    ),
    "loss": lambda value: check("softmax", loss=lambda x, y: value),
    "loss value": lambda value: check("softmax", loss=lambda x, y: (value, x)),
    "loss gradient": lambda value: check("softmax", loss=lambda x, y: (1.0, value)),
    "claimed": lambda value: check_gradient(lambda x: x**2, np.ones(3), value, dout=np.ones(3)),
    "function": lambda value: check_gradient(lambda x: value, np.ones(3), np.ones(3)),
    "dict entry": lambda value: check(
        "batchnorm", forward=lambda x, gamma, beta, bn_param: (bn_param.update(running_mean=value), None)[1]
    ),
}


def judge(role: str, value: object) -> Report:
    with contextlib.redirect_stdout(io.StringIO()):
        report = ROLES[role](value)
    assert report.verdict in ("correct", "incorrect", "not attempted", "error")
    assert str(report)
    assert report._repr_html_()
    assert report.to_json()
    return report


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("name", "make"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_object_is_never_right_and_never_raises(
    role: str, name: str, make: Callable[[], object]
) -> None:
    assert judge(role, make()).verdict != "correct"


@pytest.mark.parametrize(("name", "raiser"), RAISERS, ids=[name for name, _ in RAISERS])
def test_nothing_that_student_code_raises_escapes(name: str, raiser: Callable[..., object]) -> None:
    reports = [
        check("relu", forward=raiser),
        check("relu", backward=raiser),
        check("softmax", loss=raiser),
        check_gradient(raiser, np.ones(2), np.ones(2)),
    ]
    assert all(report.verdict != "correct" for report in reports)
    assert all(str(report) and report._repr_html_() and report.to_json() for report in reports)


ANY_ARRAY = hnp.arrays(
    dtype=st.one_of(hnp.scalar_dtypes(), hnp.array_dtypes()),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=7),
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text()
    | st.binary()
    | ANY_ARRAY,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(value=ANYTHING, role=st.sampled_from(sorted(ROLES)))
@settings(max_examples=400)
def test_an_arbitrary_object_never_raises(value: object, role: str) -> None:
    judge(role, value)


@given(formula=st.text(max_size=60), wrt=st.sampled_from(["W", "X", "b", "S", "Q", ""]))
@settings(max_examples=300)
def test_arbitrary_text_as_a_formula_never_raises(formula: str, wrt: str) -> None:
    report = check_formula(formula, wrt, forward="S = X @ W + b", shapes="X: N D, W: D C, b: C")
    assert str(report)
    assert report.verdict != "correct"


@given(forward=st.text(max_size=40), shapes=st.text(max_size=40))
@settings(max_examples=200)
def test_arbitrary_text_as_a_question_never_raises(forward: str, shapes: str) -> None:
    assert str(check_formula("X", "X", forward=forward, shapes=shapes))
