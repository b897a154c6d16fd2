"""The affine homework: what wrong answers earn, and what they are told."""

from __future__ import annotations

import pytest

from handgrad.draws import seeded

DW = "x.reshape(-1, x.shape[2]).T @ dout.reshape(-1, dout.shape[2])"


def forward(out="x @ w + b"):
    return f"def affine_forward(x, w, b):\n    return {out}, (x, w, b)"


def backward(dx="dout @ w.T", dw=DW, db="dout.sum(axis=(0, 1))"):
    return f"def affine_backward(dout, cache):\n    x, w, b = cache\n    return {dx}, {dw}, {db}"


def paper(dW="X @ dY.T", dX="W @ dY", db="sum(dY, axis=N, keepdims=True)"):
    answers = {"dW": dW, "dX": dX, "db": db}
    return "\n".join(f"def formula_for_{name}():\n    return {answer!r}" for name, answer in answers.items())


def mended(dX="W.T @ dY", dW="(dY @ X.swapaxes(1, 2)).sum(axis=0)", db="dY.sum(axis=(0, 2))[:, None]"):
    return f"def mended_backward(dY, X, W):\n    return {dX}, {dW}, {db}"


def twin(dx1="dy1 @ w.T", dx2="dy2 @ w.T", dw="", db="(dy1 + dy2).sum(axis=(0, 1))"):
    lines = "    dy1, dy2 = dout * (x2 @ w + b), dout * (x1 @ w + b)\n"
    dw = dw or "np.einsum('ntd,ntm->dm', x1, dy1) + np.einsum('ntd,ntm->dm', x2, dy2)"
    return f"def twin_backward(dout, x1, x2, w, b):\n{lines}    return {dx1}, {dx2}, {dw}, {db}"


@pytest.mark.parametrize(
    ("answer", "points", "cause"),
    [
        (backward(db="dout"), 4, ("db", "unsummed-broadcast")),
        (backward(db="dout.sum(axis=0)"), 4, ("db", "steps-not-summed")),
        (backward(db="dout.sum(axis=1)"), 4, ("db", "samples-not-summed")),
        (backward(db="dout.sum(axis=2)"), 4, ("db", "summed-over-wrong-axis")),
        (backward(db="dout.sum()"), 4, ("db", "summed-too-much")),
        (backward(db="dout[:, -1].sum(axis=0)"), 4, ("db", "last-step-alone")),
        (backward(db="dout.mean(axis=(0, 1))"), 4, ("db", "divided-by-N-and-T")),
        (backward(db="dout.sum(axis=1).mean(axis=0)"), 4, ("db", "divided-by-N")),
        (backward(db="dout.reshape(len(x), -1).sum(axis=0)"), 4, ("db", "one-row-for-each-sample")),
        (backward(dw="np.einsum('ntd,ntm->md', x, dout)"), 3, ("dw", "transposed")),
        (backward(dw="x.swapaxes(1, 2) @ dout"), 3, ("dw", "samples-not-summed")),
        (backward(dw="x[:, -1].T @ dout[:, -1]"), 3, ("dw", "last-step-alone")),
        (backward(dw="x.sum(axis=1).T @ dout.sum(axis=1)"), 3, ("dw", "summed-before-the-product")),
        (backward(dw="x.mean(axis=1).T @ dout.sum(axis=1)"), 3, ("dw", None)),
        (backward(dw="x.reshape(len(x), -1).T @ dout.reshape(len(x), -1)"), 3, ("dw", "one-row-for-each-sample")),
        (backward(dw="np.einsum('ntd,ntm->dm', x, np.ones_like(dout))"), 3, ("dw", "ignores-dout")),
        (backward(dw="np.einsum('ntd,ntm->dm', x, dout) / x.shape[1]"), 3, ("dw", "divided-by-T")),
        (backward(dw="np.einsum('ntd,ntm->dm', x, dout) * 7 / len(x)"), 3, ("dw", None)),
        (backward(dx="dout.reshape(-1, dout.shape[2]) @ w.T"), 3, ("dx", "flattened")),
        (backward(dx="(dout @ w.T).sum(axis=1)"), 3, ("dx", "summed-too-much")),
    ],
)  # fmt: skip
def test_one_wrong_gradient_costs_its_own_points_and_is_named(mark, answer, points, cause):
    marked = mark("affine", {"backward": answer})
    assert marked.points["backward-grade"] == points
    assert marked.causes("backward-grade") == [cause]


def test_what_is_said_speaks_of_samples_and_steps(mark):
    said = mark("affine", {"backward": backward(db="dout.sum(axis=0)")}).text("backward-grade")
    assert "db was summed over the samples and keeps one gradient for each step" in said
    for cell, answer in (
        ("mended", mended(db="dY.mean(axis=(0, 2))[:, None]")),
        ("twin", twin(db="(dy1 + dy2).mean(axis=(0, 1))")),
    ):
        said = mark("affine", {"twin-backward" if cell == "twin" else cell: answer}).text(f"{cell}-grade")
        assert "that is an average" in said
    said = mark("affine", {"backward": backward(db="dout")}).text("backward-grade")
    assert "b is used at every step of every sample" in said


