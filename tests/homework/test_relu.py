"""The homework on ReLU: what wrong answers earn, and what they are told."""

from __future__ import annotations

import pytest

from handgrad.draws import seeded

SLUG = "relu"
OUTSIDE = "(abs(X) > t)"


def by_hand(answer):
    return f"def gradient_by_hand():\n    return {answer}"


def clipped(answer):
    return f"def clipped_backward(dout, out):\n    return {answer}"


def paper(squared="2 * relu(X) * dY", soft="dY / (1 + abs(X)) ** 2", scores="A.T @ dY"):
    answers = {"squared": squared, "soft": soft, "scores": scores}
    return "\n".join(f"def formula_for_{name}():\n    return {answer!r}" for name, answer in answers.items())


def mended(dX=f"dY * {OUTSIDE}", dt=f"-(dY * np.sign(X) * {OUTSIDE}).sum(axis=0)"):
    return f"def mended_backward(dY, X, t):\n    return {dX}, {dt}"


@pytest.mark.parametrize(
    ("cell", "answer", "points", "causes"),
    [
        ("by-hand", by_hand("[[-3, 0, 6], [0, -5, 0]]"), 0, [("dX", "transposed")]),
        ("by-hand", by_hand("[-3, 0, 0, -5, 6, 0]"), 0, [("dX", "flattened")]),
        ("by-hand", by_hand("[[-3, 0], [0, -5], [6]]"), 0, [("dX", "wrong-shape")]),
        ("by-hand", by_hand("[[-3, 0], [0, 5], [6, 0]]"), 0, [("dX", "some-entries")]),
        ("clipped", clipped("1.0 * (out > 0) * (out < 6)"), 0, [("dx", "ignores-dout")] * 2),
        (
            "clipped",
            clipped("(dout * (out > 0) * (out < 6)).reshape(len(out), -1)"),
            2,
            [("dx", "flattened")],
        ),
        ("clipped", clipped("(dout * (out > 0) * (out < 6)).T"), 0, [("dx", "transposed")] * 2),
        ("paper", paper(squared="relu(X) * dY"), 2, [("dX", "halved")]),
        ("paper", paper(squared="2 * X * dY"), 2, [("dX", "some-entries")]),
        ("paper", paper(squared="2 * relu(X)"), 2, [("dX", "ignores-dout")]),
        ("paper", paper(soft="-dY / (1 + abs(X)) ** 2"), 2, [("dX", "sign")]),
        ("paper", paper(soft="dY / (1 + abs(X))"), 2, [("dX", "told")]),
        ("paper", paper(scores="A @ dY"), 2, [("dZ", "wrong-shape")]),
        ("paper", paper(scores="dY.T @ A"), 2, [("dZ", "transposed")]),
        ("count", 'def how_many():\n    return "a"', 0, [("count", "chose:a")]),
        ("count", 'def how_many():\n    return "b"', 0, [("count", "chose:b")]),
        ("count", 'def how_many():\n    return "c"', 0, [("count", "chose:c")]),
        ("mended", mended(dt=f"-(dY * np.sign(X) * {OUTSIDE})"), 2, [("dt", "unsummed-broadcast")]),
        ("mended", mended(dt=f"-(dY * np.sign(X) * {OUTSIDE}).mean(axis=0)"), 2, [("dt", "divided-by-N")]),
        (
            "mended",
            mended(dt=f"-(dY * np.sign(X) * {OUTSIDE}).sum(axis=1)"),
            2,
            [("dt", "summed-over-wrong-axis")],
        ),
        ("mended", mended(dt=f"(dY * np.sign(X) * {OUTSIDE}).sum(axis=0)"), 2, [("dt", "sign")]),
    ],
)
def test_a_wrong_answer_costs_its_own_points_and_has_its_cause(mark, cell, answer, points, causes):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[f"{cell}-grade"] == points
    assert marked.causes(f"{cell}-grade") == causes


