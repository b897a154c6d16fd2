"""The contract of a layer file, the registry, and what every layer keeps to."""

from __future__ import annotations

import copy
import inspect
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from itertools import combinations
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from handgrad import layers
from handgrad.errors import LayerError, UnknownNameError
from handgrad.layers import Case, Layer, Mistake
from handgrad.layers._common import tanh

EPS = 1e-30

GOOD = '''"""A layer of the test."""
from handgrad.layers import Case, Mistake

SHAPES = "x: N D, w: D M -> out: N M"
REDUCTION = "dw is a sum over N"
GRADS = ("x", "w")
CACHE = "(x, w)"
CASES = (Case("first", {"N": 7, "D": 5, "M": 3}),)


def forward(x, w):
    return x @ w, (x, w)


def backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout


def sample(rng, sizes):
    N, D, M = sizes["N"], sizes["D"], sizes["M"]
    return {"x": rng.normal(size=(N, D)), "w": rng.normal(size=(D, M))}


MISTAKES = (Mistake("sign", lambda dout, cache: None, ("dx",), "wrong."),)
PATHS = {"dx": {"direct": lambda dout, cache: dout @ cache[1].T}}
'''

LOSS = '''"""A loss of the test."""
from handgrad.layers import Case, Mistake

SHAPES = "x: N -> loss:"
REDUCTION = "a sum over N"
GRADS = ("x",)
CASES = (Case("first", {"N": 7}),)
MISTAKES = (Mistake("sign", lambda x: None, ("dx",), "wrong.", role="loss"),)
PATHS = {}


def loss(x):
    return (x**2).sum(), 2 * x


def sample(rng, sizes):
    return {"x": rng.normal(size=sizes["N"])}
'''


def load(folder: Path, text: str) -> Layer:
    path = folder / "mine.py"
    path.write_text(text, encoding="utf-8")
    return layers.load_file(path)


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


# The registry.


def test_the_eight_layers_are_found_by_their_files() -> None:
    first = ["affine", "batchnorm", "linear_regression", "relu", "sigmoid", "softmax", "svm", "tanh"]
    assert set(first) <= set(layers.names())
    assert list(layers.names()) == sorted(layers.names())


def test_a_file_with_an_underscore_is_no_layer() -> None:
    assert not [name for name in layers.names() if name.startswith("_")]
    with pytest.raises(UnknownNameError, match="no layer '_common'"):
        layers.get("_common")


def test_an_unknown_slug_is_answered_with_the_nearest_and_all_known() -> None:
    with pytest.raises(UnknownNameError) as caught:
        layers.get("afine")
    text = str(caught.value)
    assert text.startswith("handgrad.layers: no layer 'afine'\n  did you mean 'affine'? known: affine, ")
    assert "softmax" in text


