"""The softmax homework: what wrong answers earn, and what they are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from handgrad import layers
from handgrad.draws import seeded

SLUG = "softmax"

RIGHT_LOSS = "np.sum(mask * costs) / N"
RIGHT_DX = "mask[:, :, None] * (P - Y) / N"


def loss(value=RIGHT_LOSS, dx=RIGHT_DX):
    return f"""def softmax_loss(x, y, mask):
    N, T, C = x.shape
    n, t = np.arange(N)[:, None], np.arange(T)
    Z = x - x.max(axis=2, keepdims=True)
    E = np.exp(Z)
    R = E.sum(axis=2, keepdims=True)
    P, Y = E / R, np.eye(C)[y]
    costs = np.log(R[:, :, 0]) - Z[n, t, y]
    return {value}, {dx}"""


def choices(row="c", claim="b"):
    return f"def choice_of_row():\n    return {row!r}\ndef choice_of_claim():\n    return {claim!r}"


def paper(
    dR="-sum(dP * E / R**2, axis=C, keepdims=True)",
    dE="dP / R + dR",
    da="sum(dE * exp(S), axis=N, keepdims=True)",
):
    return (
        f"def formula_for_dR():\n    return {dR!r}\ndef formula_for_dE():\n    return {dE!r}\n"
        f"def formula_for_da():\n    return {da!r}"
    )


def mended(value="behind.sum(axis=1).mean()", at_label="-dx.sum(axis=1)", divisor="len(y)"):
    return f"""def mended_loss(x, y):
    rows = np.arange(len(y))
    behind = np.maximum(0, x - x[rows, y][:, None] + 1)
    behind[rows, y] = 0
    dx = np.where(behind > 0, 1.0, 0.0)
    dx[rows, y] = {at_label}
    return {value}, dx / {divisor}"""


def temperature(dS="dZ / t", dt="-(dZ * S).sum() / t**2", Z="S / t"):
    return f"""def temperature_gradients(S, t, y):
    Z = {Z}
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    dZ = (P - np.eye(S.shape[1])[y]) / len(y)
    return {dS}, {dt}"""


LOOPS = {
    "choices": choices(" (C) ", "B"),
    "loss": """def softmax_loss(x, y, mask):
    N, T, C = x.shape
    loss, dx = 0.0, np.zeros((N, T, C))
    for n in range(N):
        for t in range(T):
            if not mask[n, t]:
                continue
            top = x[n, t].max()
            total = sum(np.exp(x[n, t, k] - top) for k in range(C))
            for c in range(C):
                dx[n, t, c] = (np.exp(x[n, t, c] - top) / total - (c == y[n, t])) / N
            loss -= (x[n, t, y[n, t]] - top - np.log(total)) / N
    return loss, dx""",
    "paper": paper(
        "-sum(P * dP, axis=C, keepdims=True) / R",
        "dR + dP * (1 / R)",
        "sum(E * dE, axis=N, keepdims=True) / a",
    ),
    "mended": """def mended_loss(x, y):
    loss, dx = 0.0, np.zeros(x.shape)
    for n in range(len(x)):
        for j in range(x.shape[1]):
            if j != y[n] and x[n, j] + 1 > x[n, y[n]]:
                loss += (x[n, j] + 1 - x[n, y[n]]) / len(x)
                dx[n, j] += 1 / len(x)
                dx[n, y[n]] -= 1 / len(x)
    return loss, dx""",
    "temperature-gradients": """def temperature_gradients(S, t, y):
    E = np.exp(S / t[0])
    P = np.einsum("nc,n->nc", E, 1 / E.sum(axis=1))
    dS = (P - (np.arange(S.shape[1]) == y[:, None])) / len(S) / t[0]
    return dS, np.array([-np.einsum("nc,nc->", dS, S) / t[0]])""",
}
# As a reader of CS231n would write it: all steps in one long list.
FLAT = """def softmax_loss(x, y, mask):
    N, T, C = x.shape
    scores, labels, counts = x.reshape(N * T, C), y.reshape(N * T), mask.reshape(N * T)
    P = np.exp(scores - scores.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    loss = -np.sum(counts * np.log(P[np.arange(N * T), labels])) / N
    P[np.arange(N * T), labels] -= 1
    return loss, (P * counts[:, None] / N).reshape(N, T, C)"""
GRADED = {
    "choices": "choices-grade",
    "loss": "loss-grade",
    "paper": "paper-grade",
    "mended": "mended-grade",
    "temperature-gradients": "temperature-grade",
}
WRONG = [
    ("choices", choices(row="a"), 1, ("the row", "chose:a"), "divided by?"),
    ("choices", choices(row="b"), 1, ("the row", "chose:b"), "divided by all 40 steps"),
    ("choices", choices(row="d"), 1, ("the row", "chose:d"), "divided by the 25 steps that count"),
    ("choices", choices(claim="d"), 1, ("the false claim", "chose:d"), "how many captions are there then"),
    ("loss", loss(dx="(P - Y) / N"), 1, ("dx", "no-mask"), "dx takes in the steps that the mask leaves out"),
    ("loss", loss(value="np.sum(costs) / N"), 3, ("loss", "no-mask"), "loss takes in the steps"),
    (
        "loss",
        loss(dx="(P - mask[:, :, None] * Y) / N"),
        1,
        ("dx", "mask-on-label-alone"),
        "label's path alone",
    ),
    ("loss", loss(dx=RIGHT_DX + " / T"), 1, ("dx", "divided-by-T"), "only the N samples divide"),
    (
        "loss",
        loss(dx=RIGHT_DX.replace("/ N", "/ mask.sum()")),
        1,
        ("dx", "counted-for-samples"),
        "divided by the number of steps that count",
    ),
    ("loss", loss(dx=RIGHT_DX.replace("P - Y", "P")), 1, ("dx", "missing-path:label"), "row-sum path alone"),
    ("loss", loss(dx=RIGHT_DX.replace("P - Y", "-Y")), 1, ("dx", "missing-path:row sum"), "0 away from"),
    ("loss", loss(dx=RIGHT_DX.replace("/ N", "")), 1, ("dx", "multiplied-by-N"), "the 1/N is missing"),
    ("loss", loss(dx=RIGHT_DX.replace("P - Y", "Y - P")), 1, ("dx", "sign"), "wrong sign"),
    (
        "loss",
        loss(dx=RIGHT_DX.replace("P - Y", "P * (1 - P)")),
        1,
        ("dx", "jacobian-diagonal-alone"),
        "alone",
    ),
    ("loss", loss(dx=RIGHT_DX.replace("P - Y", "E - Y")), 1, ("dx", "not-normalised"), "sum of their row"),
    ("loss", loss(value=RIGHT_LOSS + " * N"), 3, ("loss", "loss-not-averaged"), "grows with the batch"),
    ("loss", loss(dx=RIGHT_DX.replace("/ N", "/ 7")), 1, ("dx", None), "right in the cases before it"),
    ("paper", paper(dR="sum(dP * E / R**2, axis=C, keepdims=True)"), 2, ("dR", "sign"), "wrong sign"),
    (
        "paper",
        paper(dR="-sum(dP * E / R, axis=C, keepdims=True)"),
        2,
        ("dR", "told"),
        "the square is missing",
    ),
    ("paper", paper(dR="-dP * E / R**2"), 2, ("dR", "unsummed-broadcast"), "not summed over C"),
    ("paper", paper(dE="dP / R"), 2, ("dE", "told"), "it also stands in the sum R"),
    ("paper", paper(da="dE * exp(S)"), 2, ("da", "unsummed-broadcast"), "not summed over N"),
    ("paper", paper(da="sum(dE * E, axis=N, keepdims=True)"), 2, ("da", "told"), "holds the weight already"),
    (
        "paper",
        paper(da="sum(dE * exp(S), axis=N, keepdims=True) / N"),
        2,
        ("da", "divided-by-N"),
        "divided by N",
    ),
    ("paper", paper(da="sum(dE * exp(S), axis=C, keepdims=True)"), 2, ("da", "wrong-shape"), "(C, 1)"),
    ("paper", paper(da="sum(dE * S, axis=N, keepdims=True)"), 2, ("da", "told"), "exp(S), not S"),
    (
        "paper",
        paper(da="sum(dP * exp(S), axis=N, keepdims=True)"),
        2,
        ("da", "told"),
        "a reaches P through E",
    ),
    ("paper", paper(da="dE @ exp(S)"), 2, ("da", "wrong-shape"), "a transpose is missing"),
    ("mended", mended(at_label="-1"), 1, ("dx", "correct-class-minus-one"), "a single -1"),
    ("mended", mended(value="behind.max(axis=1).mean()"), 1, ("loss", "worst-class-only"), "largest margin"),
    ("mended", mended(value="behind.mean()"), 1, ("loss", "averaged-over-classes"), "divided by N C"),
    ("mended", mended(divisor="x.shape[1]"), 1, ("dx", "classes-for-samples"), "number of classes"),
    ("temperature-gradients", temperature(dS="dZ"), 2, ("dS", "told"), "that is the gradient of Z"),
    (
        "temperature-gradients",
        temperature(dt="-(dZ * S).sum() / t"),
        2,
        ("dt", "told"),
        "A power of t is missing",
    ),
    (
        "temperature-gradients",
        temperature(dt="(dZ * S).sum() / t**2"),
        2,
        ("dt", "told"),
        "the sign is wrong",
    ),
    (
        "temperature-gradients",
        temperature(dt="-(dZ * S).sum(axis=0) / t**2"),
        2,
        ("dt", "unsummed-broadcast"),
        "not summed over C",
    ),
]


# cell, part, answer, what is told of it
TOLD = [
    ("paper", "dR", paper(dR="sum(dP / R, axis=C, keepdims=True)"), "R stands below the line"),
    ("paper", "dE", paper(dE="dP / R + dR * E"), "its slope by each E is 1"),
    ("paper", "dE", paper(dE="dP / R - dP * P / R"), "all the others of its column"),
    ("paper", "da", paper(da="sum(dE * P, axis=N, keepdims=True)"), "the division by R is in dE already"),
    ("paper", "da", paper(da="sum(dE * exp(S) / a, axis=N, keepdims=True)"), "exp(S) / a is not"),
    *(
        ("temperature-gradients", part, temperature(**{part: formula}), words)
        for part, formula, words in [
            ("dS", "dZ * t", "here dZ is multiplied by it"),
            ("dS", "dZ / t**2", "no square"),
            ("dS", "dZ / t * len(y) / S.shape[1]", "not the C classes"),
            ("dt", "-(dZ * S).sum() * np.ones(1)", "Its sign alone stands there"),
            ("dt", "(dZ * S).sum() / t", "Its sign is missing, and a power of t"),
            ("dt", "-(dZ * Z).sum() / t**2", "was S taken, or Z?"),
            ("dt", "-(dZ * S).sum() / t**2 / len(y)", "here it is twice"),
            ("dt", "-(dZ * S).mean() / t**2", "that is their mean"),
            ("dt", "-(dZ * S)[np.arange(len(y)), y].sum() / t**2", "not those of the labels alone"),
            ("dt", "-(P / len(y) * S)[P != P[np.arange(len(y)), y][:, None]].sum() / t**2", "labels too"),
        ]
    ),
]


@pytest.mark.parametrize(("cell", "part", "answer", "words"), TOLD)
def test_a_slip_on_paper_or_with_the_temperature_is_told_at_any_seed(mark, full, cell, part, answer, words):
    for seed in (0, 20):
        with seeded(seed):
            marked = mark(SLUG, {cell: answer})
        assert marked.causes(GRADED[cell]) == [(part, "told")]
        assert marked.points[GRADED[cell]] == full(SLUG)[GRADED[cell]] * (2 / 3 if cell == "paper" else 1 / 2)
        assert words in marked.text(GRADED[cell])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("weights", "cause"),
    [
        ("mask / mask.sum(axis=1, keepdims=True) / N", "averaged-over-own-steps"),
        ("mask / mask.any(axis=1).sum()", "counted-for-samples"),
    ],
)
def test_another_average_with_its_gradient_is_told_at_any_seed(mark, seed, weights, cause):
    slip = loss(value=f"np.sum({weights} * costs)", dx=f"({weights})[:, :, None] * (P - Y)")
    with seeded(seed):
        marked = mark(SLUG, {"loss": slip})
    assert marked.causes("loss-grade") == [("loss", cause), ("dx", "own-forward")]
    assert marked.points["loss-grade"] == 1.5


def test_a_number_added_in_the_logarithm_is_told_and_costs_the_loss_alone(mark):
    slip = loss(value="-np.sum(mask * np.log(P[n, t, y] + 1e-8)) / N")
    marked = mark(SLUG, {"loss": slip})
    assert marked.points["loss-grade"] == 3
    assert marked.causes("loss-grade") == [("loss", "number-in-logarithm")]


def test_the_release_does_not_show_how_the_temperatures_gradient_is_formed():
    released = (Path(__file__).resolve().parents[2] / "exercises" / SLUG / f"{SLUG}.ipynb").read_text("utf-8")
    assert "A power of t is missing" in released
    assert "-1 / t**2" not in released
    assert "numeric.vjp" not in released


@pytest.mark.parametrize(("cell", "answer", "points", "cause", "words"), WRONG)
def test_one_mistake_costs_its_own_points_and_is_named(mark, cell, answer, points, cause, words):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[GRADED[cell]] == points
    assert marked.causes(GRADED[cell]) == [cause]
    assert words in marked.text(GRADED[cell])


@pytest.mark.parametrize(
    ("value", "dx", "cause"),
    [
        (RIGHT_LOSS + " * N", "mask[:, :, None] * (P - Y)", "loss-not-averaged"),
        ("np.sum(costs) / N", "(P - Y) / N", "no-mask"),
        (RIGHT_LOSS + " * N / mask.sum()", "mask[:, :, None] * (P - Y) / mask.sum()", "counted-for-samples"),
    ],
)
def test_the_gradient_of_a_wrong_loss_of_ones_own_earns_half(mark, value, dx, cause):
    marked = mark(SLUG, {"loss": loss(value=value, dx=dx)})
    assert marked.points["loss-grade"] == 1.5
    assert marked.causes("loss-grade") == [("loss", cause), ("dx", "own-forward")]


def test_the_colleagues_function_earns_nothing(mark):
    marked = mark(SLUG, {"mended": mended(value="behind.max(axis=1).mean()", at_label="-1")})
    assert marked.points["mended-grade"] == 0
    assert marked.causes("mended-grade") == [("loss", "worst-class-only"), ("dx", "correct-class-minus-one")]


def test_the_books_softmax_does_not_answer_what_is_asked_here(mark):
    book = """def softmax_loss(x, y, mask):
    Z = x - x.max(axis=1, keepdims=True)
    R = np.exp(Z).sum(axis=1, keepdims=True)
    logP = Z - np.log(R)
    dx = np.exp(logP)
    dx[np.arange(len(x)), y] -= 1
    return -logP[np.arange(len(x)), y].mean(), dx / len(x)"""
    as_mended = book.replace("softmax_loss(x, y, mask)", "mended_loss(x, y)")
    marked = mark(SLUG, {"loss": book, "mended": as_mended})
    assert (marked.points["loss-grade"], marked.points["mended-grade"]) == (0, 0)


def test_the_numbers_of_the_captions_are_those_of_the_layer():
    x = np.broadcast_to(np.log([3.0, 1.0]), (2, 2, 2))
    y, mask = np.array([[0, 1], [0, 0]]), np.array([[True, True], [True, False]])
    value, dx = layers.get("temporal_softmax").loss(x, y, mask)
    assert round(value, 3) == 0.981
    assert dx[0, 1].tolist() == pytest.approx([0.375, -0.375])
    assert (np.count_nonzero(dx < 0), np.count_nonzero(dx == 0)) == (3, 2)


def test_the_numbers_of_the_hinge_loss_are_those_of_the_layer():
    assert layers.get("svm").loss(np.array([[2.0, 3.0, 1.5]]), np.array([0]))[0] == 2.5


def test_a_loss_that_overflows_keeps_its_points_and_is_warned(mark):
    plain = loss().replace("Z = x - x.max(axis=2, keepdims=True)", "Z = x")
    marked = mark(SLUG, {"loss": plain})
    assert marked.points["loss-grade"] == 4
    assert "scores near 1000" in marked.text("loss-grade")


def test_all_steps_in_one_list_keep_full_marks(mark, full):
    assert mark(SLUG, {"loss": FLAT}).points == full(SLUG)


def test_a_number_in_the_place_of_n_loses_the_points_of_both(mark):
    fixed = temperature().replace("/ len(y)", "/ 7")
    marked = mark(SLUG, {"temperature-gradients": fixed})
    assert marked.points["temperature-grade"] == 0
    assert "is a size written as a number?" in marked.text("temperature-grade")


def test_the_temperature_taken_out_of_the_forward_is_told(mark):
    marked = mark(SLUG, {"temperature-gradients": temperature(Z="S")})
    assert marked.points["temperature-grade"] == 0
    assert "the probabilities are those of S" in marked.text("temperature-grade")


def test_right_answers_written_otherwise_keep_full_marks(mark, full):
    assert mark(SLUG, LOOPS).points == full(SLUG)
    assert sum(full(SLUG).values()) == 15


@pytest.mark.parametrize("seed", [1, 20, 300])
def test_another_seed_gives_wrong_answers_the_same_marks(mark, seed):
    wrong = {"loss": loss(dx="(P - Y) / N"), "temperature-gradients": temperature(dS="dZ")}
    with seeded(seed):
        marked = mark(SLUG, wrong)
    assert (marked.points["loss-grade"], marked.points["temperature-grade"]) == (1, 2)


def test_an_easy_loss_with_its_own_gradient_earns_nothing(mark):
    easy = "def softmax_loss(x, y, mask):\n    return float(x.sum()), np.ones_like(x)"
    marked = mark(SLUG, {"loss": easy})
    assert marked.points["loss-grade"] == 0.0
    assert marked.causes("loss-grade") == [("loss", None), ("dx", "own-forward")]
