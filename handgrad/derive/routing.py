"""Four routes to the same gradients: by elements, by shapes, by full Jacobians (vec), and along the graph.

    print(routes(derive("X: N D;  W: D C\\nS = X @ W"), "vec"))

Each line of a route is a formula with its exact cost, as counted in `handgrad.derive.costs` and in the module of the
route: `elements`, `arranged` (shapes), `vec`. The graph's lines are the engine's own reverse steps.
`handgrad.derive.concordances` runs all of them on the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from handgrad.axes import letters
from handgrad.derive import arranged, vec
from handgrad.derive.costs import entries, measure
from handgrad.derive.derivation import Derivation, Step
from handgrad.derive.elements import entrywise
from handgrad.derive.latex import formula as latex_of
from handgrad.derive.route import ROUTES, Route, RouteLine
from handgrad.derive.symbols import Symbols, symbols
from handgrad.derive.terms import TooLarge
from handgrad.derive.vec import ORDERS, Order
from handgrad.errors import ShapeError, UnknownNameError, layout, nearest
from handgrad.expressions import Expr
from handgrad.operations import Array

__all__ = ["ROUTES", "Route", "RouteLine", "mixed", "routes", "sizes_for", "vec_route"]

Known = dict[str, Any]


def routes(
    derivation: Derivation,
    route: str,
    sizes: Mapping[str, int] | None = None,
    values: Mapping[str, Any] | None = None,
) -> Route:
    """A derivation's backward pass by one of `ROUTES`; str() of it is the text.

    sizes: a size for every axis, for the counts; small primes without it. values: those of a forward pass at these
    sizes, with the upstream gradient: then every line is run, and the result has its `.values`. Where the
    route does not apply, `.why` says so. Raises UnknownNameError for another route or axis, ShapeError for sizes that
    lack an axis or are no whole numbers.
    """
    if route not in ROUTES:
        raise UnknownNameError(layout("routes", f"no route {route!r}", step=nearest(route, ROUTES)))
    return _BY_NAME[route](derivation, sizes_for(derivation, sizes), values)


def sizes_for(derivation: Derivation, sizes: Mapping[str, int] | None) -> dict[str, int]:
    """A size for every axis: those given, checked, or small primes."""
    program = derivation.program
    if sizes is None:
        return program.sizes()
    free = [axis for axis in program.axes if axis not in program.merged]
    for axis in sizes:
        if axis not in free:
            raise UnknownNameError(layout("sizes", f"no axis {axis!r}", step=nearest(axis, free)))
    for axis in free:
        if axis not in sizes:
            step = f"give all of {', '.join(free)}"
            raise ShapeError(layout("sizes", f"axis {axis} has no size", step=step))
        if type(sizes[axis]) is not int or sizes[axis] < 1:
            what = f"axis {axis} has the size {sizes[axis]!r}, expected a whole number from 1"
            raise ShapeError(layout("sizes", what))
    return program.sizes(tuple(sizes[axis] for axis in free))


def _refused(route: str, why: str, sizes: Mapping[str, int]) -> Route:
    return Route(route, ROUTES[route], (), sizes, why)


# ------------------------------------------------------------ elements


def _elements(derivation: Derivation, sizes: Mapping[str, int], values: Mapping[str, Any] | None) -> Route:
    whole, marks = derivation.simplified, symbols(derivation)
    known: Known = dict(values or {})
    lines: list[RouteLine] = []
    for line in whole.lines:
        try:
            entry = entrywise(line.name, line.tokens, line.expr, whole.types)
        except TooLarge:
            return _refused("elements", f"{line.name} has too many terms to be read with indices", sizes)
        kept = entries(line.tokens, sizes)
        peak = kept + entry.held_before(sizes)
        work = entry.multiply_adds(sizes)
        lines.append(RouteLine(line.name, line.of, entry.text, entry.latex(marks), work, kept, peak))
        if values is not None:
            known[line.name] = entry.evaluate(known, sizes)
    return Route("elements", ROUTES["elements"], tuple(lines), sizes, "", known)


# ------------------------------------------------------------ step by step


def _formulas(
    derivation: Derivation,
    route: str,
    found: Mapping[str, tuple[Expr, str]],
    sizes: Mapping[str, int],
    values: Mapping[str, Any] | None,
) -> Route:
    """A route of one formula a step, with its note, and the sums over several uses."""
    types, marks = derivation.types, symbols(derivation)
    known: Known = dict(values or {})
    lines: list[RouteLine] = []

    def add(name: str, of: str, expr: Expr, note: str) -> None:
        cost = measure(expr, types, sizes)
        tex = f"{marks.arrays[name]} = {latex_of(expr, marks)}"
        text = f"{name} = {expr}"
        lines.append(RouteLine(name, of, text, tex, cost.multiply_adds, cost.held, cost.peak, note))
        if values is not None:
            known[name] = expr.evaluate(known, sizes, types)

    for gradient in derivation.gradients:
        for part in gradient.parts:
            add(part.target, gradient.of, *found[part.target])
        if len(gradient.parts) > 1:
            add(gradient.name, gradient.of, gradient.expr, _uses(gradient.of, len(gradient.parts)))
    return Route(route, ROUTES[route], tuple(lines), sizes, "", known)


def _uses(name: str, count: int) -> str:
    return f"{name} is used {count} times: its gradients add up"


def _shapes(derivation: Derivation, sizes: Mapping[str, int], values: Mapping[str, Any] | None) -> Route:
    why = arranged.obstacle(derivation)
    if why:
        return _refused("shapes", why, sizes)
    found = {one.step.target: (one.expr, one.note) for one in arranged.arrange(derivation)}
    return _formulas(derivation, "shapes", found, sizes, values)


def _graph(derivation: Derivation, sizes: Mapping[str, int], values: Mapping[str, Any] | None) -> Route:
    found = {step.target: (step.expr, f"{step.line}: {step.scalar}") for step in derivation.steps}
    return _formulas(derivation, "graph", found, sizes, values)


# ------------------------------------------------------------ vec


def _vec(derivation: Derivation, sizes: Mapping[str, int], values: Mapping[str, Any] | None) -> Route:
    return vec_route(derivation, "C", sizes, values)


def vec_route(
    derivation: Derivation,
    order: Order,
    sizes: Mapping[str, int] | None = None,
    values: Mapping[str, Any] | None = None,
) -> Route:
    """The route by full Jacobians with vec in one order, "C" or "F"; each note has the Jacobian in the other.

    sizes, values and what is raised: see `routes`.
    """
    sizes = sizes_for(derivation, sizes)
    why = vec.obstacle(derivation)
    if why:
        return _refused("vec", why, sizes)
    marks = symbols(derivation)
    known: Known = dict(values or {})
    lines: list[RouteLine] = []
    for gradient in derivation.gradients:
        for part in gradient.parts:
            lines.append(_jacobian_line(part, derivation, marks, order, sizes))
            if values is not None:
                matrix = vec.jacobian(part, derivation, marks, order).build(known, sizes)
                known[part.target] = _back(part, known, matrix, order, order, order)
        if len(gradient.parts) > 1:
            names = [part.target for part in gradient.parts]
            text = f"vec({gradient.name}) = {' + '.join(f'vec({name})' for name in names)}"
            tex = f"{_vec_tex(gradient.name, marks)} = {' + '.join(_vec_tex(name, marks) for name in names)}"
            size = entries(gradient.tokens, sizes)
            work, note = (len(names) - 1) * size, _uses(gradient.of, len(names))
            lines.append(RouteLine(gradient.name, gradient.of, text, tex, work, size, size, note))
            if values is not None:
                known[gradient.name] = sum(known[name] for name in names)
    says = f"{ROUTES['vec']}, {ORDERS[order]}"
    return Route("vec", says, tuple(lines), sizes, "", known)


def _jacobian_line(
    step: Step, derivation: Derivation, marks: Symbols, order: Order, sizes: Mapping[str, int]
) -> RouteLine:
    here = vec.jacobian(step, derivation, marks, order)
    cost = here.cost(sizes)
    if here.is_identity:
        text = f"vec({step.target}) = vec({step.upstream})"
        tex = f"{_vec_tex(step.target, marks)} = {_vec_tex(step.upstream, marks)}"
        return RouteLine(step.target, step.name, text, tex, 0, 0, 0, "J is the identity")
    single = here.text.startswith(("diag(", "pick(")) and here.text.index(")") >= len(here.text.rstrip(")"))
    shown = here.text if single or here.text.isidentifier() else f"({here.text})"
    text = f"vec({step.target})ᵀ = vec({step.upstream})ᵀ {shown}"
    left, right = (f"{_vec_tex(name, marks)}^\\top" for name in (step.target, step.upstream))
    tex = rf"{left} = {right} \left( {here.latex} \right)"
    rows, columns = (_long(tokens) for tokens in here.shape)
    numbers = " × ".join(f"{entries(tokens, sizes):,}" for tokens in here.shape)
    other: Order = "F" if order == "C" else "C"
    there = vec.jacobian(step, derivation, marks, other)
    note = f"J is {rows} × {columns}, here {numbers}"
    if there.text != here.text:
        note += f"; {ORDERS[other]} it is {there.text}"
    return RouteLine(step.target, step.name, text, tex, cost.multiply_adds, cost.held, cost.peak, note)


def _vec_tex(name: str, marks: Symbols) -> str:
    return rf"\operatorname{{vec}}\left({marks.arrays[name]}\right)"


def _long(tokens: tuple[Any, ...]) -> str:
    return " ".join(str(t) for t in tokens if t != 1) or "1"


def _back(
    step: Step, known: Mapping[str, Any], matrix: Array, taken: Order, made: Order, kept: Order
) -> Array:
    """vec(dy)ᵀ J: vec in the order `taken`, J in `made` (which the caller built), reshaped in `kept`."""
    upstream = np.asarray(known[step.upstream], dtype=float)
    flat = upstream.ravel(order=taken) @ matrix
    return flat.reshape(np.shape(known[step.name]), order=kept)


def mixed(
    derivation: Derivation, sizes: Mapping[str, int], values: Mapping[str, Any]
) -> dict[tuple[str, str], Array]:
    """What comes out where the two orders are mixed in the last step to an input: by input, and by what is mixed.

    values: every gradient, right, beside the forward's. Only inputs of one use are looked at, with a J that matters.
    """
    marks = symbols(derivation)
    found: dict[tuple[str, str], Array] = {}
    for gradient in derivation.gradients:
        step = gradient.parts[0]
        if gradient.of not in derivation.program.inputs or len(gradient.parts) > 1:
            continue
        if vec.jacobian(step, derivation, marks, "C").is_identity:
            continue
        row = vec.jacobian(step, derivation, marks, "C").build(values, sizes)
        column = vec.jacobian(step, derivation, marks, "F").build(values, sizes)
        if np.ndim(values[step.upstream]) == 2 and min(np.shape(values[step.upstream])) > 1:
            how = f"row-major J, column-major vec({step.upstream})"
            found[gradient.name, how] = _back(step, values, row, "F", "C", "C")
        if np.ndim(values[step.name]) == 2 and min(np.shape(values[step.name])) > 1:
            how = f"column-major J and vec({step.upstream}), row-major reshape to {letters(step.tokens)}"
            found[gradient.name, how] = _back(step, values, column, "F", "F", "C")
    return found


_BY_NAME: dict[str, Callable[[Derivation, Mapping[str, int], Mapping[str, Any] | None], Route]] = {
    "elements": _elements,
    "shapes": _shapes,
    "vec": _vec,
    "graph": _graph,
}
