"""Batch normalisation's paths: their sum is the gradient by differences, and each one's absence shows in a sum."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from handgrad.widgets import BatchnormPaths
from handgrad.widgets.base import fixed, listed


def test_the_true_dx_is_that_of_differences() -> None:
    figure = BatchnormPaths(shift=0.3, tilt=-0.4)
    dout = figure.arrays()["dout"]

    def loss(x: Any) -> Any:
        return (dout * 1.5 * (x - x.mean()) / np.sqrt(x.var() + 1e-5)).sum()

    h = 1e-6
    slopes = [(loss(figure.x + h * e) - loss(figure.x - h * e)) / (2 * h) for e in np.eye(7)]
    np.testing.assert_allclose(figure.arrays()["true"], slopes, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("on", [*product([True, False], repeat=3)])
def test_switches_add_up_the_paths_that_are_on(show: Any, on: tuple[bool, bool, bool]) -> None:
    shown = show(BatchnormPaths())
    a = BatchnormPaths().arrays()
    dx = np.zeros(7)
    for name, switch in zip(("direct", "mean", "variance"), on, strict=True):
        if switch:
            dx = dx + a[name]
        else:
            shown.press(name, "Space")
    assert shown.words()[6] == f"dx, the sum of the paths that are on: {listed(dx)}"
    assert all(fixed(v) in shown.picture() for v in dx)
    assert shown.picture().count(": off") == 3 - sum(on)


@pytest.mark.parametrize(("off", "wrong"), [("mean", "✗ sum of dx"), ("variance", "✗ sum of dx · x_hat")])
def test_a_missing_path_shows_in_its_sum_alone(show: Any, off: str, wrong: str) -> None:
    shown = show(BatchnormPaths(shift=0.4))
    assert "✗" not in shown.picture()
    shown.press(off, "Space")
    assert shown.picture().count("✗") == 1
    assert wrong in shown.picture()
    assert f"Without the {off} path dx is wrong" in shown.says()


def test_with_all_paths_shift_and_tilt_leave_dx_as_it_is(show: Any) -> None:
    shown = show(BatchnormPaths())
    before = shown.words()[6]
    shown.press("shift", "End")
    shown.press("tilt", "Home")
    assert shown.words()[2] != BatchnormPaths().words()[2]
    assert shown.words()[6] == before
    shown.press("mean", "Space")
    assert shown.words()[6] != before


def test_what_shift_and_tilt_do_is_asked_first_and_said_after_the_move(show: Any) -> None:
    shown = show(BatchnormPaths())
    assert shown.says().endswith("What will shift do to dx, and what tilt?")
    assert "is what it was" not in shown.says()
    shown.press("shift", "End")
    assert shown.says().endswith("With shift added to dout, dx is what it was without.")
    shown.press("tilt", "Home")
    assert shown.says().endswith("With shift and tilt added to dout, dx is what it was without, but for eps.")
    shown.press("mean", "Space")
    assert "is what it was" not in shown.says()
