"""The concordance: one layer's gradients by four routes, the same numbers at different costs.

    print(concordance("affine", sizes={"N": 32, "D": 64, "C": 10}))

Every route is run on the same random numbers, and each of its gradients is compared with the engine's closed form
and with complex steps of the forward pass. The full Jacobians are run twice, row-major and column-major; what comes out
where the two orders are mixed is compared too, and refused.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad import numeric
from handgrad.axes import shape_of
from handgrad.derive.costs import entries
from handgrad.derive.derivation import Derivation, derive
from handgrad.derive.program import Program
from handgrad.derive.route import Route
from handgrad.derive.routing import mixed, routes, sizes_for, vec_route
from handgrad.errors import UnknownNameError, layout, nearest
from handgrad.operations import OPERATIONS, Array

__all__ = ["LAYERS", "TOLERANCE", "Concordance", "Entry", "Refusal", "concordance"]

TOLERANCE = 1e-9  # of the gradient's norm; rounding gives about 1e-15, a mistake about 1
ROUNDING = 1e-12  # of the largest gradient on the way: what may be left where gradients cancel to zero
HARMLESS = "the same numbers here, where the order does not show"
# entries of a Jacobian that is still built; beyond, the numbers are compared at small sizes
LARGEST = 5_000_000
MOST_STEPS = 10_000  # and complex steps, one for each entry of each input

LAYERS: dict[str, str] = {
    "affine": "X: N D;  W: D C;  b: C\nS = X @ W + b",
    "affine_columns": "X: D N;  W: C D;  b: C 1\nS = W @ X + b",
    "softmax": (
        "S: N C;  y: N int\nE = exp(S)\nR = sum(E, axis=C, keepdims=True)\nP = E / R\n"
        "p = P[arange(N), y]\nL = -mean(log(p))"
    ),
    "batchnorm": (
        "x: N D;  gamma: D;  beta: D\nmu = mean(x, axis=N)\nxc = x - mu\nvar_ = mean(xc**2, axis=N)\n"
        "std = sqrt(var_ + 1e-5)\nxhat = xc / std\nout = gamma * xhat + beta"
    ),
} | {
    name: f"x: N D\nout = {name}(x)"
    for name, row in OPERATIONS.items()
    if row.kind == "function" and name not in {"log", "sqrt"}  # these want positive numbers
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One route, and whether its gradients are the engine's and those of complex steps."""

    name: str
    route: Route
    engine: bool
    complex_step: bool

    @property
    def same(self) -> bool:
        """Whether both agree."""
        return self.engine and self.complex_step


@dataclass(frozen=True)
class Refusal:
    """What a mix of the two orders gives for one gradient. refused: whether the numbers are wrong.

    They are right where all entries of what is mixed are equal, as behind a plain sum.
    """

    name: str
    how: str
    refused: bool


