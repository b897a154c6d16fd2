"""The orders of vec: NumPy's C and F reshapes, its kron, and which pairs give W x and the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad.widgets import VecOrders
from handgrad.widgets.base import listed

W, DZ = np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([2.0, -1])


@pytest.mark.parametrize(("columns", "second"), [(False, False), (False, True), (True, False), (True, True)])
def test_only_the_pairs_that_belong_together_give_w_x(show: Any, columns: bool, second: bool) -> None:
    shown = show(VecOrders())
    if columns:
        shown.press("order", "ArrowRight")
    if second:
        shown.press("form", "ArrowRight")
    shown.press("x0", "End")
    x, how = np.array([3.0, -2, 3]), "F" if columns else "C"
    K = np.kron(x, np.eye(2)) if second else np.kron(np.eye(2), x)
    vec = W.reshape(-1, order=how)
    verdict = "right" if columns == second else "wrong"
    assert shown.words()[1].startswith(f"vec(W) by {'columns' if columns else 'rows'} = {listed(vec, 0)};")
    assert shown.words()[2 + second].endswith(" ".join(listed(row, 0) for row in K))
    assert shown.words()[5] == f"K vec(W) = {listed(K @ vec, 0)}, W x = {listed(W @ x, 0)}: {verdict}"
    dW = (K.T @ DZ).reshape(2, 3, order=how)
    assert shown.words()[6].startswith(f"K.T dz by {'columns' if columns else 'rows'} = {listed(dW[0], 0)}")
    assert shown.words()[6].endswith(verdict)
    assert np.array_equal(dW, np.outer(DZ, x)) == (columns == second)
    assert shown.picture().count(verdict) == 2
    assert ("belong together." if columns == second else "are mixed.") in shown.says()


@pytest.mark.parametrize("order", ["rows", "columns"])
def test_an_entry_is_followed_to_its_place_in_w(show: Any, order: str) -> None:
    shown = show(VecOrders(order=order, form="I⊗xᵀ" if order == "rows" else "xᵀ⊗I", entry=0))
    for k in range(6):
        i, j = np.unravel_index(k, (2, 3), order="C" if order == "rows" else "F")
        assert f"Entry {k} of vec(W) is W[{i},{j}] = {W[i, j]:.0f}; " in shown.says()
        assert f"x{j} in row {i}: right for that entry." in shown.says()
        shown.press("entry", "ArrowRight")


def test_an_x_of_zeros_hides_the_mistake_and_the_figure_says_so(show: Any) -> None:
    assert "but this x hides it." in show(VecOrders(order="columns", x0=0, x1=0, x2=0)).says()
