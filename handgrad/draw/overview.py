"""The README's picture: a layer's values and gradients, a claim that is refuted, and one that holds.

python -m handgrad.draw overview > book/_static/overview.svg
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

from handgrad import graph as tracing
from handgrad.checking import check
from handgrad.draw.computation import sketch, words
from handgrad.draw.svg import Canvas, Picture

__all__ = ["overview"]

_CARD = 372.0
_LINE = 17


def overview() -> Picture:
    """Draw a small affine and relu layer with its gradients and, below, what `check` says of two answers.

    The graph is traced, the code in the picture is the code that ran, and the verdicts are the checker's.
    """
    g = tracing.trace(
        _layer,
        x=[[1.0, 2.0], [-1.0, 1.0], [3.0, -2.0]],
        w=[[1.0, -2.0], [0.5, 1.0]],
        b=[1.0, -1.0],
    )
    g.backward([[1.0, 2.0], [-1.0, 3.0], [2.0, 1.0]])
    canvas = Canvas()
    sketch(canvas, g, legend=False)
    x0, _, x1, bottom = canvas.box
    x0 = (x0 + x1) / 2 - _CARD - 12
    top = canvas.box[1] - 64
    canvas.text(
        x0, top, "Derive it by hand. See it. Prove it.", anchor="start", size=22, bold=True, sans=True
    )
    canvas.sentence(
        x0,
        top + 26,
        [
            ("Values go forward", "value"),
            (" above the edges, ", "text"),
            ("gradients come back", "gradient"),
            (" below, and every claim is checked.", "text"),
        ],
    )
    lines = [words(g)]
    for k, claim in enumerate((_unsummed, _summed)):
        lines.append(_verdict(canvas, x0 + k * (_CARD + 24), bottom + 40, claim))
    desc = (
        "A layer out = relu(x @ w + b) as a computational graph, values above its edges and gradients below. "
        "Under it two backward passes: one that forgets to sum db over the rows is refuted with its cause; "
        "the one that sums is found correct."
    )
    return canvas.picture("Gradients by Hand", desc, "\n".join(lines), card=True)


def _layer(x: Any, w: Any, b: Any) -> Any:
    s = tracing.name(x @ w + b, "s")
    return tracing.name(tracing.relu(s), "out")


def _forward(x: Any, w: Any, b: Any) -> Any:
    return x.reshape(len(x), -1) @ w + b, (x, w, b)


def _unsummed(dout: Any, cache: Any) -> Any:
    x, w, _ = cache
    dx = (dout @ w.T).reshape(x.shape)
    dw = x.reshape(len(x), -1).T @ dout
    db = dout
    return dx, dw, db


def _summed(dout: Any, cache: Any) -> Any:
    x, w, _ = cache
    dx = (dout @ w.T).reshape(x.shape)
    dw = x.reshape(len(x), -1).T @ dout
    db = dout.sum(axis=0)
    return dx, dw, db


def _verdict(canvas: Canvas, x: float, y: float, backward: Callable[..., Any]) -> str:
    """A card with the gradients as claimed, and the checker's words on them; those words."""
    report = check("affine", forward=_forward, backward=backward)
    code = [line.strip() for line in inspect.getsource(backward).splitlines() if line.strip()[0] == "d"][1:]
    wrong = {f.param for f in report.findings if f.severity == "error"}
    said: list[str] = []
    for finding in report.findings[:1]:
        said = [line.strip() for line in finding.message.splitlines()]
        said = [said[0].partition(": ")[2], next((s for s in said[1:] if s.endswith(".")), "")]
    if not said:
        said = [re.sub(r" \([^)]*\)", "", str(report).splitlines()[1].strip()) + "."]
    ink, mark = ("good", "✓") if report.ok else ("gradient", "✗")
    wrapped = [line for part in said for line in textwrap.wrap(part, 54)]
    canvas.rect(x, y, _CARD, 176, fill="quiet", alpha=0.1, line=ink, rx=10, width=1.6)
    for k, line in enumerate(code):
        own = line.split()[0] in wrong
        canvas.text(x + 16, y + 28 + 19 * k, line, ink if own else "text", "start", 13, bold=own)
    canvas.path([(x + 16, y + 78), (x + _CARD - 16, y + 78)], ink="quiet", alpha=0.5)
    canvas.text(x + 16, y + 103, f"{mark} affine: {report.verdict}", ink, "start", 15, bold=True)
    for k, line in enumerate(wrapped[:4]):
        canvas.text(x + 16, y + 125 + _LINE * k, line, anchor="start", size=12, sans=True)
    return "\n".join(["The claim", *(f"  {line}" for line in code), f"is {report.verdict}: {' '.join(said)}"])
