"""The exercises of the chapter on graphs: a wrong answer gets the diagnosis that the reader is promised.

Answers are put in the place of the stubs and judged by the chapter's own check cells.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests import chapters

CHAPTER = chapters.Chapter("01_graphs")
CELLS = {ident: cell.source for ident, cell in CHAPTER.cells.items()}
# What the check cells use: the imports, the functions of the text, the engine, the judges.
NEEDED = (
    "setup",
    "useless-nudge",
    "question-nudge",
    "picture-question",
    "neuron-figure",
    "judge",
    "overwrite",
    "schedule-picture",
    "schedule-orders",
    "engine",
    "engine-shared",
    "engine-more",
    "engine-check",
    "choices",
)


@pytest.fixture(scope="module")
def chapter() -> dict[str, Any]:
    """The names that the chapter defines before its exercises."""
    names: dict[str, Any] = dict.fromkeys(("my_questions", "my_products", "my_gradients", "my_orders"))
    for ident in NEEDED:
        run(ident, names)
    return names


def run(ident: str, names: dict[str, Any]) -> str:
    """Run one cell; what it prints and what its last line shows, as text."""
    return chapters.run(CELLS[ident], names)[0]


def judged(chapter: dict[str, Any], exercise: str, answer: str) -> str:
    """What the check cell of an exercise says to an answer."""
    names = dict(chapter)
    if f"ex-{exercise}-code" in CELLS:
        run(f"ex-{exercise}-code", names)
    run(f"ex-{exercise}-stub", names)
    exec(answer, names)
    return run(f"ex-{exercise}-check", names)


def numbers(da: float, db: float, dc: float) -> str:
    return f"by_hand_da, by_hand_db, by_hand_dc = {da}, {db}, {dc}"


def divide(body: str) -> str:
    return f"def divide_backward(dg, f1, f2):\n    return {body}"


def neuron(
    dw: str = "x * ds", dx: str = "w * ds", db: str = "ds", dt: str = "-e", e: str = "2 * (y - t)"
) -> str:
    return (
        "def squared_neuron_backward(w, x, b, t):\n    y = 1 / (1 + np.exp(-(w * x + b)))\n"
        f"    e = {e}\n    ds = y * (1 - y) * e\n    return {dw}, {dx}, {db}, {dt}"
    )


def tanh(body: str) -> str:
    return f"def tanh_block(f):\n    g = np.tanh(f.value)\n    return {body}"


def walk(order: str, line: str) -> str:
    body = "    last.grad = 1.0\n    for g in {}:\n        for f, local in g.inputs:\n            {}\n"
    return "def mended_backward(last):\n" + body.format(order, line)


def two(du: str = "x * s1", dv: str = "x * s2", dx: str = "u * s1 + v * s2", up: str = "h2, h1") -> str:
    return (
        "def two_neurons_backward(u, v, x):\n    h1, h2 = 1 / (1 + np.exp(-u * x)), 1 / (1 + np.exp(-v * x))\n"
        f"    d1, d2 = {up}\n    s1, s2 = h1 * (1 - h1) * d1, h2 * (1 - h2) * d2\n    return {du}, {dv}, {dx}"
    )


# exercise, answer, what the check must say
WRONG = {
    "the product alone": (
        "by-hand",
        numbers(-3, 2, 0),
        "what block 1 (×) alone hands back; a is used 2 times",
    ),
    "the maximum alone": (
        "by-hand",
        numbers(1, 2, 0),
        "what block 2 (max) alone hands back; a is used 2 times",
    ),
    "not swapped": ("by-hand", numbers(3, -3, 0), "a product handed its input that input's own value"),
    "a share for the smaller": ("by-hand", numbers(-2, 2, 1), "✓ da, ✓ db, ✗ dc"),
    "two numbers": ("by-hand", "by_hand_da, by_hand_db = -2, 2", "not attempted"),
    "the large input": ("gates", "true_statements = 'ABDE'", "A: the product swaps"),
    "the minus": ("gates", "true_statements = 'bcde'", "C: one of the two local gradients is -1"),
    "above and below": ("gates", "true_statements = 'BDEF'", "F: below an arrow stands a gradient"),
    "no router": ("gates", "true_statements = 'BE'", "D: which input decides the minimum?"),
    "not letters": ("gates", "true_statements = 3", "incorrect: write letters from A to F, such as 'AC'"),
    "no such letter": ("gates", "true_statements = 'BDEX'", "incorrect: write letters from A to F"),
    "one letter in a list": ("gates", "true_statements = ['B']", "D: which input decides the minimum?"),
    "one order": ("order", "right_orders = 'A'", "B: do blocks 2 and 3 wait for each other?"),
    "too early": ("order", "right_orders = 'ABC'", "C: block 1 waits for both users of s"),
    "forwards": ("order", "right_orders = 'D'", "D: that is the forward order"),
    "before the end": ("order", "right_orders = 'ABF'", "F: what stands below q"),
    "no sign": ("divide", divide("dg / f2, dg * f1 / f2**2"), "df2 with the wrong sign"),
    "local alone": ("divide", divide("1 / f2, -f1 / f2**2"), "that is the local gradient alone"),
    "passed on": ("divide", divide("dg, -dg * f1 / f2**2"), "was passed on unchanged"),
    "no square": ("divide", divide("dg / f2, -dg * f1 / f2"), "no known mistake fits"),
    "other way round": (
        "divide",
        divide("-dg * f1 / f2**2, dg / f2"),
        "returned (df2, df1), expected (df1, df2)",
    ),
    "one of two": ("divide", divide("dg / f2"), "expected 2 gradients: df1, df2; got 1"),
    "raises": ("divide", divide("dg / f3"), "NameError: name 'f3' is not defined"),
    "first use": (
        "swish",
        "formula_swish = 'dy * sigmoid(x)'",
        "what block 2 (×) alone hands back; x is used 2 times",
    ),
    "second use": (
        "swish",
        "formula_swish = 'dy * x * sigmoid(x) * (1 - sigmoid(x))'",
        "what block 1 (σ) alone hands back; x is used 2 times",
    ),
    "upstream forgotten": (
        "swish",
        "formula_swish = 'sigmoid(x) + x * sigmoid(x) * (1 - sigmoid(x))'",
        "looks like the upstream gradient was taken as all ones: dy has no effect",
    ),
    "output alone": ("swish", "formula_swish = 'dy * y'", "no known mistake fits"),
    "a name not given": ("swish", "formula_swish = 'dout * sigmoid(x)'", "dout cannot be used here"),
    "no two of the square": (
        "neuron",
        neuron(e="y - t"),
        "that is half of it\n  check: the local gradient of f**2 is 2 f",
    ),
    "no minus": ("neuron", neuron(dt="e"), "what stands below block 4 (−) was passed on unchanged"),
    "own value": ("neuron", neuron(dw="w * ds", dx="x * ds"), "returned (dx, dw, db, dt)"),
    "own value once": ("neuron", neuron(dw="w * ds"), "a product handed its input that input's own value"),
    "bias from the product": ("neuron", neuron(dw="ds"), "below block 1 (×) was passed on unchanged"),
    "no sigmoid": (
        "neuron",
        neuron(dw="x * e", dx="w * e", db="e"),
        "the local gradient of block 3 (σ) is missing",
    ),
    "no input": ("tanh", tanh("Scalar(g)"), "it does not know its input"),
    "no square of tanh": ("tanh", tanh("Scalar(g, [(f, 1 - g)])"), "the square of tanh is missing"),
    "of the input": (
        "tanh",
        tanh("Scalar(g, [(f, 1 - f.value**2)])"),
        "takes the output g, and not the input",
    ),
    "the sigmoid's slope": ("tanh", tanh("Scalar(g, [(f, g * (1 - g))])"), "the slope of the sigmoid"),
    "no slope": ("tanh", tanh("Scalar(g, [(f, 1.0)])"), "it hands back its gradient unchanged"),
    "slope turned": ("tanh", tanh("Scalar(g, [(f, g**2 - 1)])"), "the sign of the slope is turned"),
    "another value": ("tanh", tanh("Scalar(f.value, [(f, 1 - g**2)])"), "its value is not tanh(f)"),
    "another slope": ("tanh", tanh("Scalar(g, [(f, 2 - g)])"), "no known mistake fits"),
    "no block": ("tanh", tanh("g"), "TypeError: tanh_block returned a float64, not a Scalar"),
    "overwrites": ("mistake", walk("reversed(tape)", "f.grad = local * g.grad"), "overwrites what another"),
    "evaluation order": ("mistake", walk("tape", "f.grad += local * g.grad"), "1 was visited before block 2"),
    "upstream alone": ("mistake", walk("reversed(tape)", "f.grad += g.grad"), "was passed on unchanged"),
    "local gradient alone": (
        "mistake",
        walk("tape", "f.grad += local"),
        "the local gradient was handed on alone",
    ),
    "never started": (
        "mistake",
        walk("reversed(tape)", "f.grad += local * g.grad").replace("last.grad = 1.0", "pass"),
        "every grad is still 0: zero is handed on",
    ),
    "the mistake itself": (
        "mistake",
        "mended_backward = following_backward",
        "once more, what it had handed on",
    ),
    "no start": ("mistake", "def mended_backward(last):\n    1 / 0", "ZeroDivisionError: division by zero"),
    "one path": ("two", two(dx="u * s1"), "block 1 (×) alone hands back; x is used 2 times"),
    "the other path": ("two", two(dx="v * s2"), "block 3 (×) alone hands back; x is used 2 times"),
    "products not swapped": ("two", two(du="u * s1", dv="v * s2"), "that input's own value"),
    "x not swapped": ("two", two(dx="x * s1 + x * s2"), "that input's own value"),
    "last product not swapped": ("two", two(up="h1, h2"), "✗ du, ✗ dv, ✗ dx"),
    "product left out": ("two", two(du="s1"), "below block 1 (×) was passed on unchanged"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_refused_in_the_words_that_fit(chapter: dict[str, Any], name: str) -> None:
    exercise, answer, said = WRONG[name]
    text = judged(chapter, exercise, answer)
    assert said in text
    assert any(refusal in text for refusal in ("incorrect", "could not be judged", "not attempted"))
    assert not text.splitlines()[0].endswith(": correct")


STACK = """
def mended_backward(last):
    last.grad = 1.0
    waiting, seen = [last], {last}
    while waiting:
        g = waiting.pop(PLACE)
        for f, local in g.inputs:
            f.grad += local * g.grad
            if f not in seen:
                seen.add(f)
                waiting.append(f)
