"""Formulas near a given one, and factors that spread over each other."""

from __future__ import annotations

import pytest

from handgrad.axes import Tokens
from handgrad.formula import parse
from handgrad.reductions import mended_reductions, spread

TYPES: dict[str, Tokens] = {"X": ("N", "D"), "G": ("N", "M"), "s": ("N", 1), "m": (1, "D"), "v": ("D",)}


def _mended(text: str, *want: str | int) -> dict[str, str]:
    return {str(expr): words for words, expr in mended_reductions(parse(text), want)}


@pytest.mark.parametrize(
    ("text", "mended", "words"),
    [
        (
            "sum(X, axis=D)",
            "sum(X, axis=D, keepdims=True)",
            "the axis must stay: keepdims=True, as in sum(X, axis=D, keepdims=True)",
        ),
        ("sum(X, axis=D)", "X", "there should be no sum here; without it, X has the axes (N, D)"),
        ("mean(X, axis=N)", "X", "there should be no mean here; without it, X has the axes (N, D)"),
    ],
)
def test_a_reduction_is_kept_or_left_out(text: str, mended: str, words: str) -> None:
    assert _mended(text, "N", "D")[mended] == words


def test_two_sums_are_mended_one_at_a_time_and_both() -> None:
    found = _mended("X / sum(X, axis=D) + mean(X, axis=D)", "N", "D")
    both = "X / sum(X, axis=D, keepdims=True) + mean(X, axis=D, keepdims=True)"
    assert found[both] == "the axes must stay: keepdims=True in each sum"
    assert "X / sum(X, axis=D, keepdims=True) + mean(X, axis=D)" in found
    assert "X / sum(X, axis=D) + mean(X, axis=D, keepdims=True)" in found


def test_a_sum_that_keeps_its_axis_already_is_only_left_out() -> None:
    assert list(_mended("sum(X, axis=D, keepdims=True)", "N", "D")) == ["X"]


def test_without_a_reduction_nothing_is_near() -> None:
    assert _mended("X * 2", "N", "D") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("s * m", "in s * m, (N, 1) meets (1, D), and each is spread over the other: (N, D)"),
        ("1 + s / m", "in s / m, (N, 1) meets (1, D), and each is spread over the other: (N, D)"),
        ("X * s", ""),
        ("X + v", ""),
        ("X.T @ G", ""),
    ],
)
def test_two_factors_that_spread_over_each_other_are_told(text: str, words: str) -> None:
    assert spread(parse(text), TYPES) == words
