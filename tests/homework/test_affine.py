"""The affine homework: what wrong answers earn, and what they are told."""

from __future__ import annotations

import pytest

UNDONE = {
    "forward": "def affine_forward(x, w, b):\n    return None",
    "backward": "def affine_backward(dout, cache):\n    return None",
    "paper": "def formula_for_dW():\n    return None\ndef formula_for_dX():\n    return None\n"
    "def formula_for_db():\n    return None",
    "mended": "def mended_backward(dY, X, W):\n    return None",
    "twin-backward": "def twin_backward(dout, x1, x2, w, b):\n    return None",
}
ROWS = "    x, w, b = cache\n    rows = x.reshape(len(x), -1)\n"


def backward(dx="(dout @ w.T).reshape(x.shape)", dw="rows.T @ dout", db="dout.sum(axis=0)"):
    return f"def affine_backward(dout, cache):\n{ROWS}    return {dx}, {dw}, {db}"


def test_the_authors_answers_earn_everything(mark, full):
    assert mark("affine").points == full("affine")


def test_nothing_attempted_earns_nothing(mark, full):
    marked = mark("affine", UNDONE)
    assert marked.points == dict.fromkeys(full("affine"), 0.0)
    assert marked.causes("backward-grade") == [("", "not-attempted")] * 2


@pytest.mark.parametrize(
    ("answer", "points", "cause"),
    [
        (backward(db="dout"), 4, ("db", "unsummed-broadcast")),
        (backward(db="dout.mean(axis=0)"), 4, ("db", "divided-by-N")),
        (backward(dw="dout.T @ rows"), 3, ("dw", "transposed")),
        (backward(dx="dout @ w.T"), 3, ("dx", "flattened")),
        (backward(dw="rows.T @ np.ones_like(dout)"), 3, ("dw", "ignores-dout")),
    ],
)
def test_one_wrong_gradient_costs_its_own_points_and_is_named(mark, answer, points, cause):
    marked = mark("affine", {"backward": answer})
    assert marked.points["backward-grade"] == points
    assert marked.causes("backward-grade") == [cause]
