"""The homework on dimension analysis: what wrong answers earn, and what they are told."""

from __future__ import annotations

import pytest

from handgrad.draws import seeded

SLUG = "dimension_analysis"


def shapes(dU='"D R"', dc='"1 M"', Y_by_V='"N M R M"'):
    answers = {"dU": dU, "dc": dc, "Y_by_V": Y_by_V}
    return "\n".join(f"def shape_of_{name}():\n    return {answer}" for name, answer in answers.items())


def formulas(X="dY @ V.T @ U.T", U="X.T @ dY @ V.T", V="U.T @ X.T @ dY", c="sum(dY, axis=N, keepdims=True)"):
    answers = {"X": X, "U": U, "V": V, "c": c}
    return "\n".join(f"def formula_for_d{name}():\n    return {answer!r}" for name, answer in answers.items())


def weighted(dtheta="X.T @ (a * r) / N + lam * theta", da="r**2 / (2 * N)"):
    lines = "    r, N = X @ theta - y, len(X)\n"
    return f"def weighted_gradients(theta, a, X, y, lam):\n{lines}    return {dtheta}, {da}"


def mended(dX="dS @ X @ A.T + dS.T @ X @ A", dA="X.T @ dS @ X"):
    return f"def mended_backward(dS, X, A):\n    return {dX}, {dA}"


@pytest.mark.parametrize(
    ("cell", "answer", "points", "cause"),
    [
        ("shapes", shapes(dU='"R D"'), 2, ("dU", "transposed")),
        ("shapes", shapes(dU='"N D R"'), 2, ("dU", "wrong-shape")),
        ("shapes", shapes(dc="(3,)"), 2, ("dc", "wrong-shape")),
        ("shapes", shapes(Y_by_V='"R M"'), 2, ("Y by V", "wrong-shape")),
        ("shapes", shapes(Y_by_V='"R M N M"'), 2, ("Y by V", "transposed")),
        ("two-weights", formulas(X="dY @ U.T @ V.T"), 3, ("dX", "wrong-shape")),
        ("two-weights", formulas(U="V @ dY.T @ X"), 3, ("dU", "transposed")),
        ("two-weights", formulas(U="X.T @ dY"), 3, ("dU", "wrong-shape")),
        ("two-weights", formulas(V="U.T @ X.T @ dY / N"), 3, ("dV", "divided-by-N")),
        ("two-weights", formulas(c="sum(dY, axis=N)"), 3, ("dc", "flattened")),
        ("two-weights", formulas(c="dY"), 3, ("dc", "unsummed-broadcast")),
        ("weighted", weighted(dtheta="-X.T @ (a * r) / N - lam * theta"), 1, ("dtheta", "sign")),
        ("weighted", weighted(da="r**2 / 2"), 2, ("da", "multiplied-by-N")),
        ("weighted", weighted(da="r**2 / N"), 2, ("da", "doubled")),
        ("weighted", weighted(da="(r**2).sum() / (2 * N) * np.ones(1)"), 2, ("da", "summed-too-much")),
        ("sizes", 'def telling_sizes():\n    return "a"', 0, ("sizes", "chose:a")),
        ("sizes", 'def telling_sizes():\n    return "c"', 0, ("sizes", "chose:c")),
        ("sizes", 'def telling_sizes():\n    return "d"', 0, ("sizes", "chose:d")),
        ("mended", mended(dA="X.T @ dS.T @ X"), 2, ("dA", "transposed")),
        ("mended", mended(dA="X.T @ dS @ X / len(X)"), 2, ("dA", "divided-by-N")),
    ],
)
def test_a_wrong_answer_costs_its_own_points_and_has_its_cause(mark, cell, answer, points, cause):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[f"{cell}-grade"] == points
    assert marked.causes(f"{cell}-grade") == [cause]


