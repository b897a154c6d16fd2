"""vec by rows and by columns, and the Kronecker form that belongs to each (003.6 to 003.9, erratum 23)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import traitlets
from numpy.typing import NDArray

from handgrad.widgets.base import Figure, listed

__all__ = ["VecOrders"]

ORDERS: dict[str, Literal["C", "F"]] = {"rows": "C", "columns": "F"}
FORMS = ("I⊗xᵀ", "xᵀ⊗I")


class VecOrders(Figure):
    """z = W x as K vec(W), and dW as the gradient K.T dz put back into a matrix, for a chosen order and form.

    W, dW: (2, 3); x: (3,) whole numbers from −3 to 3; z, dz: (2,); vec(W): (6,); K: (2, 6), dz/dvec(W).
    `order` is "rows" or "columns", `form` "I⊗xᵀ" or "xᵀ⊗I"; `entry`, 0 to 5, is followed through all of them.
    """

    label: ClassVar[str] = "Two orders of vec, two Kronecker products"
    lead: ClassVar[str] = (
        "W x is written as K vec(W). Choose how vec reads W, and which K: predict which pairs give W x. Follow one "
        "entry: its column of K must hold the x that it meets, in the row of the z that it feeds."
    )
    order = traitlets.Enum([*ORDERS], "rows").tag(sync=True)
    form = traitlets.Enum([*FORMS], FORMS[0]).tag(sync=True)
    entry = traitlets.Int(1, min=0, max=5).tag(sync=True)
    x0 = traitlets.Int(1, min=-3, max=3).tag(sync=True)
    x1 = traitlets.Int(-2, min=-3, max=3).tag(sync=True)
    x2 = traitlets.Int(3, min=-3, max=3).tag(sync=True)
    W = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    dz = np.array([2.0, -1.0])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """x: (3,), vec: (6,), both forms and K: (2, 6), z and the product: (2,), dW and the result: (2, 3)."""
        x, how = np.array([self.x0, self.x1, self.x2], dtype=float), ORDERS[self.order]
        forms = dict(zip(FORMS, (np.kron(np.eye(2), x), np.kron(x, np.eye(2))), strict=True))
        vec, K = self.W.reshape(-1, order=how), forms[self.form]
        return {
            "x": x,
            "vec": vec,
            **forms,
            "z": self.W @ x,
            "product": K @ vec,
            "dW": np.outer(self.dz, x),
            "result": (K.T @ self.dz).reshape(2, 3, order=how),
        }

    def words(self) -> list[str]:
        """W, x, vec(W), both K, and what the chosen pair gives for z and dW beside the right values."""
        a = self.arrays()

        def rows(name: str) -> str:
            return " ".join(listed(row, 0) for row in np.atleast_2d(a[name]))

        i, j = np.unravel_index(self.entry, (2, 3), order=ORDERS[self.order])
        right = ["wrong", "right"]
        return [
            f"W = {' '.join(listed(row, 0) for row in self.W)}, x = {listed(a['x'], 0)}, dz = {listed(self.dz, 0)}",
            f"vec(W) by {self.order} = {rows('vec')}; its entry {self.entry} is W[{i},{j}]",
            *(f"K = {form}: {rows(form)}" for form in FORMS),
            f"chosen: vec by {self.order} with K = {self.form}",
            f"K vec(W) = {rows('product')}, W x = {rows('z')}: {right[np.array_equal(a['product'], a['z'])]}",
            f"K.T dz by {self.order} = {rows('result')}, dz x.T = {rows('dW')}: "
            f"{right[np.array_equal(a['result'], a['dW'])]}",
        ]
