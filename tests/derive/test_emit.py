"""The emitted module, and the derivation as JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from handgrad import check, layers
from handgrad.derive import derive
from handgrad.derive.data import to_json
from handgrad.derive.emit import emit
from handgrad.errors import HandgradError
from tests.derive.test_models import MODELS


def load(text: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(compile(emit(derive(text)), "emitted", "exec"), namespace)
    return namespace


BATCHNORM = """
x: N D;  gamma: D;  beta: D
mu = mean(x, axis=N)
xc = x - mu
std = sqrt(mean(xc**2, axis=N) + 1e-5)
xhat = xc / std
out = gamma * xhat + beta
"""


def test_the_module_reads_as_a_person_would_write_it() -> None:
    text = emit(derive(BATCHNORM))
    assert (
        text
        == '''"""Forward and backward, derived from

    x: N D;  gamma: D;  beta: D
    mu = mean(x, axis=N)
    xc = x - mu
    std = sqrt(mean(xc**2, axis=N) + 1e-5)
    xhat = xc / std
    out = gamma * xhat + beta
"""

import numpy as np


def forward(x, gamma, beta):
    """x: (N, D), gamma: (D,), beta: (D,) -> out: (N, D), cache."""
    mu = np.mean(x, axis=0)
    xc = x - mu
    std = np.sqrt(np.mean(xc**2, axis=0) + 1e-05)
    xhat = xc / std
    out = gamma * xhat + beta
    return out, (gamma, std, xhat)


def backward(dout, cache):
    """dout: (N, D) -> dx: (N, D), dgamma: (D,), dbeta: (D,)."""
    gamma, std, xhat = cache
    dbeta = np.sum(dout, axis=0)
    t1 = dout * xhat
    dgamma = np.sum(t1, axis=0)
    dx = (gamma / std) * (dout - xhat * np.mean(t1, axis=0) - np.mean(dout, axis=0))
    return dx, dgamma, dbeta
'''
    )


@pytest.mark.parametrize("name", MODELS)
def test_the_module_of_every_model_agrees_with_the_steps(name: str) -> None:
    derivation = derive(MODELS[name][0])
    program = derivation.program
    module = load(MODELS[name][0])
    sizes = program.sizes()
    rng = np.random.default_rng(4)
    inputs = program.sample(rng, sizes)
    out, cache = module["forward"](*[inputs[n] for n in program.given])
    dout = rng.standard_normal(np.shape(out))
    found = module["backward"](dout, cache)
    steps = derivation.run_steps(program.run(inputs, sizes), dout, sizes)
    wanted = [n for n in program.given if n in program.inputs]
    for n, got in zip(wanted, found if isinstance(found, tuple) else (found,), strict=True):
        np.testing.assert_allclose(got, steps[f"d{n}"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("slug", "text"), [
    ("relu", "x: N D\nout = relu(x)"),
    ("sigmoid", "x: N D\nout = sigmoid(x)"),
    ("tanh", "x: N D\nout = tanh(x)"),
])  # fmt: skip
def test_the_course_s_own_checker_accepts_what_is_emitted(slug: str, text: str) -> None:
    flat = load(text)

    def forward(x: Any) -> Any:
        out, cache = flat["forward"](x.reshape(len(x), -1) if x.ndim else x.reshape(1, 1))
        return out.reshape(x.shape), (x.shape, cache)

    def backward(dout: Any, cache: Any) -> Any:
        shape, inner = cache
        return flat["backward"](dout.reshape(shape[0] if shape else 1, -1), inner).reshape(shape)

    report = check(slug, forward=forward, backward=backward)
    assert report.ok, str(report)


def test_the_softmax_loss_agrees_with_the_layer_by_hand() -> None:
    module = load("x: N C;  y: N int\nloss = mean(logsumexp(x, axis=C) - x[arange(N), y])")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((7, 5)), rng.integers(0, 5, 7)
    loss, cache = module["forward"](x, y)
    expected, dx = layers.get("softmax").loss(x, y)
    np.testing.assert_allclose(loss, expected)
    np.testing.assert_allclose(module["backward"](1.0, cache), dx, atol=1e-15)


def test_names_that_python_or_the_module_use_are_spelled_otherwise() -> None:
    lines = (
        "np: N D;  cache: D;  dout: N",
        "sigmoid_ = sigmoid(np * cache) * dout[:, None]",
        "forward = sum(sigmoid_, axis=D)",
    )
    module = load("\n".join(lines))
    out, cache = module["forward"](np.ones((3, 2)), np.ones(2), np.ones(3))
    assert [np.shape(g) for g in module["backward"](out, cache)] == [(3, 2), (2,), (3,)]


def test_only_the_gradients_asked_for_are_computed() -> None:
    derivation = derive("X: N D;  theta: D;  y: N\nL = sum((X @ theta - y)**2) / (2 * N)")
    text = emit(derivation, wrt=["theta"])
    assert "return dtheta" in text
    assert "dX" not in text
    with pytest.raises(HandgradError, match="emit: no input 'Theta'\n  did you mean 'theta'"):
        emit(derivation, wrt=["Theta"])


def test_masks_are_numbers_where_they_are_subtracted() -> None:
    module = load("X: N D\nH = X.T\nL = abs(H) * (H > 0)")
    out, cache = module["forward"](np.array([[1.0, -2.0], [3.0, -1.0]]))
    np.testing.assert_array_equal(module["backward"](np.ones_like(out), cache), [[1.0, 0.0], [1.0, 0.0]])


def test_an_input_without_influence_gets_zeros() -> None:
    module = load("x: N D;  z: D\nout = exp(x)")
    out, cache = module["forward"](np.ones((3, 2)), np.ones(2))
    np.testing.assert_array_equal(module["backward"](out, cache)[1], np.zeros(2))


def test_json_holds_every_line_and_its_verdicts() -> None:
    derivation = derive("X: N D;  W: D C\nS = X @ W\nL = sum(S ** 2)")
    data = json.loads(to_json(derivation, derivation.proof))
    assert [step["formula"] for step in data["steps"]] == [str(step.expr) for step in derivation.steps]
    assert data["proof"]["ok"] is True
    assert data["program"]["inputs"] == {"X": ["N", "D"], "W": ["D", "C"]}
    assert {line["symbolic"] for line in data["proof"]["lines"]} == {True}