@pytest.mark.parametrize(
    ("cell", "answer", "points", "said"),
    [
        ("shapes", shapes(Y_by_V="(2, 3)"), 2, "looks summed over N and M, which must stay"),
        ("two-weights", formulas(V="X.T @ dY"), 3, "an impostor: its shape fits only where D = R"),
        ("weighted", weighted(dtheta="X.T @ (a * r) / N"), 1, "that is the first term alone"),
        ("weighted", weighted(dtheta="lam * theta"), 1, "that is the second term alone"),
        (
            "weighted",
            weighted(dtheta="X.T @ (a * r) + lam * theta"),
            1,
            "the 1/N of the first term is missing",
        ),
        ("weighted", weighted(dtheta="2 * X.T @ (a * r) / N + lam * theta"), 1, "its 1/2 is missing"),
        ("weighted", weighted(dtheta="X.T @ (a * r) / (2 * N) + lam * theta"), 1, "half as large"),
        ("weighted", weighted(dtheta="X.T @ (a * r) / N + theta"), 1, "the number lam is missing"),
        ("weighted", weighted(dtheta="X.T @ r / N + lam * theta"), 1, "the weights a are missing"),
        ("weighted", weighted(da="r / (2 * N)"), 2, "the square is missing"),
        ("sizes", 'def telling_sizes():\n    return "c"', 0, "has the shape (5, 5), and so has W"),
        ("mended", mended(dX="dS @ X @ A.T"), 1, "from the left X alone"),
        ("mended", mended(dX="dS.T @ X @ A"), 1, "from the right X alone"),
        ("mended", mended(dX="2 * dS @ X @ A.T"), 1, "twice what the left X hands back"),
        ("mended", mended(dX="2 * dS.T @ X @ A"), 1, "twice what the right X hands back"),
    ],
)
def test_a_wrong_answer_is_told_what_it_is(mark, cell, answer, points, said):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[f"{cell}-grade"] == points
    assert said in marked.text(f"{cell}-grade")


def test_the_colleagues_code_earns_nothing_and_hears_of_both_mistakes(mark):
    marked = mark(SLUG, {"mended": "mended_backward = colleagues_backward"})
    assert marked.points["mended-grade"] == 0.0
    assert marked.causes("mended-grade") == [("dX", "told"), ("dA", "transposed")]
    assert "right for symmetric A and dS only" in marked.text("mended-grade")


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("shapes", shapes('"(D, R)"', '("1", "M")', '"n m r m".upper()')),
        ("shapes", shapes("(5, 2)", "[1, 3]", "(7, 3, 2, 3)")),
        ("two-weights", formulas(X="dY @ (U @ V).T", U="(V @ dY.T @ X).T", V="(X @ U).T @ dY")),
        ("weighted", weighted("(r * a).T.dot(X).T / N + theta * lam", "np.square(r) / N / 2")),
        ("sizes", 'def telling_sizes():\n    return " B "'),
        ("mended", mended('np.einsum("ij,jd,kd->ik", dS, X, A) + (X.T @ dS).T @ A', "(X.T @ dS) @ X")),
    ],
)
def test_a_right_answer_in_another_style_keeps_full_marks(mark, full, cell, answer):
    marked = mark(SLUG, {cell: answer})
    assert marked.points == full(SLUG)
    assert marked.causes(f"{cell}-grade") == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_random_numbers_change_no_mark(mark, seed):
    with seeded(seed):
        wrong = mark(
            SLUG, {"weighted": weighted(dtheta="X.T @ (a * r) / N"), "mended": mended(dX="dS @ X @ A.T")}
        )
    assert (wrong.points["weighted-grade"], wrong.points["mended-grade"]) == (1, 1)
    assert "that is the first term alone" in wrong.text("weighted-grade")
    assert "from the left X alone" in wrong.text("mended-grade")


@pytest.mark.parametrize(
    ("cell", "lines", "points", "said"),
    [
        (
            "weighted",
            "def weighted_gradients(theta, a, X, y, lam):\n    r, N = X @ theta - y, len(X)\n"
            "    return X.T @ (a * r) / N + lam * theta, a * r**2 / (2 * N)",
            2,
            "its gradient does not hold a",
        ),
        (
            "mended",
            "def mended_backward(dS, X, A):\n    return dS @ X @ A + dS.T @ X @ A.T, X.T @ dS @ X",
            1,
            "A and its transpose are exchanged",
        ),
    ],
)
def test_more_wrong_answers_are_told_what_they_are(mark, cell, lines, points, said):
    marked = mark("dimension_analysis", {cell: lines})
    assert marked.points[f"{cell}-grade"] == points
    assert said in marked.text(f"{cell}-grade")


def test_a_shape_in_numbers_that_looks_like_nothing_is_given_a_step(mark):
    answers = {"dU": (7, 5), "dc": "1 M", "Y_by_V": None}
    lines = "\n".join(f"def shape_of_{name}():\n    return {answer!r}" for name, answer in answers.items())
    marked = mark("dimension_analysis", {"shapes": lines})
    assert marked.points["shapes-grade"] == 1
    assert "(7, 5) is not the shape\n  check: a gradient has the shape of its variable" in marked.text(
        "shapes-grade"
    )


