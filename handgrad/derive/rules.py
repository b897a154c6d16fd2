"""The rules of the derivation: one table, one row an operation.

A pullback is a formula in the language of `handgrad.formula`, over

    a, b    the operands                    y    the result
    G       the upstream gradient, dL/dy    g, z G and y with the axes of a reduction put back as 1
    n       how many entries a reduction takes together; axis=k stands for its axes
    i, j    the labels of a pick; p, q the axes that they count

It gives the gradient of the operand before `unbroadcast` sums it over copies; one that no formula can say, because
it depends on how the axes moved, is named after an @ and stands in `handgrad.derive.pullbacks`. What the forward
computes stands in `handgrad.operations`; `meaning` says it once more in simpler operations, for exact proofs.

At a kink and at a tie the conventions are those of `handgrad.graph`: relu and
abs have slope 0 at 0, a tie of maximum goes to its first operand, and a tie of max is shared equally.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["RULES", "Rule"]

Kind = Literal["entry", "product", "sum", "mixing", "copy"]


@dataclass(frozen=True)
class Rule:
    """One row.

    pullbacks: one for each operand. scalar: the operation on numbers, and slopes: its derivative by each operand,
    for the scalar analogue. kind: how entries meet (entry by entry, in a matrix product, in a sum, all mixed, or
    only copied), which says what a shape can decide. says: why it is so. meaning: the forward in simpler
    operations, "" for those that are simple.
    """

    key: str
    latex: str
    scalar: str
    slopes: tuple[str, ...]
    pullbacks: tuple[str, ...]
    kind: Kind
    says: str
    meaning: str = ""


_ENTRY = "{y} is computed entry by entry, so each entry of {G} meets the slope at its own entry"

RULES: dict[str, Rule] = {
    rule.key: rule
    for rule in (
        Rule("copy", "{a}", "{a}", ("1",), ("G",), "copy", "{y} is another name for {a}"),
        Rule(
            "+", "{a} + {b}", "{a} + {b}", ("1", "1"), ("G", "G"), "entry",
            "a sum hands the upstream to each of its terms unchanged",
        ),
        Rule(
            "-", "{a} - {b}", "{a} - {b}", ("1", "-1"), ("G", "-G"), "entry",
            "a difference hands the upstream on unchanged, with a minus for what is subtracted",
        ),
        Rule("neg", "-{a}", "-{a}", ("-1",), ("-G",), "entry", "minus stays minus"),
        Rule(
            "*", r"{a} \odot {b}", "{a} {b}", ("{b}", "{a}"), ("G * b", "G * a"), "entry",
            "each factor gets the upstream times the other factor, entry by entry",
        ),
        Rule(
            "/", r"{a} \oslash {b}", "{a} / {b}", ("1/{b}", "-{a}/{b}²"), ("G / b", "-G * a / b ** 2"),
            "entry", "as d(a/b) = da/b - a db/b², entry by entry",
        ),
        Rule(
            "**", "{a}^{{{b}}}", "{a}^{b}", ("{b} {a}^({b}-1)", "{y} log {a}"),
            ("G * (b * a ** (b - 1))", "G * (y * log(a))"), "entry", _ENTRY,
        ),
        Rule(
            "@", "{a} {b}", "{a} {b}", ("{b}", "{a}"), ("G @ b.T", "a.T @ G"), "product",
            "{y} is a matrix product: keep the order, put {G} where {y} stood, transpose the other",
        ),
        Rule(
            "@ matrix vector", "{a} {b}", "{a} {b}", ("{b}", "{a}"), ("outer(G, b)", "a.T @ G"), "product",
            "each entry of {y} is one row of {a} times {b}",
        ),
        Rule(
            "@ vector matrix", "{a} {b}", "{a} {b}", ("{b}", "{a}"), ("b @ G", "outer(a, G)"), "product",
            "each entry of {y} is {a} times one column of {b}",
        ),
        Rule(
            "@ vector vector", r"{a} \cdot {b}", "{a} {b}", ("{b}", "{a}"), ("G * b", "G * a"), "product",
            "{y} is one number, the sum of products of entries",
        ),
        Rule(
            "@ stack", "{a} {b}", "{a} {b}", ("{b}", "{a}"), ("G @ b.mT", "a.mT @ G"), "product",
            "every matrix of the stack is a product of its own",
        ),
        Rule(
            "@ stack vector", "{a} {b}", "{a} {b}", ("{b}", "{a}"), ("G[..., None] * b", "G[..., None] * a"),
            "product", "every row of the stack meets {b} in one number",
        ),
        Rule(
            "@ vector stack", "{a} {b}", "{a} {b}", ("{b}", "{a}"),
            ("sum(b * G[..., None, :], axis=-1)", "a[:, None] * G[..., None, :]"), "product",
            "{a} meets every column of the stack in one number",
        ),
        Rule(
            "outer", r"{a} {b}^\top", "{a} {b}", ("{b}", "{a}"), ("G @ b", "a @ G"), "product",
            "entry (i, j) of {y} is one entry of {a} times one of {b}",
        ),
        Rule(
            "T", r"{a}^\top", "{a}", ("1",), ("G.T",), "copy",
            "entry (i, j) is entry (j, i), so is its gradient",
        ),
        Rule(
            "mT", r"{a}^\top", "{a}", ("1",), ("G.mT",), "copy",
            "entry (i, j) is entry (j, i), so is its gradient",
        ),
        Rule("exp", r"\exp({a})", "exp({a})", ("exp({a}) = {y}",), ("G * y",), "entry", _ENTRY),
        Rule("log", r"\log({a})", "log({a})", ("1/{a}",), ("G / a",), "entry", _ENTRY),
        Rule("sqrt", r"\sqrt{{{a}}}", "√{a}", ("1/(2√{a}) = 1/(2{y})",), ("G / (2 * y)",), "entry", _ENTRY),
        Rule(
            "abs", "|{a}|", "|{a}|", ("sign of {a}",), ("G * ((a > 0) - (a < 0))",), "entry", _ENTRY,
            "a * ((a > 0) - (a < 0))",
        ),
        Rule(
            "tanh", r"\tanh({a})", "tanh({a})", ("1 - tanh²({a}) = 1 - {y}²",), ("G * (1 - y ** 2)",), "entry",
            _ENTRY,
        ),
        Rule(
            "sigmoid", r"\sigma({a})", "σ({a})", ("σ({a})(1 - σ({a})) = {y}(1 - {y})",), ("G * y * (1 - y)",),
            "entry", _ENTRY, "1 / (1 + exp(-a))",
        ),
        Rule(
            "relu", r"\operatorname{{relu}}({a})", "max({a}, 0)", ("1 where {a} > 0, else 0",),
            ("G * (a > 0)",), "entry", _ENTRY, "a * (a > 0)",
        ),
        Rule(
            "softplus", r"\log(1 + \exp({a}))", "log(1 + exp({a}))", ("exp({a})/(1 + exp({a})) = σ({a})",),
            ("G * sigmoid(a)",), "entry", _ENTRY, "log(1 + exp(a))",
        ),
        Rule(
            "gelu", r"\operatorname{{gelu}}({a})", "gelu({a})", ("gelu'({a})",),
            (
                "G * (0.5 * (1 + tanh(0.7978845608028654 * (a + 0.044715 * a ** 3))) "
                "+ 0.5 * a * (1 - tanh(0.7978845608028654 * (a + 0.044715 * a ** 3)) ** "
                "2) * 0.7978845608028654 * (1 + 0.134145 * a ** 2))",
            ),
            "entry", _ENTRY, "0.5 * a * (1 + tanh(0.7978845608028654 * (a + 0.044715 * a ** 3)))",
        ),
        Rule("sin", r"\sin({a})", "sin({a})", ("cos({a})",), ("G * cos(a)",), "entry", _ENTRY),
        Rule("cos", r"\cos({a})", "cos({a})", ("-sin({a})",), ("-G * sin(a)",), "entry", _ENTRY),
        Rule(
            "maximum", r"\max({a}, {b})", "max({a}, {b})",
            ("1 where {a} ≥ {b}, else 0", "1 where {a} < {b}, else 0"), ("G * (a >= b)", "G * (a < b)"),
            "entry", "only the larger of the two reaches {y}", "a * (a >= b) + b * (a < b)",
        ),
        Rule(
            "minimum", r"\min({a}, {b})", "min({a}, {b})",
            ("1 where {a} ≤ {b}, else 0", "1 where {a} > {b}, else 0"), ("G * (a <= b)", "G * (a > b)"),
            "entry", "only the smaller of the two reaches {y}", "a * (a <= b) + b * (a > b)",
        ),
        Rule(
            "sum", r"\sum_{{{axis}}} {a}", "{a} + …", ("1",), ("g",), "sum",
            "every entry of {a} enters one sum with weight 1, so it gets that sum's upstream",
        ),
        Rule(
            "mean", r"\frac{{1}}{{{n}}} \sum_{{{axis}}} {a}", "({a} + …)/{n}", ("1/{n}",), ("g / n",), "sum",
            "every entry of {a} enters one mean with weight 1/{n}",
        ),
        Rule(
            "var", r"\operatorname{{var}}_{{{axis}}}({a})", "(({a} - mean)² + …)/{n}", ("2({a} - mean)/{n}",),
            ("2 * g * (a - mean(a, axis=k, keepdims=True)) / n",), "mixing",
            "the mean moves too, but the distances from it sum to zero, so that path adds nothing",
            "mean((a - mean(a, axis=k, keepdims=True)) ** 2, axis=k)",
        ),
        Rule(
            "max", r"\max_{{{axis}}} {a}", "max({a}, …)", ("1 where {a} is the largest, else 0",),
            ("g * (a >= z) / sum(a >= z, axis=k, keepdims=True)",), "mixing",
            "only the largest entry reaches {y}; equal ones share",
        ),
        Rule(
            "logsumexp", r"\log \sum_{{{axis}}} \exp({a})", "log(exp({a}) + …)", ("exp({a})/(exp({a}) + …)",),
            ("g * softmax(a, axis=k)",), "mixing",
            "the derivative of a log of a sum of exponentials is the softmax", "log(sum(exp(a), axis=k))",
        ),
        Rule(
            "softmax", r"\operatorname{{softmax}}_{{{axis}}}({a})", "exp({a})/(exp({a}) + …)",
            ("{y}(1 - {y}), by its own entry alone",), ("y * (G - sum(G * y, axis=k, keepdims=True))",),
            "mixing",
            "every entry of {a} changes every {y} that shares its sum, so an entry-by-entry slope is not enough",
            "exp(a) / sum(exp(a), axis=k, keepdims=True)",
        ),
        Rule(
            "pick", "{a}[{index}]", "the labelled {a}", ("1 at the label, else 0",),
            ("onehot(i, q) * G[:, None]",), "copy",
            "only the picked entry of a row reaches {y}; the others get 0",
        ),
        Rule(
            "pick columns", "{a}[{index}]", "the labelled {a}", ("1 at the label, else 0",),
            ("(onehot(i, p) * G[:, None]).T",), "copy",
            "only the picked entry of a column reaches {y}; the others get 0",
        ),
        Rule(
            "pick vector", "{a}[{index}]", "the labelled {a}", ("1 at the label, else 0",),
            ("G @ onehot(i, p)",), "copy",
            "an entry that is picked several times gets the sum of their upstreams",
        ),
        Rule(
            "pick pairs", "{a}[{index}]", "the labelled {a}", ("1 at the label, else 0",),
            ("onehot(i, p).T @ (onehot(j, q) * G[:, None])",), "copy",
            "an entry that is picked several times gets the sum of their upstreams",
        ),
        Rule(
            "new axis", "{a}", "{a}", ("1",), ("@new axis",), "copy",
            "a new axis of size 1 is taken away again",
        ),
        Rule(
            "reshape", "{a}", "{a}", ("1",), ("@reshape",), "copy",
            "the entries are the same, so the gradient goes back to their places",
        ),
        Rule("transpose", "{a}", "{a}", ("1",), ("@transpose",), "copy", "the axes go back to their order"),
        Rule("broadcast_to", "{a}", "{a}", ("1",), ("G",), "copy", "every copy hands its upstream back"),
    )
}  # fmt: skip
