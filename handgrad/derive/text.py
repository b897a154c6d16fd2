"""A derivation as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from handgrad.axes import letters

if TYPE_CHECKING:
    from handgrad.derive.derivation import Derivation, Step
    from handgrad.derive.prove import Proof

__all__ = ["render"]


def render(derivation: Derivation, proof: Proof | None = None) -> str:
    """The whole derivation; with a proof, each line's verdicts beside it."""
    return "\n".join(_rows(derivation, proof))


def _rows(derivation: Derivation, proof: Proof | None) -> Iterator[str]:
    program = derivation.program
    yield "Forward, one operation a line"
    rows = [(str(line), letters(line.tokens)) for line in program.lines]
    width = max(len(left) for left, _ in rows)
    for name, tokens in program.inputs.items():
        yield f"  {name:<{width}}   {letters(tokens)}   given"
    for name, tokens in program.labels.items():
        yield f"  {name:<{width}}   {letters(tokens)}   labels"
    for left, right in rows:
        yield f"  {left:<{width}}   {right}"
    yield ""
    start = "the loss, so its own gradient is 1" if program.scalar else "given, of the shape of the output"
    yield f"Backward, starting from {derivation.upstream}: {start}"
    for gradient in derivation.gradients:
        for step in gradient.parts:
            yield from _step(step, proof)
        if len(gradient.parts) > 1:
            yield ""
            paths = ", ".join(f"through {part.line.target}" for part in gradient.parts)
            verdict = _verdict(proof, "sum", gradient.name)
            yield f"  {gradient.of} is used {len(gradient.parts)} times ({paths}): its gradients add up"
            yield f"      {gradient}{verdict}"
    yield ""
    yield "The whole"
    for line in derivation.simplified.lines:
        yield f"  {line.shown}   {letters(line.tokens)}{_verdict(proof, 'whole', line.name)}"
    for name in derivation.unused:
        yield f"  d{name} = 0: {program.out} does not depend on {name}"
    if proof is not None:
        yield ""
        yield from _proof(proof)


def _step(step: Step, proof: Proof | None) -> Iterator[str]:
    yield ""
    path = f", through {step.line.target}" if step.uses > 1 else ""
    yield f"{step.number:>3}. {step.line}: the gradient of {step.name}, {letters(step.tokens)}{path}"
    yield f"      upstream  {step.upstream}, {letters(step.line.tokens)}"
    yield f"      scalar    {step.scalar}"
    choice = step.choice
    factors = ", ".join(f"{name} {letters(axes)}" for name, axes in choice.factors.items())
    fits = "; ".join(map(str, choice.fits[:6])) + (" …" if len(choice.fits) > 6 else "")
    yield f"      fits      of {factors}: {len(choice.fits)}{f', {fits}' if fits else ''}; {choice.why}"
    if len(choice.fits) > 1 and choice.right:
        yield f"      right     {choice.right[0]}"
    yield f"      because   {step.says}"
    if step.copied:
        over = ", ".join(map(str, step.copied))
        yield f"      copies    {step.name} was copied along {over}: sum the upstream over the copies"
    yield f"      so        {step}{_verdict(proof, 'step', step.target)}"


def _verdict(proof: Proof | None, kind: str, name: str) -> str:
    line = proof.of(kind, name) if proof else None
    return f"   {line}" if line else ""


def _proof(proof: Proof) -> Iterator[str]:
    sizes = ", ".join(f"{axis} = {size}" for axis, size in proof.sizes.items())
    right = sum(line.ok for line in proof.lines)
    yield f"{right} of {len(proof.lines)} lines are right. By numbers at {sizes or 'scalars'}, seed {proof.seed}."
    for line in proof.failing:
        yield f"  WRONG  {line.formula}: {line.numeric.why if not line.numeric.ok else line.symbolic.why}"
    if proof.small:
        yield f"Exactly, by SymPy, element by element, at {proof.small}."
    missing: dict[str, list[str]] = {}
    for line in proof.lines:
        if line.symbolic.ok is None:
            missing.setdefault(line.symbolic.why, []).append(line.name)
    for why, names in missing.items():
        yield f"No symbolic proof of {', '.join(dict.fromkeys(names))}: {why}."
