"""A derivation as HTML: native steps for mouse and keyboard, formulas that MathJax sets, narrow pages."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

from handgrad.derive import derive
from handgrad.derive.html import as_html

PROGRAMS = {
    "affine": "x: N D;  w: D M;  b: M\nout = x @ w + b",
    "relu": "x: N D\nout = relu(x)",
    "softmax": "S: N C;  y: N int\nP = softmax(S, axis=C)\nL = -mean(log(P[arange(N), y]))",
    "batchnorm": """
x: N D;  gamma: D;  beta: D
mu = mean(x, axis=N)
xc = x - mu
v = mean(xc**2, axis=N)
s = sqrt(v + 1e-5)
xhat = xc / s
out = gamma * xhat + beta
""",
    "layernorm": """
x: N D;  gamma: D;  beta: D
mu = mean(x, axis=D, keepdims=True)
v = var(x, axis=D, keepdims=True)
xhat = (x - mu) / sqrt(v + 1e-5)
out = gamma * xhat + beta
""",
    "attention": """
X: T D;  Wq: D K;  Wk: D K;  Wv: D V;  M: T T
Q = X @ Wq
K_ = X @ Wk
V_ = X @ Wv
S = Q @ K_.T / sqrt(K) + M
A = softmax(S, axis=-1)
out = A @ V_
""",
    "others": """
a: N D;  b: N D;  p: D;  q: D;  A: T N D;  y: N int;  lam:
c = maximum(tanh(a), sigmoid(b)) + minimum(sin(a), cos(b)) + abs(a) ** 3
d = gelu(a) + softplus(b) + log(1 + exp(a)) - a / (b**2 + 1)
e = transpose(A, (N, T, D)) * broadcast_to(q, (N, T, D))
f = max(a, axis=D) + logsumexp(b, axis=D) + a @ p + c[arange(N), y]
L = sum(d) + sum(e) + lam * sum(f) + sum(outer(p, q)) + p @ q
""",
}


def page(text, symbolic=False):
    derivation = derive(text)
    return as_html(derivation, derivation.prove(symbolic=symbolic))


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_markup_is_well_formed_and_holds_no_script(name):
    text = page(PROGRAMS[name])
    ElementTree.fromstring(text)
    assert not re.search(r"<script|\son\w+=|\sid=|0x", text)


def test_there_is_a_step_for_every_operation_one_for_every_sum_and_the_whole():
    derivation = derive(PROGRAMS["batchnorm"])
    sums = sum(len(g.parts) > 1 for g in derivation.gradients)
    assert as_html(derivation).count("<details><summary>") == len(derivation.steps) + sums + 1


def test_a_closed_step_asks_and_does_not_answer():
    tree = ElementTree.fromstring(page(PROGRAMS["affine"]))
    first = tree.find("details")
    assert first is not None
    assert first.get("open") is None
    assert (
        "".join(first[0].itertext())
        == r"Step 1. \(Y = Y_{1} + \mathbf{b}\): the gradient of \(Y_{1}\), (N, M)"
    )


def test_the_result_is_closed_too():
    tree = ElementTree.fromstring(page(PROGRAMS["affine"]))
    assert "".join(tree.findall("details")[-1][0].itertext()) == "The whole"


def test_greater_than_and_ampersand_are_escaped_in_formulas():
    text = page("x: N D;  y: N D\nout = minimum(x, y)")
    assert "X &gt; Y" in text
    assert "&amp;=" in text


def test_formulas_are_processed_where_books_do_and_no_dollar_stands_alone():
    text = page(PROGRAMS["affine"])
    assert text.startswith('<div class="handgrad-derive tex2jax_process">')
    assert text.count("$") == 2 * text.count("$$") == 4 * text.count('class="eq"')


def test_a_verdict_tells_its_sizes():
    text = page(PROGRAMS["affine"], symbolic=True)
    assert "numeric ✓ at N = 7, D = 5, M = 3 · symbolic ✓ at N = " in text


def test_a_notebook_shows_the_steps_and_a_terminal_the_result():
    derivation = derive(PROGRAMS["affine"])
    assert derivation._repr_html_() == as_html(derivation, derivation.proof)
    assert repr(derivation) == "db = sum(dout, axis=N)\ndw = x.T @ dout\ndx = dout @ w.T"


def test_it_is_small():
    assert len(page(PROGRAMS["affine"], symbolic=True)) < 8_000
    assert len(page(PROGRAMS["attention"])) < 30_000


@pytest.fixture(scope="module")
def mathjax():
    package = find_spec("sphinx-mathjax-offline")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "static" / "mathjax"


def test_mathjax_sets_every_formula_and_nothing_is_wider_than_a_phone(browser, serve, mathjax, tmp_path):
    (tmp_path / "mathjax").symlink_to(mathjax)
    body = "".join(page(text) for text in PROGRAMS.values())
    (tmp_path / "page.html").write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Derivations</title><body>{body}"
        "<script>MathJax = {options: {processHtmlClass: 'tex2jax_process'}};</script>"
        '<script src="mathjax/tex-chtml.js"></script>',
        encoding="utf-8",
    )
    tab = browser.new_page(viewport={"width": 390, "height": 800})
    tab.goto(f"{serve(tmp_path)}/page.html")
    tab.wait_for_function("window.MathJax && MathJax.startup && MathJax.startup.promise")
    tab.evaluate("MathJax.startup.promise")
    tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert tab.locator("mjx-container").count() > 400
    wrong = tab.evaluate(
        "[...document.querySelectorAll('mjx-merror, [data-mjx-error], mjx-mtext[style*=red]')].map(e => e.textContent)"
    )
    assert wrong == []
    left = tab.evaluate("document.body.innerText.match(/\\\\[a-z]+|\\$/g)")
    assert left is None
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.close()


def test_a_step_opens_by_keyboard(browser, tmp_path):
    (tmp_path / "page.html").write_text(
        f'<!doctype html><meta charset="utf-8">{page(PROGRAMS["relu"])}', encoding="utf-8"
    )
    tab = browser.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert tab.evaluate("[...document.querySelectorAll('details')].map(d => d.open)") == [True, False]
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Space")
    assert tab.evaluate("[...document.querySelectorAll('details')].map(d => d.open)") == [False, True]
    tab.close()
