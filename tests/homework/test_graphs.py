"""The homework on graphs: what wrong answers earn, and what they are told."""

from __future__ import annotations

import pytest

from handgrad.draws import seeded

SLUG = "graphs"


def by_hand(answer):
    return f"def gradients_by_hand():\n    return {answer}"


def share(answer):
    return f"def share_backward(dg, f1, f2):\n    total = f1 + f2\n    return {answer}"


def gate(
    dw="x * s * (x - c) * dy", dx="(h + w * s * (x - c)) * dy", db="s * (x - c) * dy", dc="(1 - h) * dy"
):
    lines = "    h = 1 / (1 + np.exp(-(w * x + b)))\n    s = h * (1 - h)\n"
    return f"def gate_backward(dy, w, x, b, c):\n{lines}    return {dw}, {dx}, {db}, {dc}"


def mended(*year):
    return (
        "def mended_backward(dlast, start, rate, deposits):\n"
        "    values = [start]\n"
        "    for deposit in deposits:\n"
        "        values.append(values[-1] * rate + deposit)\n"
        "    dvalue, drate, ddeposits = dlast, 0.0, np.zeros(len(deposits))\n"
        "    for year in reversed(range(len(deposits))):\n"
        + "".join(f"        {line}\n" for line in year)
        + "    return dvalue, drate, ddeposits"
    )


GIVE, ADD, STEP = "ddeposits[year] = dvalue", "drate += dvalue * values[year]", "dvalue = dvalue * rate"


@pytest.mark.parametrize(
    ("cell", "answer", "points", "said"),
    [
        ("by-hand", by_hand("9, 2, 3"), 2, "what the last product alone hands back; b has two uses"),
        ("by-hand", by_hand("9, 6, 3"), 2, "what the first product alone hands back; b has two uses"),
        ("by-hand", by_hand("3, 8, 3"), 2, "local gradient of the first product"),
        ("by-hand", by_hand("9, 8, 1"), 2, "local gradient of the plus"),
        ("share", share("dg / total, -dg * f1 / total**2"), 1, "from the numerator alone"),
        ("share", share("-dg * f1 / total**2, -dg * f1 / total**2"), 1, "from the sum below alone"),
        ("share", share("dg * f2 / total**2, dg * f1 / total**2"), 1, "the gradient of the share of f2"),
        ("share", share("f2 / total**2, -f1 / total**2"), 0, "it has no effect on df1"),
        ("order", 'def right_order():\n    return "a"', 0, "block 2 is visited before block 4"),
        ("order", 'def right_order():\n    return "b"', 0, "block 4 is visited before block 5"),
        ("order", 'def right_order():\n    return "d"', 0, "block 1 is visited before block 2"),
        ("gate", gate(dw="x * s * x * dy", db="s * x * dy"), 2, "block 3 alone hands back to h"),
        ("gate", gate(dw="-x * s * c * dy", db="-s * c * dy"), 2, "block 4 alone hands back to h"),
        ("gate", gate(dw="x * s * (x + c) * dy"), 3, "the local gradient of 1 - h is -1"),
        ("gate", gate(dx="h * dy"), 3, "block 3 alone hands back to x; x has a second use"),
        ("gate", gate(dx="w * s * (x - c) * dy"), 3, "block 1 alone hands back to x; x has a second use"),
        (
            "gate",
            gate(dw="x * (x - c) * dy", db="(x - c) * dy"),
            2,
            "block 2 passed its gradient on unchanged",
        ),
        ("gate", gate(dc="h * dy"), 3, "its other factor is k"),
        ("collapsed", 'def formula_for_dx():\n    return "2 * x * y**2 * dy"', 0, "with the wrong sign"),
        ("collapsed", 'def formula_for_dx():\n    return "-x * y**2 * dy"', 0, "looks like half of dx"),
        ("collapsed", 'def formula_for_dx():\n    return "-2 * x * y**2"', 0, "dy has no effect on dx"),
        ("mended", mended(GIVE, ADD.replace("+=", "="), STEP), 1, "that is what one year alone hands back"),
        ("mended", mended(ADD, STEP, GIVE), 2, "each deposit met the rate once too often"),
        ("mended", mended(GIVE, STEP, ADD), 1, "each year's share met the rate once too often"),
    ],
)
def test_a_wrong_answer_costs_its_own_points_and_is_named(mark, cell, answer, points, said):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[f"{cell}-grade"] == points
    assert said in marked.text(f"{cell}-grade")


def test_the_colleagues_code_earns_nothing_and_hears_of_both_mistakes(mark):
    marked = mark(SLUG, {"mended": "mended_backward = colleagues_backward"})
    assert marked.points["mended-grade"] == 0.0
    assert marked.causes("mended-grade") == [("drate", "told"), ("ddeposits", "told")]


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("by-hand", by_hand("[9.0, 8.0, 3.0]")),
        ("by-hand", by_hand("np.array([9, 8, 3])")),
        ("share", share("dg / total - dg * f1 / total**2, -dg * f1 * total**-2")),
        ("order", 'def right_order():\n    return "(C)"'),
        ("gate", "import math\n" + gate().replace("np.exp", "math.exp")),
        ("gate", gate().replace("return ", "return [") + "]"),
        ("collapsed", 'def formula_for_dx():\n    return "-2 * x * dy / (1 + x**2) ** 2"'),
        ("mended", mended(GIVE, ADD, STEP).replace("np.zeros(len(deposits))", "[0.0] * len(deposits)")),
    ],
)
def test_a_right_answer_in_another_style_keeps_full_marks(mark, full, cell, answer):
    marked = mark(SLUG, {cell: answer})
    assert marked.points == full(SLUG)
    assert marked.causes(f"{cell}-grade") == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_random_numbers_change_no_mark(mark, seed):
    with seeded(seed):
        wrong = mark(SLUG, {"share": share("dg / total, -dg * f1 / total**2"), "gate": gate(dx="h * dy")})
    assert (wrong.points["share-grade"], wrong.points["gate-grade"]) == (1, 3)
    assert "from the numerator alone" in wrong.text("share-grade")
    assert "block 3 alone hands back to x" in wrong.text("gate-grade")


