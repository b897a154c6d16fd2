"""The four routes: the same numbers, and costs counted once more by hand."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import numpy as np
import pytest

from handgrad import numeric
from handgrad.derive import derive
from handgrad.derive.concordances import LAYERS, concordance
from handgrad.derive.prove import OPEN, open_operand
from handgrad.derive.routing import ROUTES, mixed, routes, vec_route
from handgrad.derive.symbols import symbols
from handgrad.derive.vec import jacobian
from handgrad.errors import HandgradError, ShapeError, UnknownNameError
from handgrad.expressions import value
from tests.derive.test_random import draw

N, D, C = 4, 3, 2
SIZES = {"N": N, "D": D, "C": C}


class Meter:
    """Counts what loops do: `add` is one multiplication with the addition that follows it, `one` anything else."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, total: float, a: float, b: float = 1.0) -> float:
        self.count += 1
        return total + a * b

    def one(self, value: float) -> float:
        self.count += 1
        return value


def forward(name: str, sizes: dict[str, int], seed: int = 3) -> tuple[Any, dict[str, Any]]:
    derivation = derive(LAYERS[name])
    program, rng = derivation.program, np.random.default_rng(seed)
    known = program.run(program.sample(rng, sizes), sizes)
    shape = np.shape(known[program.out])
    known[derivation.upstream] = np.ones(()) if program.scalar else rng.standard_normal(shape)
    return derivation, known


def costs(route: Any) -> dict[str, int]:
    return {line.name: line.multiply_adds for line in route.lines}


# ---- the counts, by loops ------------------------------------------------------------------------


def test_the_elements_of_an_affine_layer_cost_what_loops_count() -> None:
    derivation, known = forward("affine", SIZES)
    route = routes(derivation, "elements", SIZES, known)
    x, w, g = known["X"], known["W"], known["dS"]
    found, counts = {"dW": np.zeros((D, C)), "dX": np.zeros((N, D)), "db": np.zeros(C)}, {}
    meter = Meter()
    for n, d, c in np.ndindex(N, D, C):
        found["dW"][d, c] = meter.add(found["dW"][d, c], x[n, d], g[n, c])
    counts["dW"] = meter.count
    meter = Meter()
    for n, d, c in np.ndindex(N, D, C):
        found["dX"][n, d] = meter.add(found["dX"][n, d], g[n, c], w[d, c])
    counts["dX"] = meter.count
    meter = Meter()
    for n, c in np.ndindex(N, C):
        found["db"][c] = meter.add(found["db"][c], g[n, c])
    counts["db"] = meter.count
    assert costs(route) == counts == {"dW": 24, "dX": 24, "db": 8}
    assert route.held == sum(a.size for a in found.values())
    for name, looped in found.items():
        np.testing.assert_allclose(route.values[name], looped, rtol=1e-12)


def test_the_elements_of_batch_normalisation_cost_what_loops_count() -> None:
    derivation, known = forward("batchnorm", {"N": N, "D": D})
    route = routes(derivation, "elements", {"N": N, "D": D}, known)
    g, xhat, gamma, std = (known[name] for name in ("dout", "xhat", "gamma", "std"))
    meter, dx = Meter(), np.zeros((N, D))
    for n, d in np.ndindex(N, D):
        direct = meter.one(meter.one(g[n, d] * gamma[d]) / std[d])
        moved = spread = 0.0
        for m in range(N):
            moved = meter.add(moved, g[m, d], xhat[m, d])
            spread = meter.add(spread, g[m, d])
        moved = meter.one(meter.one(meter.one(moved * gamma[d]) * xhat[n, d]) / N)
        spread = meter.one(meter.one(spread * gamma[d]) / N)
        # the last factor of a term goes into the total together with its sign
        dx[n, d] = meter.add(meter.add(direct, -moved, 1 / std[d]), -spread, 1 / std[d])
    assert costs(route)["dx"] == meter.count
    np.testing.assert_allclose(route.values["dx"], dx, rtol=1e-10)