"""
RECURSIVE = """
def mended_backward(last):
    last.grad, seen = 1.0, set()
    def visit(g):
        if g not in seen:
            seen.add(g)
            for f, local in g.inputs:
                f.grad += local * g.grad
                visit(f)
    visit(last)
"""
LEVELS = """
def mended_backward(last):
    last.grad, level = 1.0, [last]
    while level:
        below = []
        for g in level:
            for f, local in g.inputs:
                f.grad += local * g.grad
                below += [] if f in below else [f]
        level = below
"""
NEAREST_FIRST = """
def mended_backward(last):
    last.grad, depth, level = 1.0, {last: 0}, [last]
    for g in level:
        for f, _ in g.inputs:
            if f not in depth:
                depth[f] = depth[g] + 1
                level.append(f)
    for g in sorted(depth, key=depth.get):
        for f, local in g.inputs:
            f.grad += local * g.grad
"""
ONCE_A_PAIR = """
def mended_backward(last):
    last.grad = 1.0
    for g in reversed(tape):
        for f, local in dict(g.inputs).items():
            f.grad += local * g.grad
"""
FINISHED = """
def mended_backward(last):
    finished, seen = [], set()
    def visit(g):
        if g not in seen:
            seen.add(g)
            for f, _ in g.inputs:
                visit(f)
            finished.append(g)
    visit(last)
    last.grad = 1.0
    for g in ORDER:
        for f, local in g.inputs:
            f.grad += local * g.grad
