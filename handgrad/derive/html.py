"""A derivation as HTML for notebooks: steps that open one by one, with the keyboard too, and no script.

A closed step asks: it shows the operation and whose gradient is wanted. Open, it answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from handgrad.derive.story import Story, Told

if TYPE_CHECKING:
    from handgrad.derive.derivation import Derivation
    from handgrad.derive.prove import Proof

__all__ = ["as_html"]

# The colours are the page's own, or mid-tones with 3:1 contrast on white and on near-black.
_STYLE = """
.handgrad-derive{max-width:52em;line-height:1.5}
.handgrad-derive p{margin:.6em 0}
.handgrad-derive details{border-left:.2em solid #808080;margin:.4em 0;padding:.1em 0 .1em .7em}
.handgrad-derive details[open]{border-color:#3b82c4}
.handgrad-derive summary{cursor:pointer;padding:.25em 0}
.handgrad-derive summary:focus-visible{outline:.15em solid #3b82c4;outline-offset:.1em}
.handgrad-derive dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.2em .9em;margin:.4em 0}
.handgrad-derive dt{font-weight:400;font-style:italic}
.handgrad-derive dd{margin:0;overflow-wrap:anywhere}
.handgrad-derive .eq{padding:.2em 0}
.handgrad-derive :is(.eq,dd,p,summary){overflow:auto hidden}
.handgrad-derive .proof{font-size:.9em}
.handgrad-derive .wrong{border-left:.3em solid #d0453a;padding-left:.5em}
@media(max-width:600px){.handgrad-derive dl{display:block}.handgrad-derive dd{margin:0 0 .4em .8em}}
""".replace("\n", "")


def as_html(derivation: Derivation, proof: Proof | None = None) -> str:
    """The whole derivation; with a proof, each line's verdicts and the sizes at which they were found."""
    rows = "\n".join(_rows(Story(derivation, proof)))
    return f'<div class="handgrad-derive tex2jax_process">\n<style>{_STYLE}</style>\n{rows}\n</div>'


def _rows(story: Story) -> Iterator[str]:
    yield f"<p><strong>Forward, one operation a line.</strong> {_text(story.given())}</p>"
    yield _display(story.forward())
    yield f"<p>{_text(story.start())} {_text(story.signs())}</p>"
    for told in story.steps():
        yield f"<details><summary>{_text(told.title)}</summary>"
        notes = "".join(f"<dt>{escape(label)}</dt><dd>{_text(said)}</dd>" for label, said in told.notes)
        yield f"<dl>{notes}</dl>"
        yield _display(told.equation)
        yield from _verdict(story, told)
        yield "</details>"
    yield "<details><summary><strong>The whole</strong></summary>"
    for told in story.whole():
        yield _display(told.equation)
        yield from _verdict(story, told)
    yield from (f"<p>{_text(sentence)}</p>" for sentence in story.unused())
    yield "</details>"
    if said := story.summary():
        yield f'<p class="proof">{"<br/>".join(map(_text, said))}</p>'


def _verdict(story: Story, told: Told) -> Iterator[str]:
    if told.proof is not None:
        wrong = "" if told.proof.ok else " wrong"
        yield f'<p class="proof{wrong}">{escape(story.marks(told.proof, sizes=True))}</p>'


def _display(tex: str) -> str:
    return f'<div class="eq">$${escape(tex, quote=False)}$$</div>'


def _text(sentence: str) -> str:
    r"""A sentence with `$…$` as `\(…\)` and backticks as code."""
    parts = re.split(r"(\$[^$]*\$|`[^`]*`)", sentence)
    return "".join(
        rf"\({escape(part[1:-1], quote=False)}\)" if part.startswith("$")
        else f"<code>{escape(part[1:-1])}</code>" if part.startswith("`")
        else escape(part, quote=False)
        for part in parts
    )  # fmt: skip
