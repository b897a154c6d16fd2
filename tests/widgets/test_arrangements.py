"""The arrangements: the list in JavaScript is the list of handgrad.shapes, and its errors are NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad import shapes
from handgrad.widgets import Arrangements
from handgrad.widgets.arrangements import CANDIDATES
from handgrad.widgets.base import fixed

FACTORS = {"X": "N D", "G": "N C"}


def test_the_candidates_are_all_that_can_ever_fit_with_what_each_needs() -> None:
    every = shapes.arrangements("D C", FACTORS, sizes={"N": 4, "D": 4, "C": 4})
    assert dict(CANDIDATES) == {str(a): " ".join(a.only_if) for a in every}


@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        ((7, 3, 2), 1),
        ((3, 3, 2), 2),
        ((2, 3, 3), 2),
        ((3, 2, 3), 2),
        ((5, 5, 5), 12),
        ((1, 2, 3), 1),
        ((1, 1, 1), 12),
    ],
)
def test_the_page_shows_those_that_fit_and_counts_them(
    show: Any, sizes: tuple[int, int, int], count: int
) -> None:
    N, D, C = sizes
    shown = show(Arrangements())
    for key, size in zip("NDC", sizes, strict=True):
        shown.press(key, "Home", *["ArrowRight"] * (size - 1))
    fitting = [str(a) for a in shapes.arrangements("D C", FACTORS, sizes={"N": N, "D": D, "C": C})]
    lines = dict(line.split(": ", 1) for line in shown.words()[1:])
    assert [f for f, verdict in lines.items() if verdict.startswith("fits")] == [
        f for f, _ in CANDIDATES if f in fitting
    ]
    assert len(fitting) == count
    assert lines["X.T @ G"] == "fits, and is right"
    assert ("Shapes leave one product" if count == 1 else f"Shapes leave {count} products") in shown.says()
    items = shown.page.locator(".hg-stage li").all_inner_texts()
    assert sum("✓" in item for item in items) == 1
    assert sum("✗" in item for item in items) == count - 1


def test_the_error_of_an_impostor_is_numpys(show: Any) -> None:
    figure = Arrangements(N=3, D=3, C=2)
    arrays = figure.arrays()
    X, G = arrays["X"], arrays["G"]
    error = np.abs(X @ G - X.T @ G).max() / np.abs(X.T @ G).max()
    assert error > 0.5
    assert f"impostor, error {fixed(error)}" in show(figure).picture()


@pytest.mark.parametrize("n", range(2, 10))
def test_no_impostor_looks_right_where_no_size_is_1(n: int) -> None:
    for sizes in ({"N": n}, {"N": n, "D": n}, {"N": n, "C": n}, {"D": n, "C": n}, {"N": n, "D": n, "C": n}):
        errors = Arrangements(**sizes).fitting()
        assert errors.pop("X.T @ G") == 0
        assert all(error > 0.5 for error in errors.values())


def test_a_size_of_1_is_told_to_broadcast_besides(show: Any) -> None:
    assert "A size of 1 can also be broadcast" in show(Arrangements(N=1)).says()
    assert "broadcast" not in show(Arrangements()).says()