def test_a_slug_unlike_any_other_is_answered_without_a_guess() -> None:
    with pytest.raises(UnknownNameError) as caught:
        layers.get("zzz")
    assert "did you mean" not in str(caught.value)
    assert "known: affine, " in str(caught.value)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that stands in for handgrad/layers."""
    monkeypatch.setattr(layers, "__path__", [str(tmp_path)])
    known = set(sys.modules)
    layers.get.cache_clear()
    yield tmp_path
    layers.get.cache_clear()
    for name in set(sys.modules) - known:
        if name.startswith("handgrad.layers."):
            del sys.modules[name]
            delattr(layers, name.rpartition(".")[2])


def test_a_file_dropped_in_the_folder_is_a_layer(folder: Path) -> None:
    (folder / "dropped.py").write_text(GOOD, encoding="utf-8")
    assert layers.names() == ("dropped",)
    layer = layers.get("dropped")
    assert (layer.slug, layer.doc, layer.grad_names) == ("dropped", "A layer of the test.", ("dx", "dw"))


def test_a_broken_file_in_the_folder_is_named(folder: Path) -> None:
    (folder / "torn.py").write_text("def forward(:\n", encoding="utf-8")
    with pytest.raises(LayerError, match=r"torn\.py: cannot be imported\n  SyntaxError: "):
        layers.get("torn")


def test_a_layer_is_validated_once() -> None:
    assert layers.get("affine") is layers.get("affine")


# The contract: a file that keeps to it.


def test_a_file_anywhere_can_be_tried_out(tmp_path: Path) -> None:
    layer = load(tmp_path, GOOD)
    assert not layer.is_loss
    assert list(layer.spec.inputs) == ["x", "w"]
    assert layer.mistakes[0].cause == "sign"
    assert layer.updates == ()
    assert layer.cache_doc == "(x, w)"


def test_a_loss_needs_no_cache(tmp_path: Path) -> None:
    layer = load(tmp_path, LOSS)
    assert layer.is_loss
    assert layer.forward is None
    assert layer.grad_names == ("dx",)


# The contract: files that break it. Each gets its name and the missing piece.


@pytest.mark.parametrize("piece", ["SHAPES", "REDUCTION", "GRADS", "CASES", "MISTAKES", "PATHS"])
def test_a_missing_piece_is_named_with_an_example(tmp_path: Path, piece: str) -> None:
    text = re.sub(rf"^{piece} = .*\n", "", GOOD, flags=re.MULTILINE)
    with pytest.raises(LayerError) as caught:
        load(tmp_path, text)
    where, step = str(caught.value).split("\n  ")
    assert where == f"{tmp_path / 'mine.py'}: {piece} is missing"
    assert step.startswith(f"add {piece} = ")


@pytest.mark.parametrize(
    ("piece", "kind"),
    [
        ("SHAPES", "str"),
        ("REDUCTION", "str"),
        ("GRADS", "tuple"),
        ("CASES", "tuple"),
        ("MISTAKES", "tuple"),
        ("PATHS", "dict"),
    ],
)
def test_a_piece_of_another_type_is_named_with_both_types(tmp_path: Path, piece: str, kind: str) -> None:
    text = re.sub(rf"^{piece} = .*\n", f"{piece} = 7\n", GOOD, flags=re.MULTILINE)
    with pytest.raises(LayerError, match=rf"mine\.py: {piece} must be a {kind}, got int\n  write {piece} = "):
        load(tmp_path, text)


BROKEN = {
    "no sample": (
        GOOD,
        "def sample(",
        "def another(",
        "sample is missing\n  add def sample(rng, sizes): return {'x': …}",
    ),
    "no backward": (
        GOOD,
        "def backward(",
        "def another(",
        "needs forward and backward, or else loss\n  found: forward, sample",
    ),
    "no forward": (
        GOOD,
        "def forward(",
        "def another(",
        "needs forward and backward, or else loss\n  found: backward, sample",
    ),
    "neither": (
        LOSS,
        "def loss(",
        "def another(",
        "needs forward and backward, or else loss\n  found: sample",
    ),
    "both": (
        GOOD,
        "PATHS =",
        "def loss(x, w):\n    return 0\n\n\nPATHS =",
        "needs forward and backward, or else loss\n  found: forward, backward, loss, sample",
    ),
    "no function": (
        GOOD,
        "PATHS =",
        "forward = 3\nPATHS =",
        "forward must be a function, got int",
    ),
    "tangent no function": (
        GOOD,
        "PATHS =",
        "tangent = 3\nPATHS =",
        "tangent must be a function, got int",
    ),
    "no cache": (
        GOOD,
        'CACHE = "(x, w)"\n',
        "",
        'CACHE is missing\n  add CACHE = "(x, w): what forward caches"',
    ),
    "unreadable shapes": (GOOD, "x: N D,", "x N D,", "SHAPES cannot be read\n  "),
    "unknown gradient": (
        GOOD,
        'GRADS = ("x", "w")',
        'GRADS = ("x", "b")',
        "GRADS names ['b']\n  inputs in SHAPES: x, w",
    ),
    "no gradient": (
        GOOD,
        'GRADS = ("x", "w")',
        "GRADS = ()",
        "GRADS names nothing\n  inputs in SHAPES: x, w",
    ),
    "arguments in another order": (
        GOOD,
        "def forward(x, w)",
        "def forward(w, x)",
        "SHAPES and forward name different arrays, or in another order\n  SHAPES: x, w\n  forward: w, x",
    ),
    "an argument of another name": (
        LOSS,
        "def loss(x)",
        "def loss(scores)",
        "SHAPES and loss name different arrays, or in another order\n  SHAPES: x\n  loss: scores",
    ),
    "an output of another name": (
        GOOD,
        "-> out:",
        "-> y:",
        "SHAPES must end in one output, 'out'\n  found: y",
    ),
    "a loss with an output": (
        LOSS,
        "-> loss:",
        "-> out:",
        "SHAPES must end in one output, 'loss'\n  found: out",
    ),
    "updates of no argument": (
        GOOD,
        "PATHS =",
        'UPDATES = ("bn_param",)\nPATHS =',
        "UPDATES must be a tuple of arguments of forward, got ('bn_param',)",
    ),
    "updates as a string": (
        GOOD,
        "PATHS =",
        'UPDATES = "x"\nPATHS =',
        "UPDATES must be a tuple of arguments of forward, got 'x'",
    ),
    "smallest sizes that are no words": (
        GOOD,
        "PATHS =",
        "SMALLEST = 3\nPATHS =",
        'SMALLEST must be words, got 3\n  write SMALLEST = "N=3 and one feature"',
    ),
    "no case": (
        GOOD,
        'CASES = (Case("first", {"N": 7, "D": 5, "M": 3}),)',
        "CASES = ()",
        "CASES is empty\n  add at least one Case with different, coprime sizes",
    ),
    "a case of another type": (
        GOOD,
        'CASES = (Case("first", {"N": 7, "D": 5, "M": 3}),)',
        'CASES = ({"N": 7},)',
        "CASES[0] must be a Case, got dict",
    ),
    "two cases of one name": (
        LOSS,
        'CASES = (Case("first", {"N": 7}),)',
        'CASES = (Case("first", {"N": 7}), Case("first", {"N": 1}))',
        "two CASES are named 'first'",
    ),
    "a mistake of another type": (
        LOSS,
        'MISTAKES = (Mistake("sign", lambda x: None, ("dx",), "wrong.", role="loss"),)',
        'MISTAKES = ("sign",)',
        "MISTAKES[0] must be a Mistake, got str",
    ),
    "two mistakes of one name": (
        GOOD,
        "PATHS =",
        "MISTAKES = (*MISTAKES, *MISTAKES)\nPATHS =",
        "two MISTAKES are named 'sign'",
    ),
    "a mistake in no gradient": (
        GOOD,
        '("dx",), "wrong."',
        '("dx", "dz"), "wrong."',
        "mistake 'sign' names ['dz'] params\n  allowed: dx, dw",
    ),
    "a mistake in nothing": (
        GOOD,
        '("dx",), "wrong."',
        '(), "wrong."',
        "mistake 'sign' names no params\n  allowed: dx, dw",
    ),
    "a forward's mistake in a gradient": (
        GOOD,
        '("dx",), "wrong."',
        '("dx",), "wrong.", role="forward"',
        "mistake 'sign' names ['dx'] params\n  allowed: out",
    ),
    "a mistake of no role": (
        GOOD,
        '("dx",), "wrong."',
        '("dx",), "wrong.", role="bakward"',
        "mistake 'sign' has the role 'bakward'\n  roles here: forward, backward",
    ),
    "a loss's mistake in a backward": (
        LOSS,
        ', role="loss"',
        "",
        "mistake 'sign' has the role 'backward'\n  roles here: loss",
    ),
    "a mistake at no case": (
        GOOD,
        '("dx",), "wrong."',
        '("dx",), "wrong.", case="second"',
        "mistake 'sign' names no case, 'second'\n  cases: first",
    ),
    "a mistake without a function": (
        GOOD,
        "lambda dout, cache: None",
        "None",
        "mistake 'sign' has no function\n  got NoneType",
    ),
    "paths of no gradient": (GOOD, 'PATHS = {"dx"', 'PATHS = {"x"', "PATHS names 'x'\n  gradients: dx, dw"),
    "paths that are no table": (
        LOSS,
        "PATHS = {}",
        'PATHS = {"dx": len}',
        "PATHS['dx'] must map the name of each path to a function",
    ),
    "a path that is no function": (
        LOSS,
        "PATHS = {}",
        'PATHS = {"dx": {"direct": 1.0}}',
        "PATHS['dx'] must map the name of each path to a function",
    ),
    "a syntax error": (GOOD, "CASES = (", "CASES = ((", "cannot be imported\n  SyntaxError: "),
    "an error on import": (
        GOOD,
        "PATHS =",
        "1 / 0\nPATHS =",
        "cannot be imported\n  ZeroDivisionError: division by zero",
    ),
}


@pytest.mark.parametrize("which", BROKEN)
def test_a_malformed_file_is_answered_with_its_name_and_the_piece(tmp_path: Path, which: str) -> None:
    text, old, new, message = BROKEN[which]
    with pytest.raises(LayerError) as caught:
        load(tmp_path, changed(text, old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'mine.py'}: {message}")


def test_a_missing_file_is_answered_with_the_path_to_create(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.py"
    with pytest.raises(LayerError) as caught:
        layers.load_file(path)
    assert str(caught.value) == f"{path}: no such layer file\n  create {path}"


def test_a_file_that_is_not_python_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(LayerError) as caught:
        layers.load_file(path)
    assert str(caught.value) == f"{path}: a layer file is Python\n  name it mine.py"


def test_an_interrupt_goes_through(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(tmp_path, changed(GOOD, "PATHS =", "raise KeyboardInterrupt\nPATHS ="))


# What every layer keeps to.


def every_case(stress: bool = True) -> list[Any]:
    return [
        pytest.param(layers.get(slug), case, id=f"{slug}: {case.name}")
        for slug in layers.names()
        for case in layers.get(slug).cases
        if stress or not case.stress
    ]


def every_layer() -> list[Any]:
    return [pytest.param(layers.get(slug), id=slug) for slug in layers.names()]


def every_mistake() -> list[Any]:
    return [
        pytest.param(layers.get(slug), mistake, id=f"{slug}: {mistake.name}")
        for slug in layers.names()
        for mistake in layers.get(slug).mistakes
    ]


def inputs_of(layer: Layer, case: Case, seed: int = 0) -> dict[str, Any]:
    return layer.sample(np.random.default_rng(seed), case.sizes, **case.options)


def case_of(layer: Layer, mistake: Mistake) -> Case:
    return next(case for case in layer.cases if mistake.case in ("", case.name))


def gradients(layer: Layer, answer: Any) -> dict[str, Any]:
    """What a backward returned, by name: one gradient comes bare."""
    values = (answer,) if len(layer.grads) == 1 else answer
    return dict(zip(layer.grad_names, values, strict=True))


def answers(layer: Layer, inputs: Mapping[str, Any], wrong: Mistake | None, seed: int = 1) -> dict[str, Any]:
    """Everything that a layer's functions return, or that a wrong one returns, by name."""
    given = copy.deepcopy(dict(inputs))
    if layer.is_loss:
        value, grads = (wrong.wrong if wrong else layer.loss)(**given)
        return {"loss": value, **gradients(layer, grads)}
    if wrong is None or wrong.role == "forward":
        out, _ = (wrong.wrong if wrong else layer.forward)(*given.values())
        found = {"out": out, **{name: given[name] for name in layer.updates}}
        if wrong is not None:
            return found
    fresh = copy.deepcopy(dict(inputs))
    out, cache = layer.forward(**fresh)
    dout = np.random.default_rng(seed).normal(size=out.shape)
    if wrong is not None:
        return gradients(layer, wrong.wrong(dout, cache))
    return {**found, **gradients(layer, layer.backward(dout, cache))}