@pytest.mark.parametrize(
    ("out", "cause"),
    [
        ("x @ w", ("out", "missing-bias")),
        ("x @ w - b", ("out", "bias-subtracted")),
        ("x[:, -1] @ w + b", ("out", "last-step-alone")),
        ("x.sum(axis=1) @ w + b", ("out", "steps-summed")),
        ("x.reshape(-1, x.shape[2]) @ w + b", ("out", "flattened")),
        ("x.reshape(len(x), -1) @ w + b", ("", "raised")),
    ],
)
def test_a_wrong_forward_earns_nothing_and_is_named(mark, out, cause):
    marked = mark("affine", {"forward": forward(out)})
    assert marked.points["forward-grade"] == 0
    assert marked.causes("forward-grade") == [cause]


DOUBLED = backward("2 * (dout @ w.T)", f"2 * {DW}")


@pytest.mark.parametrize(
    ("out", "answer", "points", "causes"),
    [
        ("2 * x @ w + b", DOUBLED, 1, [("dx", "own-forward"), ("dw", "own-forward")]),
        ("x @ w - b", backward(db="-dout.sum(axis=(0, 1))"), 4.5, [("db", "own-forward")]),
        ("2 * x @ w + b", backward(), 5, []),
    ],
)
def test_a_gradient_of_ones_own_wrong_forward_earns_half_where_its_mistake_is_known(
    mark, out, answer, points, causes
):
    marked = mark("affine", {"forward": forward(out), "backward": answer})
    assert marked.points["forward-grade"] == 0
    assert marked.points["backward-grade"] == points
    assert [cause for cause in marked.causes("backward-grade") if cause[0] != "out"] == causes
    assert ("right gradient of your own forward" in marked.text("backward-grade")) == bool(causes)


def test_the_same_gradient_of_a_right_forward_earns_nothing(mark):
    marked = mark("affine", {"backward": DOUBLED})
    assert marked.points["backward-grade"] == 1
    assert marked.causes("backward-grade") == [("dx", "doubled"), ("dw", "doubled")]


def test_zeros_for_a_bias_that_the_own_forward_forgot_are_told_so(mark):
    marked = mark("affine", {"forward": forward("x @ w"), "backward": backward(db="np.zeros_like(b)")})
    assert marked.points["backward-grade"] == 4
    assert "right for your own forward, which does not use b" in marked.text("backward-grade")


@pytest.mark.parametrize(
    ("cell", "answer", "points", "cause"),
    [
        ("paper", paper(dW="dY @ X.T"), 2, ("dW", "transposed")),
        ("paper", paper(dX="dY @ W.T"), 2, ("dX", "wrong-shape")),
        ("paper", paper(db="sum(dY, axis=N)"), 2, ("db", "flattened")),
        ("mended", mended(dX="-W.T @ dY"), 1, ("dX", "sign")),
        ("mended", mended(dX="(dY @ W.T).swapaxes(1, 2)"), 0, ("", "raised")),
        ("mended", mended(db="dY.sum(axis=(0, 1))[:, None]"), 1, ("db", "summed-over-wrong-axis")),
        ("mended", mended(db="dY.sum(axis=(0, 2))"), 1, ("db", "flattened")),
        ("mended", mended(db="dY.sum(axis=2, keepdims=True)"), 1, ("db", "unsummed-broadcast")),
        ("mended", mended(db="dY.mean(axis=(0, 2))[:, None]"), 1, ("db", "told")),
        ("twin-backward", twin(db="(dy1 + dy2).mean(axis=(0, 1))"), 3, ("db", "told")),
        ("twin-backward", twin(dw="2 * np.einsum('ntd,ntm->dm', x1, dy1)"), 3, ("dw", None)),
        ("twin-backward", twin(db="2 * (dy1 + dy2).sum(axis=(0, 1))"), 3, ("db", "doubled")),
        ("twin-backward", twin(db="(dy1 + dy2).sum(axis=0)"), 3, ("db", "unsummed-broadcast")),
        ("twin-backward", twin(db="dy1 + dy2"), 3, ("db", "unsummed-broadcast")),
        ("twin-backward", twin(dx1="-dy1 @ w.T"), 3, ("dx1", "sign")),
    ],
)  # fmt: skip
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


