"""The schedule: run by NumPy with only what the figure holds, its gradients are those of differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad.widgets import BackwardSchedule


@pytest.mark.parametrize("L", [1, 2, 4])
def test_what_is_held_suffices_for_the_way_back(L: int) -> None:
    figure, rng = BackwardSchedule(L=L), np.random.default_rng(L)
    sizes = figure.sizes()
    W = {k: rng.normal(size=(sizes[k - 1][1], sizes[k][1])) / 4 for k in range(1, L + 1)}
    X, G = rng.normal(size=sizes[0]), rng.normal(size=sizes[L])

    def loss() -> float:
        Z = X
        for k in range(1, L + 1):
            Z = np.tanh(Z @ W[k])
        return float((Z * G).sum())

    store, dW = {"Z0": X}, {}
    for step in range(1, 2 * L + 2):
        if step <= L:
            store[f"Z{step}"] = np.tanh(store[f"Z{step - 1}"] @ W[step])
        elif step == L + 1:
            store[f"dZ{L}"] = G
        else:
            k = 2 * L + 2 - step
            dS = store[f"dZ{k}"] * (1 - store[f"Z{k}"] ** 2)
            dW[k] = store[f"Z{k - 1}"].T @ dS
            store[f"dZ{k - 1}"] = dS @ W[k].T
        store = {name: store[name] for name in figure.held(step)}
        assert sum(a.size for a in store.values()) == figure.numbers(step)
    for k in range(1, L + 1):
        direction, h, kept = rng.normal(size=W[k].shape), 1e-6, W[k]
        W[k] = kept + h * direction
        up = loss()
        W[k] = kept - h * direction
        slope = (up - loss()) / (2 * h)
        W[k] = kept
        np.testing.assert_allclose((dW[k] * direction).sum(), slope, rtol=1e-6)


@pytest.mark.parametrize("L", [1, 3, 6])
def test_stepping_shows_each_step_of_the_package_and_stops_at_both_ends(show: Any, L: int) -> None:
    shown = show(BackwardSchedule(L=L))
    for step in range(2 * L + 2):
        expected = BackwardSchedule(L=L, step=step)
        assert shown.words() == expected.words()
        assert str(expected.numbers(step)) in shown.picture()
        assert shown.says().startswith(f"Step {step} of {2 * L + 1}. ")
        shown.click("Next")
    assert shown.words() == BackwardSchedule(L=L, step=2 * L + 1).words()
    shown.click("Back")
    assert shown.words() == BackwardSchedule(L=L, step=2 * L).words()
    shown.click("Start over")
    shown.click("Back")
    assert shown.words() == BackwardSchedule(L=L).words()


def test_fewer_layers_end_at_their_last_step(show: Any) -> None:
    shown = show(BackwardSchedule(L=6, step=13))
    shown.press("L", "Home")
    assert shown.words() == BackwardSchedule(L=1, step=13).words()
    assert shown.words()[0] == "L = 1 layer, step 3 of 3"


def test_a_hidden_layer_more_costs_one_array_more_at_the_peak() -> None:
    peaks = [max(BackwardSchedule(L=L).numbers(t) for t in range(2 * L + 2)) for L in range(2, 7)]
    assert set(np.diff(peaks)) == {32 * 50}
