"""The bias: N copies forwards, one sum backwards."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.layers import affine
from handgrad.widgets import BiasFanout
from handgrad.widgets.base import fixed


def test_db_is_the_affine_layers() -> None:
    figure = BiasFanout(N=5, g2=-1.4)
    a = figure.arrays()
    out, cache = affine.forward(a["s"][:, None], np.ones((1, 1)), np.array([figure.b]))
    np.testing.assert_allclose(a["out"], out[:, 0])
    np.testing.assert_allclose(a["db"], affine.backward(a["dout"][:, None], cache)[2][0])


def test_each_sample_more_adds_its_gradient(show: Any) -> None:
    shown = show(BiasFanout())
    gradients = np.array([0.4, -1.1, 0.7, 0.9, -0.3, 1.2])
    shown.press("N", "Home")
    for N in range(1, 7):
        assert shown.words()[-1].endswith(f"= {fixed(gradients[:N].sum(), 1)}")
        assert shown.picture().count("+") == N
        assert f"of {N}" in shown.picture()
        assert shown.page.locator(".hg-row:visible").count() == 2 + N
        shown.press("N", "ArrowRight")


def test_all_of_one_upstream_gradient_arrives_at_b(show: Any) -> None:
    shown = show(BiasFanout())
    shown.press("g1", "ArrowRight", "ArrowRight", "ArrowRight")
    assert shown.says() == "dout1 = −0.8, and all of it arrives at b: db = 0.4 + (−0.8) + 0.7 + 0.9 = 1.2."
    assert "1.2" in shown.picture()


def test_moving_b_moves_the_outputs_and_no_gradient(show: Any) -> None:
    shown = show(BiasFanout())
    shown.press("b", "ArrowRight")
    assert shown.says().startswith("b = 0.6: every output moves, no gradient does; ")
    assert shown.words()[1] == "sample 0: out = 1.0 + 0.6 = 1.6; dout 0.4 goes to b"
    assert shown.words()[-1] == BiasFanout().words()[-1]
