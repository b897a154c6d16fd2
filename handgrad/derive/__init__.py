"""The derivation engine: a forward pass in, the derivation that a good teacher would write out, every line proved.

    from handgrad.derive import derive, render

    d = derive('''
        X: N D;  W: D C;  b: C
        S = X @ W + b
        H = exp(S)
        L = sum(H**2)
    ''')
    print(render(d, d.proof))

The objects, all frozen; every formula is an `Expr` of `handgrad.formula`, and `str()` of each line is that line:

    Derivation   .program: Program          what was read
                 .steps: (Step, ...)        backwards, one an operation and operand
                 .gradients: (Gradient,...) of every value, as they get complete; .parts: steps
                 .simplified: Simplified    .lines: (WholeLine, ...), the whole gradients as matrix formulas
                 .proof: Proof              of all lines; .prove(symbolic=, seed=, limit=) makes another
                 .upstream                  the name of the gradient that is given, "dL" (1) or "dY"
                 .types                     the axis tokens of every value and gradient
                 .unused                    inputs on which the result does not depend: their gradient is 0
    Program      .text .inputs .labels .lines .written .out .scalar .types .axes .sizes() .sample(rng, sizes) .run(...)
    Line         .target .expr .tokens .own .whole .operands     one operation; own: named by the writer
    Step         .number .line .name .position .tokens .upstream .rule .local .expr .copied
                 .target .uses .scalar .says .choice
    Choice       .factors .fits .right .impostors .by_shape .why      rule one at this step
    Rule         .key .latex .scalar .slopes .pullbacks .kind .says   a row of RULES, by operation
    Gradient     .name .of .tokens .parts .expr
    WholeLine    .name .of .tokens .expr .shown .shown_expr .final    final: of an input
    Proof        .lines .sizes .small .seed .ok .failing .of(kind, name)
    ProofLine    .kind ("step", "sum", "whole") .name .formula .numeric .symbolic .ok;  str: "numeric ✓ symbolic ✓"
    Check        .ok (True, False, None) .why .mark

`render(d, proof)` is the terminal text. A notebook shows `d` as steps that open one by one, `as_html(d, proof)`;
`as_markdown(d, proof)` is for a chapter, `as_latex(d, proof)` for a document. `emit(d)` is a Python module with
`forward` and `backward`, `to_json(d, proof)` plain data. `routes(d, "vec")` writes the backward pass by another
route, `concordance("affine", sizes)` all four side by side, and `practice(level, seed)` is a random forward pass as
an exercise. `derive` raises FormulaError or SpecError (both
HandgradError), worded for the reader, and nothing else. SymPy is asked for only when a proof is made, and the proof
says so where it is missing.
"""

from __future__ import annotations

from handgrad.derive.choice import Choice
from handgrad.derive.concordances import Concordance, concordance
from handgrad.derive.data import to_data, to_json
from handgrad.derive.derivation import Derivation, Gradient, Step, derive
from handgrad.derive.emit import emit
from handgrad.derive.html import as_html
from handgrad.derive.markdown import as_markdown
from handgrad.derive.paper import as_latex
from handgrad.derive.practising import Exercise, practice
from handgrad.derive.program import Line, Program, read
from handgrad.derive.prove import Check, Proof, ProofLine
from handgrad.derive.routing import routes
from handgrad.derive.rules import RULES, Rule
from handgrad.derive.simplify import Simplified, WholeLine
from handgrad.derive.text import render

__all__ = [
    "RULES",
    "Check",
    "Choice",
    "Concordance",
    "Derivation",
    "Exercise",
    "Gradient",
    "Line",
    "Program",
    "Proof",
    "ProofLine",
    "Rule",
    "Simplified",
    "Step",
    "WholeLine",
    "as_html",
    "as_latex",
    "as_markdown",
    "concordance",
    "derive",
    "emit",
    "practice",
    "read",
    "render",
    "routes",
    "to_data",
    "to_json",
]
