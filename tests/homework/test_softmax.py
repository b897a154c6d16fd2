"""The softmax homework: what wrong answers earn, and what they are told."""

from __future__ import annotations

import pytest

from handgrad.draws import seeded

SLUG = "softmax"

RIGHT_LOSS = "np.mean(np.log(R[:, 0]) - Z[rows, y])"


def loss(value=RIGHT_LOSS, dx="(P - Y) / N"):
    return f"""def softmax_loss(x, y):
    N, rows = len(x), np.arange(len(x))
    Z = x - x.max(axis=1, keepdims=True)
    E = np.exp(Z)
    R = E.sum(axis=1, keepdims=True)
    P, Y = E / R, np.eye(x.shape[1])[y]
    return {value}, {dx}"""


def choices(row="c", claim="b"):
    return f"def choice_of_row():\n    return {row!r}\ndef choice_of_claim():\n    return {claim!r}"


def paper(dR="-sum(dP * E / R**2, axis=C, keepdims=True)", dE="dP / R + dR", dS="dE * E"):
    return (
        f"def formula_for_dR():\n    return {dR!r}\ndef formula_for_dE():\n    return {dE!r}\n"
        f"def formula_for_dS():\n    return {dS!r}"
    )


def mended(value="np.mean(np.log(R[:, 0]) - Z[rows, y])", divisor="len(x)"):
    return f"""def mended_loss(x, y):
    rows = np.arange(len(x))
    Z = x - x.max(axis=1, keepdims=True)
    R = np.exp(Z).sum(axis=1, keepdims=True)
    dx = np.exp(Z) / R
    dx[rows, y] -= 1
    return {value}, dx / {divisor}"""


def temperature(dS="dZ / t", dt="-(dZ * S).sum() / t**2", Z="S / t"):
    return f"""def temperature_gradients(S, t, y):
    Z = {Z}
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    dZ = (P - np.eye(S.shape[1])[y]) / len(y)
    return {dS}, {dt}"""


