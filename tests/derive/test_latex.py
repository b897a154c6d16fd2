"""Formulas as LaTeX: the book's symbols, the shape under each factor, parentheses where they are needed."""

from __future__ import annotations

import re

import numpy as np
import pytest

from handgrad.derive import RULES, derive
from handgrad.derive.latex import _factors, _signed, _terms, equation, formula, number, width
from handgrad.derive.paper import as_latex
from handgrad.derive.symbols import shape, symbols
from handgrad.expressions import Name, Number
from handgrad.formula import parse

AFFINE = "x: N D;  w: D M;  b: M\nout = x @ w + b"
SOFTMAX = "S: N C;  y: N int\nP = softmax(S, axis=C)\nL = -mean(log(P[arange(N), y]))"
BATCHNORM = """
x: N D;  gamma: D;  beta: D
mu = mean(x, axis=N)
xc = x - mu
v = mean(xc**2, axis=N)
s = sqrt(v + 1e-5)
xhat = xc / s
out = gamma * xhat + beta
"""
ATTENTION = """
X: T D;  Wq: D K;  Wk: D K;  Wv: D V
Q = X @ Wq
K_ = X @ Wk
V_ = X @ Wv
A = softmax(Q @ K_.T / sqrt(K), axis=-1)
out = A @ V_
"""
# Between them they use every row of the table of rules.
EVERY_RULE = """
a: N D;  b: N D;  p: D;  q: D;  r: N;  A: T N D;  B: T D N;  y: N int;  z: N int;  s: K D
c = maximum(tanh(a), sigmoid(b)) + minimum(sin(a), cos(b))
d = relu(a) - gelu(-b) + softplus(a) * abs(b)
e = exp(a) / sqrt(b**2 + 1) + log(1 + b**2) + a ** 3
f = A @ B + outer(r, r) + (A @ p)[:, None, :] + (p @ B)[:, None, :]
g = sum(f, axis=0) + c @ d.T
h = a @ p + r + max(a, axis=D) + var(b, axis=D) + logsumexp(a, axis=D) + mean(b, axis=1)
i = r @ e
u = softmax(b, axis=D)
k = u[arange(N), y] + b.T[y, arange(N)] + r[z] + a[z, y] + p @ q
m = transpose(A, (N, T, D)) * broadcast_to(q, (N, T, D))
flat = reshape(A, (K, D)) + s
o = B.mT + reshape(flat, (T, N, D))
n = k
L = sum(g) + sum(h) + sum(i) + sum(m) + sum(o) + sum(n)
"""


def told(text):
    derivation = derive(text)
    return derivation, symbols(derivation)


def step(text, target):
    derivation, known = told(text)
    found = next(s for s in derivation.steps if s.target == target)
    return equation(known.arrays[target], found.tokens, found.expr, known)


def test_a_gradient_of_affine_reads_as_in_the_chapter_with_a_shape_under_each_factor():
    assert step(AFFINE, "dw") == (
        r"\underbrace{\frac{\partial L}{\partial W}}_{D \times M} = "
        r"\underbrace{X^\top}_{D \times N}\, \underbrace{\frac{\partial L}{\partial Y_{1}}}_{N \times M}"
    )


def test_a_sum_over_the_batch_has_the_shape_under_what_is_summed():
    assert step(AFFINE, "db").endswith(r"_{(M{,})} = \sum_{N} \underbrace{G}_{N \times M}")


def test_softmax_with_cross_entropy_ends_in_its_closed_form():
    derivation, known = told(SOFTMAX)
    (line,) = derivation.simplified.lines
    plain = formula(line.shown_expr, known)
    assert plain == r"\frac{1}{N}\, (P - \operatorname{onehot}(\mathbf{y}))"


@pytest.mark.parametrize(
    ("name", "axes", "symbol"),
    [
        ("w", "D M", "W"),
        ("W", "D M", "W"),
        ("b", "M", r"\mathbf{b}"),
        ("X", "D", r"\mathbf{x}"),
        ("s", "N 1", r"\mathbf{s}"),
        ("lam", "", r"\lambda"),
        ("gamma", "D", r"\boldsymbol{\gamma}"),
        ("xhat", "N D", r"\hat{X}"),
        ("mubar", "D", r"\bar{\boldsymbol{\mu}}"),
        ("W1", "D M", "W_{1}"),
        ("x_12", "N D", "X_{12}"),
        ("Wq", "D M", "W_{q}"),
        ("xc", "N D", "X_{c}"),
        ("V_", "N D", "V'"),
        ("logits", "N D", r"\mathrm{logits}"),
        ("bias", "D", r"\mathbf{bias}"),
        ("x_train", "N D", r"X_{\mathrm{train}}"),
        ("θ", "D", r"\mathbf{θ}"),
    ],
)
def test_a_name_gets_the_books_symbol(name, axes, symbol):
    _, known = told(f"{name}: {axes}\nresult = {name} * 2")
    assert known.arrays[name] == symbol


