"""The chapter on deep networks: what its cells show, and what its check cells say to wrong answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from handgrad.homework import notebooks
from tests.chapters import Chapter, run, verdicts

pytest.importorskip("sklearn")
plt = pytest.importorskip("matplotlib.pyplot")

CHAPTER = Chapter("09_deep_networks")
ALL = CHAPTER.all
CELLS = CHAPTER.cells
answered = CHAPTER.answered

# Cells whose comparison is meant to fail, and how often.
REFUSED = {"compare": 1, "recursion-shapes": 4, "weight-index": 1, "softmax-end": 1}

# What the exercises do not need: the drawings, and the proof, which takes seconds.
SKIPPED = ("setup-figures", "engine", "engine-steps", "schedule-times", "digits-curves")


@pytest.fixture(scope="module")
def chapter() -> Iterator[dict[str, Any]]:
    """The names of the chapter, run from top to bottom, without what is skipped."""
    names: dict[str, Any] = {}
    for cell_id, cell in CELLS.items():
        if cell_id not in SKIPPED:
            run(cell.source, names)
    yield names
    plt.close("all")


# ---- the text ------------------------------------------------------------------------------------


def test_every_line_of_every_derivation_agrees_with_values_of_the_loss() -> None:
    said = {name: notebooks.text_of(cell).splitlines() for name, cell in CELLS.items()}
    marked = {n: x for n, x in said.items() if "compare(" in CELLS[n].source or n in REFUSED}
    refused = {name: sum(line.strip()[:1] == "✗" for line in lines) for name, lines in marked.items()}
    assert {name: count for name, count in refused.items() if count} == REFUSED
    assert sum(line.strip()[:1] == "✓" for lines in marked.values() for line in lines) >= 25


def test_every_displayed_line_has_its_check_in_the_next_comparison() -> None:
    displayed = []
    for place, cell in enumerate(ALL):
        labels = (
            re.findall(r"^&\\text\{\((\w+)\)\}", cell.source, re.M) if cell.cell_type == "markdown" else []
        )
        if labels:
            check = next(c for c in ALL[place:] if c.cell_type == "code" and f'"line {labels[0]}' in c.source)
            assert re.findall(r'"line (\w+)', check.source) == labels, check.id
            displayed += labels
    assert displayed == [str(k) for k in range(1, 9)]


def test_every_line_of_the_engines_derivation_is_proved_twice() -> None:
    said = " ".join(notebooks.text_of(CELLS["engine"]).split())
    steps = " ".join(notebooks.text_of(CELLS["engine-steps"]).split())
    assert (said + steps).count("numeric ✓ symbolic ✓") == 23
    assert "23 of 23 lines are right" in said
    for k in (1, 2, 3):
        assert f"dW{k} = Z{k - 1}.T @ dS{k}" in said


def test_relu_hides_the_slope_at_the_output_and_smooth_activations_show_it() -> None:
    said = notebooks.text_of(CELLS["slope-experiment"])
    rows = {m[1]: [float(x) for x in m[2].split()] for m in re.finditer(r"^(\w+) +([\d. ]+)$", said, re.M)}
    assert rows["ReLU"] == [0, 0, 0, 0]
    for name in ("tanh", "sigmoid"):
        right, best, median, by_output = rows[name]
        assert right == by_output == 0
        assert best >= 0.1
        assert median > best


def test_the_counted_numbers_are_those_of_the_figure() -> None:
    _, counted, _, figure = notebooks.text_of(CELLS["held"]).splitlines()
    assert counted.split() == figure.split()
    assert len(counted.split()) == 8


def test_the_measured_cache_is_the_batch_times_the_widths() -> None:
    said = notebooks.text_of(CELLS["cache-bytes"]).replace(",", "")
    rows = re.findall(r"^ *(\d+) +(\d+) +(\d+) +(\S+) +(\S+)$", said, re.M)
    assert {int(n): int(z) for n, z, *_ in rows} == {n: 8 * n * (784 + 512 + 512) for n in (1, 32, 128, 1024)}
    parameters = int(re.findall(r"parameters: +(\d+) bytes", said)[0])
    for _, z, both, ratio, to_parameters in rows:
        assert float(ratio) == pytest.approx(int(both) / int(z), abs=0.01)
        assert float(to_parameters) == pytest.approx(int(z) / parameters, abs=0.001)


def test_with_equal_widths_the_pre_activations_double_the_cache() -> None:
    said = notebooks.text_of(CELLS["cache-depth"]).replace(",", "")
    rows = re.findall(r"^ *(\d+) +(\d+) +(\d+) +(\d+)$", said, re.M)
    assert {int(depth): int(z) for depth, _, z, _ in rows} == {k: 8 * 128 * 64 * k for k in (2, 10, 50)}
    assert all(int(both) == 2 * int(z) for _, _, z, both in rows)


def test_the_network_learns_and_the_planted_mistake_learns_badly() -> None:
    assert "test accuracy at least 96 %: True" in notebooks.text_of(CELLS["digits-train"])
    said = notebooks.text_of(CELLS["planted"])
    assert "loss at least halved: True" in said
    assert "test accuracy at least 96 %: False" in said


def test_the_planted_mistake_is_found_in_the_network_and_named_in_the_layer() -> None:
    said = notebooks.text_of(CELLS["planted-whole"])
    assert "right: dgamma2 dbeta2 dw3 db3" in said
    assert "wrong: dw1 dgamma1 dbeta1 dw2" in said
    assert "mean and variance were treated as constants" in notebooks.text_of(CELLS["planted-check"])


def test_every_layer_is_checked_before_the_training() -> None:
    said = notebooks.text_of(CELLS["digits-checks"])
    for layer in ("affine", "relu", "batchnorm", "softmax"):
        assert f"{layer}: correct" in said
    order = list(CELLS)
    assert order.index("digits-checks") < order.index("digits-whole-check") < order.index("digits-train")


# ---- wrong answers get the diagnosis that fits ---------------------------------------------------

SIZES = {"W2": (100, 50), "Z1": (32, 100), "dS2": (32, 50), "db3": (10,), "dZ0": (32, 64), "kept": 6848}


@pytest.mark.parametrize(
    ("key", "answer", "words"),
    [
        ("W2", (50, 100), "looks transposed"),
        ("Z1", (100, 32), "looks transposed"),
        ("dS2", (50,), "looks summed over N"),
        ("db3", (32, 10), "looks not summed over N=32"),
        ("dZ0", (64, 100), "a row a sample"),
        ("db3", [10], "write a tuple"),
        ("kept", 7168, "the scores are for the loss alone"),
        ("kept", 4800, "the input is kept as well"),
        ("kept", 214, "that is one sample"),
        ("kept", 54784, "numbers are asked for, not bytes"),
        ("kept", 5, "add up N times a width"),
        ("kept", "6848", "write a whole number"),
        ("kept", [6848], "write a whole number"),
    ],
)
def test_a_wrong_size_is_explained(chapter: dict[str, Any], key: str, answer: Any, words: str) -> None:
    said = answered(chapter, "ex-sizes", my_sizes={**SIZES, key: answer})
    assert [line for line in said.splitlines() if line.startswith(f"{key}: not") or "write a" in line]
    assert words in said
    assert said.count(": right") == 5


@pytest.mark.parametrize("answer", [(50, 100), (100, 32), (50,), (1, 10), (32, 10), (64,), ()])
def test_a_wrong_size_is_not_told_the_right_one(chapter: dict[str, Any], answer: Any) -> None:
    said = answered(chapter, "ex-sizes", my_sizes={**dict.fromkeys(SIZES, answer), "kept": 6848})
    assert "expected" not in said
    assert said.count(": right") == 1


SIGMOIDS = {
    "my_dS2": "dZ2 * Z2 * (1 - Z2)",
    "my_dZ1": "dS2 @ W2.T",
    "my_dW1": "X.T @ dS1",
    "my_db1": "sum(dS1, axis=N)",
}


@pytest.mark.parametrize(
    ("name", "formula", "words"),
    [
        ("my_dS2", "dZ2 * sigmoid(Z2) * (1 - sigmoid(Z2))", "the derivative was taken at the output"),
        ("my_dS2", "dZ2 * (1 - Z2**2)", "the slope of tanh by output"),
        ("my_dS2", "S2 * (1 - S2) * dZ2", "S2 is what goes in"),
        ("my_dS2", "dZ2 * Z2", "the factor 1 - Z2 is missing"),
        ("my_dS2", "dZ2 * (1 - Z2)", "the factor Z2 is missing"),
        ("my_dS2", "dZ2 * (1 - tanh(S2)**2)", "the slope of tanh"),
        ("my_dZ1", "(dS2 * (1 - Z2) * Z2) @ W2.T", "dS2 has the slope already"),
        ("my_dW1", "X.T @ (dS1 * Z1 * (1 - Z1))", "dS1 has the slope already"),
        ("my_db1", "sum(dS1 * Z1 * (1 - Z1), axis=N)", "dS1 has the slope already"),
        ("my_dS2", "dZ2 * Z2 * (Z2 - 1)", "wrong sign"),
        ("my_dZ1", "dZ2 @ W2.T", "went past the sigmoid of layer 2"),
        ("my_dZ1", "dS2 @ W2", "an impostor: its shape fits only where H = C"),
        ("my_dW1", "X.T @ dZ1", "went past the sigmoid of layer 1"),
        ("my_dW1", "dS1.T @ X", "looks transposed"),
        ("my_db1", "sum(dZ1, axis=N)", "went past the sigmoid of layer 1"),
        ("my_db1", "dS1", "looks not summed over N=7"),
        ("my_db1", "mean(dS1, axis=N)", "divided by N"),
    ],
)
def test_a_wrong_formula_is_explained(chapter: dict[str, Any], name: str, formula: str, words: str) -> None:
    said = answered(chapter, "ex-sigmoids", **{**SIGMOIDS, name: formula})
    assert words in said
    assert "looks like a slip" not in said or "no known cause" not in said
    assert sorted(verdicts(said)) == ["correct", "correct", "correct", "incorrect"]


def test_the_same_gradients_written_differently_are_right(chapter: dict[str, Any]) -> None:
    other = {
        "my_dS2": "sigmoid(S2) * (1 - sigmoid(S2)) * dZ2",
        "my_dZ1": "(W2 @ dS2.T).T",
        "my_dW1": "(dS1.T @ X).T",
        "my_db1": "dS1.sum(axis=0)",
    }
    assert verdicts(answered(chapter, "ex-sigmoids", **other)) == ["correct"] * 4


@pytest.mark.parametrize("number", [np.sum([64, 100, 50]) * 32, 6848.0])
def test_a_right_number_of_another_type_is_right(chapter: dict[str, Any], number: Any) -> None:
    assert answered(chapter, "ex-sizes", my_sizes={**SIZES, "kept": number}).count(": right") == 6


@pytest.mark.parametrize(
    ("text", "answer", "words"),
    [
        ("s ** 2", True, "the inputs 1 and -1"),
        ("cos(s)", True, "with slopes -1 and 1"),
        ("tanh(s)", False, "False is wrong"),
        ("s + abs(s)", False, "a kink aside"),
        ("exp(s)", "yes", "write True or False"),
    ],
)
def test_a_wrong_choice_gets_a_counterexample(
    chapter: dict[str, Any], text: str, answer: Any, words: str
) -> None:
    right = dict.fromkeys(chapter["my_kept"], True) | {"s ** 2": False, "cos(s)": False}
    said = answered(chapter, "ex-kept", my_kept={**right, text: answer})
    assert words in said
    assert said.count("is right") == 5


def layer(*, columns: bool, dS: Any = None, dX: Any = None, dW: Any = None, db: Any = None) -> Any:
    """A backward of one layer with some of its lines replaced."""

    def backward(dZ: Any, Z: Any, X: Any, W: Any) -> Any:
        slope = Z * (1 - Z) if columns else 1 - Z * Z
        d = dZ * slope if dS is None else dS(dZ, Z)
        right = (W.T @ d, d @ X.T, d.sum(1, keepdims=True)) if columns else (d @ W.T, X.T @ d, d.sum(0))
        return tuple(
            value if wrong is None else wrong(d, X, W)
            for value, wrong in zip(right, (dX, dW, db), strict=True)
        )

    return backward


def sigmoid_slope(t: Any) -> Any:
    return 1 / (1 + np.exp(-t)) * (1 - 1 / (1 + np.exp(-t)))


LAYER = {
    "activation skipped": ({"dS": lambda d, Z: d}, "dZ went past the activation", "✗ dX, ✗ dW, ✗ db"),
    "sign": ({"dS": lambda d, Z: -d * (1 - Z * Z)}, "wrong sign", "✗ dX, ✗ dW, ✗ db"),
    "at the output": (
        {"dS": lambda d, Z: d * (1 - np.tanh(Z) ** 2)},
        "the derivative was taken at the output Z",
        "✗ dX, ✗ dW, ✗ db",
    ),
    "slope of the sigmoid": (
        {"dS": lambda d, Z: d * Z * (1 - Z)},
        "the slope of another activation",
        "✗ dX, ✗ dW, ✗ db",
    ),
    "dW transposed": ({"dW": lambda d, X, W: d.T @ X}, "looks transposed", "✓ dX, ✗ dW, ✓ db"),
    "db not summed": ({"db": lambda d, X, W: d}, "looks not summed over N=7", "✓ dX, ✓ dW, ✗ db"),
    "db a mean": ({"db": lambda d, X, W: d.mean(0)}, "divided by N", "✓ dX, ✓ dW, ✗ db"),
}


@pytest.mark.parametrize("name", LAYER)
def test_a_wrong_layer_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words, parts = LAYER[name]
    said = answered(chapter, "ex-layer", my_layer_backward=layer(columns=False, **wrong))
    assert words in said
    assert parts in said
    assert verdicts(said) == ["incorrect"]


COLUMNS = {
    "activation skipped": ({"dS": lambda d, Z: d}, "dZ went past the activation"),
    "at the output": ({"dS": lambda d, Z: d * sigmoid_slope(Z)}, "the derivative was taken at the output Z"),
    "slope of tanh": ({"dS": lambda d, Z: d * (1 - Z * Z)}, "the slope of another activation"),
    "dW of rows": ({"dW": lambda d, X, W: X @ d.T}, "looks transposed"),
    "an axis lost": ({"db": lambda d, X, W: d.sum(1)}, "(M, 1)"),
    "db not summed": ({"db": lambda d, X, W: d}, "looks not summed over N=7"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_wrong_layer_of_columns_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = COLUMNS[name]
    said = answered(chapter, "ex-columns", my_columns_backward=layer(columns=True, **wrong))
    assert words in said
    assert verdicts(said) == ["incorrect"]


def network(slope: Any = None, db: Any = None, dW: Any = None) -> Any:
    """A backward of a whole network with a slip in it."""

    def backward(dS: Any, Z: Any, W: Any) -> Any:
        grads: tuple[dict[int, Any], dict[int, Any]] = ({}, {})
        for k in range(len(W), 0, -1):
            grads[0][k] = Z[k - 1].T @ dS if dW is None else dW(Z[k - 1], dS)
            grads[1][k] = dS.sum(axis=0) if db is None else db(dS)
            if k > 1:
                dS = (dS @ W[k].T) * (slope or (lambda z: 1 - z * z))(Z[k - 1])
        return grads

    return backward


NETWORK = {
    "slope forgotten": (network(slope=lambda z: 1.0), "between two layers the slope of tanh is missing"),
    "slope at the output": (
        network(slope=lambda z: 1 - np.tanh(z) ** 2),
        "the derivative was taken at the output",
    ),
    "db not summed": (network(db=lambda d: d), "db3"),
    "dW transposed": (network(dW=lambda z, d: d.T @ z), "looks transposed"),
    "sign": (network(dW=lambda z, d: -z.T @ d), "wrong sign"),
}


@pytest.mark.parametrize("name", NETWORK)
def test_a_wrong_network_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words = NETWORK[name]
    said = answered(chapter, "ex-network", my_network_backward=wrong)
    assert "with 3 layers" in said
    assert words in said
    assert verdicts(said) == ["incorrect"]


def test_a_network_that_works_for_three_layers_alone_is_refused(chapter: dict[str, Any]) -> None:
    def three(dS: Any, Z: Any, W: Any) -> Any:
        return network()(dS, {k: Z[k] for k in (0, 1, 2)}, {k: W[k] for k in (1, 2, 3)})

    said = answered(chapter, "ex-network", my_network_backward=three)
    assert "with 1 layer:" in said
    assert verdicts(said) == ["could not be judged"]


def listed(dS: Any, Z: Any, W: Any) -> Any:
    dW, db = network()(dS, Z, W)
    return list(dW.values()), list(db.values())


def counted_from_zero(dS: Any, Z: Any, W: Any) -> Any:
    dW, db = network()(dS, Z, W)
    return {k - 1: v for k, v in dW.items()}, {k - 1: v for k, v in db.items()}


UNFIT = {
    "lists": (listed, "dW is a value of type list: give a dictionary"),
    "keys from 0": (counted_from_zero, "db has nothing for layer 3: its keys are the layers, 1 to 3"),
    "dW alone": (lambda dS, Z, W: network()(dS, Z, W)[0], "return two dictionaries: dW and db"),
    "no biases": (lambda dS, Z, W: (network()(dS, Z, W)[0], {}), "db has nothing for layer 1"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_an_answer_that_is_not_by_layer_is_told_how_to_return_it(chapter: dict[str, Any], name: str) -> None:
    unfit, words = UNFIT[name]
    said = answered(chapter, "ex-network", my_network_backward=unfit)
    assert words in said
    assert "raised an exception" not in said
    assert verdicts(said) == []


STEPS = {
    "no rate": (lambda old, g, rate: old - g, "the step has no rate in it"),
    "gradients": (lambda old, g, rate: g, "that is the gradient; the new weight is asked for"),
    "transposed": (lambda old, g, rate: (old - rate * g).T, "the new W of layer 1 has shape (4, 5)"),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_wrong_step_is_explained(chapter: dict[str, Any], name: str) -> None:
    new, words = STEPS[name]

    def step(dS: Any, Z: Any, W: Any, rate: float) -> Any:
        dW = network()(dS, Z, W)[0]
        return {k: new(W[k], dW[k], rate) for k in W}

    said = answered(chapter, "ex-mistake", my_step=step)
    assert words in said
    assert "correct" not in verdicts(said)
    assert "raised an exception" not in said


def test_new_weights_in_a_list_are_asked_for_by_layer(chapter: dict[str, Any]) -> None:
    right = chapter["solution_step"]
    said = answered(chapter, "ex-mistake", my_step=lambda *given: list(right(*given).values()))
    assert "the new W is a value of type list: give a dictionary" in said


def test_the_given_step_is_refused_and_its_slip_named(chapter: dict[str, Any]) -> None:
    said = answered(chapter, "ex-mistake", my_step=chapter["given_step"])
    assert "✗ dW1, ✗ dW2, ✓ dW3" in said
    assert "dS went down through a weight that had already moved" in said
    assert "no known cause" not in said


def test_a_step_that_works_in_place_in_the_right_order_is_right(chapter: dict[str, Any]) -> None:
    def in_place(dS: Any, Z: Any, W: Any, rate: float) -> Any:
        for k in range(len(W), 0, -1):
            moved = rate * Z[k - 1].T @ dS
            if k > 1:
                dS = (dS @ W[k].T) * (1 - Z[k - 1] ** 2)
            W[k] -= moved
        return W

    assert verdicts(answered(chapter, "ex-mistake", my_step=in_place)) == ["correct"]


def test_a_step_uphill_is_told_so(chapter: dict[str, Any]) -> None:
    right = chapter["solution_step"]
    said = answered(chapter, "ex-mistake", my_step=lambda dS, Z, W, rate: right(dS, Z, W, -rate))
    assert "the step went uphill" in said or "wrong sign" in said
    assert verdicts(said) == ["incorrect"]


RESIDUAL = {
    "direct way missing": (
        lambda d, X, W, T: (d * (1 - T * T) @ W.T, X.T @ (d * (1 - T * T)), (d * (1 - T * T)).sum(0)),
        "the direct way of X is missing",
        "✗ dX, ✓ dW, ✓ db",
    ),
    "slope on both ways": (
        lambda d, X, W, T: (
            d * (1 - T * T) + d * (1 - T * T) @ W.T,
            X.T @ (d * (1 - T * T)),
            (d * (1 - T * T)).sum(0),
        ),
        "on the direct way dZ meets no slope",
        "✗ dX, ✓ dW, ✓ db",
    ),
    "W not transposed": (
        lambda d, X, W, T: (
            d + d * (1 - T * T) @ W,
            X.T @ (d * (1 - T * T)),
            (d * (1 - T * T)).sum(0),
        ),
        "W has to be transposed on the way down",
        "✗ dX, ✓ dW, ✓ db",
    ),
    "direct way alone": (
        lambda d, X, W, T: (d, X.T @ (d * (1 - T * T)), (d * (1 - T * T)).sum(0)),
        "that is the direct way of X, and nothing else",
        "✗ dX, ✓ dW, ✓ db",
    ),
    "tanh skipped": (
        lambda d, X, W, T: (d + d @ W.T, X.T @ d, d.sum(0)),
        "dZ went past the tanh",
        "✗ dX, ✗ dW, ✗ db",
    ),
    "slope of the sum": (
        lambda d, X, W, T: (
            d + d * (1 - (X + T) ** 2) @ W.T,
            X.T @ (d * (1 - (X + T) ** 2)),
            (d * (1 - (X + T) ** 2)).sum(0),
        ),
        "the slope takes T",
        "✗ dX, ✗ dW, ✗ db",
    ),
}


@pytest.mark.parametrize("name", RESIDUAL)
def test_a_wrong_way_around_the_layer_is_explained(chapter: dict[str, Any], name: str) -> None:
    wrong, words, parts = RESIDUAL[name]
    said = answered(chapter, "ex-residual", my_residual_backward=wrong)
    assert words in said
    assert parts in said
    assert verdicts(said) == ["incorrect"]


def recomputing(again: Any) -> Any:
    def backward(dS: Any, kept: Any, W: Any, b: Any) -> Any:
        Z = {0: kept[0], 2: kept[2], 1: again(kept[0], W[1], b[1]), 3: again(kept[2], W[3], b[3])}
        return network()(dS, Z, W)

    return backward


def test_recomputing_is_judged_by_its_gradients(chapter: dict[str, Any]) -> None:
    cases = {
        "correct": lambda z, W, b: np.tanh(z @ W + b),
        "incorrect": lambda z, W, b: np.tanh(z @ W),
    }
    for verdict, again in cases.items():
        said = answered(chapter, "ex-recompute", my_recomputing_backward=recomputing(again))
        assert verdicts(said) == [verdict]
    forgot = answered(
        chapter, "ex-recompute", my_recomputing_backward=lambda d, kept, W, b: network()(d, kept, W)
    )
    assert "your function raised an exception" in forgot


STUBS = {
    "ex-layer": "my_layer_backward",
    "ex-columns": "my_columns_backward",
    "ex-network": "my_network_backward",
    "ex-mistake": "my_step",
    "ex-residual": "my_residual_backward",
    "ex-recompute": "my_recomputing_backward",
}


@pytest.mark.parametrize("answer", [np.ones(3), 1.0, (), {"x": 1}, "dx", (None, None), np.array(["a"])])
def test_any_object_as_an_answer_is_judged_without_an_exception(chapter: dict[str, Any], answer: Any) -> None:
    for exercise, name in STUBS.items():
        said = answered(chapter, exercise, **{name: lambda *_: answer})
        assert said
        assert "correct" not in verdicts(said)


@pytest.mark.parametrize(
    "formula", [None, 3, "", "X +", "dS2", "exp(exp(exp(dZ2 * 1e9)))", "__import__('os')"]
)
def test_any_text_as_a_formula_is_judged_without_an_exception(chapter: dict[str, Any], formula: Any) -> None:
    said = answered(chapter, "ex-sigmoids", **{**SIGMOIDS, "my_dS2": formula})
    assert verdicts(said).count("correct") == 3
