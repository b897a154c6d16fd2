"""The exercises of the chapter on full Jacobians: what its own check cells say to wrong answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad.homework import notebooks
from tests.chapters import Chapter

CHAPTER = Chapter("07_full_jacobians")
ALL = CHAPTER.all
CELLS = CHAPTER.cells

# Cells whose comparison is meant to fail, and how often.
REFUSED = {
    "not-at": 1,
    "any-order": 1,
    "mixing": 2,
    "layouts-run": 1,
    "softmax-short-refused": 1,
    "batch-lines": 1,
}


@pytest.fixture(scope="module")
def chapter() -> dict[str, Any]:
    """The names of the chapter, run from top to bottom."""
    return CHAPTER.names()


def answered(chapter: dict[str, Any], exercise: str, **answer: Any) -> str:
    """What the check cell of an exercise says to this answer, on one line."""
    return " ".join(CHAPTER.answered(chapter, exercise, **answer).split())


def stored(name: str) -> str:
    """What a cell shows in the stored notebook."""
    return notebooks.text_of(CELLS[name])


# ---- the text ------------------------------------------------------------------------------------


def test_every_comparison_holds_but_those_that_are_meant_to_fail() -> None:
    said = {name: stored(name).splitlines() for name, cell in CELLS.items() if "compare(" in cell.source}
    refused = {name: sum(line.startswith("✗") for line in lines) for name, lines in said.items()}
    assert {name: count for name, count in refused.items() if count} == REFUSED
    assert sum(line.startswith("✓") for lines in said.values() for line in lines) >= 45


def test_every_displayed_line_has_its_check_in_the_next_comparison() -> None:
    displayed = 0
    for place, cell in enumerate(ALL):
        if cell.cell_type != "markdown":
            continue
        labels = re.findall(r"^&\\text\{\((\w+)\)\}", cell.source, re.M)
        if labels:
            check = next(c for c in ALL[place:] if c.cell_type == "code" and "compare(" in c.source)
            assert re.findall(r'^    "line (\w+)', check.source, re.M) == labels, check.id
            displayed += 1
    assert displayed == 2


def test_both_orders_go_through_the_shapes_of_the_source_and_give_the_gradient() -> None:
    said = stored("run-chain")
    assert said.count("(1, 3) (3, 3) (3, 6) give (1, 6)") == 2
    assert "✓ by rows (3, 2)" in said
    assert "✓ by columns (3, 2)" in said
    assert "check_gradient: correct" in said


def test_a_mixed_pair_of_orders_is_refused_though_every_shape_fits() -> None:
    said = stored("mixed-refused")
    assert "check_gradient: incorrect" in said
    assert "shape (M, D) = (3, 2): correct" in said
    assert "vec by columns, back by rows" in said
    hidden = dict(re.findall(r"^M=(\d D=\d): (\w+)", stored("mixing-hides"), re.M))
    assert hidden == {
        "3 D=2": "refused",
        "2 D=3": "refused",
        "3 D=3": "refused",
        "1 D=4": "passes",
        "4 D=1": "passes",
    }


def test_the_counts_of_the_loops_are_those_of_the_formulas(chapter: dict[str, Any]) -> None:
    counted, rng = chapter["counted"], np.random.default_rng(0)
    for m, d in ((3, 2), (2, 5), (4, 4)):
        row, J, K = rng.normal(size=(1, m)), rng.normal(size=(m, m)), rng.normal(size=(m, m * d))
        left = counted(row, J)[1] + counted(row @ J, K)[1]
        right = counted(J, K)[1] + counted(row, J @ K)[1]
        ways = chapter["costs"](m, d)
        assert ways["left to right"][0] == left
        assert ways["right to left"][0] == right
        assert ways["left to right"][0] == m * ways["short form"][0]
        assert ways["left to right"][1] == J.size + K.size + m + m * d
    assert "without a factor 0: 9" in stored("cost-counted")


def test_the_factors_of_cost_are_those_of_the_text(chapter: dict[str, Any]) -> None:
    costs, batch_costs = chapter["costs"], chapter["batch_costs"]
    for m, d in ((3, 2), (2, 5), (4, 4)):
        long_way, short = costs(m, d)["left to right"], costs(m, d)["short form"]
        assert long_way[0] == m * short[0]
        assert long_way[1] == (m + 1) * short[1]
        for n in (1, 4, 7):
            dear, cheap = batch_costs(n, m, d)
            assert dear * (1 + d) == cheap * m * (n + d)
    assert "by the loops: 216 against 36" in stored("batch-cost")


def test_the_engine_agrees_by_every_route_and_writes_both_orders() -> None:
    said = stored("engine")
    columns, rows = said.split("vec row-major")
    assert "(Xᵀ ⊗ I_M)" in columns
    assert "(I_M ⊗ Xᵀ)" in rows
    table, mixes = stored("engine-costs").split("orders mixed:")
    assert table.count("True") == 5
    assert "False" not in table
    assert mixes.count("refused") >= 3
    assert "passes" not in mixes


# ---- wrong answers get the diagnosis that fits ---------------------------------------------------


@pytest.mark.parametrize(
    ("key", "answer", "words"),
    [
        ("dC_da", (7, 1), "not (7, 1), in that order; outputs come first"),
        ("dC_da", (7,), "one output: one row"),
        ("da_dz", (7, 1), "a row for each a, a column for each z"),
        ("dz_dW", (7, 5), "the axis of z, then both axes of W"),
        ("dz_dW", (7, 5, 7), "outputs come first"),
        ("dz_dvecW", (35, 7), "outputs come first"),
        ("dC_dvecW", (7, 5), "still one row; not yet put back"),
        ("dW", (1, 35), "a gradient has the shape of its variable"),
        ("dW", (5, 7), "dW: not (5, 7): a gradient has the shape of its variable"),
        ("dW", (7, None), "a gradient has the shape of its variable"),
        ("dC_da", (1, None), "one output: one row"),
        ("dz_db", (7, 1), "a column for each bias"),
        ("dvecZ_dvecW", (7, 35), "the batch has M N outputs"),
        ("dW", [7, 5], "write a tuple"),
    ],
)
def test_a_wrong_shape_is_explained(chapter: dict[str, Any], key: str, answer: Any, words: str) -> None:
    right = {name: shape for name, (shape, _) in chapter["SHAPE_RULES"].items()}
    said = answered(chapter, "ex-shapes", my_shapes={**right, key: answer})
    assert f"{key}: " in said
    assert words in said
    assert said.count(": right") == 7


Answer = Callable[..., Any]

SLICES: dict[str, tuple[Answer, str]] = {
    "every row": (
        lambda x, M: np.broadcast_to(x.ravel(), (M, M, x.size)).copy(),
        "x stands in every row of every slice",
    ),
    "the first row": (
        lambda x, M: np.stack([np.outer(np.eye(M)[0], x) for _ in range(M)]),
        "x stands in row 0 of every slice",
    ),
    "ones": (
        lambda x, M: np.repeat(np.eye(M)[:, :, None], x.size, axis=2),
        "1 stands where the x of the weight belongs",
    ),
    "flat": (lambda x, M: np.kron(np.eye(M), x.T), "looks flattened"),
    "a list": (lambda x, M: [np.outer(row, x) for row in np.eye(M)], "it is a list"),
    "negative": (lambda x, M: -np.einsum("ij,k->ijk", np.eye(M), x.ravel()), "wrong sign"),
    "reversed": (
        lambda x, M: np.einsum("ij,k->ijk", np.eye(M), x.ravel()[::-1]),
        "no known cause fits the others",
    ),
    "other axes": (
        lambda x, M: np.einsum("ij,k->ikj", np.eye(M), x.ravel()),
        "expected shape (M, M, D) = (5, 5, 3)",
    ),
}


@pytest.mark.parametrize("name", SLICES)
def test_a_wrong_stack_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = SLICES[name]
    said = answered(chapter, "ex-slices", my_slices=wrong)
    assert words in said
    assert "incorrect" in said


FLAT: dict[str, tuple[Answer, str]] = {
    "rows always": (lambda x, M, o: np.kron(np.eye(M), x.T), "order F: the columns go by rows of W"),
    "columns always": (lambda x, M, o: np.kron(x.T, np.eye(M)), "order C: the columns go by columns of W"),
    "swapped": (
        lambda x, M, o: np.kron(x.T, np.eye(M)) if o == "C" else np.kron(np.eye(M), x.T),
        "order C: the columns go by columns of W",
    ),
    "transposed": (lambda x, M, o: np.kron(np.eye(M), x), "looks transposed"),
    "tiled": (lambda x, M, o: np.tile(x.ravel(), (M, M)), "x in every row of every block"),
    "the stack": (
        lambda x, M, o: np.einsum("ij,k->ijk", np.eye(M), x.ravel()),
        "expected shape (M, MD) = (5, 15)",
    ),
}


@pytest.mark.parametrize("name", FLAT)
def test_a_wrong_flat_jacobian_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = FLAT[name]
    said = answered(chapter, "ex-flat", my_flat=wrong)
    assert words in said
    assert "incorrect" in said


def test_one_order_of_two_is_half_of_the_flat_jacobian(chapter: dict[str, Any]) -> None:
    said = answered(chapter, "ex-flat", my_flat=lambda x, M, o: np.kron(np.eye(M), x.T) if o == "C" else None)
    assert said.strip() == 'order "C" is right; order "F" is not attempted yet'


def layer(
    sigma: Callable[[Any], Any],
    dz: Callable[[Any, Any, Any], Any],
    W_of: Callable[[Any, Any], Any] = lambda dz, x: dz @ x.T,
    b_of: Callable[[Any], Any] = lambda dz: dz,
) -> Answer:
    """A gradient function with parts of it replaced. dz(a, y, z): (M, 1)."""

    def gradients(W: Any, x: Any, b: Any, y: Any) -> Any:
        z = W @ x + b
        back = dz(sigma(z), y, z)
        return W_of(back, x), b_of(back)

    return gradients


def tanh_slope(a: Any, y: Any, z: Any) -> Any:
    return (1 - a * a) * (a - y)


def softmax(z: Any) -> Any:
    return np.exp(z) / np.exp(z).sum()


def softmax_back(a: Any, y: Any, z: Any) -> Any:
    return (np.diag(a.ravel()) - a @ a.T) @ (a - y)


def by_columns_put_back_by_rows(dz: Any, x: Any) -> Any:
    return (dz.T @ np.kron(x.T, np.eye(len(dz)))).reshape(len(dz), len(x))


def by_rows_put_back_by_columns(dz: Any, x: Any) -> Any:
    return (dz.T @ np.kron(np.eye(len(dz)), x.T)).reshape(len(dz), len(x), order="F")


BOTH, W_ONLY, B_ONLY = "✗ dW, ✗ db", "✗ dW, ✓ db", "✓ dW, ✗ db"
TANH: dict[str, tuple[Answer, str, str]] = {
    "the sigmoid's slope": (layer(np.tanh, lambda a, y, z: a * (1 - a) * (a - y)), "slope of the sigmoid", BOTH),
    "no slope": (layer(np.tanh, lambda a, y, z: a - y), "the Jacobian of tanh is missing", BOTH),
    "z for a": (layer(np.tanh, lambda a, y, z: (1 - z * z) * (a - y)), "the output a, and not z", BOTH),
    "tanh twice": (
        layer(np.tanh, lambda a, y, z: (1 - np.tanh(a) ** 2) * (a - y)), "a is the tanh of z already", BOTH
    ),
    "no square": (layer(np.tanh, lambda a, y, z: (1 - a) * (a - y)), "the square is missing", BOTH),
    "no right answer": (layer(np.tanh, lambda a, y, z: (1 - a * a) * a), "y was not subtracted", BOTH),
    "sign": (layer(np.tanh, lambda a, y, z: (1 - a * a) * (y - a)), "wrong sign", BOTH),
    "doubled": (layer(np.tanh, lambda a, y, z: 2 * tanh_slope(a, y, z)), "twice", BOTH),
    "columns, rows": (
        layer(np.tanh, tanh_slope, by_columns_put_back_by_rows),
        "vec by columns, put back by rows",
        W_ONLY,
    ),
    "rows, columns": (
        layer(np.tanh, tanh_slope, by_rows_put_back_by_columns),
        "vec by rows, put back by columns",
        W_ONLY,
    ),
    "left a row": (
        layer(np.tanh, tanh_slope, lambda dz, x: (dz @ x.T).reshape(1, -1)),
        "this is still the row of the chain",
        W_ONLY,
    ),
    "dW transposed": (layer(np.tanh, tanh_slope, lambda dz, x: x @ dz.T), "looks transposed", W_ONLY),
    "db a row": (layer(np.tanh, tanh_slope, b_of=lambda dz: dz.T), "looks transposed", B_ONLY),
    "no x": (
        layer(np.tanh, tanh_slope, lambda dz, x: np.repeat(dz, len(x), axis=1)),
        "a weight's gradient without x",
        W_ONLY,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TANH)
def test_a_wrong_gradient_of_the_tanh_layer_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words, parts = TANH[name]
    said = answered(chapter, "ex-tanh", my_tanh_gradients=wrong)
    assert words in said
    assert parts in said
    assert "no known cause" not in said


SOFTMAX: dict[str, tuple[Answer, str]] = {
    "short form": (layer(softmax, lambda a, y, z: a * (1 - a) * (a - y)), "needs an element-wise function"),
    "no Jacobian": (layer(softmax, lambda a, y, z: a - y), "the Jacobian of the softmax is missing"),
    "diagonal alone": (layer(softmax, lambda a, y, z: a * (a - y)), "without - a a.T"),
    "plus": (layer(softmax, lambda a, y, z: a * (a - y + np.sum(a * (a - y)))), "with a minus"),
    "ones for a": (layer(softmax, lambda a, y, z: a - y - a * np.sum(a * (a - y))), "is a, not 1"),
    "no right answer": (
        layer(softmax, lambda a, y, z: (np.diag(a.ravel()) - a @ a.T) @ a),
        "y was not subtracted",
    ),
    "mixed": (layer(softmax, softmax_back, by_columns_put_back_by_rows), "vec by columns, put back by rows"),
}


@pytest.mark.parametrize("name", SOFTMAX)
def test_a_wrong_gradient_of_the_softmax_layer_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = SOFTMAX[name]
    said = answered(chapter, "ex-softmax", my_softmax_gradients=wrong)
    assert words in said
    assert "check_gradient: incorrect" in said
    assert "no known cause" not in said


SHORT = {"my_dz": "a * (1 - a) * da", "my_dW": "dz @ x.T", "my_db": "dz", "my_dx": "W.T @ dz"}


@pytest.mark.parametrize(
    ("name", "formula", "words"),
    [
        ("my_dz", "-a * (1 - a) * da", "sign"),
        ("my_dW", "x @ dz.T", "looks transposed"),
        ("my_dW", "dz @ x", "the shapes do not fit"),
        ("my_db", "dz.T", "looks transposed"),
        ("my_db", "sum(dz, axis=M)", "db"),
        ("my_dx", "W @ dz", "D"),
        ("my_dx", "dz.T @ W", "looks transposed"),
    ],
)
def test_a_wrong_short_form_is_explained(
    chapter: dict[str, Any], name: str, formula: str, words: str
) -> None:
    said = answered(chapter, "ex-short", **{**SHORT, name: formula})
    assert words in said
    assert said.count(": correct axes") == 3
    assert said.count("incorrect") == 1


SLIPS = [
    ("my_dz", "da", "the slope a * (1 - a) is missing"),
    ("my_dz", "da * a", "its factor 1 - a is missing"),
    ("my_dz", "da - a * da", "its factor a is missing"),
    ("my_dz", "z * (1 - z) * da", "the slope takes the output a, not z"),
    ("my_dz", "sigmoid(a) * (1 - sigmoid(a)) * da", "a is the sigmoid of z already"),
    ("my_dz", "(1 - a**2) * da", "that is the slope of tanh"),
    ("my_dW", "da @ x.T", "that is da: the slope a * (1 - a) is missing"),
    ("my_dW", "(x @ z.T).T", "that is the value z"),
    ("my_dW", "a * x.T", "that is the value a"),
    ("my_dW", "(a * (1 - a) * dz) @ x.T", "dz has the slope already"),
    ("my_db", "da", "that is da: the slope a * (1 - a) is missing"),
    ("my_db", "z", "that is the value z"),
    ("my_db", "a * (1 - a) * dz", "dz has the slope already"),
    ("my_dx", "(da.T @ W).T", "that is da: the slope a * (1 - a) is missing"),
    ("my_dx", "W.T @ z", "that is the value z"),
    ("my_dx", "W.T @ (a * (1 - a) * dz)", "dz has the slope already"),
    ("my_dz", "a - a * a", "da is missing"),
    ("my_dW", "a * (1 - a) * x.T", "da is missing"),
    ("my_db", "a * (1 - a)", "da is missing"),
    ("my_dx", "W.T @ (a * (1 - a))", "da is missing"),
    ("my_dz", "da + a", "no known cause fits next: take the smallest sizes"),
]


@pytest.mark.parametrize(("name", "formula", "words"), SLIPS)
def test_a_slip_in_a_short_form_is_named_without_advice_about_samples(
    chapter: dict[str, Any], name: str, formula: str, words: str
) -> None:
    said = answered(chapter, "ex-short", **{**SHORT, name: formula})
    assert words in said
    assert said.count(": correct axes") == 3
    assert said.count("incorrect") == 1
    assert "N=" not in said


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("my_dz", "sigmoid(z) * (1 - sigmoid(z)) * da"),
        ("my_dz", "a * da - a**2 * da"),
        ("my_dz", "exp(-z) / (1 + exp(-z))**2 * da"),
        ("my_dW", "dz * x.T"),
        ("my_dW", "(x @ dz.T).T"),
        ("my_db", "a * (1 - a) * da"),
        ("my_dx", "(dz.T @ W).T"),
    ],
)
def test_a_right_short_form_may_be_written_in_another_way(
    chapter: dict[str, Any], name: str, formula: str
) -> None:
    said = answered(chapter, "ex-short", **{**SHORT, name: formula})
    assert said.count(": correct axes") == 4


@pytest.mark.parametrize("answer", [[510_000], {}, (), "many", np.ones(2)])
def test_any_object_as_a_count_is_judged_without_an_exception(chapter: dict[str, Any], answer: Any) -> None:
    said = answered(chapter, "ex-counts", my_counts={**chapter["COUNTS"], "left to right": answer})
    assert "left to right: not " in said
    assert "write a whole number" in said
    assert said.count(": right") == 2


@pytest.mark.parametrize(
    ("way", "answer", "words"),
    [
        ("left to right", 500_000, "that is the last product alone"),
        ("left to right", 50_500_000, "that is right to left"),
        ("right to left", 50_000_000, "one of the two products is missing"),
        ("right to left", 50_010_000, "the second product is a row"),
        ("short form", 5000, "s * p needs some as well"),
        ("short form", 510_000, "that is left to right"),
        ("short form", 7, "takes p q r"),
    ],
)
def test_a_wrong_count_is_explained(chapter: dict[str, Any], way: str, answer: int, words: str) -> None:
    said = answered(chapter, "ex-counts", my_counts={**chapter["COUNTS"], way: answer})
    assert f"{way}: not {answer}: " in said
    assert words in said
    assert said.count(": right") == 2


def batch(out: str, by_W: str, back: str, by_b: str) -> Answer:
    """The batch's gradients with each step in an order of its own."""

    def gradients(P: Any, S: Any, X: Any) -> Any:
        (m, n), d = P.shape, len(X)
        row, eye, ones = (S * P).reshape(1, -1, order=out), np.eye(m), np.ones((n, 1))
        K = np.kron(eye, X.T) if by_W == "C" else np.kron(X.T, eye)
        B = np.kron(eye, ones) if by_b == "C" else np.kron(ones, eye)
        return (row @ K).reshape(m, d, order=back), (row @ B).T

    return gradients


