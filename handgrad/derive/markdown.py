"""A derivation as Markdown with LaTeX, such as a chapter of the book displays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from handgrad.derive.story import Story, Told

if TYPE_CHECKING:
    from handgrad.derive.derivation import Derivation
    from handgrad.derive.prove import Proof

__all__ = ["Markdown", "as_markdown"]


class Markdown(str):
    """Text that a notebook shows as Markdown when a cell ends in it."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return str(self)


def as_markdown(derivation: Derivation, proof: Proof | None = None, steps: bool = True) -> Markdown:
    """The whole derivation; with a proof, each line's verdicts. steps=False: the forward pass and the result alone."""
    return Markdown("\n\n".join(_blocks(Story(derivation, proof), steps)) + "\n")


def _blocks(story: Story, steps: bool) -> Iterator[str]:
    yield f"**Forward, one operation a line.** {story.given()}"
    yield _display(story.forward())
    yield story.start()
    if story.signs():
        yield story.signs()
    if steps:
        for told in story.steps():
            yield from _told(story, told, f"**{told.title}**")
    yield "**The whole**"
    for told in story.whole():
        yield from _told(story, told)
    yield from story.unused()
    if said := story.summary():
        yield "\n".join(f"- {sentence}" for sentence in said)


def _told(story: Story, told: Told, title: str = "") -> Iterator[str]:
    if title:
        yield title
    if told.notes:
        yield "\n".join(f"- *{label}*: {sentence}" for label, sentence in told.notes)
    yield _display(told.equation)
    if marks := story.marks(told.proof):
        yield marks


def _display(tex: str) -> str:
    return f"$$\n{tex}\n$$"