@pytest.mark.parametrize(
    ("cell", "answer", "lost"),
    [
        ("weighted", weighted(dtheta="X.T @ (a * r) / 7 + lam * theta"), 2),
        ("weighted", weighted(da="r**2 / 14"), 1),
        ("mended", mended(dX="(dS @ X @ A.T + dS.T @ X @ A) * 7 / len(X)"), 2),
        ("mended", mended(dA="X.T @ dS @ X * 5 / len(A)"), 1),
        ("two-weights", formulas(X="dY @ V.T @ U.T * N / 7"), 1),
        ("two-weights", formulas(U="X.T @ dY @ V.T * D / 5"), 1),
        ("two-weights", formulas(V="U.T @ X.T @ dY * 11 / M"), 1),
        ("two-weights", formulas(c="mean(dY, axis=N, keepdims=True) * 7"), 1),
    ],
)
def test_a_size_written_as_a_number_costs_its_own_points(costs, cell, answer, lost):
    costs(SLUG, {cell: answer}, f"{cell}-grade", lost)


@pytest.mark.parametrize(
    ("cell", "answer", "points", "said"),
    [
        (
            "weighted",
            weighted(dtheta="(X.T @ (a * r) + lam * theta) / N"),
            1,
            "belongs to the first term alone",
        ),
        (
            "weighted",
            weighted(dtheta="X.T @ (a * r) / N - lam * theta"),
            1,
            "the second term has the wrong sign",
        ),
        (
            "weighted",
            weighted(dtheta="lam * theta - X.T @ (a * r) / N"),
            1,
            "the first term has the wrong sign",
        ),
        ("weighted", weighted(dtheta="X.T @ (a * r) / N + lam"), 1, "theta is missing in the second term"),
        (
            "weighted",
            weighted(dtheta="X.T @ (a * r) / N + lam / 2 * theta"),
            1,
            "second term is half as large",
        ),
        ("weighted", weighted(dtheta="X.T @ (a**2 * r) / N + lam * theta"), 1, "stand there squared"),
        ("weighted", weighted(dtheta="X.T @ (a * (r + y)) / N + lam * theta"), 1, "y is missing"),
        ("mended", mended(dX="dS @ X @ (A + A.T)"), 1, "the right X hands back needs the other dS"),
        ("mended", mended(dX="(dS + dS.T) @ X @ A"), 1, "the left X hands back needs the other A"),
        ("mended", mended(dX="dS @ X @ A.T - dS.T @ X @ A"), 1, "the right X hands back has the wrong sign"),
        ("mended", mended(dA="X.T @ (dS + dS.T) @ X / 2"), 2, "dA is wrong"),
        ("shapes", shapes(dU='"D 2"'), 2, "(D, 2) is not the shape"),
        ("two-weights", formulas(c="sum(dY)"), 3, "looks summed over M, which must stay"),
    ],
)
def test_a_slip_nobody_had_tried_is_told(mark, cell, answer, points, said):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[f"{cell}-grade"] == points
    assert said in marked.text(f"{cell}-grade")


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        (
            "mended",
            "def mended_backward(dS, X, A):\n    dX, dA = np.zeros_like(X), np.zeros_like(A)\n"
            "    for i, j in np.ndindex(dS.shape):\n"
            "        dX[i] += dS[i, j] * (A @ X[j])\n        dX[j] += dS[i, j] * (X[i] @ A)\n"
            "        dA += dS[i, j] * np.outer(X[i], X[j])\n    return dX, dA",
        ),
        (
            "weighted",
            "def weighted_gradients(theta, a, X, y, lam):\n    X *= np.sqrt(a)\n    y *= np.sqrt(a)\n"
            "    r, N = X @ theta - y, len(X)\n"
            "    return {'a': r**2 / a / (2 * N), 'theta': X.T @ r / N + lam * theta}",
        ),
        ("two-weights", formulas(X="((U @ V) @ dY.T).T", c="mean(dY, axis=N, keepdims=True) * N")),
    ],
)
def test_a_right_answer_of_another_kind_keeps_full_marks(mark, full, cell, answer):
    assert mark(SLUG, {cell: answer}).points == full(SLUG)
