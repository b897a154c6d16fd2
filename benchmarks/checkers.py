"""The checker against its peers: milliseconds for one case of a right answer, all measured in one run."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.accuracy import errors
from benchmarks.peers import PEERS, SLOW, Check, Task
from benchmarks.timing import interleave, ratios
from handgrad import check, layers
from handgrad.checking import check_case
from handgrad.layers import Case, Layer
from handgrad.ledger import Ledger
from handgrad.numeric import quiet

__all__ = [
    "OUTPUT",
    "QUICK",
    "TARGETS",
    "Settings",
    "Size",
    "evaluations",
    "judgement",
    "run",
    "table",
    "write",
]

OUTPUT = Path(__file__).parent / "results" / "checkers.json"
README = Path(__file__).with_name("README.md")
OURS = "handgrad"
FLOOR = "handgrad's evaluations alone"

START, END = "<!-- measured -->", "<!-- end -->"

# A peer's time divided by ours, at least; 1 / 1.6 where we may take longer.
TARGETS = {
    "autograd check_grads": 1 / 1.6,
    "autograd, its own gradient": 1 / 1.6,
    "torch gradcheck, fast": 2.0,
    "element loop (CS231n's)": 30.0,
    "torch gradcheck, slow": 100.0,
}
WHOLE_TARGET = 25.0  # ms for check("affine"), all its cases


@dataclass(frozen=True)
class Size:
    """N, D and M of a case, and how many rounds the fast and the slow contestants run; 0 leaves them out."""

    N: int
    D: int
    M: int
    rounds: int
    slow_rounds: int

    def __str__(self) -> str:
        return f"{self.N}×{self.D}×{self.M}"


@dataclass(frozen=True)
class Settings:
    """What a run covers; `slice_seconds` is a contestant's share of a round."""

    layers: Sequence[str] = ("affine", "relu", "sigmoid", "tanh", "softmax", "batchnorm")
    sizes: Sequence[Size] = (Size(32, 64, 32, 60, 3), Size(256, 512, 256, 15, 0))
    slice_seconds: float = 0.02
    peers: Mapping[str, Callable[[Task], Check | None]] = field(default_factory=lambda: PEERS)


QUICK = Settings(sizes=(Size(8, 6, 5, 3, 1),), slice_seconds=0.002)


def judgement(layer: Layer, inputs: dict[str, Any], case: Case, answer: Layer) -> Callable[[], bool]:
    """One case as `check` judges it; `answer` holds the functions under judgement."""
    found = {"loss": answer.loss, "forward": answer.forward, "backward": answer.backward}
    given = {role: f for role, f in found.items() if f is not None}
    parts = (("loss",) if layer.is_loss else ("out", *layer.updates)) + layer.grad_names
    rng = np.random.default_rng(0)

    def judge() -> bool:
        ledger = Ledger(layer.slug, parts)
        with quiet():
            check_case(ledger, layer, given, case, inputs, rng)
        return ledger.report().ok

    return judge


def evaluations(task: Task) -> Callable[[], None]:
    """The calls of the layer's functions that a judgement makes, and nothing else: what it cannot do without."""
    stepped = [np.asarray(a + (1e-30j) * a) for a in task.arguments]
    dout = np.asarray(task.forward(*task.arguments)[0])
    twice, tangent = (1, 2), task.layer.tangent

    def calls() -> None:
        for _ in twice:  # the reference's and the answer's
            _, cache = task.forward(*task.arguments)
        for _ in twice:
            task.backward(dout, cache)
        for _ in twice:  # every argument moved at once
            if tangent is None:
                task.forward(*stepped)
            else:
                tangent(*task.inputs.values(), *task.arguments)

    return calls


def run(settings: Settings) -> dict[str, Any]:
    """All measurements, as they are written to results/checkers.json."""
    cases = [_case(slug, size, settings) for size in settings.sizes for slug in settings.layers]
    return {
        "machine": _machine(),
        "versions": {name: _version(name) for name in ("numpy", "autograd", "jax", "torch")},
        "cases": cases,
        "whole checks": {slug: _whole(slug, settings) for slug in layers.names()},
        "errors": {slug: errors(slug) for slug in layers.names()},
    }


