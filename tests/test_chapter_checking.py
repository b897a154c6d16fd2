"""The exercises of the appendix on checking: a right answer passes, and a wrong one is told why.

Answers are put in the place of the stubs and judged by the appendix's own judges.
"""

from __future__ import annotations

import ast
import contextlib
import io
from pathlib import Path
from typing import Any

import pytest

from handgrad.homework import notebooks

CHAPTER = Path(__file__).resolve().parents[1] / "book" / "appendix_checking.ipynb"
CELLS = {c.id: c.source for c in notebooks.read(CHAPTER).cells if c.cell_type == "code"}
EXERCISES = ("survivors", "break", "powers", "comparison", "probe", "complex", "attack", "own")


@pytest.fixture(scope="module")
def chapter() -> dict[str, Any]:
    """The names that the judges use: the imports, the weak check, its six wrong lines, relu and softmax."""
    names: dict[str, Any] = {}
    wanted = ("def nudged", "def try_six", "six = {", "def relu(x)", "def softmax(s)", "WAITING =")
    for ident, source in CELLS.items():
        if ident == "setup" or any(start in source for start in wanted):
            exec(compile(definitions(source), ident, "exec"), names)
    return names


def definitions(source: str) -> ast.Module:
    """What a cell imports and defines, without what it computes and draws."""
    constants = ("six", "WAITING", "SURVIVES", "ATTACKED")
    kept = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.Try)
        or (isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in constants)
    ]
    return ast.Module(kept, [])