LOOPS = {
    "choices": choices(" (C) ", "B"),
    "loss": """def softmax_loss(x, y):
    N, C = x.shape
    loss, dx = 0.0, np.zeros((N, C))
    for n in range(N):
        total = sum(np.exp(x[n, k] - x[n].max()) for k in range(C))
        for c in range(C):
            p = np.exp(x[n, c] - x[n].max()) / total
            dx[n, c] = (p - (c == y[n])) / N
            loss -= (c == y[n]) * (x[n, c] - x[n].max() - np.log(total)) / N
    return loss, dx""",
    "paper": paper("-sum(P * dP, axis=C, keepdims=True) / R", "dR + dP * (1 / R)", "E * dE"),
    "temperature-gradients": """def temperature_gradients(S, t, y):
    E = np.exp(S / t[0])
    P = np.einsum("nc,n->nc", E, 1 / E.sum(axis=1))
    dS = (P - (np.arange(S.shape[1]) == y[:, None])) / len(S) / t[0]
    return dS, np.array([-np.einsum("nc,nc->", dS, S) / t[0]])""",
}
FUNCTIONS = {
    "choices": ("choice_of_row", "choice_of_claim"),
    "loss": ("softmax_loss",),
    "paper": ("formula_for_dR", "formula_for_dE", "formula_for_dS"),
    "mended": ("mended_loss",),
    "temperature-gradients": ("temperature_gradients",),
}
GRADED = {
    "choices": "choices-grade",
    "loss": "loss-grade",
    "paper": "paper-grade",
    "mended": "mended-grade",
    "temperature-gradients": "temperature-grade",
}
WRONG = [
    ("choices", choices(row="a"), 1, ("the row", "chose:a"), "where is the 1/N"),
    ("choices", choices(row="b"), 1, ("the row", "chose:b"), "that path is missing"),
    ("choices", choices(claim="d"), 1, ("the false claim", "chose:d"), "p is at most 1"),
    ("loss", loss(dx="P / N"), 1, ("dx", "missing-path:label"), "row-sum path alone"),
    ("loss", loss(dx="-Y / N"), 1, ("dx", "missing-path:row sum"), "0 away from the labels"),
    ("loss", loss(dx="P - Y"), 1, ("dx", "multiplied-by-N"), "the 1/N is missing"),
    ("loss", loss(dx="(Y - P) / N"), 1, ("dx", "sign"), "wrong sign"),
    ("loss", loss(dx="(P - 1) / N"), 1, ("dx", "label-subtracted-everywhere"), "every probability"),
    ("loss", loss(dx="(E - Y) / N"), 1, ("dx", "not-normalised"), "sum of their row"),
    ("loss", loss(value=RIGHT_LOSS + " * N"), 3, ("loss", "loss-not-averaged"), "grows with the batch"),
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
    ("paper", paper(dS="dP * P * (1 - P)"), 2, ("dS", "told"), "depends on its own score alone"),
    ("paper", paper(dS="dE @ E"), 2, ("dS", "wrong-shape"), "only where C = N"),
    ("mended", mended(divisor="x.shape[1]"), 1, ("dx", "classes-for-samples"), "number of classes"),
    ("temperature-gradients", temperature(dS="dZ"), 2, ("dS", "told"), "that is the gradient of Z"),
    (
        "temperature-gradients",
        temperature(dt="-(dZ * S).sum() / t"),
        2,
        ("dt", "told"),
        "the square is missing",
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


def everywhere(body):
    """The same body for every function of the homework."""
    return {
        cell: "\n".join(f"def {name}(*given):\n    {body}" for name in names)
        for cell, names in FUNCTIONS.items()
    }


def test_the_authors_answers_earn_everything(mark, full):
    assert mark(SLUG).points == full(SLUG)
    assert sum(full(SLUG).values()) == 15


def test_nothing_attempted_earns_nothing(mark, full):
    marked = mark(SLUG, everywhere("return None"))
    assert marked.points == dict.fromkeys(full(SLUG), 0.0)
    assert {cause for cell in full(SLUG) for _, cause in marked.causes(cell)} == {"not-attempted"}


@pytest.mark.parametrize(
    "body", ["return 7", "return {'dx': 1}", "return {'S': 7}", "raise ValueError('no')", "return 1, 2, 3"]
)
def test_an_odd_answer_earns_nothing_and_stops_nothing(mark, full, body):
    assert mark(SLUG, everywhere(body)).points == dict.fromkeys(full(SLUG), 0.0)


@pytest.mark.parametrize(("cell", "answer", "points", "cause", "words"), WRONG)
def test_one_mistake_costs_its_own_points_and_is_named(mark, cell, answer, points, cause, words):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[GRADED[cell]] == points
    assert marked.causes(GRADED[cell]) == [cause]
    assert words in marked.text(GRADED[cell])


def test_the_gradient_of_a_wrong_loss_of_ones_own_earns_half(mark):
    marked = mark(SLUG, {"loss": loss(value=RIGHT_LOSS + " * N", dx="P - Y")})
    assert marked.points["loss-grade"] == 1.5
    assert marked.causes("loss-grade") == [("loss", "loss-not-averaged"), ("dx", "own-forward")]


def test_the_colleagues_function_earns_nothing(mark):
    wrong = mended(value="(np.log(R) - Z[:, y]).mean()", divisor="x.shape[1]")
    marked = mark(SLUG, {"mended": wrong})
    assert marked.points["mended-grade"] == 0
    assert [param for param, _ in marked.causes("mended-grade")] == ["loss", "dx"]


def test_a_loss_that_overflows_keeps_its_points_and_is_warned(mark):
    plain = loss().replace("Z = x - x.max(axis=1, keepdims=True)", "Z = x")
    marked = mark(SLUG, {"loss": plain})
    assert marked.points["loss-grade"] == 4
    assert "scores near 1000" in marked.text("loss-grade")


def test_the_temperature_taken_out_of_the_forward_is_told(mark):
    marked = mark(SLUG, {"temperature-gradients": temperature(Z="S")})
    assert marked.points["temperature-grade"] == 0
    assert "the probabilities are those of S" in marked.text("temperature-grade")


def test_right_answers_written_otherwise_keep_full_marks(mark, full):
    assert mark(SLUG, LOOPS).points == full(SLUG)


@pytest.mark.parametrize("seed", [1, 20, 300])
def test_another_seed_gives_the_same_marks(mark, full, seed):
    wrong = {"loss": loss(dx="P / N"), "temperature-gradients": temperature(dS="dZ")}
    with seeded(seed):
        assert mark(SLUG).points == full(SLUG)
        marked = mark(SLUG, wrong)
    assert (marked.points["loss-grade"], marked.points["temperature-grade"]) == (1, 2)


def test_an_easy_loss_with_its_own_gradient_earns_nothing(mark):
    easy = "def softmax_loss(x, y):\n    return float(x.sum()), np.ones_like(x)"
    marked = mark(SLUG, {"loss": easy})
    assert marked.points["loss-grade"] == 0.0
    assert marked.causes("loss-grade") == [("loss", None), ("dx", "own-forward")]