def _case(slug: str, size: Size, settings: Settings) -> dict[str, Any]:
    layer, case = layers.get(slug), _sized(layers.get(slug), size)
    inputs = layer.sample(np.random.default_rng(0), dict(case.sizes), **case.options)
    task = Task(layer, inputs)
    made = {FLOOR: evaluations(task)} | {name: peer(task) for name, peer in settings.peers.items()}
    ours = {OURS: judgement(layer, inputs, case, layer)}
    found: dict[str, Any] = {name: None for name, run in made.items() if run is None}
    for name, run in (ours | made).items():
        if run is not None and (name not in SLOW or size.slow_rounds) and not _accepts(run):
            found[name] = {"refused": True}  # a right answer
    for slow, rounds in ((False, size.rounds), (True, size.slow_rounds)):
        group = {n: r for n, r in made.items() if r is not None and n not in found and (n in SLOW) == slow}
        if not rounds or not (group or not slow):
            found |= dict.fromkeys(group)
            continue
        samples, calls = interleave(ours | group, rounds, settings.slice_seconds)
        share = ratios(samples, OURS)
        for name in samples:
            if name != OURS or not slow:
                found[name] = {"ms": median(samples[name]), "ratio": share[name], "calls": calls[name]}
    order = {name: found[name] for name in (OURS, *made)}
    return {"layer": slug, "size": str(size), "checkers": order}


def _accepts(run: Callable[[], object]) -> bool:
    try:
        return run() is not False
    except Exception:
        return False


def _sized(layer: Layer, size: Size) -> Case:
    """The layer's case of that size: D is the number of columns, whatever the layer calls them."""
    tokens = layer.spec.inputs["x"]
    sizes: dict[str, Any] = {"N": size.N, tokens[1]: (size.D,) if tokens[1] == "..." else size.D}
    if layer.slug == "affine":
        sizes |= {"D": size.D, "M": size.M}
    return Case(str(size), sizes)


def _whole(slug: str, settings: Settings) -> float:
    layer = layers.get(slug)
    given = {"loss": layer.loss} if layer.is_loss else {"forward": layer.forward, "backward": layer.backward}
    samples, _ = interleave({OURS: lambda: check(slug, **given)}, 10, settings.slice_seconds)
    return median(samples[OURS])


def _machine() -> dict[str, Any]:
    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        named = [
            line for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("model name")
        ]
        model = named[0].partition(":")[2].strip() if named else model
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "threads used": 1,
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def write(results: Mapping[str, Any]) -> None:
    """Store the results, their table, and the table in the README."""
    text = table(results)
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    OUTPUT.with_suffix(".md").write_text(text, encoding="utf-8")
    before, _, rest = README.read_text(encoding="utf-8").partition(START)
    README.write_text(f"{before}{START}\n{text}{END}{rest.partition(END)[2]}", encoding="utf-8")


# ---------------------------------------------------------------- the table


def table(results: Mapping[str, Any]) -> str:
    """The results as Markdown: times, ratios, which targets are met, whole checks, errors."""
    machine, versions = results["machine"], results["versions"]
    used = ", ".join(f"{name} {v}" if v else f"{name} not installed" for name, v in versions.items())
    lines = [
        f"{machine['processor']}, {machine['cores']} cores of which {machine['threads used']} is used, "
        f"{machine['system']}, Python {machine['python']}; {used}.",
    ]
    for size in dict.fromkeys(case["size"] for case in results["cases"]):
        cases = [case for case in results["cases"] if case["size"] == size]
        lines += ["", f"### One case of a right answer, {size}, in ms", "", *_times(cases)]
        lines += ["", f"### The same as multiples of {OURS}'s time", "", *_multiples(cases)]
    lines += ["", "### A whole check, all its cases, in ms", ""]
    lines += _rows(["layer", "ms"], [[slug, f"{ms:.1f}"] for slug, ms in results["whole checks"].items()])
    affine = results["whole checks"]["affine"]
    lines += ["", f"Target for affine: under {WHOLE_TARGET:.0f} ms; {_met(affine < WHOLE_TARGET)}."]
    lines += ["", "### Errors of the derivatives", ""]
    methods = list(next(iter(results["errors"].values())))
    body = [[slug, *(f"{found[m]:.1e}" for m in methods)] for slug, found in results["errors"].items()]
    lines += _rows(["layer", *methods], body)
    return "\n".join(lines) + "\n"


def _times(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    names = list(cases[0]["checkers"])
    body = [[name, *(_cell(case["checkers"][name], "ms") for case in cases)] for name in names]
    return _rows(["", *(case["layer"] for case in cases)], body)


def _multiples(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    names = [name for name in cases[0]["checkers"] if name not in (OURS, FLOOR)]
    body = []
    for name in names:
        target = TARGETS.get(name)
        cells = [case["checkers"][name] for case in cases]
        known = [c["ratio"] for c in cells if c and "ratio" in c]
        met = f"{sum(r >= target for r in known)} of {len(known)}" if target and known else ""
        body.append([name, *(_cell(c, "ratio") for c in cells), f"≥ {target:g}" if target else "", met])
    return _rows(["", *(case["layer"] for case in cases), "target", "met"], body)


def _cell(found: Mapping[str, Any] | None, what: str) -> str:
    if found is None:
        return "–"
    return "refused" if "refused" in found else f"{found[what]:.3g}"


def _rows(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *body)]


def _met(yes: bool) -> str:
    return "met" if yes else "missed"
