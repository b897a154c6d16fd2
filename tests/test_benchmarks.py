"""The benchmark runs small and without the peers that are not installed; what it times can say no."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from benchmarks import checkers
from benchmarks.accuracy import errors
from benchmarks.checkers import Settings, Size
from benchmarks.peers import PEERS, Task, autograd_layer
from benchmarks.timing import interleave, ratios
from handgrad import layers
from handgrad.layers import Case

SMALL = Size(4, 3, 2, rounds=2, slow_rounds=1)
LAYERS = ("affine", "softmax", "batchnorm")


def task(slug: str) -> Task:
    layer = layers.get(slug)
    case = layer.cases[0]
    return Task(layer, layer.sample(np.random.default_rng(0), dict(case.sizes), **case.options))


def wrong(good: Task) -> Task:
    """The same task with a backward whose gradients are all doubled."""
    if good.layer.loss is not None:
        loss = good.layer.loss
        return dataclasses.replace(
            good, layer=dataclasses.replace(good.layer, loss=lambda x, y: (loss(x, y)[0], 2 * loss(x, y)[1]))
        )
    backward = good.layer.backward
    assert backward is not None

    def doubled(dout: Any, cache: Any) -> Any:
        return tuple(2 * g for g in backward(dout, cache))

    return dataclasses.replace(good, layer=dataclasses.replace(good.layer, backward=doubled))


def says_no(check: Callable[[], object]) -> bool:
    try:
        return check() is False
    except Exception:
        return True


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """A tiny run, in which one peer is not installed and one refuses everything."""

    def refusing(task: Task) -> Callable[[], bool]:
        return lambda: False

    chosen = {
        "autograd check_grads": PEERS["autograd check_grads"],
        "element loop (CS231n's)": PEERS["element loop (CS231n's)"],
        "not installed": lambda task: None,
        "refusing": refusing,
    }
    return checkers.run(Settings(LAYERS, (SMALL,), 0.0001, chosen))


def test_a_peer_that_is_not_installed_is_reported_as_missing(results: dict[str, Any]) -> None:
    for case in results["cases"]:
        assert case["checkers"]["not installed"] is None
    assert "| not installed | – | – | – |" in checkers.table(results)


def test_a_peer_that_refuses_a_right_answer_is_reported_so(results: dict[str, Any]) -> None:
    assert "| refusing | refused | refused | refused |" in checkers.table(results)


def test_every_case_has_a_time_and_a_ratio(results: dict[str, Any]) -> None:
    assert [(case["layer"], case["size"]) for case in results["cases"]] == [(s, "4×3×2") for s in LAYERS]
    for case in results["cases"]:
        for name in ("handgrad", checkers.FLOOR, "autograd check_grads", "element loop (CS231n's)"):
            found = case["checkers"][name]
            assert set(found) == {"ms", "ratio", "calls"}, name
            assert found["ms"] > 0
            assert found["ratio"] > 0
        assert case["checkers"]["handgrad"]["ratio"] == 1
    assert json.loads(json.dumps(results)) == results


def test_slow_peers_are_left_out_where_no_rounds_are_given() -> None:
    size = dataclasses.replace(SMALL, slow_rounds=0)
    loop = {"element loop (CS231n's)": PEERS["element loop (CS231n's)"]}
    found = checkers.run(Settings(("relu",), (size,), 0.0001, loop))
    assert found["cases"][0]["checkers"]["element loop (CS231n's)"] is None
    assert found["cases"][0]["checkers"]["handgrad"]["ms"] > 0


@pytest.mark.parametrize("slug", LAYERS)
def test_the_judgement_that_is_timed_refuses_a_wrong_gradient(slug: str) -> None:
    good = task(slug)
    layer, case = good.layer, Case("one", good.layer.cases[0].sizes)
    assert checkers.judgement(layer, good.inputs, case, layer)()
    assert not checkers.judgement(layer, good.inputs, case, wrong(good).layer)()


@pytest.mark.parametrize("slug", LAYERS)
@pytest.mark.parametrize("name", [name for name in PEERS if name != "autograd, its own gradient"])
def test_a_peer_accepts_the_right_gradient_and_refuses_a_wrong_one(name: str, slug: str) -> None:
    library = name.split()[0]
    if library in ("jax", "torch") and importlib.util.find_spec(library) is None:
        assert PEERS[name](task(slug)) is None
        return
    right, refused = PEERS[name](task(slug)), PEERS[name](wrong(task(slug)))
    assert right is not None
    assert refused is not None
    assert not says_no(right)
    assert says_no(refused)


@pytest.mark.parametrize("slug", Settings().layers)
def test_the_layer_in_autograd_numpy_is_the_same_layer(slug: str) -> None:
    asked = task(slug)
    assert_allclose(autograd_layer(asked)(*asked.arguments), asked.forward(*asked.arguments)[0], rtol=1e-13)


@pytest.mark.parametrize("slug", layers.names())
def test_the_complex_step_is_exact_to_rounding_and_the_difference_knows_its_error(slug: str) -> None:
    found = errors(slug)
    assert found["complex step"] < 1e-14
    assert found["central"] < 1e-8
    assert found["central, of its bound"] < 4  # the factor that `agree` allows for


def test_each_contestant_runs_in_every_round_and_ratios_are_taken_round_by_round() -> None:
    order: list[str] = []
    samples, calls = interleave(
        {n: lambda n=n: order.append(n) for n in ("a", "b")}, rounds=3, slice_seconds=0
    )
    assert calls == {"a": 3, "b": 3}
    assert order[-6:] == ["a", "b"] * 3
    assert {name: len(times) for name, times in samples.items()} == {"a": 3, "b": 3}
    assert ratios({"a": [1.0, 2.0, 4.0], "b": [3.0, 6.0, 8.0]}, "a") == {"a": 1.0, "b": 3.0}


def test_the_committed_results_cover_every_layer_and_peer() -> None:
    stored = json.loads(checkers.OUTPUT.read_text(encoding="utf-8"))
    settings = Settings()
    wanted = [(slug, str(size)) for size in settings.sizes for slug in settings.layers]
    assert [(case["layer"], case["size"]) for case in stored["cases"]] == wanted
    for case in stored["cases"]:
        assert list(case["checkers"]) == ["handgrad", checkers.FLOOR, *PEERS]
        assert case["checkers"]["handgrad"]["ms"] > 0
    assert set(stored["whole checks"]) == set(stored["errors"]) == set(layers.names())
    assert all(found["complex step"] < 1e-14 for found in stored["errors"].values())
    assert checkers.OUTPUT.with_suffix(".md").read_text(encoding="utf-8") == checkers.table(stored)
    assert f"{checkers.START}\n{checkers.table(stored)}{checkers.END}" in checkers.README.read_text(
        encoding="utf-8"
    )


def test_a_run_is_stored_and_replaces_the_table_in_the_readme(
    results: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkers, "OUTPUT", tmp_path / "results" / "checkers.json")
    monkeypatch.setattr(checkers, "README", tmp_path / "README.md")
    checkers.README.write_text(f"before\n{checkers.START}\nold\n{checkers.END}\nafter\n", encoding="utf-8")
    checkers.write(results)
    assert json.loads(checkers.OUTPUT.read_text(encoding="utf-8")) == results
    text = checkers.README.read_text(encoding="utf-8")
    assert text == f"before\n{checkers.START}\n{checkers.table(results)}{checkers.END}\nafter\n"