"""
COUNTED = """
def mended_backward(last):
    users = {g: 0 for g in tape}
    for g in tape:
        for f, _ in g.inputs:
            users[f] += 1
    last.grad, ready = 1.0, [last]
    while ready:
        g = ready.pop()
        for f, local in g.inputs:
            f.grad += local * g.grad
            users[f] -= 1
            ready += [] if users[f] else [f]
"""

# a traversal, the first calculation on which it fails, and what the check says of it
TRAVERSALS = {
    "a stack": (STACK.replace("PLACE", "-1"), "s * c + s", "block 1 was visited before block 2"),
    "a queue": (STACK.replace("PLACE", "0"), "s + s * c", "block 1 was visited before block 2"),
    "recursive, each once": (RECURSIVE, "s + s * c", "what it had from its first user, and never again"),
    "level by level": (LEVELS, "s + s * c", "no known mistake fits"),
    "nearest first": (NEAREST_FIRST, "s + s * c", "block 1 was visited before block 2"),
    "inputs first": (
        FINISHED.replace("ORDER", "finished"),
        "s + s * c",
        "before block 2, which uses its output",
    ),
    "equal inputs once": (ONCE_A_PAIR, "s * s", "uses a value twice handed back one share only"),
}


@pytest.mark.parametrize("name", TRAVERSALS)
def test_a_wrong_traversal_is_refused_on_the_first_calculation_that_shows_it(
    chapter: dict[str, Any], name: str
) -> None:
    answer, calculation, said = TRAVERSALS[name]
    text = judged(chapter, "mistake", answer)
    assert text.startswith(f"mended_backward on {calculation}: incorrect")
    assert f"wrong on {calculation}\n" in text
    assert said in text


@pytest.mark.parametrize("answer", [FINISHED.replace("ORDER", "reversed(finished)"), COUNTED])
def test_a_right_traversal_without_the_tape_is_accepted(chapter: dict[str, Any], answer: str) -> None:
    text = judged(chapter, "mistake", answer)
    assert text.startswith("mended_backward: correct")
    assert "right on 5 calculations" in text


def test_a_stack_is_right_on_the_first_sum_alone(chapter: dict[str, Any]) -> None:
    names = dict(chapter)
    run("ex-mistake-code", names)
    exec(STACK.replace("PLACE", "-1"), names)
    assert names["judge_engine"](names["shared_plain"], "abc", names["mended_backward"]).ok


RIGHT = {
    "by-hand": numbers(-2, 2, 0),
    "gates": "true_statements = 'edb'",
    "order": "right_orders = 'BA'",
    "divide": divide("np.divide(dg, f2), -(f1 / f2) * (dg / f2)"),
    "swish": "formula_swish = 'dy * (sigmoid(x) + x * sigmoid(x) - x * sigmoid(x)**2)'",
    "neuron": neuron(e="(y - t) + (y - t)"),
    "tanh": tanh("Scalar(g, ((f, 1 / np.cosh(f.value) ** 2),))"),
    "mistake": walk("tape[::-1]", "f.grad = f.grad + g.grad * local"),
    "two": two(dx="sum([u * s1, v * s2])"),
}


@pytest.mark.parametrize("exercise", RIGHT)
def test_a_right_answer_in_another_style_is_accepted(chapter: dict[str, Any], exercise: str) -> None:
    text = judged(chapter, exercise, RIGHT[exercise])
    assert "correct" in text
    for refusal in ("incorrect", "could not be judged", "not attempted", "warning"):
        assert refusal not in text


@pytest.mark.parametrize(
    "spelling", ["'B, D, E'", "'b d e'", "'B and D and E.'", "['B', 'D', 'E']", "{'e', 'd', 'b'}"]
)
def test_letters_are_read_in_any_sensible_spelling(chapter: dict[str, Any], spelling: str) -> None:
    assert judged(chapter, "gates", f"true_statements = {spelling}").startswith("correct")


@pytest.mark.parametrize("blank", ["''", "[]", "None"])
def test_no_letters_are_no_attempt(chapter: dict[str, Any], blank: str) -> None:
    assert judged(chapter, "order", f"right_orders = {blank}") == "not attempted yet\n"


def test_the_output_may_stand_in_the_formula(chapter: dict[str, Any]) -> None:
    answer = "formula_swish = 'dy * (sigmoid(x) + y * (1 - sigmoid(x)))'"
    assert ": correct" in judged(chapter, "swish", answer)


def test_the_blocks_of_the_layer_are_counted_one_by_one(chapter: dict[str, Any]) -> None:
    names = dict(chapter)
    run("layer", names)
    counted = dict(line.split(":", 1) for line in run("layer-count", names).splitlines() if ":" in line)
    assert int(counted["together"]) == int(counted["blocks on the tape"]) == len(names["tape"])


def test_every_exercise_is_tried_with_right_and_wrong_answers() -> None:
    exercises = {ident[3:-5] for ident in CELLS if ident.startswith("ex-") and ident.endswith("-stub")}
    assert set(RIGHT) == exercises
    assert {row[0] for row in WRONG.values()} == exercises


def test_a_backward_that_walks_every_path_is_right_as_well(chapter: dict[str, Any]) -> None:
    walks = """
