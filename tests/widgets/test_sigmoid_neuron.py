"""The sigmoid neuron: source 001.3's numbers, and the formula σ(1 − σ) at other settings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad.widgets import SigmoidNeuron
from handgrad.widgets.base import fixed, short


def test_it_starts_at_the_source_s_numbers() -> None:
    words = SigmoidNeuron().words()
    assert words[:5] == [
        "w0: value 2.00, gradient −0.20",
        "x0: value −1.00, gradient 0.39",
        "w1: value −3.00, gradient −0.39",
        "x1: value −2.00, gradient −0.59",
        "w2: value −3.00, gradient 0.20",
    ]
    assert words[-1] == "f: value 0.73, gradient 1.00"


def test_it_asks_for_small_gradients_in_the_words_of_the_chapter() -> None:
    asked = f"{SigmoidNeuron.label}. {SigmoidNeuron.lead}"
    assert "block by block" in asked
    assert "Values stand above the arrows" in asked
    assert asked.endswith("every input's gradient smaller than 0.01 in size, with no 0 among the inputs.")
    assert not {"node", "edge", "edges", "vanish"} & set(asked.replace(",", " ").split())


def test_what_it_asks_for_can_be_done() -> None:
    g = SigmoidNeuron(w0=2.0, x0=2.0, w1=2.0, x1=2.0, w2=1.0).graph()
    assert all(abs(g[name].gradient) < 0.01 for name in ("w0", "x0", "w1", "x1", "w2"))


@pytest.mark.parametrize(
    "state", [(2.0, -1.0, -3.0, -2.0, -3.0), (0.7, 1.3, -0.4, 2.1, 0.3), (4, -4, 4, -4, -4)]
)
def test_its_gradients_are_sigma_one_minus_sigma_times_the_partner(state: tuple[float, ...]) -> None:
    w0, x0, w1, x1, w2 = state
    g = SigmoidNeuron(w0=w0, x0=x0, w1=w1, x1=x1, w2=w2).graph()
    f = 1 / (1 + np.exp(-(w0 * x0 + w1 * x1 + w2)))
    d = f * (1 - f)
    for name, factor in {"w0": x0, "x0": w0, "w1": x1, "x1": w1, "w2": 1.0}.items():
        np.testing.assert_allclose(g[name].gradient, d * factor, rtol=1e-9)


def test_dragging_x0_moves_the_values_above_and_the_gradients_below(show: Any) -> None:
    shown = show(SigmoidNeuron())
    for presses in (4, 9):
        shown.press("x0", *["ArrowRight"] * presses)
        x0 = shown.state()["x0"]
        f = 1 / (1 + np.exp(-(2 * x0 + 6 - 3)))
        d = f * (1 - f)
        picture = shown.picture()
        for expected in (x0, 2 * x0 + 3, f, d * x0, d * 2, d * -2, d * -3):
            assert short(expected) in picture
        assert f"x0 = {fixed(x0, 1)}: s = {short(2 * x0 + 3)}, f = {short(f)}." in shown.says()
        assert f"The gradient of w0 is x0 times {short(d)}." in shown.says()
    assert shown.wrong == []
