"""What a gradient should be: the derivative of a forward by complex steps; a reference backward is never asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from handgrad import numeric
from handgrad.probe import call, copy_arguments, items

__all__ = ["Truth", "own_gradient", "slips"]

Array = NDArray[Any]
Function = Callable[..., Any]

# Central differences of the layers' forwards, entry by entry, are good to about 1e-9 of the largest entry.
CENTRAL_ACCURACY = 1e-7

DIRECTIONS = 2  # one catches all wrong gradients but a set of measure zero; the second guards the first


@dataclass(frozen=True)
class Truth:
    """The gradient of <dout, out> at the inputs, where `reference(*inputs)` returns out first and is analytic.

    dout, out: the same shape; out is the reference's own, computed once for all directions.
    """

    reference: Function
    inputs: Mapping[str, Any]
    dout: Array
    out: Array
    rng: np.random.Generator

    def all_right(self, claims: Mapping[str, Array]) -> bool:
        """Whether several claimed gradients agree along joint directions: one forward for all of them.

        Each argument's direction is scaled so that its own <g, u> has size 1, lest a small gradient hide behind a
        large one. A yes is as strict as `verdict` is on each; a no, or a doubt, is for `verdict` to settle.
        claims: the shapes of their inputs, finite, float64. For use inside `quiet()`.
        """
        allowed, out_size = numeric.TOLERANCES["complex step"], _size(self.dout * self.out)
        for _ in range(DIRECTIONS):
            moved, claimed_sum, weights = {}, 0.0, 0.0
            for name, claimed in claims.items():
                u = numeric.direction(claimed, self.rng, 1.0)
                share = _size(claimed * u)
                if not share > 0.0:
                    return False
                u /= share
                moved[name] = np.empty(u.shape, dtype=np.complex128)
                moved[name].real = self.inputs[name]
                np.multiply(u, numeric.TINY_STEP, out=moved[name].imag)
                claimed_sum += float(np.vdot(claimed, u))
                weights += 1.0 / share
            along = self.dout * (np.imag(self._out(moved)) / numeric.TINY_STEP)
            relative = allowed.relative * (1.0 + _size(along) / len(claims))
            slack = allowed.absolute * out_size * weights
            # Where rounding rather than the claims sets the tolerance, one argument could hide in another's.
            if not slack <= relative or not abs(float(along.sum()) - claimed_sum) <= relative + slack:
                return False
        return True

    def verdict(self, name: str, claimed: Array, single: bool) -> Literal["right", "float32", "wrong"]:
        """Whether a claimed gradient agrees along random directions, in float64 or else at least in float32.

        claimed: the shape of the input `name`, finite. For use inside `quiet()`.
        """
        at, out = self.inputs[name], self.out
        spread, worst, worst_single = numeric.scale(at), 0.0, 0.0
        for _ in range(DIRECTIONS):
            u = numeric.direction(at, self.rng, spread)
            ju = numeric.complex_step_unguarded(lambda v: self._out({name: v}), at, u)
            worst = max(worst, numeric.agree(claimed, ju, self.dout, out, u))
            if single:
                worst_single = max(worst_single, numeric.agree(claimed, ju, self.dout, out, u, "float32"))
        if worst <= 1.0:
            return "right"
        return "float32" if single and worst_single <= 1.0 else "wrong"

    def entries(self, name: str) -> Array:
        """The whole gradient, entry by entry: slow, for saying where a claimed one is wrong."""
        return numeric.vjp(lambda v: self._out({name: v}), self.inputs[name], self.dout)

    def slips(self, name: str) -> dict[str, Array]:
        """The usual slips with the upstream gradient, by cause; none for a loss, which has no upstream."""
        if not self.dout.ndim:
            return {}
        return slips(lambda v: self._out({name: v}), self.inputs[name], self.dout)

    def _out(self, moved: Mapping[str, Array]) -> Any:
        # A reference may change a dict it is given, as documented, so each call gets its own.
        arguments = [
            moved[name] if name in moved else dict(given) if type(given) is dict else given
            for name, given in self.inputs.items()
        ]
        return self.reference(*arguments)[0]


def _size(a: Array) -> float:
    flat = a.ravel()
    return sqrt(flat.dot(flat))


def slips(f: Function, at: Array, dout: Array) -> dict[str, Array]:
    """What the usual slips with the upstream gradient return instead of the gradient of <dout, f(at)>, by cause."""
    wrong = {"ignores-dout": numeric.vjp(f, at, np.ones_like(dout))}
    if at.shape == dout.shape:
        wrong["jacobian-not-transposed"] = numeric.directional(f, at, dout).value
    return wrong


def own_gradient(
    function: Function, inputs: Mapping[str, Any], dout: Array
) -> Callable[[str], tuple[Array, float] | None]:
    """The gradient of a student's own forward or loss and its relative accuracy, or None where it can't be had."""

    def gradient(name: str) -> tuple[Array, float] | None:
        def own(value: Array) -> Array:
            arguments = copy_arguments(inputs)
            arguments[name] = value
            out = (items(function(*arguments.values())) or [None])[0]
            # Anything else, of any size, is no forward that a gradient could belong to.
            if np.shape(out) != dout.shape:
                raise ValueError("another shape")
            return np.asarray(out)

        def both() -> tuple[bool, Array]:
            analytic = numeric.supports_complex_step(own, inputs[name], np.random.default_rng(0)).ok
            return analytic, numeric.vjp(own, inputs[name], dout)

        got = call(both).value
        return None if got is None else (got[1], 1e-9 if got[0] else CENTRAL_ACCURACY)

    return gradient
