"""The derivation engine: the backward that it emits against the layer's own, and how long deriving and proving take.

    python -m benchmarks.derivations      write benchmarks/results/derivations.json, print the tables

The emitted module and the hand-written layer get the same inputs at N=256, D=512 and run in turn; the figure
is the median over rounds of their ratio. Deriving, proving by numbers and proving by SymPy are timed once each.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.timing import interleave, ratios
from handgrad import layers
from handgrad.derive import derive, emit

OUTPUT = Path(__file__).parent / "results" / "derivations.json"
N, D, M, C = 256, 512, 256, 10

# layer: (its forward as a program, the names of the layer's gradients in the program)
LAYERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "affine": ("x: N D; w: D M; b: M\nout = x @ w + b", ("x", "w", "b")),
    "relu": ("x: N D\nout = relu(x)", ("x",)),
    "sigmoid": ("x: N D\nout = sigmoid(x)", ("x",)),
    "tanh": ("x: N D\nout = tanh(x)", ("x",)),
    "softmax": ("x: N C; y: N int\nP = softmax(x, axis=C)\nloss = -mean(log(P[arange(N), y]))", ("x",)),
    "batchnorm": (
        "x: N D; gamma: D; beta: D\nmu = mean(x, axis=N)\nv = var(x, axis=N)\n"
        "xhat = (x - mu) / sqrt(v + 1e-5)\nout = gamma * xhat + beta",
        ("x", "gamma", "beta"),
    ),
}

MODELS: dict[str, str] = {
    "exp of affine": "X: N D; W: D C; b: C\nS = X @ W + b\nH = exp(S)\nL = sum(H**2)",
    "softmax cross-entropy": "X: N D; W: D C; b: C; y: N int\nS = X @ W + b\nP = softmax(S, axis=C)\n"
    "L = -mean(log(P[arange(N), y]))",
    "batch normalisation": LAYERS["batchnorm"][0],
    "layer norm": "x: N D; gamma: D; beta: D\nmu = mean(x, axis=D, keepdims=True)\n"
    "v = var(x, axis=D, keepdims=True)\nout = gamma * (x - mu) / sqrt(v + 1e-5) + beta",
    "three-layer network": "X: N D; W1: D H; b1: H; W2: H M; b2: M; W3: M C; b3: C; y: N int\n"
    "Z1 = tanh(X @ W1 + b1)\nZ2 = tanh(Z1 @ W2 + b2)\nS = Z2 @ W3 + b3\nP = softmax(S, axis=C)\n"
    "L = -mean(log(P[arange(N), y]))",
    "attention": "X: T D; Wq: D H; Wk: D H; Wv: D H; mask: T T\nQ = X @ Wq\nK = X @ Wk\nV = X @ Wv\n"
    "A = softmax(Q @ K.T / sqrt(H) + mask, axis=1)\nout = A @ V",
}


def _load(text: str) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(compile(text, "<emitted>", "exec"), space)  # our own engine's output, in a benchmark
    return space


def contestants(slug: str) -> dict[str, Callable[[], object]]:
    """The hand-written and the emitted backward (a loss: forward and backward together) on the same arrays."""
    program, _ = LAYERS[slug]
    module = _load(emit(derive(program)))
    layer = layers.get(slug)
    rng = np.random.default_rng(0)
    sizes = {"N": N, "D": D, "M": M, "C": C, "...": (D,)}
    inputs = layer.sample(rng, sizes)
    arrays = [value for value in inputs.values() if isinstance(value, np.ndarray)]
    if layer.loss is not None:
        loss = layer.loss

        def emitted_loss() -> object:
            _, cache = module["forward"](*arrays)
            return module["backward"](1.0, cache)

        return {"hand": lambda: loss(*arrays), "emitted": emitted_loss}
    assert layer.forward is not None
    assert layer.backward is not None
    out, cache = layer.forward(*inputs.values())
    _, emitted_cache = module["forward"](*arrays)
    dout = rng.standard_normal(out.shape)
    backward = layer.backward
    return {"hand": lambda: backward(dout, cache), "emitted": lambda: module["backward"](dout, emitted_cache)}


def seconds(program: str) -> dict[str, float]:
    """Seconds for deriving, the proof by numbers and the proof by SymPy."""
    times, start = {}, perf_counter()
    derivation = derive(program)
    derivation.simplified  # noqa: B018  (computed when first asked for)
    times["derive"] = perf_counter() - start
    start = perf_counter()
    derivation.prove(symbolic=False)
    times["numbers"] = perf_counter() - start
    start = perf_counter()
    derivation.prove(symbolic=True, limit=120.0)
    times["numbers and SymPy"] = perf_counter() - start
    return times


def run(rounds: int = 60) -> dict[str, Any]:
    """All figures."""
    emitted = {}
    for slug in LAYERS:
        samples, _ = interleave(contestants(slug), rounds)
        emitted[slug] = round(ratios(samples, "hand")["emitted"], 3)
    times = {name: {key: round(value, 3) for key, value in seconds(p).items()} for name, p in MODELS.items()}
    return {"sizes": {"N": N, "D": D, "M": M, "C": C}, "emitted over hand-written": emitted, "seconds": times}


def table(results: dict[str, Any]) -> str:
    """The figures as text."""
    lines = ["emitted backward over the hand-written one, N=256, D=512"]
    lines += [f"  {slug:24} {ratio:6.2f}" for slug, ratio in results["emitted over hand-written"].items()]
    lines.append("seconds: derive, by numbers, by numbers and SymPy")
    lines += [
        f"  {name:24} " + " ".join(f"{value:7.3f}" for value in times.values())
        for name, times in results["seconds"].items()
    ]
    return "\n".join(lines)


def main() -> int:
    """Run, print and write."""
    results = run()
    print(table(results))
    OUTPUT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
