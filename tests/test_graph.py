"""graph: traces, their gradients node by node, and every operation against an independent autodiff library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

from handgrad import graph
from handgrad.errors import HandgradError, ShapeError, UnknownNameError


def neuron(w0: Any, x0: Any, w1: Any, x1: Any, w2: Any) -> Any:
    s = graph.name(w0 * x0 + w1 * x1 + w2, "s")
    return graph.name(1 / (1 + np.exp(-s)), "f")


def neuron_graph() -> graph.Graph:
    g = graph.trace(neuron, w0=2, x0=-1, w1=-3, x1=-2, w2=-3)
    g.backward()
    return g


# Source 001.3, exact: with f = sigmoid(1), ds = f (1 − f).
F = 1 / (1 + np.exp(-1))
DS = F * (1 - F)
NEURON = {
    "w0": (2, -DS),
    "x0": (-1, 2 * DS),
    "w1": (-3, -2 * DS),
    "x1": (-2, -3 * DS),
    "w2": (-3, DS),
    "v1": (-2, DS),
    "v2": (6, DS),
    "v3": (4, DS),
    "s": (1, DS),
    "v5": (-1, -DS),
    "v6": (np.exp(-1), -(F**2)),
    "v7": (1 + np.exp(-1), -(F**2)),
    "f": (F, 1),
}


@pytest.mark.parametrize("name", NEURON)
def test_the_sigmoid_neuron_is_exact_on_every_node(name: str) -> None:
    node = neuron_graph()[name]
    value, gradient = NEURON[name]
    assert node.gradient is not None
    np.testing.assert_allclose(node.value, value, rtol=1e-14)
    np.testing.assert_allclose(node.gradient, gradient, rtol=1e-14)


def test_the_sigmoid_neuron_agrees_with_the_source_to_two_decimals() -> None:
    g = neuron_graph()
    rounded = {k: round(float(n.gradient), 2) for k, n in g.inputs.items() if n.gradient is not None}
    assert rounded == {"w0": -0.2, "x0": 0.39, "w1": -0.39, "x1": -0.59, "w2": 0.2}
    assert round(float(g.output.value), 2) == 0.73


def test_the_schedule_is_the_order_of_evaluation_and_its_reverse() -> None:
    forward, backward = neuron_graph().schedule()
    assert [n.name for n in forward] == ["v1", "v2", "v3", "s", "v5", "v6", "v7", "f"]
    assert [n.name for n in backward] == [n.name for n in forward][::-1]
    assert [n.step for n in forward] == list(range(1, 9))


def test_an_edge_of_scalars_knows_its_local_derivative() -> None:
    g = neuron_graph()
    local = {(g.nodes[e.source].name, g.nodes[e.target].name): e.local for e in g.edges}
    assert local["w0", "v1"] == -1
    assert local["x0", "v1"] == 2
    assert local["v5", "v6"] == pytest.approx(np.exp(-1), rel=1e-15)
    assert local["1", "v7"] is None


def test_gradients_of_a_variable_used_twice_are_added_and_seen_on_each_edge() -> None:
    g = graph.trace(lambda x: x * x + 3 * x, x=5.0)
    g.backward(2.0)
    parts = [float(e.contribution) for e in g.uses(g["x"]) if e.contribution is not None]
    assert parts == [10, 10, 6]
    assert g["x"].gradient == 26


def test_a_broadcast_bias_is_spread_over_the_rows_and_summed_back() -> None:
    rng = np.random.default_rng(0)
    dout = rng.normal(size=(4, 3))
    g = graph.trace(
        lambda x, w, b: x @ w + b, x=rng.normal(size=(4, 5)), w=rng.normal(size=(5, 3)), b=np.ones(3)
    )
    grads = g.backward(dout)
    (edge,) = g.uses(g["b"])
    assert edge.spread is not None
    assert edge.contribution is not None
    np.testing.assert_array_equal(edge.spread, dout)
    np.testing.assert_array_equal(edge.contribution, dout.sum(axis=0))
    np.testing.assert_allclose(grads["w"], g["x"].value.T @ dout, rtol=1e-14)
    np.testing.assert_allclose(grads["x"], dout @ g["w"].value.T, rtol=1e-14)


def test_backward_twice_gives_the_same_gradients() -> None:
    g = neuron_graph()
    once = {n.name: n.gradient for n in g.nodes}
    g.backward()
    assert all(np.array_equal(once[n.name], n.gradient) for n in g.nodes if n.gradient is not None)


def test_a_long_chain_does_not_overflow_the_stack() -> None:
    def chain(x: Any) -> Any:
        for _ in range(20_000):
            x = x + 1
        return x * x

    g = graph.trace(chain, x=1.0)
    assert g.backward()["x"] == 2 * 20_001


def test_an_input_that_is_not_used_gets_zeros() -> None:
    g = graph.trace(lambda x, y: (x * 2).sum(), x=[1.0, 2.0], y=[3.0, 4.0, 5.0])
    np.testing.assert_array_equal(g.backward()["y"], np.zeros(3))


def test_a_mask_carries_no_gradient_and_relu_by_mask_equals_relu() -> None:
    x = np.array([-1.0, 2.0, 0.5])
    dout = np.array([3.0, 5.0, 7.0])
    by_mask = graph.trace(lambda x: x * graph.name(x > 0, "mask"), x=x)
    np.testing.assert_array_equal(by_mask.backward(dout)["x"], [0, 5, 7])
    assert by_mask["mask"].gradient is None
    for relu in (lambda x: graph.relu(x), lambda x: np.maximum(0, x), lambda x: np.where(x > 0, x, 0)):
        np.testing.assert_array_equal(graph.trace(relu, x=x).backward(dout)["x"], [0, 5, 7])


def test_the_conventions_at_kinks_hold() -> None:
    kink = np.array([0.0])
    one = np.array([1.0])
    for f in (lambda x: graph.relu(x), lambda x: abs(x), lambda x: np.maximum(0, x)):
        assert graph.trace(f, x=kink).backward(one)["x"] == 0
    tie = graph.trace(lambda a, b: np.maximum(a, b), a=0, b=0)
    assert tie.backward() == {"a": 1, "b": 0}


# One entry an operation: how to call it on arrays of NumPy (traced or autograd's), and its operands' shapes.
# "positive" operands keep away from 0; sizes differ, so that a transpose cannot hide.
UNARY = ("negative", "exp", "log", "sqrt", "square", "abs", "tanh", "sigmoid", "relu")
BINARY = ("add", "subtract", "multiply", "divide", "power", "maximum", "minimum")
PAIRS = (((4, 3), (4, 3)), ((4, 3), (3,)), ((4, 1), (3,)), ((), (4, 3)), ((2, 1, 3), (5, 1)), ((4, 3), ()))
MATMULS = (
    ((4, 5), (5, 3)),
    ((5,), (5, 3)),
    ((4, 5), (5,)),
    ((5,), (5,)),
    ((2, 4, 5), (5, 3)),
    ((2, 4, 5), (2, 5, 3)),
    ((2, 1, 4, 5), (7, 5, 3)),
    ((5,), (2, 5, 3)),
    ((2, 4, 5), (5,)),
)
REDUCTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"axis": 0},
    {"axis": 1, "keepdims": True},
    {"axis": -1},
    {"axis": (0, 2)},
    {"axis": None, "keepdims": True},
)
ANP: dict[str, Callable[..., Any]] = {
    "sigmoid": lambda x: 1 / (1 + anp.exp(-x)),
    "relu": lambda x: anp.maximum(0, x),
    "matmul": anp.matmul,
}
MASKS = {"greater", "greater_equal", "less", "less_equal", "equal", "not_equal"}


def cases() -> list[tuple[str, Callable[..., Any], Callable[..., Any], tuple[tuple[int, ...], ...]]]:
    found: list[tuple[str, Callable[..., Any], Callable[..., Any], tuple[tuple[int, ...], ...]]] = []

    def add(op: str, ours: Callable[..., Any], theirs: Callable[..., Any], *shapes: tuple[int, ...]) -> None:
        found.append((op, ours, theirs, shapes))

    for op in UNARY:
        ours = getattr(graph, op, None) or getattr(np, op)
        for shape in ((), (4, 3)):
            add(op, ours, ANP.get(op) or getattr(anp, op), shape)
    for op in BINARY:
        for pair in PAIRS:
            add(op, getattr(np, op), getattr(anp, op), *pair)
    for pair in MATMULS:
        add("matmul", np.matmul, anp.matmul, *pair)
    for op in ("sum", "mean", "max", "var"):
        for options in REDUCTIONS:
            ours, theirs = getattr(np, op), getattr(anp, op)
            add(
                op,
                lambda x, f=ours, o=options: f(x, **o),
                lambda x, f=theirs, o=options: f(x, **o),
                (4, 3, 2),
            )
    add("transpose", np.transpose, anp.transpose, (4, 3, 2))
    add("transpose", lambda x: np.transpose(x, (1, 2, 0)), lambda x: anp.transpose(x, (1, 2, 0)), (4, 3, 2))
    add("transpose", lambda x: x.transpose(2, 0, 1), lambda x: anp.transpose(x, (2, 0, 1)), (4, 3, 2))
    add("reshape", lambda x: x.reshape(6, -1), lambda x: anp.reshape(x, (6, -1)), (4, 3, 2))
    add("reshape", lambda x: np.reshape(x, (-1,)), lambda x: anp.reshape(x, (-1,)), (4, 3, 2))
    for index in (1, (slice(None), 2), ([0, 2, 2, 3], [1, 0, 0, 1]), (Ellipsis, None)):
        add("getitem", lambda x, i=index: x[i], lambda x, i=index: x[i], (4, 3, 2))
    mask = np.random.default_rng(3).random((4, 3)) > 0.5
    for pair in PAIRS[:2]:  # autograd's where does not sum over a broadcast operand by itself
        full = anp.zeros((4, 3))
        add("where", lambda a, b: np.where(mask, a, b), lambda a, b, z=full: anp.where(mask, a, b + z), *pair)
    for op in sorted(MASKS):
        ours, theirs = getattr(np, op), getattr(anp, op)
        add(op, lambda a, b, f=ours: a * b * f(a, b), lambda a, b, f=theirs: a * b * f(a, b), (4, 3), (3,))
    return found


def test_every_operation_of_the_table_is_compared_with_autograd() -> None:
    assert {op for op, *_ in cases()} == set(graph.OPS)


@pytest.mark.parametrize(
    ("op", "ours", "theirs", "shapes"), [pytest.param(*c, id=f"{c[0]}-{i}") for i, c in enumerate(cases())]
)
def test_an_operation_agrees_with_autograd(
    op: str, ours: Callable[..., Any], theirs: Callable[..., Any], shapes: tuple[tuple[int, ...], ...]
) -> None:
    rng = np.random.default_rng(7)
    positive = op in ("log", "sqrt", "power", "divide")
    arrays = [rng.uniform(0.3, 2, s) if positive else rng.normal(size=s) for s in shapes]
    g = graph.trace(lambda **kw: ours(*kw.values()), **{f"x{i}": a for i, a in enumerate(arrays)})
    expected = theirs(*arrays)
    np.testing.assert_allclose(g.output.value, expected, rtol=1e-13)
    dout = rng.normal(size=np.shape(expected))
    grads = g.backward(dout)
    for i, array in enumerate(arrays):
        reference = autograd.grad(lambda *a: anp.sum(theirs(*a) * dout), i)(*arrays)
        assert grads[f"x{i}"].shape == array.shape
        np.testing.assert_allclose(grads[f"x{i}"], reference, rtol=1e-12, atol=1e-14)


def test_traced_values_work_on_either_side_of_an_operator() -> None:
    c = np.array([1.5, 2.5])
    g = graph.trace(lambda x: (2 - x) + (3 / x) * c + 2**x + x**2 - (c @ x) + abs(-x), x=[1.0, 2.0])
    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(
        g.output.value, (2 - x) + 3 / x * c + 2**x + x**2 - c @ x + abs(-x), rtol=1e-15
    )
    expected = autograd.grad(lambda x: anp.sum((2 - x) + 3 / x * c + 2**x + x**2 - c @ x + abs(-x)))(x)
    np.testing.assert_allclose(g.backward(np.ones(2))["x"], expected, rtol=1e-13)


def test_the_modules_functions_take_plain_arrays_too() -> None:
    x = np.array([-800.0, 0.0, 800.0])
    np.testing.assert_array_equal(graph.sigmoid(x), [0, 0.5, 1])
    np.testing.assert_array_equal(graph.relu(x), [0, 0, 800])
    assert graph.name(3, "three") == 3


def test_rows_of_a_traced_array_can_be_iterated() -> None:
    g = graph.trace(lambda x: sum(row @ row for row in x), x=[[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(g.backward()["x"], [[2, 4], [6, 8]])


def test_values_cannot_be_changed_after_the_trace() -> None:
    x = np.ones(2)
    g = graph.trace(lambda x: x * 2, x=x)
    x[0] = 9
    assert g["x"].value[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        g["x"].value[0] = 9


def test_assignment_into_an_array_is_refused_with_what_to_write_instead() -> None:
    def f(x: Any) -> Any:
        x[x <= 0] = 0
        return x

    with pytest.raises(HandgradError, match=r"an entry of x was assigned to\n  .*in place.*\n  .*np.where"):
        graph.trace(f, x=[1.0, -1.0])


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (
            lambda x: np.linalg.inv(x),
            "trace: np.inv is not traced\n  write it with the operations add, subtract",
        ),
        (lambda x: np.sin(x), "trace: np.sin is not traced"),
        (lambda x: np.add.reduce(x), r"trace: np.add.reduce is not traced"),
        (lambda x: np.exp(x, where=True), "trace: np.exp with where is not traced"),
        (lambda x: np.array(x), "trace: x was converted to a plain array"),
        (lambda x: 3.0, "trace: the function returned a float, not a traced value"),
        (
            lambda x: x @ np.ones((3, 2)),
            r"trace: matmul cannot be applied\n  x: \(2, 2\)\n  a constant: \(3, 2\)",
        ),
    ],
)
def test_what_cannot_be_traced_is_named(f: Callable[..., Any], message: str) -> None:
    with pytest.raises(HandgradError, match=message):
        graph.trace(f, x=np.eye(2))


def test_a_value_of_another_trace_is_refused() -> None:
    kept: list[Any] = []
    graph.trace(lambda y: kept.append(y) or y * 1, y=1.0)
    with pytest.raises(HandgradError, match="trace: y belongs to another trace"):
        graph.trace(lambda x: x * kept[0], x=1.0)


def test_two_nodes_of_one_name_are_refused() -> None:
    with pytest.raises(HandgradError, match="name: two nodes are named 'x'"):
        graph.trace(lambda x: graph.name(x * 2, "x"), x=1.0)


def test_a_missing_or_wrong_dout_is_explained() -> None:
    g = graph.trace(lambda x: x * 2, x=np.ones((2, 3)))
    with pytest.raises(ShapeError, match=r"the output has shape \(2, 3\)\n  pass dout of that shape"):
        g.backward()
    with pytest.raises(ShapeError, match=r"dout: expected shape \(2, 3\), got \(3, 2\)"):
        g.backward(np.ones((3, 2)))


def test_an_unknown_node_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"no node 'w5'\n  did you mean 'w"):
        neuron_graph()["w5"]