BATCH: dict[str, tuple[Answer, str, str]] = {
    "row by rows": (batch("C", "F", "F", "F"), "the row by rows, kron by columns, the reshape by columns", BOTH),
    "row by rows, b": (batch("C", "C", "C", "F"), "the row by rows, kron by columns", B_ONLY),
    "back by rows": (batch("F", "F", "C", "F"), "kron by columns, the reshape by rows", W_ONLY),
    "kron by rows": (batch("F", "C", "F", "F"), "the row by columns, kron by rows", W_ONLY),
    "no slopes": (lambda P, S, X: (P @ X.T, P.sum(axis=1, keepdims=True)), "the slopes S are missing", BOTH),
    "no upstream": (lambda P, S, X: (S @ X.T, S.sum(axis=1, keepdims=True)), "P is missing", BOTH),
    "a mean": (lambda P, S, X: (S * P @ X.T / 4, (S * P).mean(axis=1, keepdims=True)), "there is no 1/N", BOTH),
    "db not summed": (lambda P, S, X: (S * P @ X.T, S * P), "looks not summed over the N=4 samples", B_ONLY),
    "db without its axis": (lambda P, S, X: (S * P @ X.T, (S * P).sum(axis=1)), "(M, 1) = (5, 1)", B_ONLY),
}  # fmt: skip


