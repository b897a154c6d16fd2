"""A derivation as Markdown: what each step says, the verdicts beside it, and the same bytes every time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from handgrad.derive import derive
from handgrad.derive.markdown import as_markdown
from handgrad.derive.story import _numbers
from handgrad.formula import parse

CHAIN = """
X: N D;  W: D C;  b: C
S = X @ W + b
H = exp(S)
L = sum(H**2)
"""
TWICE = "X: N D;  W: D D\nS = X @ W\nout = S + X"


def shown(text, steps=True):
    return as_markdown(derive(text), steps=steps)


def test_the_forward_pass_comes_first_with_a_shape_for_every_line():
    text = shown(CHAIN)
    assert text.startswith(
        r"**Forward, one operation a line.** Given: $X$ (N, D), $W$ (D, C), $\mathbf{b}$ (C,)."
    )
    assert r"S_{1} &= X\, W && N \times C \\" in text
    assert r"L &= \sum_{N,C} L_{1} && \text{a scalar}" in text


def test_a_name_that_looks_different_in_code_is_told():
    assert "Given: $X$ (`x`) (N, D)" in shown("x: N D\nout = relu(x)")


def test_a_step_has_its_upstream_the_scalar_analogue_what_fits_and_why():
    text = shown(CHAIN)
    start = text.index("**Step 6.")
    step = text[start : text.index("**Step 7.")]
    assert step.startswith(r"**Step 6. $S_{1} = X\, W$: the gradient of $W$, (D, C)**")
    assert r"- *upstream*: $\partial L/\partial S_{1}$, (N, C)" in step
    assert r"- *in numbers*: $s_{1} = x\,w$, so $\partial s_{1}/\partial w = x$" in step
    assert (
        "1 arrangement has the shape (D, C): $X^\\top\\, \\frac{\\partial L}{\\partial S_{1}}$\N{NO-BREAK SPACE}✓"
        in step
    )
    assert "the shape alone decides" in step
    assert r"- *because*: $S_{1}$ is a matrix product" in step
    assert "\n$$\n\\underbrace{" in step


def test_words_inside_a_formula_stand_outside_of_it_so_that_lines_can_break():
    assert (
        r"- *in numbers*: $y = \max (x, 0)$, so $\partial y/\partial x = 1$ where $x > 0$, else $0$"
        in shown("x: N D\nout = relu(x)")
    )
    text = shown("S: N C;  y: N int\nL = sum(S[arange(N), y])")
    assert r"$l_{1} =$ the labelled $s$, so $\partial l_{1}/\partial s = 1$ at the label, else $0$" in text


def test_an_arrangement_that_fits_and_is_wrong_is_crossed_out():
    text = shown("A: T T;  B: T T\nout = A @ B")
    assert "\N{NO-BREAK SPACE}✗" in text
    assert "so the shape does not decide" in text


def test_an_unbroadcast_is_explained_as_a_sum_over_copies():
    assert (
        r"- *copies*: $\mathbf{b}$, (C,), was copied along $N$: $N$ copies, each a use of its own, "
        "so the gradients of the copies are summed"
    ) in shown(CHAIN)


def test_several_uses_are_summed_each_path_named():
    text = shown(TWICE)
    assert "**$X$ is used 2 times, in $Y$ and $S$**" in text
    assert "one gradient comes back from each use, and they add up" in text
    assert r"the gradient of $X$, (N, D), through $S$" in text


def test_an_upstream_that_is_given_is_named_with_its_shape():
    assert r"Backward: $G = \partial L/\partial Y$, (N, D), is given." in shown(TWICE)
    assert r"$L$ is the loss, so the start is $\partial L/\partial L = 1$." in shown(CHAIN)


def test_signs_that_need_words_are_explained_only_where_they_occur():
    assert r"$\odot$ multiplies entry by entry" in shown(CHAIN)
    assert "$\\sum_{N}$ adds along the axis $N$" in shown(CHAIN)
    assert r"\odot" not in shown("X: N D;  W: D C\nout = X @ W")
    assert "is 1 where the condition holds" in shown("x: N D\nout = relu(x)")


def test_the_verdicts_and_their_sizes_stand_in_the_text():
    derivation = derive(CHAIN)
    text = as_markdown(derivation, derivation.proof)
    assert text.count("\nnumeric ✓ symbolic ✓\n") == 11
    assert "- 11 of 11 lines are right. Numeric: compared on random numbers at N = 7, D = 5, C = 3.\n" in text
    assert re.search(r"- Symbolic: proved exactly, element by element, at N = \d, D = \d, C = \d\.\n", text)


def test_without_a_symbolic_proof_the_text_says_so():
    derivation = derive(CHAIN)
    text = as_markdown(derivation, derivation.prove(symbolic=False))
    assert "numeric ✓ symbolic –" in text
    assert re.search(r"No symbolic proof of `dL_1`, .*: not asked for\.", text)


def planted(target, wrong):
    """A derivation in which one step's formula is replaced by a wrong one."""
    derivation = derive(CHAIN)

    def mend(step):
        return replace(step, expr=parse(wrong)) if step.target == target else step

    return replace(
        derivation,
        steps=tuple(map(mend, derivation.steps)),
        gradients=tuple(replace(g, parts=tuple(map(mend, g.parts))) for g in derivation.gradients),
    )


def test_a_line_that_fails_its_proof_is_shown_as_failing():
    derivation = planted("dS", "dH")
    proof = derivation.prove(symbolic=False)
    text = as_markdown(derivation, proof)
    assert not proof.ok
    assert "numeric ✗ symbolic –: WRONG, off by" in text
    assert "- WRONG: `dS = dH`: off by" in text


def test_the_result_alone_leaves_the_steps_out():
    text = shown(CHAIN, steps=False)
    assert "Step" not in text
    assert r"\frac{\partial L}{\partial W}" in text


def test_an_input_without_influence_has_gradient_0():
    assert r"$\mathbf{y}$ does not depend on $Z$, so its gradient is 0." in shown(
        "X: N;  Z: N D\nout = 2 * X"
    )


def test_a_notebook_shows_it_as_markdown_and_a_terminal_as_text():
    text = shown(CHAIN)
    assert text._repr_markdown_() == repr(text) == str(text)


@pytest.mark.parametrize(
    ("template", "latex"),
    [
        ("1 where {a} > 0, else 0", r"1\text{ where }x > 0,\text{ else }0"),
        ("{b} {a}^({b}-1)", r"3\,x^{2}"),
        ("1/(2√{a}) = 1/(2{y})", r"1/(2\sqrt{x}) = 1/(2z)"),
        ("1 - tanh²({a})", r"1 -\tanh ^2(x)"),
        ("the labelled {a}", r"\text{the labelled }x"),
        ("({a} + …)/{n}", r"(x + \dots )/N"),
    ],
)
def test_a_template_on_numbers_becomes_latex(template, latex):
    assert _numbers(template, {"a": "x", "b": "3", "y": "z", "n": "N", "axis": ""}) == latex


def test_every_format_is_the_same_bytes_whatever_the_hash_seed(root):
    code = f"""
from handgrad.derive import derive
from handgrad.derive.html import as_html
from handgrad.derive.markdown import as_markdown
from handgrad.derive.paper import as_latex
for text in ({CHAIN!r}, {TWICE!r}):
    derivation = derive(text)
    for as_format in (as_markdown, as_html, as_latex):
        print(as_format(derivation, derivation.prove(symbolic=False)))
"""

    def run(seed):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONUTF8": "1"}
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, cwd=root, env=env, check=True
        ).stdout

    first = run("0")
    assert first == run("4711")
    assert b"0x" not in first