def test_the_elements_of_softmax_cost_what_loops_count() -> None:
    derivation, known = forward("softmax", {"N": N, "C": C})
    route = routes(derivation, "elements", {"N": N, "C": C}, known)
    meter, ds = Meter(), np.zeros((N, C))
    for n, c in np.ndindex(N, C):
        hit = meter.one(float(c == known["y"][n]))
        ds[n, c] = meter.add(meter.one(known["P"][n, c] / N), -hit, 1 / N)
    assert costs(route) == {"dS": meter.count} == {"dS": 3 * N * C}
    np.testing.assert_allclose(route.values["dS"], ds, rtol=1e-12)


def test_a_function_of_the_elements_is_computed_once_and_held() -> None:
    derivation, known = forward("relu", {"N": N, "D": D})
    route = routes(derivation, "elements", {"N": N, "D": D}, known)
    meter, mask, dx = Meter(), np.zeros((N, D)), np.zeros((N, D))
    for n, d in np.ndindex(N, D):
        mask[n, d] = meter.one(float(known["x"][n, d] > 0))
    for n, d in np.ndindex(N, D):
        dx[n, d] = meter.one(known["dout"][n, d] * mask[n, d])
    assert (route.multiply_adds, route.held) == (meter.count, mask.size + dx.size)


def test_the_graph_of_batch_normalisation_costs_what_loops_count() -> None:
    sizes = {"N": N, "D": D}
    derivation, known = forward("batchnorm", sizes)
    route = routes(derivation, "graph", sizes, known)
    meter, value = Meter(), dict(known)

    def each(f: Any, *arrays: Any) -> Any:
        wide = np.broadcast_arrays(*arrays)
        out = np.zeros(wide[0].shape)
        for place in np.ndindex(*out.shape):
            out[place] = meter.one(f(*(a[place] for a in wide)))
        return out

    def total(a: Any) -> Any:
        out = np.zeros(D)
        for n, d in np.ndindex(N, D):
            out[d] = meter.add(out[d], a[n, d])
        return out

    def times(a: float, b: float) -> float:
        return a * b

    def over(a: float, b: float) -> float:
        return a / b

    def minus(a: float) -> float:
        return -a

    def plus(a: float, b: float) -> float:
        return a + b

    g = known["dout"]
    value["dxhat"] = each(times, g, known["gamma"])
    square = each(lambda a: a**2, known["std"])
    value["dstd"] = total(each(over, each(times, each(minus, value["dxhat"]), known["xc"]), square))
    value["dvar_"] = each(over, value["dstd"], each(times, 2.0 * np.ones(D), known["std"]))
    copies = each(over, np.broadcast_to(value["dvar_"], (N, D)), float(N) * np.ones((N, D)))
    first = each(over, value["dxhat"], known["std"])
    second = each(times, copies, each(times, 2.0 * np.ones((N, D)), known["xc"]))
    value["dxc"] = each(plus, first, second)
    value["dmu"] = total(each(minus, value["dxc"]))
    value["dbeta"] = total(g)
    value["dgamma"] = total(each(times, g, known["xhat"]))
    moved = each(over, np.broadcast_to(value["dmu"], (N, D)), float(N) * np.ones((N, D)))
    value["dx"] = each(plus, value["dxc"], moved)
    assert route.multiply_adds == meter.count
    for name in ("dx", "dgamma", "dbeta"):
        np.testing.assert_allclose(route.values[name], value[name], rtol=1e-10)


@pytest.mark.parametrize("order", ["C", "F"])
def test_full_jacobians_cost_what_loops_count_and_are_held_one_at_a_time(order: Any) -> None:
    derivation, known = forward("affine", SIZES)
    route = vec_route(derivation, order, SIZES, known)
    g = known["dS"].ravel(order=order)
    copies = np.kron(np.ones((N, 1)), np.eye(C)) if order == "C" else np.kron(np.eye(C), np.ones((N, 1)))
    x, w = known["X"], known["W"]
    by_w = np.kron(x, np.eye(C)) if order == "C" else np.kron(np.eye(C), x)
    by_x = np.kron(np.eye(N), w.T) if order == "C" else np.kron(w.T, np.eye(N))
    meter, kept, peak = Meter(), 0, 0
    for name, matrix, shape in (("db", copies, (C,)), ("dW", by_w, (D, C)), ("dX", by_x, (N, D))):
        row = np.zeros(matrix.shape[1])
        for i, j in np.ndindex(*matrix.shape):
            row[j] = meter.add(row[j], g[i], matrix[i, j])
        peak = max(peak, kept + matrix.size + row.size)
        kept += row.size
        np.testing.assert_allclose(route.values[name], row.reshape(shape, order=order), rtol=1e-12)
    assert (route.multiply_adds, route.held) == (meter.count, peak)