def same(a: Any, b: Any) -> bool:
    """Whether two answers agree: shape, and values to 1e-9 of the largest."""
    if isinstance(a, dict) or isinstance(b, dict):
        return a.keys() == b.keys() and all(
            a[k] == b[k] if isinstance(a[k], str) else same(a[k], b[k]) for k in a
        )
    if np.shape(a) != np.shape(b):
        return False
    return bool(np.max(np.abs(np.subtract(a, b)), initial=0.0) <= 1e-9 * np.max(np.abs(b), initial=1e-300))


@pytest.mark.parametrize("layer", every_layer())
def test_a_docstring_has_a_shape_for_every_array_and_a_source(layer: Layer) -> None:
    for name in (*layer.spec.inputs, *layer.spec.outputs, *layer.grad_names):
        assert re.search(rf"^[^()\n]*\b{name}\b.*\(", layer.doc, flags=re.MULTILINE), name
    assert "\nSource: " in layer.doc
    for function in filter(None, (layer.forward, layer.backward, layer.loss, layer.sample)):
        assert inspect.getdoc(function)


@pytest.mark.parametrize("layer", every_layer())
def test_the_first_case_has_different_coprime_sizes_and_five_samples(layer: Layer) -> None:
    sizes = layer.cases[0].sizes
    named = [size for axis, size in sizes.items() if axis != "..."]
    # D is a product of the unnamed axes where a layer flattens them, so only the named ones are coprime.
    for a, b in combinations(named, 2):
        assert gcd(a, b) == 1, sizes
    assert len(set(sizes.get("...", ()))) == len(sizes.get("...", ()))
    assert sizes["N"] >= 5
    assert layer.cases[0].backward
    assert not layer.cases[0].stress