@pytest.mark.parametrize(
    ("cell", "answer", "points", "said"),
    [
        ("by-hand", by_hand("[[-3, 2], [-7, -5], [6, 8]]"), 0, "everything was passed on"),
        ("by-hand", by_hand("[[0, 2], [0, 0], [6, 8]]"), 0, "go by the sign of the upstream gradient"),
        ("by-hand", by_hand("[[0, 2], [-7, 0], [0, 8]]"), 0, "it is the other way round"),
        ("by-hand", by_hand("[[-3, 0], [0, -15], [30, 0]]"), 0, "upstream times the output"),
        ("by-hand", by_hand("[[1, 0], [0, 3], [5, 0]]"), 0, "that is the output Y"),
        ("by-hand", by_hand("[[1, 0], [0, 1], [1, 0]]"), 0, "that is the slope alone"),
        ("clipped", clipped("dout * (out > 0)"), 0, "the ceiling is missing"),
        ("clipped", clipped("dout * (out < 6)"), 0, "the floor is missing"),
        ("clipped", clipped("dout"), 0, "everything was passed on"),
        ("clipped", clipped("dout * ((out <= 0) | (out >= 6))"), 0, "it passes what it should stop"),
        ("clipped", clipped("dout * out"), 0, "upstream times the output"),
        ("clipped", clipped("dout * (dout > 0) * (dout < 6)"), 0, "the cuts go by the upstream gradient"),
        ("paper", paper(squared="2 * X * dY"), 2, "exactly those where X < 0"),
        ("count", 'def how_many():\n    return "b"', 0, "do the numbers of a sample mix?"),
        ("mended", mended(dX="dY * (X > t)"), 2, "nothing passes where x < -t"),
        ("mended", mended(dX="dY * (X < -t)"), 2, "nothing passes where x > t"),
        ("mended", mended(dX=f"dY * np.sign(X) * {OUTSIDE}"), 2, "y rises with x there"),
        ("mended", mended(dX="dY"), 2, "between -t and t a nudge of x moves nothing"),
        ("mended", mended(dX="dY * (abs(X) < t)"), 2, "it passes what it should stop"),
        ("mended", mended(dt="-(dY * (X > t)).sum(axis=0)"), 2, "the entries below -t are missing"),
        ("mended", mended(dt="(dY * (X < -t)).sum(axis=0)"), 2, "the entries above t are missing"),
        ("mended", mended(dt=f"-(dY * {OUTSIDE}).sum(axis=0)"), 2, "and rises with t"),
        ("mended", mended(dt="-(dY * np.sign(X)).sum(axis=0)"), 2, "the output does not move with t"),
    ],
)
def test_a_wrong_answer_is_told_what_it_is(mark, cell, answer, points, said):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[f"{cell}-grade"] == points
    assert said in marked.text(f"{cell}-grade")


def test_the_colleagues_code_earns_nothing_and_hears_of_both_mistakes(mark):
    marked = mark(SLUG, {"mended": "mended_backward = colleagues_backward"})
    assert marked.points["mended-grade"] == 0.0
    assert marked.causes("mended-grade") == [("dX", "told"), ("dt", "told")]


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("by-hand", by_hand("((-3.0, 0), (0, -5.0), (6.0, 0))")),
        ("by-hand", by_hand("np.array([[-3, 0], [0, -5], [6, 0]])")),
        ("clipped", clipped("np.where((out == 0) | (out == 6), 0.0, dout)")),
        (
            "clipped",
            "def clipped_backward(dout, out):\n    dout[(out <= 0) | (out >= 6)] = 0\n    return dout",
        ),
        ("paper", paper("(relu(X) + relu(X)) * dY", "dY * (1 + abs(X)) ** -2", "(dY.T @ A).T")),
        ("count", 'def how_many():\n    return "D."'),
        (
            "mended",
            mended("np.where((X > t) | (X < -t), dY, 0.0)", "(dY * (X < -t) - dY * (X > t)).sum(axis=0)"),
        ),
    ],
)
def test_a_right_answer_in_another_style_keeps_full_marks(mark, full, cell, answer):
    marked = mark(SLUG, {cell: answer})
    assert marked.points == full(SLUG)
    assert marked.causes(f"{cell}-grade") == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_random_numbers_change_no_mark(mark, seed):
    with seeded(seed):
        wrong = mark(SLUG, {"clipped": clipped("dout * (out > 0)"), "mended": mended(dX="dY * (X > t)")})
    assert (wrong.points["clipped-grade"], wrong.points["mended-grade"]) == (0, 2)
    assert "the ceiling is missing" in wrong.text("clipped-grade")
    assert "nothing passes where x < -t" in wrong.text("mended-grade")


def test_rows_and_pictures_are_judged_under_their_own_names(mark):
    marked = mark(SLUG, {"clipped": clipped("(dout * (out > 0) * (out < 6)).reshape(len(out), -1)")})
    assert "clipped_backward, rows: correct" in marked.text("clipped-grade")
    assert "clipped_backward, pictures: dx has shape (2, 15)" in marked.text("clipped-grade")


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("clipped", clipped("dout * (out > 0.4) * (out < 5.5)")),
        ("clipped", clipped("dout * (out > 0) * (out < 5)")),
        ("clipped", clipped("dout * (out >= 1) * (out < 6)")),
        ("mended", mended("dY * (abs(X) > 1)", "-(dY * (abs(X) > 1) * np.sign(X)).sum(axis=0)")),
        (
            "mended",
            mended("dY * (abs(X) > t.mean())", "-(dY * (abs(X) > t.mean()) * np.sign(X)).sum(axis=0)"),
        ),
    ],
)
def test_a_cut_at_the_wrong_place_earns_nothing_at_any_seed(mark, seed, cell, answer):
    with seeded(seed):
        assert mark(SLUG, {cell: answer}).points[f"{cell}-grade"] == 0.0


