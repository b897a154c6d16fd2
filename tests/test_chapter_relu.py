"""The exercises of the chapter on ReLU: a wrong answer gets the diagnosis that the reader is promised.

Answers are put in the place of the stubs and judged by the chapter's own check cells.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests import chapters

CHAPTER = chapters.Chapter("04_relu")
CELLS = {ident: cell.source for ident, cell in CHAPTER.cells.items()}
# What the check cells use: the imports, the functions of the text, the judges.
NEEDED = ("setup", "predict-dx", "nudge", "shapes-of-derivatives", "code", "judge")


def run(ident: str, names: dict[str, Any]) -> str:
    """Run one cell; what it prints and what its last line shows, as text."""
    return chapters.run(CELLS[ident], names)[0]


def judged(exercise: str, answer: str, before: str = "") -> str:
    """What the check cell of an exercise says to an answer; `before` is code that is run first."""
    names: dict[str, Any] = {}
    for ident in NEEDED:
        run(ident, names)
    exec(before, names)
    run(f"ex-{exercise}-stub", names)
    exec(answer, names)
    return run(f"ex-{exercise}-check", names)


FORWARD = """
def my_relu_forward(x):
    return np.where(x > 0, x, 0), x
"""


def forward(body: str) -> str:
    return f"def my_relu_forward(x):\n    {body}"


def backward(body: str) -> str:
    return f"def my_relu_backward(dout, cache):\n    {body}"


def mended(body: str) -> str:
    forward = "def mended_forward(x):\n    out = np.maximum(0, x)\n    return out, out\n"
    return forward + "def mended_backward(dout, cache):\n    " + body.replace("; ", "\n    ")


def sigmoid(body: str, out: str = "1 / (1 + np.exp(-x))") -> str:
    return (
        f"def my_sigmoid_forward(x):\n    out = {out}\n    return out, out\n"
        f"def my_sigmoid_backward(dout, cache):\n    y = cache\n    return {body}"
    )


def slope(dx: str, da: str) -> str:
    return f"def learned_slope_backward(dout, x, a):\n    return {dx}, {da}"


def both(body: str) -> str:
    return (
        f"def both_halves_backward(dout, x):\n    first, second = dout[:, :5], dout[:, 5:]\n    return {body}"
    )


DX, DA = "dout * np.where(x > 0, 1.0, a)", "(dout * np.where(x > 0, 0.0, x)).sum(axis=0)"

# exercise, answer, what the check must say, code that is run before
WRONG = {
    "the sign of the wrong array": (
        "by-hand",
        "dx_by_hand = np.array([3.0, 0, 5, 7])",
        "the zeros go by the sign of the upstream gradient",
    ),
    "nothing masked": ("by-hand", "dx_by_hand = np.array([3.0, -2, 5, 7])", "exactly those where x < 0"),
    "the input": ("by-hand", "dx_by_hand = [-1, 4, -3, 2]", "that is x itself"),
    "the output": ("by-hand", "dx_by_hand = [0, 4, 0, 2]", "that is the output y"),
    "the value by hand": ("by-hand", "dx_by_hand = [0, -8, 0, 14]", "the slope is wanted, not the value"),
    "the wrong way round": ("by-hand", "dx_by_hand = [3, 0, 5, 0]", "the gradient passes where x > 0"),
    "a nested list": (
        "by-hand",
        "dx_by_hand = [[0, -2], [0, 7]]",
        "dx has shape (2, 2), expected shape (4,)",
    ),
    "ragged": ("by-hand", "dx_by_hand = [0, -2, [0], 7]", "it is a list"),
    "no numbers": ("by-hand", "dx_by_hand = '0, -2, 0, 7'", "it is a str"),
    "three numbers": (
        "by-hand",
        "dx_by_hand = np.array([0.0, -2, 0])",
        "dx has shape (3,), expected shape (4,)",
    ),
    "np.max": ("forward", forward("return np.max(0, x), x"), "raised an exception\n  TypeError"),
    "max over rows": ("forward", forward("return np.max(x, 0), x"), "looks summed over N, which must stay"),
    "if": ("forward", forward("return (x if x > 0 else 0), x"), "ValueError: The truth value of an array"),
    "no cache": ("forward", forward("return x * (x > 0)"), "returned one array, expected (out, cache)"),
    "absolute value": ("forward", forward("return np.abs(x), x"), "out is the absolute value"),
    "the mask": ("forward", forward("return 1.0 * (x > 0), x"), "that is the mask"),
    "the smaller": ("forward", forward("return np.minimum(0, x), x"), "drops the positive ones"),
    "passed on": ("backward", backward("return dout.copy()"), "dout was passed on unchanged", FORWARD),
    "inverted": (
        "backward",
        backward("return dout * (cache < 0)"),
        "the mask is the wrong way round",
        FORWARD,
    ),
    "mask of dout": (
        "backward",
        backward("return dout * (dout > 0)"),
        "taken from the sign of dout",
        FORWARD,
    ),
    "value": (
        "backward",
        backward("return dout * np.maximum(0, cache)"),
        "multiplied by the output",
        FORWARD,
    ),
    "local alone": ("backward", backward("return 1.0 * (cache > 0)"), "dx does not depend on dout", FORWARD),
    "Jacobian of a batch": ("backward", backward("return dout[cache > 0]"), "dx has shape (18,)", FORWARD),
    "cache misread": ("backward", backward("return dout * cache['mask']"), "raised an exception", FORWARD),
    "shape of X": ("shape", "shape_of_derivative = (32, 1000)", "that is the shape of X, for a scalar loss"),
    "stacked": ("shape", "shape_of_derivative = (32000, 32000)", "that is stacked: keep the axes of both"),
    "one sample": ("shape", "shape_of_derivative = (1000, 1000)", "that is the Jacobian of one sample"),
    "four axes": ("shape", "shape_of_gradient = (32, 1000, 32, 1000)", "the loss is one number"),
    "three axes": ("shape", "shape_of_derivative = (32, 1000, 1000)", "count the axes"),
    "input first": ("shape", "shape_of_derivative = (1000, 32, 1000, 32)", "first the two axes of Y"),
    "shape of L": ("shape", "shape_of_gradient = ()", "that is the shape of L"),
    "transposed": ("shape", "shape_of_gradient = (1000, 32)", "laid out like X"),
    "no tuple": ("shape", "shape_of_gradient = 32000", "write a tuple, such as (7, 2)"),
    "a sum": ("diagonal", "diagonal = 'ABDF'", "B: each entry is divided by a sum"),
    "sorted": ("diagonal", "diagonal = 'acdf'", "C: nudge the largest entry"),
    "reversed": ("diagonal", "diagonal = 'ADEF'", "E: the first output holds the last input"),
    "minus": ("diagonal", "diagonal = 'AF'", "D: a diagonal of -1 is a diagonal"),
    "one missing": ("diagonal", "diagonal = 'A, D'", "F: nudge one entry"),
    "another missing": ("diagonal", "diagonal = 'DF'", "A: nudge one entry"),
    "not in the list": ("diagonal", "diagonal = 'ADFG'", "some of the letters A to F"),
    "not letters": ("diagonal", "diagonal = ['A', 'D', 'F']", "write letters, such as 'BE'"),
    "first mistake left": (
        "mistake",
        mended("dx = dout.copy(); dx[cache < 0] = 0; return dx"),
        "passed on unchanged",
    ),
    "always true": ("mistake", mended("return dout * (cache >= 0)"), "passed on unchanged"),
    "the derivative in x": ("tanh", "formula_tanh = 'dout * (1 - x**2)'", "evaluated at x"),
    "no square": ("tanh", "formula_tanh = 'dout * (1 - out)'", "the square is missing"),
    "the sigmoid's": ("tanh", "formula_tanh = 'dout * out * (1 - out)'", "the derivative of the sigmoid"),
    "applied twice": ("tanh", "formula_tanh = 'dout * (1 - tanh(out)**2)'", "tanh was applied once more"),
    "upstream forgotten": ("tanh", "formula_tanh = '1 - out**2'", "does not depend on dout"),
    "unknown name": ("tanh", "formula_tanh = 'dy * (1 - y**2)'", "cannot be used here, it is not given"),
    "a caret": ("tanh", "formula_tanh = 'dout * (1 - out^2)'", "write ** for a power"),
    "matrix product": (
        "tanh",
        "formula_tanh = 'dout @ (1 - out**2)'",
        "which is D on the left and N on the right",
    ),
    "a factor missing": (
        "sigmoid",
        sigmoid("dout * y"),
        "one of the two factors of the derivative is missing",
    ),
    "tanh": ("sigmoid", sigmoid("dout * (1 - y * y)"), "this is the derivative of tanh"),
    "twice": (
        "sigmoid",
        sigmoid("dout / (1 + np.exp(-y)) * (1 - 1 / (1 + np.exp(-y)))"),
        "the sigmoid was applied once more",
    ),
    "without dout": ("sigmoid", sigmoid("y * (1 - y)"), "dx does not depend on dout"),
    "not transposed": ("matrix", "formula_matrix = 'A @ dy'", "which is D on the left and M on the right"),
    "order": ("matrix", "formula_matrix = 'dy @ A'", "which is 1 on the left and M on the right"),
    "a row": ("matrix", "formula_matrix = 'dy.T @ A'", "looks transposed: its axes are (1, D)"),
    "no upstream": ("matrix", "formula_matrix = 'A.T'", "it has the axes (D, M), expected (D, 1)"),
    "not summed": ("slope", slope(DX, "dout * np.where(x > 0, 0.0, x)"), "looks not summed over N=7"),
    "summed to a number": ("slope", slope(DX, f"np.sum({DA})"), "looks summed over D, which must stay"),
    "averaged": ("slope", slope(DX, f"{DA} / len(x)"), "looks like da divided by N"),
    "axis kept": ("slope", slope(DX, f"{DA}[None]"), "looks as if axis 0, of size 1, was kept"),
    "swapped": ("slope", slope(DA, DX), "returned (da, dx), expected (dx, da)"),
    "slope of ReLU": ("slope", slope("dout * (x > 0)", DA), "exactly those where x < 0"),
    "the wrong side": ("slope", slope("dout * np.where(x > 0, a, 1.0)", DA), "a counts where x < 0"),
    "the value there": ("slope", slope("dout * np.where(x > 0, 1.0, a * x)", DA), "not the slope"),
    "every sample": ("slope", slope(DX, "(dout * x).sum(axis=0)"), "the output does not contain a"),
    "the other axis": ("slope", slope(DX, DA.replace("axis=0", "axis=1")), "it is summed over D"),
    "1 for x": ("slope", slope(DX, "(dout * (x <= 0)).sum(axis=0)"), "the derivative of a x by a is x"),
    "an exception": ("slope", slope("dout @ x", DA), "your function raised an exception"),
    "one gradient": (
        "slope",
        f"def learned_slope_backward(dout, x, a):\n    return {DX}",
        "expected 2 gradients: dx, da; got one array",
    ),
    "plus for minus": ("both", both("first * (x > 0) + second * (x < 0)"), "the slope of -x is -1"),
    "one use": ("both", both("first * (x > 0)"), "that is the first half"),
    "the other use": ("both", both("-second * (x < 0)"), "that is the second half"),
    "one mask for both": ("both", both("(first + second) * (x > 0)"), "open where x < 0, and the slope"),
    "its sign mended": ("both", both("(first - second) * (x > 0)"), "the second half is open where x < 0"),
    "beside": ("both", both("np.hstack([first * (x > 0), -second * (x < 0)])"), "side by side"),
    "misfit": ("both", both("dout * (x > 0)"), "your function raised an exception"),
    "second not masked": ("both", both("first * (x > 0) - second"), "exactly those where x > 0"),
    "left side by side": ("both", both("dout"), "dx has shape (7, 10)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_refused_in_the_words_that_fit(name: str) -> None:
    exercise, answer, said, *before = WRONG[name]
    text = judged(exercise, answer, *before)
    assert said in text
    assert "incorrect" in text or "could not be judged" in text


RIGHT = {
    "by-hand": "dx_by_hand = [0, -2, 0, 7]",
    "forward": forward("return np.clip(x, 0, None), x"),
    "backward": backward("return np.where(cache > 0, dout, 0)"),
    "shape": "shape_of_derivative, shape_of_gradient = (32, 1000, 32, 1000), (32, 1000)",
    "diagonal": "diagonal = 'f, a, d'",
    "mistake": mended("return dout * np.sign(cache)"),
    "tanh": "formula_tanh = 'dout - dout * out * out'",
    "sigmoid": sigmoid("dout * (y - y**2)"),
    "matrix": "formula_matrix = '(dy.T @ A).T'",
    "slope": slope(DX, DA),
    "both": both("np.where(x > 0, first, -second)"),
}


@pytest.mark.parametrize("exercise", RIGHT)
def test_a_right_answer_in_another_style_is_accepted(exercise: str) -> None:
    text = judged(exercise, RIGHT[exercise], FORWARD)
    assert "correct" in text
    for refusal in ("incorrect", "could not be judged", "not attempted", "warning"):
        assert refusal not in text


def test_every_exercise_is_tried_with_right_and_wrong_answers() -> None:
    exercises = {ident[3:-5] for ident in CELLS if ident.startswith("ex-") and ident.endswith("-stub")}
    assert set(RIGHT) == exercises
    assert {row[0] for row in WRONG.values()} == exercises


def test_mending_one_of_the_two_mistakes_leaves_the_warning() -> None:
    text = judged("mistake", mended("dx = dout; dx[cache <= 0] = 0; return dx"))
    assert text.startswith("relu: correct")
    assert "warning: relu.backward: dout was changed in place" in text


IN_PLACE = {
    "slope": (
        "def learned_slope_backward(dout, x, a):\n    dx = dout\n    dx[x <= 0] *= (a * np.ones_like(x))[x <= 0]\n"
        "    return dx, (dout * np.where(x > 0, 0.0, x)).sum(axis=0)"
    ),
    "both": (
        "def both_halves_backward(dout, x):\n    dout[:, :5][x <= 0] = 0\n    dout[:, 5:][x >= 0] = 0\n"
        "    return dout[:, :5] - dout[:, 5:]"
    ),
}


@pytest.mark.parametrize(("exercise", "verdict"), [("slope", "incorrect"), ("both", "correct")])
def test_a_dout_changed_in_place_is_said(exercise: str, verdict: str) -> None:
    text = judged(exercise, IN_PLACE[exercise])
    assert text.startswith("your function changes dout in place")
    assert f"check_gradient: {verdict}" in text


def test_the_wrong_code_of_the_exercise_does_not_show_its_report_at_once() -> None:
    (cell,) = (c for c in CHAPTER.all if c.id == "ex-mistake-code")
    assert "hide-output" in cell.metadata["tags"]
    assert cell.metadata["jupyter"]["outputs_hidden"] is True


def test_a_backward_of_the_readers_own_is_judged_with_the_readers_own_forward() -> None:
    mask_cached = forward("return x * (x > 0), x > 0")
    text = judged("backward", backward("return dout * cache"), mask_cached)
    assert text.startswith("relu: correct")


@pytest.mark.parametrize("ident", ["derived-relu", "derived-mask"])
def test_the_derivation_comes_from_the_engine_with_every_line_proved(ident: str) -> None:
    names: dict[str, Any] = {}
    run("setup", names)
    shown = run(ident, names)
    (stored,) = (c for c in CHAPTER.all if c.id == ident)
    assert stored.outputs[0]["data"]["text/markdown"] == shown
    assert shown.count("numeric ✓ symbolic ✓") == 2
    assert "- 2 of 2 lines are right." in shown
    factor = r"\mathrm{mask}" if ident == "derived-mask" else "[X > 0]"
    assert rf"\underbrace{{G}}_{{N \times D}} \odot \underbrace{{{factor}}}_{{N \times D}}" in shown