# A size that is written as a number: right at the first sizes of a graded cell, and wrong at the second.
LITERAL = [
    ("mended", mended(dX="W.T @ dY * 7 / len(X)"), 1, "dX", None),
    ("mended", mended(db="dY.mean(axis=(0, 2))[:, None] * 28"), 1, "db", None),
    ("mended", mended(db="dY.sum(axis=(0, 2)).reshape(3, 1)"), 0, "", "raised"),
    ("twin-backward", twin(dx1="dy1 @ w.T * 4 / x1.shape[1]"), 3, "dx1", None),
    ("twin-backward", twin(dx2="dy2 @ w.T * 7 / len(x1)"), 3, "dx2", None),
    ("twin-backward", twin(dw="x1.reshape(28, 5).T @ dy1.reshape(28, 3) + x2.reshape(28, 5).T @ dy2.reshape(28, 3)"),
     0, "", "raised"),
    ("twin-backward", twin(db="(dy1 + dy2).mean(axis=(0, 1)) * 28"), 3, "db", None),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "answer", "points", "part", "cause"), LITERAL)
def test_a_size_written_as_a_number_is_wrong_at_the_second_sizes(mark, cell, answer, points, part, cause):
    marked = mark("affine", {cell: answer})
    grade = "twin-grade" if cell == "twin-backward" else "mended-grade"
    assert marked.points[grade] == points
    assert marked.causes(grade) == [(part, cause)]
    assert "right in the cases before it: N=7 T=" in marked.text(grade)


def test_right_answers_in_another_style_keep_full_marks(mark, full):
    loops = (
        "def affine_backward(dout, cache):\n    x, w, b = cache\n"
        "    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros_like(b)\n"
        "    for n in range(x.shape[0]):\n        for t in range(x.shape[1]):\n"
        "            dx[n, t] = w @ dout[n, t]\n            dw += np.outer(x[n, t], dout[n, t])\n"
        "            db += dout[n, t]\n"
        "    return dx, dw, db"
    )
    other = {
        "forward": forward('np.einsum("ntd,dm->ntm", x, w) + b[None, None, :]'),
        "backward": loops,
        "paper": paper("(dY @ X.T).T", "(dY.T @ W.T).T", "dY.sum(axis=N, keepdims=True)"),
        "mended": mended("np.einsum('st,nsd->ntd', W, dY)", "np.einsum('nsd,ntd->st', dY, X)",
                         "np.einsum('nsd->s', dY).reshape(-1, 1)"),
        "twin-backward": twin(),
    }  # fmt: skip
    assert mark("affine", other).points == full("affine")
    steps = (
        "def affine_backward(dout, cache):\n    x, w, b = cache\n"
        "    dw = sum(x[:, t].T @ dout[:, t] for t in range(x.shape[1]))\n"
        "    return np.tensordot(dout, w, axes=(2, 1)), dw, dout.sum(0).sum(0)"
    )
    assert mark("affine", {"backward": steps}).points == full("affine")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_random_numbers_change_no_mark_of_a_wrong_answer(mark, seed):
    wrong = {"backward": backward(db="dout.mean(axis=(0, 1))"), "mended": mended(db="dY.sum(axis=(0, 2))"),
             "twin-backward": twin(dw="np.einsum('ntd,ntm->dm', x1, dy1)")}  # fmt: skip
    with seeded(seed):
        marked = mark("affine", wrong)
    assert [marked.points[f"{part}-grade"] for part in ("backward", "mended", "twin")] == [4, 1, 3]
    assert marked.causes("backward-grade") == [("db", "divided-by-N-and-T")]
    assert "that comes from the first use alone" in marked.text("twin-grade")


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("mended", "def mended_backward(dY, X, W):\n    dY[:] = 0\n    return 0 * X, 0 * W, 0 * W[:, :1]"),
        (
            "twin-backward",
            f"{twin().splitlines()[0]}\n    dout[:] = 0\n    return 0 * x1, 0 * x2, 0 * w, 0 * b",
        ),
    ],
)
def test_zeros_earn_nothing_though_the_upstream_gradient_was_emptied(mark, cell, answer):
    marked = mark("affine", {cell: answer})
    assert marked.points["twin-grade" if cell == "twin-backward" else "mended-grade"] == 0.0


@pytest.mark.parametrize(
    ("answer", "points", "said"),
    [
        (twin(dw="np.einsum('ntd,ntm->dm', x1, dy1)"), 3, "that comes from the first use alone"),
        (twin(db="dy2.sum(axis=(0, 1))"), 3, "that comes from the second use alone"),
        (twin(dw="np.einsum('ntd,ntm->dm', x1 + x2, dout)"), 3, "the other factor is missing"),
        (twin(dx1="dout @ w.T"), 3, "the other factor is missing"),
        (
            twin(dw="np.einsum('ntd,ntm->dm', x1, dy2) + np.einsum('ntd,ntm->dm', x2, dy1)"),
            3,
            "the factor is that of the other one",
        ),
    ],
)
def test_one_use_too_few_or_the_wrong_factor_is_told(mark, answer, points, said):
    marked = mark("affine", {"twin-backward": answer})
    assert marked.points["twin-grade"] == points
    assert said in marked.text("twin-grade")
