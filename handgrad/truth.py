"""What a gradient should be: the derivative of a forward by complex steps; a reference backward is never asked.

A layer's `tangent` may stand in for a complex step where the answer is yes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from handgrad import numeric
from handgrad.probe import call, copy_arguments, items, own_dicts

__all__ = ["Truth", "own_gradient", "slips"]

Array = NDArray[Any]
Function = Callable[..., Any]

# Central differences of the layers' forwards, entry by entry, are good to about 1e-9 of the largest entry.
CENTRAL_ACCURACY = 1e-7

SPREAD = 2.0**32 / sqrt(12.0)  # of a uniform number of 32 bits

DIRECTIONS = 2  # one catches all wrong gradients but a set of measure zero; the second guards the first


@dataclass(frozen=True)
class Truth:
    """The gradient of <dout, out> at the inputs, where `reference(*inputs)` returns out first and is analytic.

    dout, out: the same shape; out is the reference's own, computed once for all directions. `tangent`, if the
    layer has one, may say yes in the place of a complex step; a no is always that of the complex step.
    """

    reference: Function
    inputs: Mapping[str, Any]
    dout: Array
    out: Array
    rng: np.random.Generator
    tangent: Function | None = None

    def all_right(self, claims: Mapping[str, Array]) -> bool:
        """Whether the claimed gradients agree along joint directions: one forward for all of them.

        Each argument's direction is scaled so that its own <g, u> has size 1, lest a small gradient hide behind a
        large one, and rounding is granted nothing. A yes is stricter than those of `verdict`; a no is a doubt, for
        `verdict` to settle.
        claims: one for each gradient of the layer, of its input's shape, finite, float64. For use inside `quiet()`.
        """
        relative, step = numeric.TOLERANCES["complex step"].relative, numeric.TINY_STEP
        sizes = {name: _size(claimed) for name, claimed in claims.items()}
        if not all(0.0 < size < inf for size in sizes.values()):
            return False
        # All arguments lie in one array, one after the other.
        claimed = np.concatenate(list(claims.values()), axis=None)
        scales, places, start = np.empty(claimed.size), {}, 0
        for name, size in sizes.items():
            places[name] = slice(start, start + claims[name].size)
            scales[places[name]] = step / (SPREAD * size)
            start = places[name].stop
        derivative = self._derivative(places, claimed.size)
        for u in self._numbers(claimed.size):
            u *= scales
            along = (self.dout * derivative(u)).ravel()
            gap = abs(float(along.sum()) - float(claimed.dot(u)))
            if not gap <= relative * (step + _size(along) / len(claims)):
                return False
        return True

    def _derivative(self, places: Mapping[str, slice], count: int) -> Callable[[Array], Array]:
        """J u as a function of a tiny u of `count` entries, in which each argument has its place."""
        shapes = {name: np.shape(self.inputs[name]) for name in places}
        tangent = self.tangent
        if tangent is not None:

            def by_hand(u: Array) -> Array:
                moves = (u[place].reshape(shapes[name]) for name, place in places.items())
                return np.asarray(tangent(*self.inputs.values(), *moves))

            return by_hand
        z = np.empty(count, dtype=np.complex128)
        moved = {name: z[place].reshape(shapes[name]) for name, place in places.items()}
        for name, part in moved.items():
            part.real = self.inputs[name]

        def by_complex_step(u: Array) -> Array:
            z.imag = u
            return np.imag(self._out(moved))

        return by_complex_step

    def _numbers(self, count: int) -> Array:
        """Random whole numbers for DIRECTIONS directions of that many entries, one direction a row.

        Two come from each 64 random bits, for half of what two floats cost; in 32 bits two entries of a direction
        are equal with a probability of 2e-10, less than the tolerance lets pass.
        """
        bits = self.rng.bit_generator.random_raw((DIRECTIONS * count + 1) // 2)
        numbers = np.asarray(bits).view(np.int32)[: DIRECTIONS * count].astype(np.float64)
        return numbers.reshape(DIRECTIONS, count)

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
        return self.reference(*{**own_dicts(self.inputs), **moved}.values())[0]


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