@dataclass(frozen=True)
class Concordance:
    """The gradients of one forward pass by all the routes.

    sizes: of the counts. compared: the sizes at which the numbers were compared, the same where that is possible.
    missing: the routes that do not apply.
    """

    name: str
    program: Program
    sizes: Mapping[str, int]
    compared: Mapping[str, int]
    entries: tuple[Entry, ...]
    missing: tuple[Route, ...]
    refusals: tuple[Refusal, ...]

    @property
    def ok(self) -> bool:
        """Whether all routes that apply give the same numbers."""
        return all(e.same for e in self.entries)

    def __getitem__(self, name: str) -> Entry:
        """The entry of a route: "elements", "shapes", "vec row-major", "vec column-major" or "graph"."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise UnknownNameError(
            layout("concordance", f"no route {name!r}", step=nearest(name, [e.name for e in self.entries]))
        )

    # ------------------------------------------------------------ text

    def __str__(self) -> str:
        return "\n".join(self._rows())

    __repr__ = __str__

    def _rows(self) -> Iterator[str]:
        yield f"{self.name}, at {_listed(self.sizes)}"
        yield from (f"  {line.target} = {line.expr}" for line in self.program.written)
        yield ""
        yield f"{'route':<18}{'multiply-adds':>17}{'entries held':>17}   same numbers"
        for entry in self.entries:
            same = "yes" if entry.same else "NO"
            yield f"{entry.name:<18}{entry.route.multiply_adds:>17,}{entry.route.held:>17,}   {same}"
        for route in self.missing:
            yield f"{route.route:<18}does not apply: {route.why}"
        yield ""
        yield self._compared()
        for entry in self.entries:
            yield ""
            yield f"{entry.name}: {entry.route.says}"
            yield from (f"  {line.formula}" for line in entry.route.lines)
        if self.refusals:
            yield ""
            yield "The two orders mixed"
        for refusal in self.refusals:
            verdict = "refused" if refusal.refused else HARMLESS
            yield f"  {refusal.name}, {refusal.how}: {verdict}"

    def _compared(self) -> str:
        text = "Compared with the engine's closed form and with complex steps"
        if dict(self.compared) != dict(self.sizes):
            return f"{text}, at {_listed(self.compared)}: the sizes above are too large for full Jacobians."
        return f"{text}, at these sizes."

    def markdown(self) -> str:
        """The table, the formulas with LaTeX, and the refusals."""
        rows = [
            f"**{self.name}**, at {_listed(self.sizes)}",
            "",
            "| route | multiply-adds | entries held | same numbers |",
            "|---|---:|---:|---|",
        ]
        for entry in self.entries:
            same = "yes" if entry.same else "**no**"
            rows.append(f"| {entry.name} | {entry.route.multiply_adds:,} | {entry.route.held:,} | {same} |")
        rows += [f"| {route.route} | does not apply: {route.why} | | |" for route in self.missing]
        rows += ["", self._compared()]
        for entry in self.entries:
            rows += ["", f"**{entry.name}**: {entry.route.says}"]
            for line in entry.route.lines:
                rows += ["", "$$", line.latex, "$$"]
        if self.refusals:
            rows += ["", "**The two orders mixed**", ""]
            rows += [f"- `{r.name}`, {r.how}: {'refused' if r.refused else HARMLESS}" for r in self.refusals]
        return "\n".join(rows)

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def to_html(self) -> str:
        """The table alone, accessible: a caption, and headers with their scope."""
        heads = "".join(
            f'<th scope="col">{head}</th>'
            for head in ("route", "multiply-adds", "entries held", "same numbers")
        )
        rows = []
        for entry in self.entries:
            cells = (f"{entry.route.multiply_adds:,}", f"{entry.route.held:,}", "yes" if entry.same else "no")
            tail = "".join(f"<td>{cell}</td>" for cell in cells)
            rows.append(f'<tr><th scope="row">{html.escape(entry.name)}</th>{tail}</tr>')
        for route in self.missing:
            why = html.escape(f"does not apply: {route.why}")
            rows.append(f'<tr><th scope="row">{route.route}</th><td colspan="3">{why}</td></tr>')
        caption = html.escape(f"{self.name}, at {_listed(self.sizes)}. {self._compared()}")
        return (
            f'<table class="handgrad-concordance"><caption>{caption}</caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        )

    def to_json(self) -> str:
        """The same as JSON text."""
        data: dict[str, Any] = {
            "name": self.name,
            "program": self.program.text,
            "sizes": dict(self.sizes),
            "compared": dict(self.compared),
            "ok": self.ok,
            "routes": [
                {"name": e.name, "engine": e.engine, "complex_step": e.complex_step, **e.route.to_data()}
                for e in self.entries
            ],
            "missing": [route.to_data() for route in self.missing],
            "mixed": [{"name": r.name, "how": r.how, "refused": r.refused} for r in self.refusals],
        }
        return json.dumps(data, indent=1, ensure_ascii=False)


def concordance(
    layer: str | Derivation, sizes: Mapping[str, int] | None = None, *, seed: int = 0
) -> Concordance:
    """The gradients of a layer by all the routes, with the cost of each.

    layer: a name of `LAYERS`, or any derivation. sizes: a size for every axis; small primes without it. Raises
    UnknownNameError for another name or axis, ShapeError for sizes that lack an axis.
    """
    if isinstance(layer, str):
        if layer not in LAYERS:
            raise UnknownNameError(layout("concordance", f"no layer {layer!r}", step=nearest(layer, LAYERS)))
        name, derivation = layer, derive(LAYERS[layer])
    else:
        name, derivation = "the derivation", layer
    at = sizes_for(derivation, sizes)
    compared = at if _fits(derivation, at) else derivation.program.sizes()
    known = _forward(derivation, compared, seed)
    closed = derivation.simplified.run(known, compared)
    right = derivation.run_steps(known, known[derivation.upstream], compared)
    ways = [derivation.upstream, *(name for name in right if name not in known)]
    largest = max(float(np.linalg.norm(right[name])) for name in ways)
    steps = _complex_steps(derivation, known, compared)
    found: list[Entry] = []
    missing: list[Route] = []
    for title, counted, run in _all(derivation, at, compared, known):
        if not counted.applies:
            missing.append(counted)
            continue
        engine = all(_same(run.values[d], closed[d], largest) for d in steps)
        stepped = all(_same(run.values[d], steps[d], largest) for d in steps)
        found.append(Entry(title, counted, engine, stepped))
    refusals: tuple[Refusal, ...] = ()
    if not any(route.route == "vec" for route in missing):
        wrong = mixed(derivation, compared, right)
        refusals = tuple(
            Refusal(d, how, not _same(got, right[d], largest)) for (d, how), got in wrong.items()
        )
    return Concordance(name, derivation.program, at, compared, tuple(found), tuple(missing), refusals)


def _all(
    derivation: Derivation, at: Mapping[str, int], compared: Mapping[str, int], known: Mapping[str, Any]
) -> Iterator[tuple[str, Route, Route]]:
    """Each route twice: with the counts at the sizes asked for, and run where the numbers are compared."""
    for route in ("elements", "shapes"):
        yield route, routes(derivation, route, at), routes(derivation, route, compared, known)
    yield "vec row-major", vec_route(derivation, "C", at), vec_route(derivation, "C", compared, known)
    if routes(derivation, "vec", at).applies:
        yield "vec column-major", vec_route(derivation, "F", at), vec_route(derivation, "F", compared, known)
    yield "graph", routes(derivation, "graph", at), routes(derivation, "graph", compared, known)


def _fits(derivation: Derivation, sizes: Mapping[str, int]) -> bool:
    program = derivation.program
    jacobians = (entries(s.tokens, sizes) * entries(s.line.tokens, sizes) for s in derivation.steps)
    steps = sum(entries(tokens, sizes) for tokens in program.inputs.values())
    return max(jacobians, default=0) <= LARGEST and steps <= MOST_STEPS


def _forward(derivation: Derivation, sizes: Mapping[str, int], seed: int) -> dict[str, Any]:
    program, rng = derivation.program, np.random.default_rng(seed)
    known: dict[str, Any] = program.run(program.sample(rng, sizes), sizes)
    shape = shape_of(program.lines[-1].tokens, sizes)
    known[derivation.upstream] = np.ones(()) if program.scalar else rng.standard_normal(shape)
    return known


def _complex_steps(
    derivation: Derivation, known: Mapping[str, Any], sizes: Mapping[str, int]
) -> dict[str, Array]:
    """The gradient of every input, entry by entry, from the forward pass alone.

    Every operation of the language takes complex numbers as its analytic continuation, so no difference is asked.
    """
    program, dout = derivation.program, known[derivation.upstream]
    given = {name: known[name] for name in program.given}
    found: dict[str, Array] = {}
    for name in program.inputs:
        if name in derivation.unused:
            continue
        x = np.asarray(known[name], dtype=float)
        gradient = np.zeros(x.shape)
        for place in np.ndindex(*x.shape):
            z = x.astype(complex)
            z[place] += 1j * numeric.TINY_STEP
            out = program.run({**given, name: z}, sizes)[program.out]
            gradient[place] = np.sum(dout * np.imag(out)) / numeric.TINY_STEP
        found[f"d{name}"] = gradient
    return found


def _same(got: Array, right: Array, largest: float) -> bool:
    if got.shape != right.shape or not np.isfinite(got).all():
        return False
    size = float(np.linalg.norm(right))
    return float(np.linalg.norm(got - right)) <= TOLERANCE * size + ROUNDING * largest


def _listed(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{axis} = {size}" for axis, size in sizes.items()) or "scalars"