def test_the_counts_at_the_sizes_of_a_small_network_are_exact() -> None:
    table = concordance("affine", sizes={"N": 32, "D": 64, "C": 10})
    one_way = 32 * 64 * 10
    assert table["elements"].route.multiply_adds == 2 * one_way + 32 * 10
    assert table["graph"].route.multiply_adds == table["shapes"].route.multiply_adds == 2 * one_way + 32 * 10
    assert table["graph"].route.held == 10 + 640 + 2048
    jacobians = 320 * (10 + 640 + 2048)
    assert table["vec row-major"].route.multiply_adds == jacobians == 863_360
    assert table["vec column-major"].route.held == 320 * 2048 + 10 + 640 + 2048


# ---- the numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_has_the_same_gradients_by_all_routes(name: str) -> None:
    table = concordance(name)
    assert [entry.name for entry in table.entries] == [
        "elements",
        "shapes",
        "vec row-major",
        "vec column-major",
        "graph",
    ]
    assert [entry.name for entry in table.entries if not entry.same] == []
    assert table.ok


def test_a_route_with_a_wrong_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from handgrad.derive import elements

    right = elements.Entrywise.evaluate

    def wrong(self: Any, values: Any, sizes: Any) -> Any:
        return right(self, values, sizes) * (1 + 1e-6 * (self.name == "dW"))

    monkeypatch.setattr(elements.Entrywise, "evaluate", wrong)
    table = concordance("affine")
    assert not table.ok
    assert [entry.name for entry in table.entries if not entry.same] == ["elements"]
    row = next(line for line in str(table).splitlines() if line.startswith("elements"))
    assert row.split() == ["elements", "231", "53", "NO"]


def test_the_numbers_are_compared_at_small_sizes_where_a_jacobian_is_too_large() -> None:
    table = concordance("batchnorm", sizes={"N": 256, "D": 512})
    assert dict(table.compared) == {"N": 7, "D": 5}
    assert "at N = 7, D = 5: the sizes above are too large for full Jacobians" in str(table)
    assert table["vec row-major"].route.held > 17_000_000_000
    assert table.ok
    wide = concordance(derive("X: N D\nL = sum(X * X)"), sizes={"N": 10**6, "D": 10**6})
    assert dict(wide.compared) == {"N": 7, "D": 5}


# ---- the two orders ------------------------------------------------------------------------------


