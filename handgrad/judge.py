"""Judges one returned value against its contract and its truth, and words the finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.causes import words_for
from handgrad.diagnose import Claim, diagnose, part_of, wrong_entries
from handgrad.errors import layout
from handgrad.layers import Layer
from handgrad.probe import call, items, read_array, read_scalar, type_name
from handgrad.report import Finding, Status
from handgrad.shapes import Tokens, classify, explain, letters

__all__ = [
    "Context",
    "judge_array",
    "judge_contract",
    "judge_scalar",
    "judge_value",
    "not_a_pair",
    "permuted",
    "sizes_text",
    "split",
]

Array = NDArray[Any]

# The share of the largest entry that an entry may be off by. float64 answers in any style stay below
# 1e-12 and float32 answers below 4e-6 over all correct variants in the tests.
TOLERANCE = {"float64": 1e-9, "float32": 2e-5}


@dataclass(frozen=True)
class Context:
    """What is common to the values of one call: the function, its layer, the case."""

    subject: str
    role: str
    sizes: Mapping[str, Any]
    layer: Layer | None = None
    case: str = ""
    earlier: str = ""
    arguments: Callable[[], tuple[Any, ...]] = tuple
    dout: Array | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    own: Callable[[str], tuple[Array, float] | None] = lambda _: None

    @property
    def where(self) -> str:
        """The function that a message is about: "affine.backward"."""
        return self.subject if self.role == "loss" else f"{self.subject}.{self.role}"

    def finding(
        self,
        param: str,
        kind: str,
        cause: str | None,
        what: str,
        details: Sequence[str] = (),
        words: str = "",
        step: str = "",
        warning: bool = False,
    ) -> Finding:
        """A finding in the one layout, with the case it was seen in."""
        since = f"right in the cases before it: {self.earlier}" if self.earlier and not warning else ""
        message = layout(self.where, what, [*details, since], words, step)
        return Finding(self.role, param, kind, cause, message, "warning" if warning else "error", self.case)


def sizes_text(sizes: Mapping[str, Any]) -> str:
    """The bound axis sizes as messages print them: "N=7 D=5 M=3", and "...=2x3" for a rest."""
    shown = {
        axis: "x".join(map(str, size)) if isinstance(size, tuple) else size for axis, size in sizes.items()
    }
    return " ".join(f"{axis}={size}" for axis, size in shown.items() if size != "")


def split(context: Context, returned: object, names: Sequence[str]) -> dict[str, Any] | Finding:
    """The returned values by name, or the finding that says how many there are instead."""
    several = f"({', '.join(names)})"
    expected = f"{len(names)} values, {several}" if len(names) > 1 else f"one array, {names[0]}"
    values = items(returned)
    if len(names) == 1:
        if issubclass(type(returned), tuple) and values is not None:
            comma = (
                "a tuple of one: is there a comma too many?" if len(values) == 1 else f"{len(values)} values"
            )
            return context.finding("", "arity", "arity", f"returned {comma}", [f"expected {expected}"])
        return {names[0]: returned}
    if values is None:
        got = "one array" if type(returned) is np.ndarray else f"a {type_name(returned)}"
        step = f"check: end with return {', '.join(names)}"
        return context.finding("", "arity", "arity", f"returned {got}, expected {expected}", step=step)
    if len(values) != len(names):
        step = f"check: end with return {', '.join(names)}"
        count = f"{len(values)} value{'s' if len(values) != 1 else ''}"
        return context.finding("", "arity", "arity", f"returned {count}, expected {expected}", step=step)
    return dict(zip(names, values, strict=True))


def permuted(context: Context, values: Mapping[str, Any], truths: Mapping[str, Array]) -> Finding | None:
    """The finding for right values in the wrong order: shapes and numbers must both fit the other order."""
    names = list(values)
    arrays = list(values.values())
    if len(names) < 2 or len(names) > 6 or any(type(a) is not np.ndarray for a in arrays):
        return None
    for order in permutations(range(len(names))):
        if order == tuple(range(len(names))):
            continue
        moved = [arrays[i] for i in order]
        if all(_fits(a, truths[name]) for name, a in zip(names, moved, strict=True)):
            words = words_for("permuted", "", ", ".join(names))
            got = ", ".join(names[order.index(i)] for i in range(len(names)))
            sentence = f"returned ({got}), expected ({', '.join(names)})"
            return context.finding("", "permuted", "permuted", sentence, [], words.cause, words.step)
    return None


def _fits(a: Array, truth: Array) -> bool:
    cause, _ = read_array(a, truth.shape)
    return not cause and not wrong_entries(a.astype(np.float64), truth, TOLERANCE["float32"]).any()


def judge_contract(
    context: Context, what: str, value: object, tokens: Tokens, shape: Sequence[int]
) -> Finding | None:
    """The finding for a value that is no float array of that shape, else None."""
    if value is None:
        step = words_for("not-attempted", what).step
        return context.finding(what, "not attempted", "not-attempted", f"{what} is None", step=step)
    cause, words = read_array(value, shape)
    if not cause:
        return None
    expected = f"expected shape {letters(tokens)} = {tuple(shape)}"
    bound = sizes_text(context.sizes)
    if cause != "wrong-shape":
        said = words_for(cause, what)
        kind = {"not-an-array": "not an array", "wrong-dtype": "dtype", "not-finite": "not finite"}[cause]
        sentence, details = f"{what} cannot be used: {words}", [f"{expected}        {bound}"]
        return context.finding(what, kind, cause, sentence, details, said.cause, said.step)
    assert isinstance(value, np.ndarray)
    slug = classify(tokens, value.shape, context.sizes) or "wrong-shape"
    said = words_for(slug, what)
    seen = explain(tokens, value.shape, context.sizes) or said.cause
    known = _known_shape_mistake(context, what, value)
    if known is not None:
        slug, seen = known
        said = words_for(slug, what)
    return context.finding(
        what, "shape", slug, f"{what} has shape {value.shape}, {expected}", [f"at {bound}"], seen, said.step
    )


def _known_shape_mistake(context: Context, what: str, value: Array) -> tuple[str, str] | None:
    layer = context.layer
    if layer is None or value.dtype.kind not in "fiu" or value.size > 10**6:
        return None
    for mistake in layer.mistakes:
        if mistake.role == context.role and what in mistake.params:
            wrong = part_of(call(mistake.wrong, *context.arguments()).value, what, layer)
            if (
                wrong is not None
                and wrong.shape == value.shape
                and np.allclose(wrong, value, rtol=1e-9, atol=1e-12)
            ):
                return mistake.cause, mistake.feedback
    return None


def judge_array(
    context: Context,
    what: str,
    value: object,
    truth: Array,
    tokens: Tokens,
    known: Mapping[str, tuple[str, Array]] | None = None,
) -> tuple[Finding | None, Status]:
    """Judge an array against known entries. `known` maps a cause to its sentence and the wrong value it gives."""
    finding = judge_contract(context, what, value, tokens, truth.shape)
    if finding is not None:
        return finding, "not attempted" if finding.cause == "not-attempted" else "wrong"
    assert isinstance(value, np.ndarray)
    single = value.dtype == np.float32
    if not wrong_entries(value, truth, TOLERANCE["float32" if single else "float64"]).any():
        return None, "right"
    for cause, (sentence, wrong) in (known or {}).items():
        if wrong.shape == value.shape and np.allclose(wrong, value, rtol=1e-9):
            detail = [sizes_text(context.sizes)]
            return context.finding(
                what, "mistake", cause, f"{what} is wrong after the call", detail, sentence
            ), "wrong"
    return judge_value(context, what, value, truth, tokens, single)


def judge_scalar(context: Context, what: str, value: object, truth: float) -> Finding | None:
    """Judge one number; None if it is right."""
    number, cause, words = read_scalar(value)
    if number is None:
        said = words_for(cause, what)
        kinds = {"not-finite": "not finite", "wrong-dtype": "dtype", "not-attempted": "not attempted"}
        kind = kinds.get(cause, "not a number" if cause == "not-an-array" else "shape")
        return context.finding(
            what, kind, cause, f"{what} cannot be used: {words}", [], said.cause, said.step
        )
    single = type(value) is np.float32 or getattr(value, "dtype", None) == np.float32
    found = np.asarray(number)
    if not wrong_entries(found, np.asarray(truth), TOLERANCE["float32" if single else "float64"]).any():
        return None
    return judge_value(context, what, found, np.asarray(truth), (), single)[0]


def not_a_pair(context: Context, returned: object, expected: str) -> Finding:
    """The finding for a call that should have returned two things."""
    values = items(returned)
    count = f"{len(values or [])} value{'' if len(values or []) == 1 else 's'}"
    got = (
        "one array"
        if type(returned) is np.ndarray
        else f"a {type_name(returned)}"
        if values is None
        else count
    )
    step = f"check: end with return {expected.strip('()')}"
    return context.finding("", "arity", "arity", f"returned {got}, expected {expected}", step=step)


def judge_value(
    context: Context, what: str, value: Array, truth: Array, tokens: Tokens, single: bool
) -> tuple[Finding, Status]:
    """The finding for an array of the right shape whose numbers are wrong, with the worst entry and the cause."""
    tolerance = TOLERANCE["float32" if single else "float64"]
    claim = Claim(
        role=context.role,
        what=what,
        value=np.asarray(value, dtype=np.float64),
        truth=np.asarray(truth, dtype=np.float64),
        tolerance=tolerance,
        sizes=context.sizes,
        layer=context.layer,
        arguments=context.arguments,
        dout=context.dout,
        inputs=context.inputs,
        own=lambda: context.own(what.removeprefix("d")),
    )
    found = diagnose(claim)
    status: Status = "own forward" if found.cause == "own-forward" else "wrong"
    finding = context.finding(
        what,
        found.kind,
        found.cause,
        _headline(what, claim),
        _details(claim, tokens),
        found.words,
        found.step,
    )
    return finding, status


def _headline(what: str, claim: Claim) -> str:
    if claim.value.ndim == 0:
        return f"{what} is wrong"
    wrong = wrong_entries(claim.value, claim.truth, claim.tolerance)
    if not wrong.any():
        return f"{what} is slightly wrong, by less than {claim.tolerance:g} of its largest entry"
    return f"{what} is wrong in {int(wrong.sum())} of {wrong.size} entries"


def _details(claim: Claim, tokens: Tokens) -> list[str]:
    bound = sizes_text(claim.sizes)
    if claim.value.ndim == 0:
        return [f"yours {float(claim.value):.4g}, tolerance {claim.tolerance:g} of its size        {bound}"]
    worst = np.unravel_index(int(np.argmax(np.abs(claim.value - claim.truth))), claim.value.shape)
    index = ", ".join(str(int(i)) for i in worst)
    return [
        f"shape {letters(tokens)} = {claim.value.shape}: correct        {bound}",
        f"worst [{index}]: yours {float(claim.value[worst]):.4g}, tolerance {claim.tolerance:g} of the largest entry",
    ]
