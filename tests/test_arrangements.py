from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from handgrad import formula
from handgrad.errors import FormulaError, SpecError, UnknownNameError
from handgrad.shapes import arrangements, distinguish, parse_axes, shape_of

DW = {"X": "N D", "G": "N C"}


def made(factors: dict[str, str], sizes: dict[str, int], seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape_of(parse_axes(text), sizes)) for name, text in factors.items()}


# ---------------------------------------------------------------- the count that the sources got wrong


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"N": 7, "D": 5, "C": 3}, [("X.T @ G", ())]),
        ({"N": 7, "D": 5, "C": 5}, [("X.T @ G", ()), ("G.T @ X", ("D = C",))]),
        ({"N": 5, "D": 5, "C": 3}, [("X.T @ G", ()), ("X @ G", ("D = N",))]),
        ({"N": 3, "D": 5, "C": 3}, [("X.T @ G", ()), ("X.T @ G.T", ("C = N",))]),
    ],
)
def test_dw_has_one_candidate_and_a_second_where_two_sizes_coincide(
    sizes: dict[str, int], expected: list[tuple[str, tuple[str, ...]]]
) -> None:
    found = arrangements("D C", DW, sizes=sizes)
    assert [(str(a), a.only_if) for a in found] == expected
    assert {a.shape for a in found} == {(sizes["D"], sizes["C"])}


@pytest.mark.parametrize("size", [1, 2, 4, 1000])
def test_dw_has_twelve_candidates_where_all_sizes_coincide(size: int) -> None:
    found = arrangements("D C", DW, sizes={"N": size, "D": size, "C": size})
    assert {str(a) for a in found} == {
        "X.T @ G", "X @ G", "X @ G.T", "X.T @ G.T", "G @ X", "G.T @ X", "G @ X.T", "G.T @ X.T",
        "X * G", "X.T * G", "X * G.T", "X.T * G.T",
    }  # fmt: skip
    assert len(found) == 12
    by_name = {str(a): a.only_if for a in found}
    assert str(found[0]) == "X.T @ G"
    assert by_name["X.T @ G"] == ()
    assert by_name["G.T @ X"] == ("D = C",)
    assert by_name["X @ G"] == ("D = N",)
    assert by_name["X * G"] == ("D = C = N",)


def test_arrangements_are_values_that_can_be_kept_in_a_set() -> None:
    assert len({*arrangements("D C", DW), *arrangements("D C", DW)}) == 1


def test_without_sizes_axes_of_different_names_differ() -> None:
    (only,) = arrangements("D C", DW)
    assert (str(only), only.shape, only.axes) == ("X.T @ G", ("D", "C"), ("D", "C"))


def test_a_written_size_can_coincide_with_a_named_axis() -> None:
    found = arrangements("D 1", {"X": "N D", "r": "N 1"}, sizes={"N": 7, "D": 1})
    assert [(str(a), a.only_if) for a in found] == [("X.T @ r", ()), ("r.T @ X", ("D = 1",))]


def test_three_factors_keep_their_brackets() -> None:
    factors = {"G": "N H", "S": "N H", "W": "D H"}
    (only,) = arrangements("N D", factors, sizes={"N": 7, "H": 3, "D": 5})
    assert str(only) == "(G * S) @ W.T"
    arrays = made(factors, {"N": 7, "H": 3, "D": 5})
    np.testing.assert_allclose(only.evaluate(arrays), (arrays["G"] * arrays["S"]) @ arrays["W"].T)


@pytest.mark.parametrize(("count", "number"), [(1, 2), (2, 12), (3, 152), (4, 3120)])
def test_square_factors_of_one_size_number_as_series_parallel_orders_do(count: int, number: int) -> None:
    # 2**n ways to transpose the factors, times 1, 3, 19, 195 trees of ordered @ and unordered *
    factors = dict.fromkeys("PQRS"[:count], "A A")
    assert len(arrangements("A A", factors)) == number


def test_the_condition_is_what_the_fit_needs_and_no_more() -> None:
    """Dropping any coincidence from the sizes drops exactly the formulas that name it."""
    names = ("N", "D", "C")
    full = {str(a): a.only_if for a in arrangements("D C", DW, sizes=dict.fromkeys(names, 4))}
    for pair in combinations(names, 2):
        sizes = {name: 4 if name in pair else 5 for name in names}
        here = {str(a) for a in arrangements("D C", DW, sizes=sizes)}
        allowed = {
            text for text, needs in full.items() if all(set(need.split(" = ")) <= set(pair) for need in needs)
        }
        assert here == allowed


# ---------------------------------------------------------------- telling the true one


def test_numbers_tell_the_true_one_from_its_impostors() -> None:
    sizes = {"N": 4, "D": 4, "C": 4}
    arrays = made(DW, sizes)
    found = arrangements("D C", DW, sizes=sizes)
    right, impostors = distinguish(found, arrays, np.einsum("nd,nc->dc", arrays["X"], arrays["G"]))
    assert [str(a) for a in right] == ["X.T @ G"]
    assert len(impostors) == 11


