"""What a typed answer is asked about: arrays with named axes, labels, and the lines of a forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from handgrad import layers
from handgrad.axes import REST, Token, Tokens, letters
from handgrad.errors import FormulaError, layout
from handgrad.expressions import Expr, Name, fault
from handgrad.formula import Assignment, Index, OneHot, infer_program, parse_program
from handgrad.layers import Layer
from handgrad.placement import axis_of
from handgrad.shapes import parse as parse_spec

__all__ = ["LABEL", "LAYER_FORWARD", "PRIMES", "Given", "from_layer", "from_text"]

# Different, coprime, and none of them a constant that a formula is likely to hold.
PRIMES = (7, 5, 3, 11, 13, 17, 19, 23)
LABEL = "int"  # the last word of an array of labels: y: N int

# Each layer's forward in the language of formulas; its labels are whole numbers.
LAYER_FORWARD = {
    "affine": "out = x @ w + b",
    "temporal_affine": "out = x @ w + b",
    "relu": "out = relu(x)",
    "sigmoid": "out = sigmoid(x)",
    "tanh": "out = tanh(x)",
    "linear_regression": "loss = sum((X @ theta - y) ** 2) / (2 * N)",
    "softmax": """
        E = exp(x)
        R = sum(E, axis=C, keepdims=True)
        P = E / R
        loss = mean(-log(P[arange(N), y]))
    """,
    "temporal_softmax": """
        E = exp(x)
        R = sum(E, axis=C, keepdims=True)
        P = E / R
        loss = -sum(mask * sum(onehot(y, C) * log(P), axis=C)) / N
    """,
    "svm": """
        margins = relu(x - x[arange(N), y][:, None] + 1) * (1 - onehot(y, C))
        loss = sum(margins) / N
    """,
    "batchnorm": """
        mu = mean(x, axis=N)
        xc = x - mu
        v = mean(xc ** 2, axis=N)
        std = sqrt(v + 1e-5)
        xhat = xc / std
        out = gamma * xhat + beta
    """,
    "spatial_batchnorm": """
        mu = mean(x, axis=(N, H, W), keepdims=True)
        xc = x - mu
        v = mean(xc ** 2, axis=(N, H, W), keepdims=True)
        std = sqrt(v + 1e-5)
        xhat = xc / std
        out = gamma[:, None, None] * xhat + beta[:, None, None]
    """,
}
_LABELS_OF = {"softmax": "y", "temporal_softmax": "y", "svm": "y"}


@dataclass(frozen=True)
class Given:
    """The arrays that are given, by their axes; `labels` maps a name to the axes that it picks from."""

    inputs: Mapping[str, Tokens]
    program: tuple[Assignment, ...]
    sizes: Mapping[str, int]
    labels: Mapping[str, Tokens] = field(default_factory=dict)
    layer: Layer | None = None


def from_text(forward: str, shapes: str) -> Given:
    """The question put by lines of assignments and `"X: N D, y: N int"`. Raises FormulaError or SpecError."""
    if not forward or not shapes:
        step = 'check: check_formula("X.T @ dS", "W", forward="S = X @ W + b", shapes="X: N D, W: D C, b: C")'
        raise FormulaError(layout("check_formula", "needs forward and shapes, or a layer", step=step))
    declared = parse_spec(shapes).inputs
    odd = [name for name, tokens in declared.items() if LABEL in tokens and tokens.index(LABEL) != 1]
    if odd:
        step = f'declare labels by one axis and {LABEL}: "{odd[0]}: N {LABEL}"'
        raise FormulaError(layout("check_formula", f"{odd[0]} is {letters(declared[odd[0]])}", step=step))
    labels = [name for name, tokens in declared.items() if tokens[-1:] == (LABEL,)]
    inputs = {name: tokens[:-1] if name in labels else tokens for name, tokens in declared.items()}
    program = tuple(parse_program(forward))
    return Given(inputs, program, _sizes(inputs), _picked(labels, program, inputs))


def from_layer(slug: str) -> Given:
    """The question put by a layer's name. Raises UnknownNameError for none of that name."""
    layer = layers.get(slug)
    if slug not in LAYER_FORWARD:
        step = f"check: give its lines as forward=…; by name: {', '.join(LAYER_FORWARD)}"
        raise FormulaError(layout("check_formula", f"{slug} has no forward in formulas", step=step))
    inputs = {n: tuple("D" if t == REST else t for t in of) for n, of in layer.spec.inputs.items()}
    program = tuple(parse_program(LAYER_FORWARD[slug]))
    labels = [_LABELS_OF[slug]] if slug in _LABELS_OF else []
    return Given(inputs, program, _sizes(inputs), _picked(labels, program, inputs), layer)


def _sizes(tokens: Mapping[str, Tokens]) -> dict[str, int]:
    axes = list(dict.fromkeys(t for of in tokens.values() for t in of if isinstance(t, str) and t != REST))
    if len(axes) > len(PRIMES):
        raise FormulaError(layout("check_formula", f"{len(axes)} axes, at most {len(PRIMES)} are checked"))
    return dict(zip(axes, PRIMES, strict=False))


def _uses(node: Expr, known: Mapping[str, Tokens]) -> list[tuple[Name, Token]]:
    """The names that a node picks by, each with the axis that it picks from."""
    if isinstance(node, OneHot):
        return [(node.labels, axis_of(node.count))] if isinstance(node.labels, Name) else []
    if not isinstance(node, Index) or not node.picks:
        return []
    tokens = node.operand.infer(known)
    return [(item, t) for item, t in zip(node.plan(tokens), tokens, strict=True) if isinstance(item, Name)]


def _picked(
    labels: list[str], program: tuple[Assignment, ...], inputs: Mapping[str, Tokens]
) -> dict[str, Tokens]:
    """The axes that each array of labels picks from: the smallest says how many values it may take."""
    known = infer_program(program, inputs)
    axes: dict[str, Tokens] = {}
    for node in (node for line in program for node in line.expr.walk()):
        for name, axis in _uses(node, known):
            if name.id not in labels:
                step = f'declare labels as "{name}: N {LABEL}"'
                raise fault(name.source, f"{name} is used as labels, and is not declared so", step=step)
            axes[name.id] = (*axes.get(name.id, ()), axis)
    unused = [name for name in labels if name not in axes]
    if unused:
        step = f"pick with them: S[arange(N), {unused[0]}], or onehot({unused[0]}, C)"
        raise FormulaError(layout("check_formula", f"the labels {unused[0]} pick nothing", step=step))
    return axes
