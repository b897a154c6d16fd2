"""A derivation as plain data, and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handgrad.derive.derivation import Derivation, Step
    from handgrad.derive.prove import Proof, ProofLine

__all__ = ["to_data", "to_json"]


def to_data(derivation: Derivation, proof: Proof | None = None) -> dict[str, Any]:
    """Dicts, lists, texts and numbers only; formulas as text, axes as lists. With a proof, its verdicts too."""
    program = derivation.program
    data: dict[str, Any] = {
        "program": {
            "text": program.text,
            "inputs": {name: list(axes) for name, axes in program.inputs.items()},
            "labels": {name: list(axes) for name, axes in program.labels.items()},
            "lines": [
                {"target": line.target, "formula": str(line.expr), "axes": list(line.tokens), "own": line.own}
                for line in program.lines
            ],
            "out": program.out,
            "loss": program.scalar,
        },
        "upstream": derivation.upstream,
        "steps": [_step(step) for step in derivation.steps],
        "gradients": [
            {"name": g.name, "of": g.of, "axes": list(g.tokens), "formula": str(g.expr),
             "parts": [part.target for part in g.parts]}
            for g in derivation.gradients
        ],
        "whole": [
            {"name": line.name, "of": line.of, "axes": list(line.tokens), "formula": str(line.expr),
             "shown": str(line.shown_expr), "final": line.final}
            for line in derivation.simplified.lines
        ],
        "unused": list(derivation.unused),
    }  # fmt: skip
    if proof is not None:
        data["proof"] = {
            "ok": proof.ok,
            "sizes": dict(proof.sizes),
            "small": proof.small,
            "seed": proof.seed,
            "lines": [_verdict(line) for line in proof.lines],
        }
    return data


def to_json(derivation: Derivation, proof: Proof | None = None) -> str:
    """`to_data` as JSON, the same text for the same derivation."""
    return json.dumps(to_data(derivation, proof), ensure_ascii=False, indent=2) + "\n"


def _step(step: Step) -> dict[str, Any]:
    choice = step.choice
    return {
        "number": step.number,
        "line": str(step.line),
        "of": step.name,
        "axes": list(step.tokens),
        "upstream": step.upstream,
        "target": step.target,
        "formula": str(step.expr),
        "copied": list(step.copied),
        "uses": step.uses,
        "rule": step.rule.key,
        "scalar": step.scalar,
        "says": step.says,
        "factors": {name: list(axes) for name, axes in choice.factors.items()},
        "fits": [str(fit) for fit in choice.fits],
        "right": [str(fit) for fit in choice.right],
        "by_shape": choice.by_shape,
        "why": choice.why,
    }


def _verdict(line: ProofLine) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "name": line.name,
        "formula": line.formula,
        "numeric": line.numeric.ok,
        "numeric_why": line.numeric.why,
        "symbolic": line.symbolic.ok,
        "symbolic_why": line.symbolic.why,
    }
