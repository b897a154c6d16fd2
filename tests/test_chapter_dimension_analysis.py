"""The exercises of the chapter on dimension analysis: a wrong answer gets the diagnosis that it deserves.

Answers are put in the place of the stubs and judged by the chapter's own check cells. The claims that the
chapter makes about how much shapes decide are tested too, apart from its stored outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad import numeric
from handgrad.shapes import arrangements, distinguish
from tests import chapters

CHAPTER = chapters.Chapter("02_dimension_analysis")
CELLS = {ident: cell.source for ident, cell in CHAPTER.cells.items()}
# What the check cells use: the imports, the arrays of the layer, `fits`, the function that is checked, the judges.
NEEDED = ("setup", "layer", "predict-counts", "counts", "check-right", "judges")


@pytest.fixture(scope="module")
def chapter() -> dict[str, Any]:
    """The names that the chapter defines before its exercises."""
    names: dict[str, Any] = {}
    for ident in NEEDED:
        run(ident, names)
    return names


def run(ident: str, names: dict[str, Any]) -> str:
    """Run one cell; what it prints and what its last line shows, as text."""
    return chapters.run(CELLS[ident], names)[0]


def judged(chapter: dict[str, Any], exercise: str, answer: str = "") -> str:
    """What the check cells of an exercise say to an answer."""
    names = dict(chapter)
    for ident in (f"ex-{exercise}-given", f"ex-{exercise}-stub"):
        if ident in CELLS:
            run(ident, names)
    exec(answer, names)
    checks = [ident for ident in CELLS if ident.startswith(f"ex-{exercise}-check")]
    return "\n".join(run(ident, names) for ident in checks)


def shape(key: str, answer: str) -> str:
    return f"my_shapes[{key!r}] = {answer}"


def columns(dw: str = "dS @ X.T", dx: str = "W.T @ dS") -> str:
    return f"formula_dW, formula_dX = {dw!r}, {dx!r}"


def sandwich(formula: str) -> str:
    return f"formula_sandwich = {formula!r}"


def fool(body: str) -> str:
    return f"def foolish_dW(X, G):\n    return {body}"


def least(gradient: str, loss: str = "np.sum(r**2) / (2 * len(X))", residual: str = "X @ theta - y") -> str:
    return f"def my_linear_regression(theta, X, y):\n    r = {residual}\n    return {loss}, {gradient}"


def mended(dx: str = "G @ W.T", dw: str = "X.T @ G", db: str = "G.sum(axis=0)") -> str:
    return f"def mended_backward(G, X, W):\n    return {dx}, {dw}, {db}"


def weighted(dtheta: str = "X.T @ (a * r) / len(X)", da: str = "r**2 / (2 * len(X))") -> str:
    return f"def weighted_gradients(theta, a, X, y):\n    r = X @ theta - y\n    return {dtheta}, {da}"


def gram(formula: str) -> str:
    return f"formula_gram = {formula!r}"


# exercise, answer, what the check must say
WRONG = {
    "a weight transposed": ("shapes", shape("dW", "(3, 4)"), "dW: incorrect, (3, 4): looks transposed"),
    "a bias for each sample": ("shapes", shape("db", "(6, 3)"), "db: incorrect, (6, 3): "),
    "a bias without its axis": ("shapes", shape("db", "(3,)"), "db: incorrect, (3,): "),
    "a temperature for each score": ("shapes", shape("dtau", "(6, 3)"), "dtau: incorrect, (6, 3): "),
    "a number for a shape": ("shapes", shape("dS", "18"), "dS: incorrect: write a tuple"),
    "a constant thought to be seen": ("seen", "noticed = 'ABCF'", "a shape does not see a constant"),
    "a sign thought to be seen": ("seen", "noticed = 'ACDF'", "a shape does not see a sign"),
    "a factor thought to be seen": ("seen", "noticed = 'acef'", "S and its gradient have the same one"),
    "a transpose overlooked": ("seen", "noticed = 'CF'", "A has the shape (3, 5)"),
    "a sum overlooked": ("seen", "noticed = 'AF'", "C has the shape (7, 3), and b is (3,)"),
    "a line that does not run overlooked": ("seen", "noticed = 'AC'", "does not even run"),
    "other letters": ("seen", "noticed = 'XYZ'", "write letters from A to F"),
    "no letters": ("seen", "noticed = 7", "write letters from A to F"),
    "letters in a list": ("seen", "noticed = ['A', 'B', 'C', 'F']", "a shape does not see a constant"),
    "no coincidence": ("sizes", "my_sizes = (7, 5, 3)", "incorrect: these fit: X.T @ G"),
    "another coincidence": ("sizes", "my_sizes = (7, 4, 4)", "incorrect: these fit: X.T @ G, G.T @ X"),
    "all equal": ("sizes", "my_sizes = (4, 4, 4)", "incorrect: 12 fit, that is too many"),
    "two sizes": ("sizes", "my_sizes = (4, 5)", "write a tuple of three sizes"),
    "a size of one": ("sizes", "my_sizes = (1, 5, 1)", "write whole numbers from 2 to 99"),
    "the formula for rows": ("columns", columns(dw="X.T @ dS"), "which is D on the left and C on the right"),
    "the weight turned around": ("columns", columns(dw="X @ dS.T"), "looks transposed: its axes are (D, C)"),
    "a mean that is not there": ("columns", columns(dw="dS @ X.T / N"), "looks like dW divided by N"),
    "the order for rows": ("columns", columns(dx="dS @ W.T"), "which is N on the left and D on the right"),
    "a weight not transposed": ("columns", columns(dx="W @ dS"), "which is D on the left and C on the right"),
    "nothing transposed": ("sandwich", sandwich("A @ dY @ B"), "which is N on the left and M on the right"),
    "one side only": ("sandwich", sandwich("A.T @ dY"), "dX: it has the axes (N, C), expected (N, D)"),
    "the upstream gradient forgotten": (
        "sandwich",
        sandwich("A.T @ B.T"),
        "the shapes do not fit in A.T @ B.T",
    ),
    "the wrong way round": ("sandwich", sandwich("B @ dY.T @ A"), "looks transposed: its axes are (D, N)"),
    "a minus": ("sandwich", sandwich("-A.T @ dY @ B.T"), "looks like dX with the wrong sign"),
    "the right formula": ("fool", fool("X.T @ G"), "N=7 D=5 C=3: right shape, right numbers"),
    "fooled at square sizes only": (
        "fool",
        fool("X.T @ G if len(X) != X.shape[1] else X @ G"),
        "N=7 D=5 C=3: right shape, right numbers",
    ),
    "wrong for one sample": ("fool", fool("2 * X.T @ G"), "N=1 D=5 C=3: right shape, wrong numbers"),
    "a wrong shape": ("fool", fool("G.T @ X"), "N=7 D=5 C=3: shape (3, 5), wrong numbers"),
    "a formula that does not run": ("fool", fool("X @ G"), "it raised ValueError: matmul"),
    "the half forgotten": (
        "least",
        least("2 * X.T @ r / len(X)", loss="np.sum(r**2) / len(X)"),
        "the half is missing",
    ),
    "the mean forgotten": ("least", least("X.T @ r"), "the 1/N of the loss is missing from dtheta"),
    "target minus prediction": ("least", least("-X.T @ r / len(X)"), "dtheta has the wrong sign"),
    "the target dropped": ("least", least("X.T @ (X @ theta) / len(X)"), "y does not appear in dtheta"),
    "the cheat as it stands": ("least", least("r * X / len(X)"), "dtheta still has one row for every sample"),
    "a flat target": (
        "least",
        least("X.T @ r / len(X)", residual="X @ theta - y.reshape(-1)"),
        "the residual became an N by N table",
    ),
    "the gradient alone": (
        "least",
        "def my_linear_regression(theta, X, y):\n    return X.T @ (X @ theta - y) / len(X)",
        "expected (loss, dtheta)",
    ),
    "the first mistake left": ("mistake", mended(dx="G @ W"), "raised an exception"),
    "the second mistake left": ("mistake", mended(db="G.mean(axis=0)"), "looks like db divided by N"),
    "a bias not summed": ("mistake", mended(db="G"), "looks not summed over N=7"),
    "a bias summed to a number": ("mistake", mended(db="np.sum(G)"), "looks summed over C, which must stay"),
    "a third mistake": ("mistake", mended(dw="G.T @ X"), "looks transposed"),
    "another order": (
        "mistake",
        "def mended_backward(G, X, W):\n    return X.T @ G, G @ W.T, G.sum(axis=0)",
        "returned (dW, dX, db), expected (dX, dW, db)",
    ),
    "weights forgotten": (
        "weighted",
        weighted(dtheta="X.T @ r / len(X)"),
        "dtheta is wrong in 5 of 5 entries",
    ),
    "the mean over weighted samples": (
        "weighted",
        weighted(dtheta="X.T @ (a * r)"),
        "every entry is N times too large",
    ),
    "the other half forgotten": ("weighted", weighted(da="r**2 / len(X)"), "looks like da counted twice"),
    "weights summed": (
        "weighted",
        weighted(da="np.sum(r**2, axis=0, keepdims=True) / (2 * len(X))"),
        "da has shape (1, 1)",
    ),
    "one gradient": (
        "weighted",
        "def weighted_gradients(theta, a, X, y):\n    return X.T @ (a * (X @ theta - y)) / len(X)",
        "expected 2 gradients: dtheta, da; got one array",
    ),
    "the cheat": ("gram", gram("2 * dS @ X"), "right where dS is symmetric, and only there"),
    "one use": ("gram", gram("dS @ X"), "wrong in 35 of 35 entries"),
    "the other use": ("gram", gram("dS.T @ X"), "wrong in 35 of 35 entries"),
    "each use halved": ("gram", gram("0.5 * (dS + dS.T) @ X"), "looks like half of dX"),
    "a formula that does not fit": ("gram", gram("X @ dS"), "which is D on the left and N on the right"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_refused_in_the_words_that_fit(chapter: dict[str, Any], name: str) -> None:
    exercise, answer, said = WRONG[name]
    text = judged(chapter, exercise, answer)
    assert said in text
    assert "incorrect" in text or "could not be judged" in text


RIGHT = {
    "shapes": "my_shapes.update(dX=(6, 4), dW=(4, 3), db=(1, 3), dtau=(), dS=(6, 3))",
    "seen": "noticed = 'fca'",
    "sizes": "my_sizes = (3, 8, 3)",
    "columns": columns(dw="(X @ dS.T).T", dx="(dS.T @ W).T"),
    "sandwich": sandwich("(B @ dY.T @ A).T"),
    "fool": fool("X.T @ G.mean(axis=0, keepdims=True).repeat(len(X), axis=0)"),
    "least": least("np.mean(X * r, axis=0)[:, None]", loss="0.5 * np.mean(r * r)"),
    "mistake": mended(dx="np.einsum('nc,dc->nd', G, W)", db="np.ones(len(G)) @ G"),
    "weighted": weighted(dtheta="(a * X).T @ r / len(X)", da="0.5 * r * r / len(X)"),
    "gram": gram("(dS + dS.T) @ X"),
}


@pytest.mark.parametrize("exercise", RIGHT)
def test_a_right_answer_in_another_style_is_accepted(chapter: dict[str, Any], exercise: str) -> None:
    text = judged(chapter, exercise, RIGHT[exercise])
    assert "correct" in text
    for refusal in ("incorrect", "could not be judged", "not attempted", "warning"):
        assert refusal not in text


@pytest.mark.parametrize("exercise", RIGHT)
def test_an_exercise_left_alone_is_not_attempted(chapter: dict[str, Any], exercise: str) -> None:
    text = judged(chapter, exercise)
    assert "not attempted yet" in text
    assert "correct" not in text


@pytest.mark.parametrize(
    "letters",
    ["A, C, F", "a c f", "F,C,A", " ACF ", "A, C and F.", "A; C; F", ["A", "C", "F"], ("f", "c", "a")],
)
def test_letters_are_read_in_any_sensible_spelling(chapter: dict[str, Any], letters: Any) -> None:
    assert judged(chapter, "seen", f"noticed = {letters!r}").startswith("correct")


def test_shapes_and_sizes_may_be_lists(chapter: dict[str, Any]) -> None:
    said = judged(chapter, "shapes", "my_shapes.update(dX=[6, 4], dW=[3, 4], dtau=[])")
    assert "dX: correct" in said
    assert "dW: incorrect, (3, 4): looks transposed" in said
    assert "dtau: correct" in said
    assert judged(chapter, "sizes", "my_sizes = [4, 5, 4]").startswith("correct")


def test_the_example_of_a_tuple_is_the_answer_to_nothing(chapter: dict[str, Any]) -> None:
    shown = [line for line in judged(chapter, "shapes", shape("dS", "18")).splitlines() if "such as" in line]
    assert shown == ["dS: incorrect: write a tuple, such as (2, 9)"]
    for key in ("dX", "dW", "db", "dtau", "dS"):
        assert f"{key}: incorrect, (2, 9)" in judged(chapter, "shapes", shape(key, "(2, 9)"))


def test_every_exercise_is_tried_with_right_and_wrong_answers() -> None:
    exercises = {ident[3:-5] for ident in CELLS if ident.startswith("ex-") and ident.endswith("-stub")}
    assert set(RIGHT) == exercises
    assert {row[0] for row in WRONG.values()} == exercises


# ---- what the chapter says about shapes ------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "count"),
    [((7, 5, 3), 1), ((7, 4, 4), 2), ((4, 4, 3), 2), ((4, 5, 4), 2), ((4, 4, 4), 12)],
)
def test_of_the_arrangements_that_fit_one_is_right(sizes: tuple[int, int, int], count: int) -> None:
    N, D, C = sizes
    found = arrangements("D C", {"X": "N D", "G": "N C"}, sizes={"N": N, "D": D, "C": C})
    assert len(found) == count
    rng = np.random.default_rng(0)
    X, G, W = rng.normal(size=(N, D)), rng.normal(size=(N, C)), rng.normal(size=(D, C))
    truth = numeric.gradient(lambda W: np.sum(G * (X @ W)), W)
    assert [str(a) for a in distinguish(found, {"X": X, "G": G}, truth).right] == ["X.T @ G"]


def test_where_a_variable_is_used_twice_nothing_that_fits_is_right() -> None:
    rng = np.random.default_rng(0)
    A, t = rng.normal(size=(4, 4)), rng.normal(size=(4, 1))
    found = arrangements("D 1", {"A": "D D", "t": "D 1"})
    truth = numeric.gradient(lambda t: np.sum(t * (A @ t)), t)
    for factor in (1.0, 2.0):
        assert distinguish(found, {"A": A, "t": t}, truth / factor).right == []
