from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad.averages import wrong_weights

OLD, BATCH = np.array([1.0, -2.0, 3.0, 0.5]), np.array([0.3, 5.0, -1.0, 2.0])
RIGHT = 0.9 * OLD + 0.1 * BATCH


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.5 * OLD + 0.5 * BATCH, "the batch's share is 5 times what it should be"),
        (BATCH, "the batch's share is 10 times what it should be"),
        (0.9 * OLD + 0.2 * BATCH, "add up to 1.1, and not to 1"),
        (OLD + BATCH, "add up to 2, and not to 1"),
        (0.9 * OLD, "it is 0.9 times the old value: the batch's share is missing"),
    ],
)
def test_a_mixture_is_told_by_its_weights(value: Any, words: str) -> None:
    found = wrong_weights(value, OLD, RIGHT)
    assert found is not None
    assert words in found[0]
    assert found[1] is value


class Odd(np.ndarray):
    """An array of another type."""


@pytest.mark.parametrize(
    "value",
    [
        RIGHT,
        1.5 * RIGHT,
        RIGHT + 1e-6,
        BATCH**2,
        None,
        "no",
        RIGHT[:3],
        np.full(4, np.nan),
        np.arange(4),
        np.array([None] * 4),
        BATCH.view(Odd),
    ],
)
def test_what_is_no_mixture_is_told_nothing(value: Any) -> None:
    assert wrong_weights(value, OLD, RIGHT) is None


@pytest.mark.parametrize("before", [None, 0 * OLD, 2 * RIGHT, OLD[:2]])
def test_an_old_value_that_says_nothing_is_told_nothing(before: Any) -> None:
    assert wrong_weights(BATCH, before, RIGHT) is None


def test_two_numbers_prove_nothing() -> None:
    assert wrong_weights(BATCH[:2], OLD[:2], RIGHT[:2]) is None