def test_no_two_names_share_a_symbol():
    text = "x: N D;  X: N D;  k: N D;  K_: N K;  s: N;  S: N\nc = x + X + k\nd = s + S\nL = sum(c) + sum(d) + sum(K_)"
    derivation, known = told(text)
    shown = [known.arrays[name] for name in (*derivation.program.types, *derivation.program.axes)]
    assert len(shown) == len(set(shown))
    assert (known.arrays["x"], known.arrays["X"], known.arrays["k"]) == ("x", "X", "k")
    assert known.entries["x"] != known.entries["X"]


def test_the_upstream_is_g_unless_the_letter_is_taken():
    assert told(AFFINE)[1].arrays["dout"] == "G"
    assert told(AFFINE.replace("w", "G"))[1].arrays["dout"] == r"\frac{\partial L}{\partial Y}"


def test_a_value_named_l_leaves_the_loss_another_letter():
    known = told("L: N D\nout = 2 * L")[1]
    assert known.arrays["dL"] == r"\frac{\partial \mathcal L}{\partial L}"


def test_a_gradient_by_one_of_several_uses_says_which():
    known = told(ATTENTION)[1]
    assert known.arrays["dX_via_V_"] == r"\left.\frac{\partial L}{\partial X}\right|_{V'}"


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("(A + B) * A", r"(A + B) \odot A"),
        ("(A @ W) * B", r"(A\, W) \odot B"),
        ("(A * B) @ W", r"(A \odot B)\, W"),
        ("A - (B + A)", "A - (B + A)"),
        ("-(A + B)", "-(A + B)"),
        ("2 * A @ W", r"2\, A\, W"),
        ("A * sum(B)", r"\bigl( \sum_{N,D} B \bigr)\, A"),
        ("A * sum(B, axis=N)", r"A \odot \bigl( \sum_{N} B \bigr)"),
        ("sum(A, axis=N) - sum(B, axis=N)", r"\sum_{N} A - \sum_{N} B"),
        ("sum(A - B, axis=N)", r"\sum_{N} (A - B)"),
        ("sum(-A * B, axis=N)", r"-\sum_{N} A \odot B"),
        ("A * (B > 0)", r"A \odot [B > 0]"),
        ("A / N", r"\frac{1}{N}\, A"),
        ("A / B", r"\frac{A}{B}"),
        ("1 / v", r"\frac{1}{\mathbf{v}}"),
        ("A ** 2", r"A^{\odot 2}"),
        ("v ** 2", r"\mathbf{v}^{2}"),
        ("(A + B) ** 2", r"(A + B)^{\odot 2}"),
        ("v ** 0.5", r"\sqrt{\mathbf{v}}"),
        ("v @ W", r"\mathbf{v}^\top\, W"),
        ("(A @ W).T", r"(A\, W)^{\!\top}"),
        ("v + 1e-05", r"\mathbf{v} + 10^{-5}"),
        ("softmax(A, axis=D)", r"\operatorname{softmax}_{D}(A)"),
        ("mean(A, axis=D)", r"\frac{1}{D} \sum_{D} A"),
        ("sum(Q, axis=0)", r"\sum_{\text{column}} Q"),
        ("sum(Q, axis=1)", r"\sum_{\text{row}} Q"),
        ("broadcast_to(v, (N, D))", r"\mathbf 1_{N}\, \mathbf{v}^\top"),
        ("onehot(y, D)", r"\operatorname{onehot}(\mathbf{y})"),
        ("A[arange(N), y]", r"\bigl[ {A}_{n,y_{n}} \bigr]_{n}"),
        ("abs(A)", r"\lvert A \rvert"),
        ("2 * 3 * A", r"2 \cdot 3\, A"),
    ],
)
def test_a_formula_has_the_parentheses_that_it_needs_and_no_more(text, latex):
    program = (
        "A: N D;  B: N D;  W: D M;  v: D;  Q: T T;  y: N int\nL = sum(A) + sum(B) + sum(W) + sum(v) + sum(Q)"
    )
    known = told(program)[1]
    assert formula(parse(text), known) == latex