@pytest.mark.parametrize("name", BATCH)
def test_a_wrong_gradient_of_the_batch_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words, parts = BATCH[name]
    said = answered(chapter, "ex-mistake", my_mended=wrong)
    assert words in said
    assert parts in said
    assert "no known cause" not in said


@pytest.mark.parametrize("order", ["C", "F"])
def test_either_order_mends_the_batch_and_so_does_the_short_form(chapter: dict[str, Any], order: str) -> None:
    whole = batch(order, order, order, order)
    assert "check_gradient: correct" in answered(chapter, "ex-mistake", my_mended=whole)

    def short(P: Any, S: Any, X: Any) -> Any:
        return S * P @ X.T, (S * P).sum(axis=1, keepdims=True)

    assert "check_gradient: correct" in answered(chapter, "ex-mistake", my_mended=short)


# ---- the figure, in the built page ---------------------------------------------------------------


def test_the_figure_moves_by_keys_in_the_built_page(browser: Any, site: Path, serve: Any) -> None:
    page = browser.new_page()
    page.goto(f"{serve(site)}/book/07_full_jacobians.html", wait_until="load")
    says, order = page.locator(".hg-says").first, page.locator("[data-key=order]").nth(1)
    says.wait_for()
    assert "the two orders are mixed" in says.text_content()
    order.focus()
    page.keyboard.press("ArrowLeft")
    assert "belong together" in says.text_content()
    page.context.close()
