"""The affine homework: what wrong answers earn, and what they are told."""

from __future__ import annotations

import pytest

from handgrad.draws import seeded

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


def forward(out="rows @ w + b"):
    return f"def affine_forward(x, w, b):\n    rows = x.reshape(len(x), -1)\n    return {out}, (x, w, b)"


def paper(dW="X @ dY.T", dX="W @ dY", db="sum(dY, axis=N, keepdims=True)"):
    answers = {"dW": dW, "dX": dX, "db": db}
    return "\n".join(f"def formula_for_{name}():\n    return {answer!r}" for name, answer in answers.items())


def twin(dw="x1.T @ dy1 + x2.T @ dy2", db="(dy1 + dy2).sum(axis=0)"):
    lines = "    dy1, dy2 = dout * (x2 @ w + b), dout * (x1 @ w + b)\n"
    return f"def twin_backward(dout, x1, x2, w, b):\n{lines}    return dy1 @ w.T, dy2 @ w.T, {dw}, {db}"


DOUBLED = backward("2 * (dout @ w.T).reshape(x.shape)", "2 * rows.T @ dout")


@pytest.mark.parametrize(
    ("out", "answer", "points", "causes"),
    [
        ("2 * rows @ w + b", DOUBLED, 3, [("dx", "own-forward"), ("dw", "own-forward")]),
        ("rows @ w - b", backward(db="-dout.sum(axis=0)"), 4.5, [("db", "own-forward")]),
        ("2 * rows @ w + b", backward(), 5, []),
    ],
)
def test_a_gradient_of_ones_own_wrong_forward_earns_half(mark, out, answer, points, causes):
    marked = mark("affine", {"forward": forward(out), "backward": answer})
    assert marked.points["forward-grade"] == 0
    assert marked.points["backward-grade"] == points
    assert [cause for cause in marked.causes("backward-grade") if cause[0] != "out"] == causes
    assert ("right gradient of your own forward" in marked.text("backward-grade")) == bool(causes)


def test_the_same_gradient_of_a_right_forward_earns_nothing(mark):
    marked = mark("affine", {"backward": DOUBLED})
    assert marked.points["backward-grade"] == 1
    assert marked.causes("backward-grade") == [("dx", "doubled"), ("dw", "doubled")]


@pytest.mark.parametrize(
    ("cell", "answer", "points", "cause"),
    [
        ("forward", forward("rows @ w"), 0, ("out", "missing-bias")),
        ("paper", paper(dW="dY @ X.T"), 2, ("dW", "transposed")),
        ("paper", paper(dX="dY @ W.T"), 2, ("dX", "wrong-shape")),
        ("paper", paper(db="sum(dY, axis=N)"), 2, ("db", "flattened")),
        ("twin-backward", twin(dw="2 * x1.T @ dy1"), 3, ("dw", None)),
        ("twin-backward", twin(db="2 * (dy1 + dy2).sum(axis=0)"), 3, ("db", "doubled")),
        ("twin-backward", twin(db="dy1 + dy2"), 3, ("db", "unsummed-broadcast")),
    ],
)
def test_a_wrong_answer_to_another_part_costs_its_own_points(mark, cell, answer, points, cause):
    marked = mark("affine", {cell: answer})
    grade = "twin-grade" if cell == "twin-backward" else f"{cell}-grade"
    assert marked.points[grade] == points
    assert marked.causes(grade) == [cause]


def test_the_colleagues_code_earns_nothing_and_hears_which_product_stops(mark):
    marked = mark("affine", {"mended": "mended_backward = colleagues_backward"})
    assert marked.points["mended-grade"] == 0.0
    assert marked.causes("mended-grade") == [("", "raised")]
    assert "the inner axes differ: 5 on the left, 3 on the right" in marked.text("mended-grade")


def test_right_answers_in_another_style_keep_full_marks(mark, full):
    loops = (
        f"def affine_backward(dout, cache):\n{ROWS}"
        "    dx, dw, db = np.zeros_like(rows), np.zeros_like(w), np.zeros_like(b)\n"
        "    for n in range(len(rows)):\n"
        "        dx[n] = w @ dout[n]\n        dw += np.outer(rows[n], dout[n])\n        db += dout[n]\n"
        "    return dx.reshape(x.shape), dw, db"
    )
    other = {
        "forward": forward('np.einsum("nd,dm->nm", rows, w) + b[None, :]'),
        "backward": loops,
        "paper": paper("(dY @ X.T).T", "(dY.T @ W.T).T", "dY.sum(axis=N, keepdims=True)"),
        "twin-backward": twin(),
    }
    assert mark("affine", other).points == full("affine")


@pytest.mark.parametrize(
    "odd", ["return 7", "raise ValueError('no')", "return {'dx': 1}", "return [[1, None]]"]
)
@pytest.mark.parametrize("cell", UNDONE)
def test_an_odd_answer_earns_nothing_and_raises_nothing(mark, cell, odd):
    marked = mark("affine", {cell: UNDONE[cell].replace("return None", odd)})
    grade = "twin-grade" if cell == "twin-backward" else f"{cell}-grade"
    assert marked.points[grade] == 0.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_random_numbers_change_no_mark(mark, full, seed):
    with seeded(seed):
        assert mark("affine").points == full("affine")
        wrong = mark("affine", {"backward": backward(db="dout.mean(axis=0)")})
    assert wrong.points["backward-grade"] == 4
    assert wrong.causes("backward-grade") == [("db", "divided-by-N")]


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("mended", "def mended_backward(dY, X, W):\n    dY[:] = 0\n    return 0 * X, 0 * W, 0 * dY[:, :1]"),
        (
            "twin-backward",
            f"{twin().splitlines()[0]}\n    dout[:] = 0\n    return 0 * x1, 0 * x2, 0 * w, 0 * b",
        ),
    ],
)
def test_zeros_earn_nothing_though_the_upstream_gradient_was_emptied(mark, cell, answer):
    marked = mark("affine", {cell: answer})
    assert marked.points["twin-grade" if cell == "twin-backward" else "mended-grade"] == 0.0


def test_zeros_for_a_bias_that_the_own_forward_forgot_are_told_so(mark):
    marked = mark("affine", {"forward": forward("rows @ w"), "backward": backward(db="np.zeros_like(b)")})
    assert marked.points["backward-grade"] == 4
    assert "right for your own forward, which does not use b" in marked.text("backward-grade")


@pytest.mark.parametrize(
    ("answer", "points", "said"),
    [
        (twin(dw="x1.T @ dy1"), 3, "that comes from the first use alone"),
        (twin(db="dy2.sum(axis=0)"), 3, "that comes from the second use alone"),
        (twin(dw="(x1 + x2).T @ dout"), 3, "the other factor is missing"),
        (twin(dw="x1.T @ dy2 + x2.T @ dy1"), 3, "the factor is that of the other one"),
    ],
)
def test_one_use_too_few_or_the_wrong_factor_is_told(mark, answer, points, said):
    marked = mark("affine", {"twin-backward": answer})
    assert marked.points["twin-grade"] == points
    assert said in marked.text("twin-grade")