@pytest.mark.parametrize(
    ("cell", "answer", "points", "said"),
    [
        ("share", share("dg * f2 / total, -dg * f1 / total"), 0, "one division by the sum is missing"),
        ("gate", gate(dw="w * s * (x - c) * dy"), 3, "the factor beside w goes to w"),
        (
            "mended",
            "def mended_backward(dlast, start, rate, deposits):\n    T = len(deposits)\n"
            "    return dlast * rate**T, T * dlast * start * rate**(T - 1), dlast * rate ** np.arange(T)",
            0,
            "the deposits are missing",
        ),
        (
            "mended",
            "def mended_backward(dlast, start, rate, deposits):\n    T, v = len(deposits), [start]\n"
            "    for d in deposits:\n        v.append(v[-1] * rate + d)\n"
            "    return dlast * rate**T, dlast * sum(v[:-1]), dlast * np.ones(T)",
            0,
            "what comes after each year is missing",
        ),
    ],
)
def test_more_wrong_answers_are_told_what_they_are(mark, cell, answer, points, said):
    marked = mark("graphs", {cell: answer})
    assert marked.points[f"{cell}-grade"] == points
    assert said in marked.text(f"{cell}-grade")


def test_three_numbers_may_come_by_name(mark):
    assert (
        mark("graphs", {"by-hand": 'def gradients_by_hand():\n    return {"a": 9, "b": 8, "c": 3}'}).points[
            "by-hand-grade"
        ]
        == 3
    )


@pytest.mark.parametrize(
    ("cell", "answer", "lost"),
    [
        (
            "mended",
            mended(GIVE, ADD, STEP)
            .replace("return dvalue, drate, ddeposits", "return dvalue, drate, {}")
            .format("dlast * rate ** np.arange(4.0, -1, -1)"),
            1,
        ),
        ("mended", mended(GIVE, ADD, STEP).replace("reversed(range(len(deposits)))", "(4, 3, 2, 1, 0)"), 3),
        ("collapsed", 'def formula_for_dx():\n    return "-2 * x * y**2 * dy * 7 / N"', 2),
    ],
)
def test_a_size_written_as_a_number_costs_its_own_points(costs, cell, answer, lost):
    costs(SLUG, {cell: answer}, f"{cell}-grade", lost)


@pytest.mark.parametrize(
    ("cell", "answer", "points", "said"),
    [
        ("share", share("dg * f2 / total**2, -dg * f2 / total**2"), 1, "in df2 the factor above is f1"),
        ("gate", gate(dw="x * s", db="s", dx="h * dy + w * s"), 1, "the slope of the sigmoid alone"),
        ("gate", gate(dx="(1 + w * s * (x - c)) * dy"), 3, "block 3 is a product"),
        ("collapsed", 'def formula_for_dx():\n    return "-2 * x * y * dy"', 0, "one division is missing"),
        ("collapsed", 'def formula_for_dx():\n    return "-dy * y * y"', 0, "that stops at the sum"),
        ("collapsed", 'def formula_for_dx():\n    return "-4 * dy / 25"', 0, "at x = 2 alone"),
        ("mended", mended(GIVE, "drate += dvalue * values[year + 1]", STEP), 1, "at the start of its year"),
        (
            "mended",
            mended(GIVE, ADD, STEP).replace("in reversed(range(len(deposits)))", "in range(len(deposits))"),
            0,
            "the way back starts with the last year",
        ),
    ],
)
def test_a_slip_nobody_had_tried_is_told(mark, cell, answer, points, said):
    marked = mark(SLUG, {cell: answer})
    assert marked.points[f"{cell}-grade"] == points
    assert said in marked.text(f"{cell}-grade")


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("by-hand", by_hand("np.float64(9), np.int64(8), np.array(3.0)")),
        ("share", share('{"f1": dg * f2 / total**2, "f2": -dg * f1 / total**2}')),
        ("share", share("np.array(dg * f2 / total**2), np.array(-dg * f1 / total**2)")),
        ("share", share("np.array([f2, -f1]) * dg / total**2")),
        ("gate", gate().replace("return ", "return dict(zip('wxbc', (") + ")))"),
        ("collapsed", 'def formula_for_dx():\n    return "2 * (y - 1) * y / x * dy"'),
        (
            "mended",
            "def mended_backward(dlast, start, rate, deposits):\n"
            "    if len(deposits) == 0:\n        return dlast, 0.0, ()\n"
            "    above = mended_backward(dlast, start * rate + deposits[0], rate, deposits[1:])\n"
            "    return above[0] * rate, above[1] + above[0] * start, (above[0], *above[2])",
        ),
    ],
)
def test_a_right_answer_of_another_kind_keeps_full_marks(mark, full, cell, answer):
    assert mark(SLUG, {cell: answer}).points == full(SLUG)


def test_a_column_at_each_point_is_told_as_such(mark):
    marked = mark(SLUG, {"share": share("np.array([dg * f2 / total**2]), np.array([-dg * f1 / total**2])")})
    assert marked.points["share-grade"] == 0
    assert "as if axis 1, of size 1, was kept" in marked.text("share-grade")