def run(source: str, names: dict[str, Any]) -> str:
    """Run a cell; what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(source, names)
    return printed.getvalue()


def judged(chapter: dict[str, Any], exercise: str, answer: str = "", attacks: str = "") -> str:
    """What the check cell of an exercise says to an answer."""
    names = dict(chapter)
    if exercise == "probe":  # the reader's own attacks have to be refused as well
        run(CELLS["ex-break-stub"], names)
        exec(attacks, names)
        run(CELLS["ex-break-check"], names)
    if exercise == "comparison":
        run(next(s for s in CELLS.values() if s.startswith("def careless")), names)
    run(CELLS[f"ex-{exercise}-stub"], names)
    exec(answer, names)
    return run(CELLS[f"ex-{exercise}-check"], names)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_stub_is_not_attempted_yet(chapter: dict[str, Any], exercise: str) -> None:
    assert judged(chapter, exercise).startswith("not attempted yet")


def checker(body: str) -> str:
    return "def my_checker(forward, backward, x):\n    " + body.replace("; ", "\n    ")


def gradient(line: str, before: str = "z = x.astype(complex); z[place] += 1j * 1e-30") -> str:
    body = before.replace("; ", "\n        ")
    return (
        "def my_complex_gradient(f, x, dout):\n    dx = np.zeros(x.shape)\n"
        f"    for place in np.ndindex(*x.shape):\n        {body}\n        dx[place] = {line}\n    return dx"
    )


def compare(line: str) -> str:
    return f"def mended(claimed, measured):\n    return 'passes' if {line} else 'refused'"


def probe(n: int = 7, d: int = 5, m: int = 3, **special: str) -> str:
    arrays = {"x": (n, d), "w": (d, m), "b": (m,), "dout": (n, m)}
    made = [special.get(name, f"rng.standard_normal({shape})") for name, shape in arrays.items()]
    return f"def my_probe():\n    rng = np.random.default_rng(1)\n    return {', '.join(made)}"


GOOD_CHECKER = checker(
    "out, cache = forward(x.copy()); dout = np.random.default_rng(1).standard_normal(out.shape); "
    "true = nudged(lambda x: forward(x)[0], x, dout); dx = backward(dout.copy(), cache); "
    "again = backward(dout.copy(), cache); "
    "right = lambda a: isinstance(a, np.ndarray) and a.shape == x.shape "
    "and np.allclose(a, true, 0, 1e-6 * np.abs(true).max()); return right(dx) and right(again)"
)
ONE_CALL = GOOD_CHECKER.replace("again = backward(dout.copy(), cache)", "").replace(" and right(again)", "")
LARGE = "return getattr(dx, 'shape', 0) == x.shape and not (abs(dx - true) > 1e-6 * abs(true).max()).any()"


def attack(name: str, dx: str = "dout @ w.T", dw: str = "x.T @ dout", db: str = "dout.sum(axis=0)") -> str:
    return f"def breaks_{name}(dout, x, w, b):\n    return {dx}, {dw}, {db}\n"


ATTACKS = {
    "ones": attack("ones", dx="dout**2 @ w.T"),
    "zeros": attack("zeros", dx="0 * x"),
    "square": attack("square", dw="x.T @ dout * len(x) / w.shape[0]"),
    "loose": attack("loose", db="0.97 * dout.sum(axis=0)"),
}
RIGHT = {
    "survivors": "through = ['e', 'a', 'c']",
    "break": "".join(ATTACKS.values()),
    "powers": "powers = [1 / 2, 1 / 3, 0.2]",
    "comparison": compare(
        "claimed.shape == measured.shape"
        " and (abs(claimed - measured) <= 1e-6 * np.linalg.norm(measured)).all()"
    ),
    "probe": probe(5, 3, 4),
    "complex": gradient("np.sum(dout * f(z).imag) / 1e-30"),
    "attack": "p = softmax(ATTACKED); my_upstream = [p[1], -p[0], 0.0, 0.0, 0.0]",
    "own": GOOD_CHECKER,
}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_right_answer_in_another_style_is_correct(chapter: dict[str, Any], exercise: str) -> None:
    said = judged(chapter, exercise, RIGHT[exercise])
    if exercise == "break":
        assert said.count(": correct: ") == 4, said
    else:
        assert said.startswith("correct: "), said


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("survivors", "through = 'A, C, E'"),
        ("survivors", "through = 'a c e'"),
        (
            "powers",
            "from fractions import Fraction; powers = (Fraction(1, 2), Fraction(1, 3), Fraction(1, 5))",
        ),
        (
            "comparison",
            compare("claimed.shape == measured.shape and np.allclose(claimed, measured, 1e-6, 0)"),
        ),
        ("attack", "p = softmax(ATTACKED); my_upstream = np.arange(5) - p @ np.arange(5)"),
    ],
)
def test_the_same_answer_in_other_letters_is_correct(
    chapter: dict[str, Any], exercise: str, answer: str
) -> None:
    said = judged(chapter, exercise, answer)
    assert said.startswith("correct: "), said


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({}, "this backward is right; make it wrong"),
        ({"dw": "1.5 * x.T @ dout"}, "the weak check refuses it already"),
        ({"db": "dout.sum(axis=0, keepdims=True)"}, "the weak check refuses it already"),
        ({"db": "dout.sum(axis=7)"}, "it raises AxisError"),
    ],
)
def test_an_attack_that_does_not_break_its_check_is_told_why(
    chapter: dict[str, Any], name: str, parts: dict[str, str], why: str
) -> None:
    said = judged(chapter, "break", attack(name, **parts))
    assert f"{name}: incorrect: {why}" in said
    assert said.count("not attempted yet") == 3


def test_a_repaired_probe_has_to_refuse_the_readers_own_attacks(chapter: dict[str, Any]) -> None:
    alone = probe(7, 5, 3, dout="np.abs(rng.standard_normal((7, 3)))")
    assert judged(chapter, "probe", alone).startswith("correct: ")
    said = judged(chapter, "probe", alone, attack("ones", db="np.abs(dout).sum(axis=0)"))
    assert "your own wrong gradient for 'ones' survives" in said
    assert judged(chapter, "probe", probe(), "".join(ATTACKS.values())).startswith("correct: ")


WRONG: list[tuple[str, str, str]] = [
    ("survivors", "through = 'ACEF'", "F: at x = 0 the output is one half"),
    ("survivors", "through = 'AC'", "E: at x = 0 the output is 0, and so is its square"),
    ("survivors", "through = 7", "expected letters in quotes"),
    ("powers", "powers = ('1/2', '2/3', '1/5')", "central: that is the power of the error there"),
    ("powers", "powers = ('1/2', '1/3', '1/4')", "five-point: minimise h**4 + eps / h"),
    ("powers", "powers = ('-1/2', '1/3', '1/5')", "one-sided: a negative power of eps is a huge step"),
    ("powers", "powers = 3", "expected three powers"),
    ("powers", "powers = ('1/2', '1/3')", "expected three powers, got 2"),
    ("comparison", compare("not np.max(np.abs(claimed - measured)) > 1e-6"), "one NaN: passes, and should be refused"),
    ("comparison", compare("np.max(np.abs(claimed - measured)) <= 1e-6"), "shape (1, 3): passes"),
    ("comparison", compare("np.array_equal(claimed, measured)"), "off by rounding: refused, and should be passes"),
    ("comparison", compare("claimed.shape == (3,) and abs(claimed - measured).max() < 0.1"), "one per cent off"),
    ("comparison", compare("claimed.shape == measured.shape and claimed / 0 or 1"), "it raises ValueError"),
    ("comparison", compare("claimed.shape == measured.shape and np.allclose(abs(claimed), abs(measured))"),
     "its negative: passes, and should be refused"),
    ("comparison", compare("claimed.shape == measured.shape and np.allclose(np.sort(claimed), np.sort(measured))"),
     "in another order: passes, and should be refused"),
    ("comparison", compare("claimed.shape == measured.shape and (abs(claimed - measured) <= 1e-6).all()"),
     "a tiny gradient, doubled"),
    ("comparison", compare("claimed.shape == measured.shape and (abs(claimed / measured - 1) < 1e-6).all()"),
     "zeros against zeros"),
    ("comparison", compare("claimed.ndim == 1 and np.allclose(claimed, measured, 1e-6, 0 if any(measured) else 2)"),
     "ones against a true gradient of zero"),
    ("probe", probe(w="np.zeros((5, 3))"), "A survives: with w = 0 every dx is 0"),
    ("probe", probe(dout="np.ones((7, 3))"), "D survives: with ones upstream"),
    ("probe", probe(4, 4, 4, dout="np.ones((4, 4))"), "E survives: N and M are equal"),
    ("probe", probe(4, 4, 4), "two sizes are equal"),
    ("probe", probe(1, 5, 3), "an axis of size 1 hides every sum over it"),
    ("probe", probe(dout="np.ones((3, 7))"), "expected x: (N, D), w: (D, M)"),
    ("probe", probe(x="np.full((7, 5), np.nan)"), "the right dx is refused as well"),
    ("probe", probe(x="1e13 * rng.standard_normal((7, 5))"), "is refused as well"),
    ("probe", "def my_probe():\n    return unknown", "your function raises NameError"),
    ("probe", "def my_probe():\n    return 1, 2", "no four arrays of an affine layer"),
    ("complex", gradient("np.sum(f(z).imag) / 1e-30"), "dout has no effect"),
    ("complex", gradient("np.sum(dout * f(z).imag)"), "far too small; divide by h"),
    ("complex", gradient("np.sum(dout * f(z).imag) / 1e-30", "z = x.astype(complex); z[place] += 1e-30"), "all zeros"),
    ("complex", gradient("np.sum(dout * f(z).imag) / 1e-30", "z = x + 1e-30j"), "not the gradient; compare one entry"),
    ("complex", gradient("np.sum(dout * f(z).imag) / 1e-4", "z = x + 0j; z[place] += 1e-4j"), "h is too large"),
    ("complex", "def my_complex_gradient(f, x, dout):\n    return nudged(f, x, dout)", "or a difference is left in it"),
    ("complex", "my_complex_gradient = lambda f, x, g: g * f(x + 1e-30j).imag / 1e-30", "x @ A: shape (7, 3)"),
    ("complex", "def my_complex_gradient(f, x, dout):\n    return x[0, 0, 0]", "np.tanh: it raises IndexError"),
    ("complex", "def my_complex_gradient(f, x, dout):\n    x += 1\n    return x", "it changes x in place"),
    ("complex", "def my_complex_gradient(f, x, dout):\n    return x * 1j", "the gradient is complex"),
    ("complex", gradient("np.sum(dout * f(z).imag) / 0", "z = x + 0j"), "is h so small that it is stored as 0?"),
    ("attack", "my_upstream = [1, 2, 3, 4, 5]", "the forgotten path carries sum(p * g) = "),
    ("attack", "my_upstream = [0, 0, 0, 0, 0]", "that would be too easy"),
    ("attack", "my_upstream = [1e-9, 0, 0, 0, 0]", "so small that the absolute tolerance hides it"),
    ("attack", "my_upstream = 'ones'", "expected five finite numbers"),
    ("attack", "my_upstream = [1, [2, 3], 4, 5, 6]", "expected five finite numbers"),
    ("complex", "def my_complex_gradient(f, x, dout):\n    return 'dx'", "expected an array of numbers, got str"),
    ("own", checker("return True"), "accepts a wrong answer, None"),
    ("own", checker("return False"), "refuses a right answer, relu"),
    ("own", GOOD_CHECKER.replace(".standard_normal(out.shape)", ".uniform(0.1, 1, out.shape)"), "|dout|: does your"),
    ("own", GOOD_CHECKER.replace("np.random.default_rng(1).standard_normal(", "np.ones("), "dout forgotten: is your"),
    ("own", ONE_CALL, "spoils its cache: call the backward twice"),
    ("own", GOOD_CHECKER.replace("0, 1e-6 * np.abs(true).max()", "1e-5, 1e-5"), "a tiny gradient, doubled"),
    ("own", GOOD_CHECKER.replace("0, 1e-6 *", "0, 1e-2 *"), "off by 1 in 1000: your tolerance is too wide"),
    ("own", GOOD_CHECKER.replace("and a.shape == x.shape ", ""), "an axis too many: compare the shapes"),
    ("own", GOOD_CHECKER.replace("isinstance(a, np.ndarray) and ", ""), "None: your checker raises AttributeError"),
    ("own", GOOD_CHECKER.replace("standard_normal(out.shape)", "standard_normal(x.shape)"), "x @ A, whose output"),
    ("own", ONE_CALL.replace("return right(dx)", LARGE), "a NaN: NaN is never larger than a tolerance"),
]  # fmt: skip


@pytest.mark.parametrize(("exercise", "answer", "why"), WRONG)
def test_a_wrong_answer_is_told_why(chapter: dict[str, Any], exercise: str, answer: str, why: str) -> None:
    said = judged(chapter, exercise, answer)
    assert said.startswith("incorrect"), said
    assert why in said


@pytest.mark.parametrize("some", [("ones",), ("ones", "square", "loose"), tuple(ATTACKS)])
def test_the_picture_of_the_attacks_draws_each_that_breaks_its_check(
    chapter: dict[str, Any], some: tuple[str, ...]
) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    names = dict(chapter)
    exec("".join(ATTACKS[name] for name in some), names)
    mine = {name: names[f"breaks_{name}"] for name in some}
    pyplot.switch_backend("agg")
    names["picture_break"]({**mine, "zeros": mine.get("zeros", lambda *_: None)})
    drawn = [axis.get_title() for axis in pyplot.gcf().axes if axis.get_title()]
    pyplot.close("all")
    assert sorted(drawn) == sorted(some)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        names["picture_break"]({"ones": lambda dout, x, w, b: None})
    assert "no weak check is broken" in said.getvalue()


def test_every_exercise_has_a_hidden_solution_that_its_judge_calls_correct() -> None:
    cells = {c.id: c for c in notebooks.read(CHAPTER).cells}
    for exercise in EXERCISES:
        assert "correct: " in notebooks.text_of(cells[f"ex-{exercise}-solution"])
        assert "incorrect: " not in notebooks.text_of(cells[f"ex-{exercise}-solution"])


def test_the_text_shows_what_it_says_of_shapes_and_sizes() -> None:
    cells = {c.id: c for c in notebooks.read(CHAPTER).cells}
    shown = notebooks.text_of(cells["sizes-that-show"]).splitlines()
    rows = [line.split()[-2:] for line in shown if line.startswith("N=")]
    assert rows == [["passes", "passes"], ["refused", "passes"], ["passes", "refused"]]
    contract = next(c for c in cells.values() if "def first_look" in c.source)
    lines = [line.split("  ") for line in notebooks.text_of(contract).splitlines()]
    once = [line for line in lines if line[0] in ("db as (1, M)", "changes its cache", "changes dout")]
    assert [line[1:].count(" passes") + line[1:].count("passes") for line in once] == [1, 1, 1]


def test_no_message_is_given_away_by_its_title() -> None:
    cells = {c.id: c for c in notebooks.read(CHAPTER).cells}
    listed = next(c for c in cells.values() if "wrong_answers:" in c.source and "Folded(" in c.source)
    titles = [line for line in notebooks.text_of(listed).splitlines() if line[:1].isdigit()]
    assert len(titles) >= 15
    assert not [title for title in titles if "→" in title]


def test_check_refuses_everything_that_was_built_to_pass_a_weak_check() -> None:
    shown = [
        notebooks.text_of(c)
        for c in notebooks.read(CHAPTER).cells
        if c.cell_type == "code" and "broken = [" in c.source
    ]
    assert len(shown) == 1
    lines = shown[0].splitlines()
    assert "verdict of check" in lines[0]
    verdicts = [line for line in lines[1:] if "incorrect" in line or "  error  " in line]
    assert len(verdicts) >= 15


def test_the_appendix_shows_the_committed_results() -> None:
    told = "".join(notebooks.text_of(c) for c in notebooks.read(CHAPTER).cells if c.cell_type == "code")
    assert "is not here: this cell needs the repository" not in told
    assert "wrong answers that were accepted, or right ones refused: 0" in told