def test_a_shape_stands_under_the_first_occurrence_alone():
    known = told(ATTENTION)[1]
    shown = formula(parse("A * (dA - sum(dA * A, axis=1, keepdims=True))"), known, shapes=True)
    assert shown.count(r"\underbrace{A}_{T \times T}") == 1
    assert r"\underbrace{\sum_{\text{row}} \frac{\partial L}{\partial A} \odot A}_{T \times 1}" in shown


def test_a_wide_sum_takes_a_line_a_term_inside_its_parenthesis():
    derivation, known = told(BATCHNORM)
    line = derivation.simplified.lines[-1]
    shown = equation(known.arrays["dx"], line.tokens, line.shown_expr, known)
    assert shown.startswith("\\begin{aligned}\n&")
    assert shown.count(r"\\") == 2
    assert shown.count(r"\Bigl(") == shown.count(r"\Bigr)") == 1
    assert step(BATCHNORM, "dxhat").count(r"\\") == 0


def test_the_width_of_a_formula_does_not_count_commands():
    assert width(r"\underbrace{X^\top}_{D \times N}\, \underbrace{G}_{N \times M}") == 3
    assert width("A + B + C") == 5


def test_shapes_are_written_as_in_the_book():
    assert (shape(("N", "D")), shape(("M",)), shape(("N", 1)), shape(())) == (
        r"N \times D", "(M{,})", r"N \times 1", "",
    )  # fmt: skip


def test_numbers_are_written_with_powers_of_ten():
    assert [number(n) for n in (2, 0.5, 1e-05, 2.5e-07, 3.141592653589793)] == [
        "2", "0.5", "10^{-5}", r"2.5 \cdot 10^{-7}", r"\pi",
    ]  # fmt: skip


@pytest.mark.parametrize("text", [AFFINE, SOFTMAX, BATCHNORM, ATTENTION])
def test_taking_signs_and_factors_apart_keeps_the_value(text):
    derivation, _ = told(text)
    program, types = derivation.program, derivation.types
    sizes = program.sizes()
    values = program.run(program.sample(np.random.default_rng(0), sizes), sizes)
    upstream = np.random.default_rng(1).standard_normal(np.shape(values[program.out]))
    known = derivation.run_steps(values, upstream, sizes)
    for line in derivation.simplified.lines:
        known[line.name] = line.expr.evaluate(known, sizes, types)
    exprs = [s.expr for s in derivation.steps] + [line.expr for line in derivation.simplified.lines]

    def value(expr):
        return expr.evaluate(known, sizes, types)

    for expr in exprs:
        sign, body = _signed(expr)
        assert np.allclose(sign * value(body), value(expr))
        assert np.allclose(sum(s * value(term) for s, term in _terms(expr)), value(expr))
        above, below = _factors(expr)
        product = 1.0
        for factor in above:
            product = product * value(factor)
        for factor in below:
            product = product / value(factor)
        assert np.allclose(product, value(expr))


def test_every_rule_can_be_written():
    derivation, known = told(EVERY_RULE)
    assert {s.rule.key for s in derivation.steps} == set(RULES)
    for line in derivation.program.lines:
        assert well_formed(formula(line.expr, known))
    for s in derivation.steps:
        assert well_formed(equation(known.arrays[s.target], s.tokens, s.expr, known))


def well_formed(latex):
    """Whether every brace and parenthesis has its partner."""
    depth = 0
    for mark in re.findall(r"[{}]", latex.replace(r"\{", "").replace(r"\}", "")):
        depth += 1 if mark == "{" else -1
        assert depth >= 0, latex
    assert depth == 0, latex
    for pair in ("\\left", "\\right"), ("\\Bigl", "\\Bigr"), ("\\bigl", "\\bigr"), ("\\begin{", "\\end{"):
        assert latex.count(pair[0]) == latex.count(pair[1]), latex
    return True


def test_a_document_escapes_what_latex_would_read():
    text = as_latex(derive("my_x: N D\nout = relu(my_x)"))
    assert r"\texttt{my\_x}" in text
    plain = re.sub(r"\$[^$]*\$|\\\[.*?\\\]|\\[a-z]+\{|\\.", "", text, flags=re.DOTALL)
    assert not re.search(r"[_^#&]", plain), plain
    assert well_formed(text.replace(r"\[", "").replace(r"\]", ""))


def test_an_expression_made_by_hand_has_no_need_of_a_source():
    known = told(AFFINE)[1]
    assert formula(Name("w"), known, shapes=True) == r"\underbrace{W}_{D \times M}"
    assert formula(Number(-2), known) == "-2"