def mended_backward(last):
    def visit(g, received):
        g.grad += received
        for f, local in g.inputs:
            visit(f, local * received)

    visit(last, 1.0)
"""
    assert judged(chapter, "mistake", walks).startswith("mended_backward: correct")


def test_the_overwriting_backward_of_the_text_is_refused_by_name(chapter: dict[str, Any]) -> None:
    names = dict(chapter)
    refused = run("overwrite-check", names)
    assert "that is what block 2 (max) alone hands back; b is used 2 times" in refused
    assert run("adding-check", names).startswith("check_gradient: correct")


def test_a_second_backward_pass_starts_from_zero(chapter: dict[str, Any]) -> None:
    engine, again, trace = (line.split(":")[1] for line in run("engine-shared", dict(chapter)).splitlines())
    assert engine.split() == again.split() == trace.split()


@pytest.mark.parametrize("exercise", RIGHT)
def test_a_stub_is_not_attempted(chapter: dict[str, Any], exercise: str) -> None:
    said = judged(chapter, exercise, "")
    assert "not attempted yet" in said
    assert "correct" not in said


def test_the_engine_has_the_seventeen_lines_that_the_text_says() -> None:
    lines = [line for line in CELLS["engine"].splitlines() if line.strip()]
    assert len(lines) == 17
