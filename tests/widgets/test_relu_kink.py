"""ReLU at its kink: the mask changes on the diagonal alone, and the value at 0 is told as a convention."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.widgets import ReluKink
from handgrad.widgets.base import fixed


def test_moving_x_across_0_opens_and_shuts_one_entry_of_the_diagonal(show: Any) -> None:
    shown = show(ReluKink())
    for press, x, mask in (
        (["ArrowLeft"] * 2, 0.1, 1),
        (["ArrowLeft"], 0.0, 0),
        (["ArrowLeft"], -0.1, 0),
        (["End"], 2.0, 1),
    ):
        shown.press("x2", *press)
        assert shown.state()["x2"] == x
        rows = np.diag([1, 0, mask])
        assert shown.words()[3:6] == [f"  [{', '.join(map(str, row))}]" for row in rows]
        assert shown.words()[7].endswith(f"= [0.5, 0.0, {fixed(2.0 * mask, 1)}]")
        assert shown.says().startswith(f"x2 = {fixed(x, 1)}: ")
    assert shown.wrong == []


def test_at_0_both_slopes_and_the_convention_are_told(show: Any) -> None:
    shown = show(ReluKink(x1=0.1))
    assert "kink" not in shown.picture()
    shown.press("x1", "ArrowLeft")
    assert "the slope is 0 from the left and 1 from the right" in shown.says()
    assert "The convention here is 0" in shown.says()
    assert "0*" in shown.picture()
    assert "kink*" in shown.picture()


def test_what_flows_is_the_upstream_where_x_is_above_0() -> None:
    figure = ReluKink(x0=-0.5, x1=0.5, x2=0.0)
    np.testing.assert_array_equal(figure.arrays()["dx"], [0, -1.5, 0])
