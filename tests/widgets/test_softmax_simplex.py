"""Softmax on the simplex: p, p − y and the loss against NumPy's; a shift changes nothing, a step downhill helps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad.widgets import SoftmaxSimplex
from handgrad.widgets.base import fixed, listed


def shown_loss(shown: Any) -> float:
    return float(shown.words()[4].rpartition("= ")[2])


@pytest.mark.parametrize(("key", "press"), [("z0", "End"), ("z1", "Home"), ("z2", "PageUp")])
@pytest.mark.parametrize("target", [0, 2])
def test_a_moved_logit_moves_p_and_the_gradient(show: Any, key: str, press: str, target: int) -> None:
    shown = show(SoftmaxSimplex(target=target))
    shown.press(key, press)
    z = np.array([shown.state()[f"z{k}"] for k in range(3)])
    p = np.exp(z) / np.exp(z).sum()
    dz = p - np.eye(3)[target]
    assert shown.words()[1].endswith(listed(p, 3))
    assert shown.words()[3] == f"dz = p − y = {listed(dz, 3)}, whose sum is 0.000"
    assert shown.words()[4].endswith(fixed(-np.log(p[target]), 3))
    for number in (*p, *dz):
        assert fixed(number, 3) in shown.picture()


def test_the_label_is_chosen_by_arrow_keys(show: Any) -> None:
    shown = show(SoftmaxSimplex(target=0))
    shown.press("target", "ArrowRight", "ArrowRight")
    assert shown.words()[2] == "y = [0, 0, 1]: the label is class 2"
    assert "class 2 = label" in shown.picture()


def test_adding_1_to_every_logit_changes_no_probability(show: Any) -> None:
    shown = show(SoftmaxSimplex())
    before = shown.words()
    shown.click("Add 1 to every logit")
    assert shown.words()[0] == "z = [2.0, 1.4, 0.3]"
    assert shown.words()[1:] == before[1:]
    shown.click("Add 1 to every logit")
    shown.click("Add 1 to every logit")
    assert shown.words()[0] == "z = [4.0, 3.4, 2.3]"
    button = shown.page.get_by_role("button", name="Add 1 to every logit")
    assert button.get_attribute("aria-disabled") == "true"
    button.press("Enter")
    assert shown.words()[0] == "z = [4.0, 3.4, 2.3]"


def test_each_step_downhill_lowers_the_loss(show: Any) -> None:
    shown = show(SoftmaxSimplex())
    losses = [shown_loss(shown)]
    for _ in range(4):
        shown.click("Step downhill: z − 2 dz")
        losses.append(shown_loss(shown))
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == 5
    z = np.array([1.0, 0.4, -0.7])
    p = np.exp(z) / np.exp(z).sum()
    first = np.round(z - 2 * (p - [0, 1, 0]), 1)
    fresh = show(SoftmaxSimplex())
    fresh.click("Step downhill: z − 2 dz")
    assert fresh.words()[0] == f"z = {listed(first, 1)}"