def test_the_orders_of_vec_give_the_kronecker_products_of_source_003() -> None:
    derivation = derive("x: D;  W: M D;  b: M\nz = W @ x + b\na = sigmoid(z)")
    row, column = (vec_route(derivation, order) for order in ("C", "F"))
    assert "vec(dW)ᵀ = vec(dz_1)ᵀ (I_M ⊗ xᵀ)" in str(row)
    assert "column-major it is xᵀ ⊗ I_M" in str(row)
    assert "vec(dW)ᵀ = vec(dz_1)ᵀ (xᵀ ⊗ I_M)" in str(column)
    assert r"\left( I_{M} \otimes \mathbf{x}^\top \right)" in "".join(line.latex for line in row.lines)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "program",
    [
        "A: N D;  B: D C\nY = A @ B",
        "A: N D;  b: D\nY = A @ b",
        "a: D;  B: D C\nY = a @ B",
        "a: D;  b: D\nL = a @ b",
        "a: N;  b: D\nY = outer(a, b)",
        "A: N D\nY = A.T",
        "A: N D;  b: D\nY = A * b",
        "A: N D;  R: N 1\nY = A / R",
        "A: N D\nY = mean(A, axis=N)",
        "A: N D\nY = sum(A, axis=D, keepdims=True)",
        "A: N D\nL = mean(A)",
        "A: N D\nY = softmax(A, axis=D)",
        "A: N D\nY = var(A, axis=N)",
        "A: N D;  b: K\nY = reshape(A, (K,)) * b",
        "A: N D;  y: N int\nY = A[arange(N), y]",
        "a: N\nY = broadcast_to(a[:, None], (N, 3))",
    ],
)
def test_a_jacobian_is_that_of_complex_steps_in_both_orders(program: str, order: Any) -> None:
    derivation = derive(program)
    p, rng = derivation.program, np.random.default_rng(5)
    sizes = p.sizes()
    known: dict[str, Any] = p.run(p.sample(rng, sizes), sizes)
    for step in derivation.steps:
        opened, types = open_operand(step.line, step.position, step.tokens, derivation.types)

        def f(x: Any, opened: Any = opened, types: Any = types) -> Any:
            return value(opened, {**known, OPEN: x}, sizes, types)

        tensor = numeric.jacobian(f, known[step.name])
        # Fortran's order runs through the first axis of each side first, so both sides are laid out alike
        want = tensor.reshape(np.size(known[step.line.target]), np.size(known[step.name]), order=order)
        got = jacobian(step, derivation, symbols(derivation), order).build(known, sizes)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_mixing_the_orders_gives_other_numbers_and_is_refused() -> None:
    table = concordance("affine_columns", sizes={"N": 5, "D": 3, "C": 2})
    assert {refusal.name for refusal in table.refusals} == {"dW", "dX", "db"}
    assert all(refusal.refused for refusal in table.refusals)
    shown = "dW, column-major J and vec(dS_1), row-major reshape to (C, D): refused"
    assert shown in str(table)


def test_a_mix_that_happens_to_be_right_is_not_called_refused() -> None:
    table = concordance(derive("X: N D;  W: N D\nA = X * W\nL = sum(A)"))
    assert {(r.name, r.refused) for r in table.refusals if r.how.startswith("row-major")} == {
        ("dW", False),
        ("dX", False),
    }
    assert (
        "dX, row-major J, column-major vec(dA): the same numbers here, where the order does not show"
        in str(table)
    )
    derivation, known = forward("affine", {"N": 3, "D": 2, "C": 2})
    known["dS"] = np.ones((3, 2))  # the same in both orders
    right = derivation.run_steps(known, known["dS"], {"N": 3, "D": 2, "C": 2})
    same = mixed(derivation, {"N": 3, "D": 2, "C": 2}, right)["db", "row-major J, column-major vec(dS)"]
    np.testing.assert_allclose(same, right["db"])


# ---- the text ------------------------------------------------------------------------------------


def test_the_affine_layer_is_written_with_indices_and_subscripts() -> None:
    route = routes(derive(LAYERS["affine"]), "elements")
    assert [line.formula for line in route.lines] == [
        "db[c] = Σ_n dS[n,c]",
        "dW[d,c] = Σ_n X[n,d] dS[n,c]",
        "dX[n,d] = Σ_c W[d,c] dS[n,c]",
    ]
    assert route.lines[1].latex == r"\frac{\partial L}{\partial W_{dc}} = \sum_{n} X_{nd} \, G_{nc}"


def test_an_index_is_not_called_as_an_array_is() -> None:
    route = routes(derive("X: N D\nn = sum(X**2, axis=D)\nL = sum(exp(n))"), "elements")
    assert route.lines[-1].formula == "dX[n',d] = 2 L_1[n'] X[n',d]"


def test_softmax_with_cross_entropy_is_written_with_the_label() -> None:
    route = routes(derive(LAYERS["softmax"]), "elements")
    assert route.lines[0].formula == "dS[n,c] = P[n,c] / N - [c = y[n]] / N"
    assert route.lines[0].latex.endswith(r"\frac{P_{nc}}{N} - \frac{[c = y_{n}]}{N}")


def test_shapes_say_what_numbers_decide_and_where_nothing_fits() -> None:
    text = str(routes(derive(LAYERS["batchnorm"]), "shapes"))
    assert "dxhat = dout_1 * gamma\n      3 fit: numbers decide which" in text
    assert "dmu = -sum(dxc, axis=N)\n      one fits: numbers decide the number in front" in text
    assert "nothing fits: every entry of x enters one mean with weight 1/N" in text
    assert "dgamma = sum(dout_1 * xhat, axis=N)" in text