@pytest.mark.parametrize(("layer", "case"), every_case())
def test_a_sample_binds_to_the_sizes_of_its_case(layer: Layer, case: Case) -> None:
    inputs = inputs_of(layer, case)
    function = layer.loss if layer.is_loss else layer.forward
    assert list(inputs) == list(inspect.signature(function).parameters)
    sizes = layer.spec.bind({name: inputs[name] for name in layer.spec.inputs})
    assert sizes == dict(case.sizes)


@pytest.mark.parametrize(("layer", "case"), every_case())
def test_a_seed_decides_a_sample(layer: Layer, case: Case) -> None:
    assert repr(inputs_of(layer, case, 3)) == repr(inputs_of(layer, case, 3))
    assert repr(inputs_of(layer, case, 3)) != repr(inputs_of(layer, case, 4))


@pytest.mark.parametrize(("layer", "case"), every_case())
def test_results_have_the_shapes_of_the_spec_and_are_finite(layer: Layer, case: Case) -> None:
    inputs = inputs_of(layer, case)
    found = answers(layer, inputs, None)
    for name in layer.spec.outputs:
        assert np.shape(found[name]) == layer.spec.shape_of(name, case.sizes)
        assert np.isfinite(found[name]).all()
        assert np.asarray(found[name]).dtype == np.float64
    for name in layer.grads:
        grad = found[f"d{name}"]
        assert isinstance(grad, np.ndarray)
        assert grad.dtype == np.float64
        assert grad.shape == inputs[name].shape
        assert np.isfinite(grad).all()
        assert case.stress or grad.any(), "a gradient that is 0 by construction tests nothing"