def test_a_truth_that_no_arrangement_is_leaves_impostors_only() -> None:
    arrays = made(DW, {"N": 4, "D": 4, "C": 4})
    found = arrangements("D C", DW, sizes={"N": 4, "D": 4, "C": 4})
    right, impostors = distinguish(found, arrays, 2 * arrays["X"].T @ arrays["G"])
    assert (right, len(impostors)) == ([], 12)
    assert distinguish(found, arrays, np.zeros(3)).right == []
    assert distinguish(found, arrays, np.full((4, 4), np.nan)).right == []


def test_evaluating_takes_complex_arrays_and_names_a_missing_one() -> None:
    (only,) = arrangements("D C", DW)
    arrays = made(DW, {"N": 7, "D": 5, "C": 3})
    np.testing.assert_allclose(
        only.evaluate({**arrays, "X": arrays["X"] * 1j}), 1j * arrays["X"].T @ arrays["G"]
    )
    with pytest.raises(FormulaError, match="no array or axis 'G'"):
        only.evaluate({"X": arrays["X"]})


# ---------------------------------------------------------------- vectors


@pytest.mark.parametrize(
    ("target", "factors", "expected"),
    [
        ("D M", {"x": "D", "g": "M"}, ["outer(x, g)"]),
        ("M", {"x": "D", "W": "D M"}, ["x @ W"]),
        ("", {"x": "D", "y": "D"}, ["x @ y"]),
        ("D", {"x": "D", "y": "D"}, ["x * y"]),
        ("N N", {"x": "N", "y": "N"}, ["outer(x, y)", "outer(y, x)"]),
        ("", {"x": "D", "W": "D M", "h": "M"}, ["x @ W @ h"]),
        ("D", {"x": "D", "W": "D M", "h": "M"}, ["x * (W @ h)"]),
        ("", {"s": "", "t": ""}, ["s * t"]),
        ("D", {"s": "", "x": "D"}, []),
    ],
)
def test_vectors_follow_numpy_and_equal_formulas_are_one(
    target: str, factors: dict[str, str], expected: list[str]
) -> None:
    assert [str(a) for a in arrangements(target, factors)] == expected


# ---------------------------------------------------------------- reductions


def test_the_bias_gradient_is_a_sum_over_the_batch() -> None:
    (only,) = arrangements("M", {"G": "N M"}, reductions=True)
    assert (str(only), only.only_if) == ("sum(G, axis=N)", ())
    (kept,) = arrangements("1 M", {"G": "N M"}, reductions=True)
    assert str(kept) == "sum(G, axis=N, keepdims=True)"
    assert arrangements("M", {"G": "N M"}) == []


def test_a_reduction_gives_the_d_by_n_matrix_that_one_will_never_get() -> None:
    factors, sizes = {"X": "N D", "S": "N C"}, {"N": 7, "D": 5, "C": 3}
    assert arrangements("D N", factors, sizes=sizes) == []
    found = arrangements("D N", factors, sizes=sizes, reductions=True)
    arrays = made(factors, sizes)
    truth = arrays["X"].T * arrays["S"].sum(axis=1)
    assert [str(a) for a in found] == ["X.T * sum(S, axis=C)"]
    assert [str(a) for a in distinguish(found, arrays, truth).right] == ["X.T * sum(S, axis=C)"]


def test_an_axis_of_size_one_broadcasts_and_the_condition_says_so() -> None:
    found = arrangements("N D", {"X": "N D", "r": "N C"}, sizes={"N": 7, "D": 5, "C": 1}, reductions=True)
    assert ("X * sum(r, axis=N)", ("C = 1",)) in [(str(a), a.only_if) for a in found]
    bias = arrangements("N M", {"S": "N M", "b": "M"}, reductions=True)
    assert ("S * b", ()) in [(str(a), a.only_if) for a in bias]
    assert arrangements("N M", {"S": "N M", "b": "M"}) == []


def test_a_formula_that_fits_by_names_is_read_back_and_agrees() -> None:
    factors, sizes = {"X": "N D", "G": "N C", "b": "C"}, {"N": 7, "D": 5, "C": 3}
    types = {name: parse_axes(text) for name, text in factors.items()}
    arrays = made(factors, sizes)
    found = arrangements("D C", factors, sizes=sizes, reductions=True)
    assert len(found) == 3
    for a in found:
        assert a.only_if == ()
        again = formula.parse(str(a))
        assert again.infer(types) == ("D", "C")
        np.testing.assert_allclose(again.evaluate(arrays, sizes, types), a.evaluate(arrays))


# ---------------------------------------------------------------- brute force, written independently


def trees(
    names: tuple[str, ...], arrays: dict[str, Any], sums: int, loose: bool
) -> Iterator[tuple[int, Any]]:
    """Values of every binary tree over the names with a transpose at any node, and how many sums it used."""

    def node(value: Any, used: int) -> Iterator[tuple[int, Any]]:
        for turned in (value, value.T) if value.ndim == 2 else (value,):
            yield used, turned
            if used < sums:
                for axis in range(turned.ndim):
                    for keepdims in (False, True):
                        total = turned.sum(axis=axis, keepdims=keepdims)
                        yield used + 1, total
                        yield used + 1, total.T

    if len(names) == 1:
        yield from node(arrays[names[0]], 0)
        return
    for count in range(1, len(names)):
        for left in combinations(names, count):
            right = tuple(name for name in names if name not in left)
            rights = list(trees(right, arrays, sums, loose))
            for used, a in trees(left, arrays, sums, loose):
                for more, b in rights:
                    if used + more <= sums:
                        for value in products(a, b, loose):
                            yield from node(value, used + more)