def test_a_slope_without_axes_is_no_number_that_one_draw_decides() -> None:
    derivation = derive("s: ;  b: C\nm = mean(b)\nq = minimum(s, m)\nL = tanh(q)**2")
    route = routes(derivation, "shapes")
    assert [line.formula for line in route.lines if line.name in {"dq", "ds"}] == [
        "dq = dL_1 * (1 - L_1 ** 2)",
        "ds = dq * (s <= m)",
    ]
    assert all(concordance(derivation, seed=seed).ok for seed in range(8))


def test_a_gradient_that_cancels_to_zero_is_the_same_by_all_routes() -> None:
    assert concordance(derive("S: N C\nP = softmax(S, axis=C)\nr = sum(P, axis=C)")).ok


def test_shapes_alone_cannot_give_a_softmax() -> None:
    line = routes(derive("S: N C\nP = softmax(S, axis=C)"), "shapes").lines[0]
    assert line.note.startswith("one fits and is wrong: every entry of S changes every P that shares its sum")


def test_a_route_that_does_not_apply_says_why() -> None:
    derivation = derive("X: B T D;  W: D H\nY = X @ W")
    assert (
        routes(derivation, "shapes").why == "rule one is for matrices, vectors and scalars, and X has 3 axes"
    )
    assert "does not apply: vec is written here for at most two axes, and X has 3" in str(
        routes(derivation, "vec")
    )
    assert routes(derivation, "elements").applies
    assert routes(derivation, "graph").applies
    table = concordance(derivation)
    assert [entry.name for entry in table.entries] == ["elements", "graph"]
    assert "does not apply" in table.markdown()
    assert "does not apply" in table.to_html()
    assert table.ok


def test_every_route_prints_its_cost_at_the_sizes_asked_for() -> None:
    derivation = derive(LAYERS["affine"])
    for route in ROUTES:
        last = str(routes(derivation, route, {"N": 32, "D": 64, "C": 10})).splitlines()[-1]
        assert last.startswith("At N = 32, D = 64, C = 10: "), last


def test_a_concordance_is_a_table_in_text_markdown_html_and_json() -> None:
    table = concordance("affine", sizes={"N": 32, "D": 64, "C": 10})
    row = next(line for line in str(table).splitlines() if line.startswith("graph"))
    assert row.split() == ["graph", "41,280", "2,698", "yes"]
    assert "| vec row-major | 863,360 | 658,058 | yes |" in table.markdown()
    html = table.to_html()
    assert "<caption>" in html
    assert '<th scope="row">vec row-major</th><td>863,360</td>' in html
    data = json.loads(table.to_json())
    assert data["ok"]
    assert data["routes"][0]["lines"][1]["multiply_adds"] == 20_480
    assert str(table) == str(concordance("affine", sizes={"N": 32, "D": 64, "C": 10}))


def test_what_cannot_be_asked_for_is_told() -> None:
    derivation = derive(LAYERS["affine"])
    with pytest.raises(UnknownNameError, match="no route 'shape'"):
        routes(derivation, "shape")
    with pytest.raises(UnknownNameError, match="no layer 'afine'"):
        concordance("afine")
    with pytest.raises(ShapeError, match="axis C has no size"):
        concordance("affine", sizes={"N": 3, "D": 2})
    with pytest.raises(UnknownNameError, match="no axis 'M'"):
        concordance("affine", sizes={"N": 3, "D": 2, "M": 4})
    with pytest.raises(ShapeError, match="axis N has the size 0"):
        concordance("affine", sizes={"N": 0, "D": 2, "C": 4})


def test_random_passes_have_the_same_gradients_by_all_routes_that_apply() -> None:
    rng = Random(11)
    compared = 0
    for _ in range(80):
        text = draw(rng)
        try:
            derivation = derive(text)
        except HandgradError:
            continue
        table = concordance(derivation)
        assert [entry.name for entry in table.entries if not entry.same] == [], text
        compared += 1
    assert compared > 60
