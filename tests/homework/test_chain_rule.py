"""The homework on the chain rule: what wrong answers earn, and what they are told."""

from __future__ import annotations

import pytest

from handgrad.draws import seeded

SLUG = "chain_rule"
INNER = "(dY * X).sum(axis=1, keepdims=True)"


def bowl(A="dH / A", S="2 * S * dA", W="X.T @ dS", b="sum(dS, axis=N)"):
    answers = {"A": A, "S": S, "W": W, "b": b}
    return "\n".join(f"def formula_for_d{name}():\n    return {answer!r}" for name, answer in answers.items())


def unit(dX="dY / r", dr=f"-{INNER} / r**2", length="dr * X / r", whole=f"dY / r - X * {INNER} / r**3"):
    return (
        f"def divide_backward(dY, X, r):\n    return {dX}, {dr}\n"
        f"def length_backward(dr, X, r):\n    return {length}\n"
        "def unit_backward(dY, X):\n    r = np.sqrt((X * X).sum(axis=1, keepdims=True))\n"
        f"    return {whole}"
    )


def rows(difference="np.vstack([-dY[:1], dY[:-1] - dY[1:], dY[-1:]])", pick="np.add.at(dX, index, dY)"):
    return (
        f"def difference_backward(dY):\n    return {difference}\n"
        "def pick_backward(dY, index, N):\n    dX = np.zeros((N, dY.shape[1]))\n"
        f"    {pick}\n    return dX"
    )


def mended(slope="1 - H * H", dX="dY + dS @ W.T", dV="H.T @ dY"):
    lines = f"    H = np.tanh(X @ W)\n    dS = ({slope}) * (dY @ V.T)\n"
    return f"def mended_backward(dY, X, W, V):\n{lines}    return {dX}, X.T @ dS, {dV}"


@pytest.mark.parametrize(
    ("cell", "answer", "points", "cause"),
    [
        ("bowl", bowl(A="dH"), 3, ("dA", "missing-slope:log")),
        ("bowl", bowl(S="-2 * S * dA"), 3, ("dS", "sign")),
        ("bowl", bowl(S="S * dA"), 3, ("dS", "halved")),
        ("bowl", bowl(S="2 * S"), 3, ("dS", None)),
        ("bowl", bowl(W="dS @ X.T"), 3, ("dW", "wrong-shape")),
        ("bowl", bowl(W="dS.T @ X"), 3, ("dW", "transposed")),
        ("bowl", bowl(b="dS"), 3, ("db", "unsummed-broadcast")),
        ("bowl", bowl(b="sum(dS, axis=C)"), 3, ("db", "summed-over-wrong-axis")),
        ("unit", unit(dr="-dY * X / r**2"), 4, ("dr", "unsummed-broadcast")),
        ("unit", unit(dr=f"{INNER} / r**2"), 4, ("dr", "sign")),
        ("unit", unit(dr="-(dY * X).sum(axis=1) / r[:, 0] ** 2"), 4, ("dr", "flattened")),
        ("unit", unit(length="2 * dr * X / r"), 4, ("dX", "doubled")),
        ("unit", unit(length="dr"), 4, ("dX", "summed-too-much")),
        ("rows", rows("-np.vstack([-dY[:1], dY[:-1] - dY[1:], dY[-1:]])"), 2, ("dX", "sign")),
        ("rows", rows("dY[1:] - dY[:-1]"), 2, ("dX", "wrong-shape")),
        ("rows", rows(pick="pass"), 2, ("dX", "all-zero")),
        ("choice", 'def element_wise():\n    return "a"', 0, ("layer", "chose:a")),
        ("choice", 'def element_wise():\n    return "b"', 0, ("layer", "chose:b")),
        ("choice", 'def element_wise():\n    return "d"', 0, ("layer", "chose:d")),
    ],
)
def test_a_wrong_answer_costs_its_own_points_and_has_its_cause(mark, cell, answer, points, cause):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[f"{cell}-grade"] == points
    assert marked.causes(f"{cell}-grade") == [cause]


