"""What dimension analysis leaves to choose from at a step, and what decides (rule one)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handgrad.axes import Tokens, letters
from handgrad.derive.program import Line
from handgrad.derive.pullbacks import pullback
from handgrad.derive.rules import Rule
from handgrad.derive.tidy import tidy
from handgrad.errors import HandgradError
from handgrad.expressions import Call, Expr, Name, Number, Reduce
from handgrad.operations import Array
from handgrad.shapes import Arrangement, distinguish
from handgrad.shapes import arrangements as search

__all__ = ["Choice", "choose"]

MOST_FACTORS = 3


@dataclass(frozen=True)
class Choice:
    """The arrangements of the factors that have the wanted shape.

    factors: the axes of each factor: the upstream, and what the scalar analogue multiplies it by. fits: every
    product, transpose, element-wise product and sum of them that fits. right: those that are the gradient, as
    random numbers tell. by_shape: whether the shape alone decides. why: the sentence that says so.
    """

    factors: Mapping[str, Tokens]
    fits: tuple[Arrangement, ...]
    right: tuple[Arrangement, ...]
    by_shape: bool
    why: str

    @property
    def impostors(self) -> tuple[Arrangement, ...]:
        """Those that fit and are wrong."""
        return tuple(fit for fit in self.fits if fit not in self.right)


def choose(
    line: Line,
    name: str,
    position: int,
    rule: Rule,
    local: Expr,
    expr: Expr,
    tokens: Tokens,
    types: Mapping[str, Tokens],
    values: Mapping[str, Array],
    sizes: Mapping[str, int],
) -> Choice:
    """Ask which arrangements of a step's factors fit, and which of them is its gradient, `expr`."""
    upstream = f"d{line.target}"
    factors: dict[str, Tokens] = {upstream: types[upstream]}
    arrays = {upstream: values[upstream]}
    constant: Expr = Number(1)
    for factor in _others(line, position, rule, local, types):
        axes = factor.infer(types)
        if not axes and rule.kind == "entry":
            constant = factor
        elif axes:
            # The label will stand inside products and transposes.
            label = str(factor) if isinstance(factor, Name | Call | Reduce) else f"({factor})"
            factors[label] = axes
            arrays[label] = factor.evaluate(values, sizes, types)
    truth = expr.evaluate(values, sizes, types)
    scale = constant.evaluate(values, sizes, types)
    try:
        fits = _search(tokens, factors)
    except HandgradError:
        return Choice(factors, (), (), False, "rule one is for matrices, vectors and scalars")
    right, _ = distinguish(fits, arrays, truth / scale if scale else truth)
    return Choice(factors, tuple(fits), tuple(right), *_verdict(fits, right, constant, tokens))


def _others(line: Line, position: int, rule: Rule, local: Expr, types: Mapping[str, Tokens]) -> list[Expr]:
    """What stands beside the upstream: the slope where the operation is entry by entry, else the operands."""
    if rule.kind in {"sum", "copy"}:
        return []
    if rule.kind == "entry":
        slope = pullback(line, position, types, Number(1))
        return [] if slope is None else [tidy(slope)]
    names = {line.target, *(o.id for o in line.operands if isinstance(o, Name))}
    used = [n for n in local.names if n in names]
    return [Name(n) for n in used]


def _search(tokens: Tokens, factors: Mapping[str, Tokens]) -> list[Arrangement]:
    if len(factors) > MOST_FACTORS or any(len(axes) > 2 for axes in (tokens, *factors.values())):
        raise HandgradError("too many factors or axes")
    written = {name: " ".join(map(str, axes)) for name, axes in factors.items()}
    target = " ".join(map(str, tokens))
    plain = search(target, written)
    return plain or search(target, written, reductions=True)


def _verdict(
    fits: list[Arrangement], right: list[Arrangement], constant: Expr, tokens: Tokens
) -> tuple[bool, str]:
    if not fits:
        goal = letters(tokens) if tokens else "a scalar"
        return False, f"no product or sum of them is {goal}: the forward pass decides"
    if len(fits) == 1 and right:
        if constant != Number(1):
            return (
                True,
                f"the shape decides all but the factor {constant}, which only the scalar analogue shows",
            )
        return True, "the shape alone decides"
    if len(fits) == 1:
        return False, f"only {fits[0]} fits, and it is wrong: the forward pass decides, not the shape"
    if right:
        return False, f"{len(fits)} fit, so the shape does not decide: the forward pass does"
    return False, f"{len(fits)} fit and none is right: the forward pass decides, not the shape"