def test_the_number_in_the_place_of_its_sign_is_told(mark):
    marked = mark(SLUG, {"mended": mended(dt=f"-(dY * X * {OUTSIDE}).sum(axis=0)")})
    assert marked.points["mended-grade"] == 2
    assert "the slope is wanted, -1 or 1" in marked.text("mended-grade")


@pytest.mark.parametrize(
    ("cell", "answer", "lost"),
    [
        ("clipped", clipped("dout * (out > 0) * (out < 6) * (np.ones((7, 5)) if out.ndim == 2 else 1)"), 2),
        (
            "clipped",
            clipped("dout * (out > 0) * (out < 6) * (np.ones((2, 3, 5)) if out.ndim == 3 else 1)"),
            2,
        ),
        ("mended", mended(dX=f"dY * {OUTSIDE} * 7 / len(X)"), 2),
        ("mended", mended(dt=f"-7 * (dY * np.sign(X) * {OUTSIDE}).mean(axis=0)"), 2),
        ("paper", paper(squared="2 * relu(X) * dY * 7 / N"), 1),
        ("paper", paper(soft="dY / (1 + abs(X)) ** 2 * 5 / D"), 1),
        ("paper", paper(scores="A.T @ dY * 7 / M"), 1),
    ],
)
def test_a_size_written_as_a_number_costs_its_own_points(costs, cell, answer, lost):
    costs(SLUG, {cell: answer}, f"{cell}-grade", lost)


@pytest.mark.parametrize(
    ("cell", "answer", "points", "said"),
    [
        ("by-hand", by_hand("[[-3, 0], [0, -5], [6, None]]"), 0, "expected float64"),
        ("by-hand", by_hand('[["-3", "0"], ["0", "-5"], ["6", "0"]]'), 0, "expected float64"),
        ("clipped", clipped("dout * (out > 0) / (out < 6).mean()"), 0, "is wrong in"),
        ("clipped", clipped("out * (dout > 0)"), 0, "is wrong in"),
        ("paper", paper(squared="relu(X) ** 2 * dY"), 2, "the slope is wanted"),
        ("paper", paper(squared="2 * relu(X * dY)"), 2, "the ReLU cuts X"),
        ("paper", paper(soft="dY / (1 + abs(X))"), 2, "X stands below the line as well"),
        ("paper", paper(soft="dY / (1 + X) ** 2"), 2, "|X| is missing"),
        ("paper", paper(soft="dY / (1 + abs(X)) - X * dY / (1 + abs(X)) ** 2"), 2, "slope of |X| is -1"),
        ("paper", paper(soft="dY / (1 + abs(X) ** 2)"), 2, "the whole bracket"),
        ("paper", paper(scores="(A.T @ dY) * relu(X) / X"), 2, "after the ReLU"),
        ("paper", paper(scores="(A.T @ dY) * Z"), 2, "Z itself does not stand in it"),
        ("mended", mended(dX=f"X * {OUTSIDE}"), 2, "in the place of the upstream gradient"),
        ("mended", mended(dX="dY * (abs(X) > t.max())"), 2, "each column has a threshold of its own"),
        ("mended", mended(dt="-(dY * np.sign(X) * (abs(X) < t)).sum(axis=0)"), 2, "what it should leave out"),
        ("mended", mended(dt=f"-(abs(dY) * {OUTSIDE}).sum(axis=0)"), 2, "not of the upstream gradient"),
        ("mended", mended(dt=f"-t * (dY * np.sign(X) * {OUTSIDE}).sum(axis=0)"), 2, "is no factor"),
    ],
)
def test_a_slip_nobody_had_tried_is_told(mark, cell, answer, points, said):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[f"{cell}-grade"] == points
    assert said in marked.text(f"{cell}-grade")


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("by-hand", by_hand("[np.array([-3, 0]), np.array([0, -5]), np.array([6, 0])]")),
        ("by-hand", by_hand("[[np.float64(-3), 0], [0, np.int64(-5)], [6, 0]]")),
        ("by-hand", by_hand("np.array([[-3, 0], [0, -5], [6, 0]], dtype=np.int8)")),
        ("clipped", clipped("dout * (out * (6 - out) > 0)")),
        ("clipped", clipped("dout * np.sign(out) * np.sign(6 - out)")),
        ("paper", paper("2 * sqrt(Y) * dY", "dY * (1 - abs(Y)) ** 2", "(dY.T @ A).T")),
        (
            "mended",
            "def mended_backward(dY, X, t):\n    dY[abs(X) <= t] = 0\n    return dY, -(np.sign(X) * dY).sum(axis=0)",
        ),
    ],
)
def test_a_right_answer_of_another_kind_keeps_full_marks(mark, full, cell, answer):
    assert mark(SLUG, {cell: answer}).points == full(SLUG)