@pytest.mark.parametrize(
    ("cell", "answer", "points", "said"),
    [
        ("unit", unit(dr=f"-{INNER} / r"), 4, "one r below is missing"),
        ("unit", unit(length="2 * dr * X"), 4, "the step through the root is missing"),
        ("unit", unit(length="dr * X"), 4, "the r is missing"),
        (
            "unit",
            unit(length="dr / (2 * r) * np.ones(X.shape)"),
            4,
            "the step through the squares is missing",
        ),
        ("unit", unit(whole="dY / r"), 3, "straight from Y; X is used in r as well"),
        ("unit", unit(whole=f"-X * {INNER} / r**3"), 3, "through r; X is used in Y = X / r as well"),
        ("unit", unit(whole=f"dY / r + X * {INNER} / r**3"), 3, "through r has the wrong sign"),
        ("unit", unit(whole="dY * (1 / r - X * X / r**3)"), 3, "the slope at the same place, times dY"),
        ("rows", rows("np.vstack([0 * dY[:1], dY])"), 2, "as the later row alone"),
        ("rows", rows("np.vstack([-dY, 0 * dY[:1]])"), 2, "as the earlier row alone"),
        ("rows", rows("np.vstack([dY[:1], dY[:-1] + dY[1:], dY[-1:]])"), 2, "stands in Y with a minus"),
        ("rows", rows("np.vstack([-dY, dY[-1:]])"), 2, "the second use overwrites the first"),
        ("rows", rows("np.vstack([-dY[:1], dY])"), 2, "the first use overwrites the second"),
        ("rows", rows(pick="dX[index] += dY"), 2, "Does += with a list of rows add twice?"),
        ("rows", rows(pick="dX[index] = dY"), 2, "one use overwrites another"),
        ("choice", 'def element_wise():\n    return "d"', 0, "the output [0, 0] moves"),
        ("mended", mended(dX="dS @ W.T"), 1, "the short cut is not; X is used twice"),
        ("mended", mended(dX="dY"), 1, "that is the short cut alone"),
        ("mended", mended(slope="1 - H"), 0, "the slope of tanh is wrong; what is it at H = -1?"),
        ("mended", mended(slope="1"), 0, "the step through tanh is missing"),
    ],
)
def test_a_wrong_answer_is_told_what_it_is(mark, cell, answer, points, said):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[f"{cell}-grade"] == points
    assert said in marked.text(f"{cell}-grade")


def test_the_colleagues_code_earns_nothing_and_hears_of_both_mistakes(mark):
    marked = mark(SLUG, {"mended": "mended_backward = colleagues_backward"})
    assert marked.points["mended-grade"] == 0.0
    assert marked.causes("mended-grade") == [("dX", "told"), ("dW", "told")]
    assert "the slope of tanh is wrong, and the short cut is missing" in marked.text("mended-grade")


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("bowl", bowl("dH * exp(-H)", "dQ * S * 2", "(dS.T @ X).T", "dS.sum(axis=N)")),
        ("unit", unit()),
        ("unit", unit(dr='-np.einsum("nd,nd,nm->nm", dY, X, 1 / r**2)')),
        ("rows", rows()),
        (
            "rows",
            rows(
                "-np.diff(np.pad(dY, ((1, 1), (0, 0))), axis=0)", "dX = (np.arange(N)[:, None] == index) @ dY"
            ),
        ),
        ("choice", 'def element_wise():\n    return ("C")'),
        ("mended", mended("1 / np.cosh(X @ W) ** 2", "(dS @ W.T) + dY", '(np.einsum("nk,nd->kd", H, dY))')),
    ],
)
def test_a_right_answer_in_another_style_keeps_full_marks(mark, full, cell, answer):
    marked = mark(SLUG, {cell: answer})
    assert marked.points == full(SLUG)
    assert marked.causes(f"{cell}-grade") == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_random_numbers_change_no_mark(mark, seed):
    wrong = {"unit": unit(whole="dY / r"), "rows": rows(pick="dX[index] += dY"), "mended": mended(dX="dY")}
    with seeded(seed):
        marked = mark(SLUG, wrong)
    assert [marked.points[f"{cell}-grade"] for cell in wrong] == [3, 2, 1]
    assert "straight from Y; X is used in r as well" in marked.text("unit-grade")
    assert "one use overwrites another" in marked.text("rows-grade")
    assert "that is the short cut alone" in marked.text("mended-grade")


def test_each_function_of_a_part_is_judged_under_its_own_name(mark):
    marked = mark(SLUG, {"unit": unit(length="dr * X", whole="dY / r"), "rows": rows(pick="dX[index] = dY")})
    assert "length_backward: dX is wrong" in marked.text("unit-grade")
    assert "unit_backward: dX is wrong" in marked.text("unit-grade")
    assert "divide_backward: correct" in marked.text("unit-grade")
    assert "pick_backward: dX is wrong" in marked.text("rows-grade")
    assert "check_gradient" not in marked.text("unit-grade") + marked.text("rows-grade")


def test_a_factor_in_the_place_of_a_divisor_is_told(mark, full):
    author = (
        "def divide_backward(dY, X, r):\n    return dY * r, -(dY * X).sum(axis=1, keepdims=True) / r**2\n"
        "def length_backward(dr, X, r):\n    return dr * X / r\n"
        "def unit_backward(dY, X):\n    r = np.sqrt((X * X).sum(axis=1, keepdims=True))\n"
        "    return (dY - X * (dY * X).sum(axis=1, keepdims=True) / r**2) / r"
    )
    marked = mark("chain_rule", {"unit": author})
    assert marked.points["unit-grade"] == full("chain_rule")["unit-grade"] - 1
    assert "r divides X on its way" in marked.text("unit-grade")


