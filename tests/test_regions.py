"""Where an answer is wrong, told from the wrong entries alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad.regions import find

X = np.random.default_rng(0).normal(size=(7, 4))


def _find(shape: tuple[int, ...], where: Any, silent: Any = None, **arrays: Any) -> tuple[str, str] | None:
    wrong, quiet = np.zeros(shape, bool), np.zeros(shape, bool)
    wrong[where] = True
    if silent is not None:
        quiet[silent] = True
    found = find(wrong, quiet, arrays)
    return found and (found.slug, found.where)


@pytest.mark.parametrize(
    ("shape", "where", "found"),
    [
        ((7, 4), np.s_[0], ("some-rows", "0")),
        ((7, 4), np.s_[5:], ("some-rows", "5, 6")),
        ((7, 4), np.s_[:, 3], ("some-columns", "3")),
        ((7, 4), np.s_[2, 3], ("some-entries", "[2, 3] alone")),
        ((20, 4), np.s_[:9], ("some-rows", "0, 1, 2, 3, 4, 5, … 9 in all")),
        ((7, 4, 5), np.s_[:, 3], ("some-slices", "[:, 3]")),
        ((7, 4, 5), np.s_[:, :2], ("some-slices", "[:, :2]")),
        ((7, 4, 5), np.s_[6], ("some-rows", "[6]")),
        ((7, 4, 5), np.s_[..., 4], ("some-columns", "[..., 4]")),
        ((7, 4, 5, 3), np.s_[:, :, 1:], ("some-slices", "[:, :, 1:]")),
    ],
)
def test_a_row_a_column_and_a_slice_are_told(shape: Any, where: Any, found: Any) -> None:
    assert _find(shape, where) == found


@pytest.mark.parametrize(
    ("shape", "where"),
    [((7, 4), np.s_[[0, 3]]), ((7, 4), np.s_[2:5]), ((6,), np.s_[1:4]), ((7, 4, 5), np.s_[:, 1:3])],
)
def test_what_is_no_beginning_end_or_single_one_is_not_told(shape: Any, where: Any) -> None:
    assert _find(shape, where) is None


def test_an_entry_that_cannot_be_seen_to_be_wrong_does_not_speak_against_a_row() -> None:
    mostly = (np.array([0, 1, 2, 3, 4, 5] * 3), np.repeat([0, 1, 2], 6))
    assert _find((7, 4), mostly) is None
    assert _find((7, 4), mostly, silent=np.s_[:, 3]) == ("some-rows", "0, 1, 2, 3, 4, 5")


def test_the_signs_of_an_input_come_first() -> None:
    assert _find((7, 4), X < 0, x=X) == ("some-entries", "exactly those where x < 0")
    assert _find((7, 4), X < 0, x=X[:, :3]) is None


def test_labels_and_masks_are_told_by_name() -> None:
    y = np.array([0, 1, 2, 3, 0, 1, 2])
    label = (np.arange(7), y)
    assert _find((7, 4), label, y=y) == ("some-entries", "exactly those where the column is the label y")
    mask = np.array([True, False, True, True, False, True, True])
    assert _find((7, 4), mask, mask=mask) == ("some-entries", "exactly those where mask is True")