@pytest.mark.parametrize(("layer", "case"), every_case())
def test_a_layer_changes_nothing_that_it_was_given(layer: Layer, case: Case) -> None:
    inputs = inputs_of(layer, case)
    given = copy.deepcopy(inputs)
    if layer.is_loss:
        layer.loss(*given.values())
    else:
        out, cache = layer.forward(*given.values())
        dout = np.random.default_rng(1).normal(size=out.shape)
        before = copy.deepcopy((dout, cache))
        first = layer.backward(dout, cache)
        assert repr((dout, cache)) == repr(before)
        assert repr(layer.backward(dout, cache)) == repr(first)
        arrays = [dout, *(cache if isinstance(cache, tuple) else (cache,))]
        for grad in gradients(layer, first).values():
            assert not any(np.shares_memory(grad, array) for array in arrays)
    for name in inputs:
        if name not in layer.updates:
            assert repr(given[name]) == repr(inputs[name]), name


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("layer", "case"), [p for p in every_case() if p.values[1].backward])
def test_a_complex_step_of_the_forward_agrees_with_the_backward(layer: Layer, case: Case, seed: int) -> None:
    inputs = inputs_of(layer, case, seed)
    rng = np.random.default_rng(seed + 10)
    if layer.is_loss:
        _, grads = layer.loss(**copy.deepcopy(inputs))
        dout = np.float64(1.0)
    else:
        out, cache = layer.forward(**copy.deepcopy(inputs))
        dout = rng.normal(size=out.shape)
        grads = layer.backward(dout, cache)
    for name, grad in zip(layer.grads, gradients(layer, grads).values(), strict=True):
        u = rng.normal(size=inputs[name].shape)
        moved = copy.deepcopy(inputs)
        moved[name] = inputs[name] + EPS * 1j * u
        value = (layer.loss or layer.forward)(**moved)[0]
        tangent = np.imag(value) / EPS
        scale = np.linalg.norm(np.ravel(grad * u)) + np.linalg.norm(np.ravel(dout * tangent))
        assert abs(np.sum(dout * tangent) - np.sum(grad * u)) <= 1e-13 * scale


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("layer", "mistake"), every_mistake())
def test_a_mistake_differs_in_exactly_what_it_declares(layer: Layer, mistake: Mistake, seed: int) -> None:
    inputs = inputs_of(layer, case_of(layer, mistake), seed)
    right = answers(layer, inputs, None)
    wrong = answers(layer, inputs, mistake)
    differing = tuple(name for name in wrong if not same(wrong[name], right[name]))
    assert differing == mistake.params


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("layer", every_layer())
def test_no_two_mistakes_give_the_same_answer(layer: Layer, seed: int) -> None:
    for one, two in combinations(layer.mistakes, 2):
        if one.role != two.role:
            continue
        cases = {case_of(layer, one).name, case_of(layer, two).name}
        for_case = {case.name: inputs_of(layer, case, seed) for case in layer.cases if case.name in cases}
        pairs = [(answers(layer, i, one), answers(layer, i, two)) for i in for_case.values()]
        assert not all(same(a, b) for a, b in pairs), (one.name, two.name)
        for name in {*one.params} & {*two.params}:
            alike = all(same(a[name], b[name]) for a, b in pairs)
            assert not alike or one.cause == two.cause, (one.name, two.name, name)