@pytest.mark.parametrize(
    ("cell", "answer", "lost"),
    [
        ("bowl", bowl(A="dH / A * 7 / N"), 1),
        ("bowl", bowl(S="2 * S * dA * C / 3"), 1),
        ("bowl", bowl(W="X.T @ dS * D / 5"), 1),
        ("bowl", bowl(b="mean(dS, axis=N) * 7"), 1),
        ("unit", unit(dX="dY / r * 7 / len(r)"), 1),
        ("unit", unit(dr="-5 * (dY * X).mean(axis=1, keepdims=True) / r**2"), 1),
        ("unit", unit(length="np.ones((7, 5)) * dr * X / r"), 1),
        ("unit", unit(whole="dY / r - 5 * X * (dY * X).mean(axis=1, keepdims=True) / r**3"), 2),
        ("rows", rows("np.eye(7)[1:].T @ dY - np.eye(7)[:-1].T @ dY"), 2),
        ("rows", rows(pick="dX = np.zeros((7, 3))\n    np.add.at(dX, index, dY)"), 2),
        ("mended", mended(dX="dY + dS @ W.T * 5 / len(W)"), 2),
        ("mended", mended().replace("X.T @ dS", "X.T @ dS * 7 / len(X)"), 1),
    ],
)
def test_a_size_written_as_a_number_costs_its_own_points(costs, cell, answer, lost):
    costs(SLUG, {cell: answer}, f"{cell}-grade", lost)


@pytest.mark.parametrize(
    ("cell", "answer", "points", "said"),
    [
        ("bowl", bowl(A="dH / H"), 3, "is 1/A, not 1/H"),
        ("bowl", bowl(S="2 * dA"), 3, "one factor S is left"),
        ("bowl", bowl(S="2 * Q * dA"), 3, "the slope of S * S is wanted"),
        ("bowl", bowl(W="X.T @ dA"), 3, "what comes back to it is dS, not dA"),
        ("bowl", bowl(b="sum(dH, axis=N)"), 3, "what comes back to it is dS, not dH"),
        ("unit", unit(dX="dY"), 4, "the division by r is missing"),
        ("unit", unit(whole=f"dY / r - X * {INNER} / r**2"), 3, "meets r more often"),
        ("unit", unit(whole=f"dY / r - X * {INNER} / r"), 3, "and no r below"),
        ("unit", unit(whole="(dY - X * (dY * X).sum(axis=0) / r**2) / r"), 3, "unit_backward: dX is wrong"),
        ("rows", rows("np.vstack([-dY[:1], dY[1:] - dY[:-1], dY[-1:]])"), 2, "wrong in 15 of 21 entries"),
        ("rows", rows(pick="np.add.at(dX, index % (N - 1), dY[::-1])"), 2, "pick_backward: dX is wrong"),
        ("mended", mended(dX="X + dS @ W.T"), 1, "the short cut hands back dY, and not X"),
        ("mended", mended(dX="2 * dY + dS @ W.T"), 1, "the short cut is counted twice"),
        ("mended", mended(dX="dS @ W.T - dY"), 1, "the short cut has the wrong sign"),
        ("mended", mended("1 - np.tanh(H) ** 2"), 0, "H is tanh already"),
        ("mended", mended("1 - (X @ W) ** 2"), 0, "the square of H, and not of what goes in"),
        ("mended", mended("H * (1 - H)"), 0, "the slope of the sigmoid"),
        ("mended", mended("1 + H * H"), 0, "the slope of tanh has a minus"),
    ],
)
def test_a_slip_nobody_had_tried_is_told(mark, cell, answer, points, said):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[f"{cell}-grade"] == points
    assert said in marked.text(f"{cell}-grade")


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("unit", unit(whole="(lambda a, b: a + length_backward(b, X, r))(*divide_backward(dY, X, r))")),
        ("unit", unit(length="[dr * X / r]")),
        (
            "unit",
            unit(
                whole="np.stack([(np.eye(len(x)) - np.outer(x, x) / (x @ x)) @ g / np.sqrt(x @ x)"
                " for x, g in zip(X, dY)])"
            ),
        ),
        ("rows", rows("(np.eye(len(dY) + 1)[1:] - np.eye(len(dY) + 1)[:-1]).T @ dY")),
        ("rows", rows(pick="dX = np.stack([np.bincount(index, c, N) for c in dY.T], axis=1)")),
        (
            "bowl",
            bowl("exp(-H) * dH", "dQ * S + S * dQ", "X.T @ (2 * S * dA)", "sum(2 * S * dH / A, axis=N)"),
        ),
        ("mended", mended(dX="sum([dY, *(dS[:, k:k+1] * W[:, k] for k in range(W.shape[1]))])")),
    ],
)
def test_a_right_answer_of_another_kind_keeps_full_marks(mark, full, cell, answer):
    assert mark(SLUG, {cell: answer}).points == full(SLUG)