def products(a: Any, b: Any, loose: bool) -> Iterator[Any]:
    if a.ndim and b.ndim and a.shape[-1] == b.shape[0]:
        yield np.asarray(a @ b)
    if a.ndim == b.ndim == 1:
        yield np.outer(a, b)
    if a.shape == b.shape:
        yield a * b
    elif loose:
        try:
            yield a * b
        except ValueError:
            return


def distinct(values: Iterator[tuple[int, Any]], shape: tuple[int, ...]) -> list[Any]:
    kept: dict[tuple[float, ...], Any] = {}
    for _, value in values:
        if value.shape == shape:
            kept.setdefault(tuple(float(f"{v:.6e}") for v in value.ravel()), value)
    return list(kept.values())


def assert_one_to_one(found: list[Any], values: list[Any]) -> None:
    assert len(found) == len(values)
    for value in values:
        assert sum(np.allclose(value, other, rtol=1e-7, atol=0) for other in found) == 1


def random_case(seed: int, count: int, ranks: tuple[int, ...]) -> tuple[str, dict[str, str], dict[str, int]]:
    draw = random.Random(seed)
    axes = ["A", "B", "C"]
    sizes = {axis: draw.choice([2, 3]) for axis in axes}
    factors = {name: " ".join(draw.choices(axes, k=draw.choice(ranks))) for name in "XYZ"[:count]}
    # a target from the axes at hand, so that most cases have an answer
    pool = " ".join(factors.values()).split() or axes
    return " ".join(draw.choices(pool, k=draw.choice(ranks))), factors, sizes


@pytest.mark.parametrize("ranks", [(2,), (1, 2), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("count", [2, 3])
def test_arrangements_are_those_of_brute_force(count: int, ranks: tuple[int, ...]) -> None:
    total = 0
    for seed in range(80 if count == 2 else 30):
        target, factors, sizes = random_case(seed, count, ranks)
        arrays = made(factors, sizes, seed)
        shape = shape_of(parse_axes(target), sizes)
        found = [a.evaluate(arrays) for a in arrangements(target, factors, sizes=sizes)]
        assert_one_to_one(found, distinct(trees(tuple(factors), arrays, 0, False), shape))
        total += len(found)
    assert total > 20


@pytest.mark.parametrize(("count", "cases"), [(1, 20), (2, 40), (3, 4)])
def test_arrangements_with_reductions_are_those_of_brute_force(count: int, cases: int) -> None:
    total = 0
    for seed in range(cases):
        target, factors, sizes = random_case(seed, count, (1, 2))
        arrays = made(factors, sizes, seed)
        shape = shape_of(parse_axes(target), sizes)
        found = [a.evaluate(arrays) for a in arrangements(target, factors, sizes=sizes, reductions=True)]
        assert_one_to_one(found, distinct(trees(tuple(factors), arrays, 1, True), shape))
        total += len(found)
    assert total > 5


# ---------------------------------------------------------------- bounds


def test_too_many_factors_are_refused_and_not_searched() -> None:
    factors = {f"X{i}": "A A" for i in range(6)}
    with pytest.raises(SpecError, match="arrangements: 6 factors, expected from 1 to 5 without reductions"):
        arrangements("A A", factors)
    with pytest.raises(SpecError, match="arrangements: 4 factors, expected from 1 to 3 with reductions"):
        arrangements("A A", {f"X{i}": "A A" for i in range(4)}, reductions=True)
    with pytest.raises(SpecError, match="arrangements: 0 factors"):
        arrangements("A A", {})


def test_five_factors_of_different_sizes_are_searched() -> None:
    chain = {"A": "I J", "B": "J K", "C": "K L", "D": "L M", "E": "M N"}
    assert [str(a) for a in arrangements("I N", chain)] == ["A @ B @ C @ D @ E"]


def test_axes_that_cannot_be_arranged_are_refused() -> None:
    with pytest.raises(SpecError, match=r"X is \(N, C, H\), expected a scalar, vector or matrix"):
        arrangements("N", {"X": "N C H"})
    with pytest.raises(SpecError, match=r"the target is \(N, \.\.\.\)"):
        arrangements("N ...", {"X": "N D"})
    with pytest.raises(SpecError, match="expected an axis"):
        arrangements("N D", {"X": "N, D"})
    with pytest.raises(UnknownNameError, match="axis 'C' has no size"):
        arrangements("D C", DW, sizes={"N": 7, "D": 5})
    with pytest.raises(SpecError, match=r"the size of C is 2\.5"):
        arrangements("D C", DW, sizes={"N": 7, "D": 5, "C": 2.5})  # type: ignore[dict-item]