@pytest.mark.parametrize(("layer", "mistake"), every_mistake())
def test_feedback_is_a_sentence_that_gives_no_code_away(layer: Layer, mistake: Mistake) -> None:
    assert mistake.feedback.endswith(".")
    assert not mistake.feedback[0].isspace()
    assert 40 <= len(mistake.feedback) <= 220
    assert not re.search(r"\.T\b|np\.|axis=|keepdims|@|\*\*|\[|\w\(", mistake.feedback)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("layer", [p for p in every_layer() if p.values[0].paths])
def test_paths_sum_to_the_gradient_and_are_independent(layer: Layer, seed: int) -> None:
    for case in (case for case in layer.cases if case.backward and not case.stress):
        inputs = inputs_of(layer, case, seed)
        if layer.is_loss:
            arguments: tuple[Any, ...] = tuple(inputs.values())
            grads = gradients(layer, layer.loss(*arguments)[1])
        else:
            out, cache = layer.forward(**inputs)
            arguments = (np.random.default_rng(seed + 5).normal(size=out.shape), cache)
            grads = gradients(layer, layer.backward(*arguments))
        for name, paths in layer.paths.items():
            parts = [np.asarray(path(*arguments)) for path in paths.values()]
            assert all(part.shape == grads[name].shape for part in parts)
            scale = max(np.abs(part).max() for part in parts)
            assert np.abs(sum(parts) - grads[name]).max() <= 1e-14 * scale
            if case is layer.cases[0]:
                columns = np.stack([part.ravel() / np.linalg.norm(part) for part in parts], axis=1)
                assert np.linalg.cond(columns) < 100


@pytest.mark.parametrize(("layer", "case"), every_case())
def test_nothing_warns(layer: Layer, case: Case) -> None:
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        answers(layer, inputs_of(layer, case), None)


@pytest.mark.parametrize("a", [0.0, 1e-9, -0.3, 0.9, 2.0, -19.0, 400.0])
@pytest.mark.parametrize("b", [0.0, 1e-30, -0.2, 0.7, 1.5, -3.0])
def test_tanh_by_real_functions_is_numpys(a: float, b: float) -> None:
    x = np.array([[complex(a, b)]])
    assert_allclose(tanh(x).real, np.tanh(x).real, rtol=1e-14, atol=1e-300)
    # 1 - t^2 is exact to a rounding of 1.
    assert_allclose(tanh(x).imag, np.tanh(x).imag, rtol=1e-14, atol=2e-16 * (1 + 1 / np.cos(b) ** 2) * abs(b))


def test_tanh_of_real_numbers_is_numpys_to_the_bit() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    assert np.array_equal(tanh(x), np.tanh(x))
    assert tanh(x).dtype == np.float64
