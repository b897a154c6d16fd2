"""The schedule of a deep network: forward and cached, then backward and let go (004.10, 004.11, errata 25 and 29)."""

from __future__ import annotations

from typing import ClassVar

import traitlets

from handgrad.widgets.base import Figure

__all__ = ["BackwardSchedule"]

N, INPUT, HIDDEN, OUTPUT = 32, 20, 50, 10


class BackwardSchedule(Figure):
    """The steps of Z^l = σ(S^l), S^l = Z^(l−1) W^l + b^l for l = 1 to L, the loss, and the way back.

    Z^l, S^l, dZ^l: (N, M_l), W^l: (M_(l−1), M_l), b^l: (M_l,); N = 32, 20 inputs, 50 hidden units, 10 outputs.
    Step 0 has the input alone, 1 to L go forward, L + 1 is the loss, L + 2 to 2 L + 1 go backward. σ is one whose
    derivative its output gives (sigmoid, tanh, ReLU), so S need not be kept. A step beyond the last is the last.
    """

    label: ClassVar[str] = "What a deep network keeps for its way back"
    lead: ClassVar[str] = (
        "Step through. Predict before each step: what is computed, what does it need, and what may be forgotten? "
        "Then add layers: where is the peak, and how does it grow?"
    )
    L = traitlets.Int(3, min=1, max=6).tag(sync=True)
    step = traitlets.Int(0, min=0, max=13).tag(sync=True)

    def sizes(self) -> list[tuple[int, int]]:
        """The shape of each Z^l, l = 0 to L."""
        return [(N, INPUT)] + [(N, HIDDEN)] * (self.L - 1) + [(N, OUTPUT)]

    def at(self) -> int:
        """The step shown: `step`, or the last if that is less."""
        return min(self.step, 2 * self.L + 1)

    def held(self, step: int) -> list[str]:
        """The arrays (Z and dZ, no parameters and their gradients) that are held after a step."""
        L = self.L
        if step <= L:
            return [f"Z{k}" for k in range(step + 1)]
        if step == L + 1:
            return [*self.held(L), f"dZ{L}"]
        l = 2 * L + 2 - step  # noqa: E741 - the field's name for a layer
        return [f"Z{k}" for k in range(l)] + ([f"dZ{l - 1}"] if l > 1 else [])

    def numbers(self, step: int) -> int:
        """How many numbers are held after a step."""
        sizes = self.sizes()
        return sum(
            sizes[int(name.lstrip("dZ"))][0] * sizes[int(name.lstrip("dZ"))][1] for name in self.held(step)
        )

    def told(self, step: int) -> str:
        """What a step does, with the shapes of what it makes."""
        L, sizes = self.L, self.sizes()
        if step == 0:
            return f"start: the input Z0 = X {sizes[0]}"
        if step <= L:
            last = f", Z{step} = σ(S{step}) {sizes[step]}"
            return f"forward {step}: S{step} = Z{step - 1} @ W{step} + b{step}{last}; Z{step} is kept, S{step} is not"
        if step == L + 1:
            return f"loss: dZ{L} {sizes[L]} from Z{L} and the labels"
        l = 2 * L + 2 - step  # noqa: E741 - the field's name for a layer
        after = f", dZ{l - 1} = dS{l} @ W{l}.T {sizes[l - 1]}" if l > 1 else ""
        return (
            f"backward {l}: dS{l} = dZ{l} * σ′(S{l}) {sizes[l]}, where Z{l} gives σ′; "
            f"dW{l} = Z{l - 1}.T @ dS{l} ({sizes[l - 1][1]}, {sizes[l][1]}), db{l} = sum of dS{l} over N{after}; "
            f"Z{l} and dZ{l} are let go"
        )

    def words(self) -> list[str]:
        """The step, what is held after it, the gradients known, and the numbers held after each step."""
        last, at = 2 * self.L + 1, self.at()
        every = [self.numbers(t) for t in range(last + 1)]
        known = [f"dW{k}, db{k}" for k in range(self.L, 0, -1) if 2 * self.L + 2 - k <= at]
        return [
            f"L = {self.L} layer{'s' if self.L > 1 else ''}, step {at} of {last}",
            self.told(at),
            f"held: {', '.join(self.held(at))}: {every[at]} numbers",
            f"gradients known: {', '.join(known) or 'none'}",
            f"numbers held after each step: {', '.join(map(str, every))}",
            f"most: {max(every)}, after step {every.index(max(every))}",
        ]
