"""Judges one returned value against its contract and its truth, and words the finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.causes import CAUSES, words_for
from handgrad.diagnose import Claim, diagnose, part_of, wrong_entries
from handgrad.differences import norm
from handgrad.errors import layout
from handgrad.layers import Layer
from handgrad.probe import call, is_single, read_array, read_scalar
from handgrad.report import Finding, Status
from handgrad.shapes import Tokens, classify, explain, letters

__all__ = [
    "Context",
    "judge_array",
    "judge_contract",
    "judge_scalar",
    "judge_value",
    "sizes_text",
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
    upstream: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    own: Callable[[str], tuple[Array, float] | None] | None = None
    slips: Callable[[str], Mapping[str, Array]] = lambda _: {}
    told: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    judged_as: str = ""

    def but(self, **changes: Any) -> Context:
        """The same with other values of some fields, in a third of the time of `dataclasses.replace`."""
        other = object.__new__(Context)
        other.__dict__.update(self.__dict__, **changes)
        return other

    @property
    def where(self) -> str:
        """What a message is about: "affine.backward", "softmax", "dW"."""
        return f"{self.subject}.{self.role}" if self.role in ("forward", "backward") else self.subject

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
        what = what.removeprefix(f"{self.where} is ")
        since = f"right in the cases before it: {self.earlier}" if self.earlier and not warning else ""
        message = layout(self.where, what, [*details, since], words, step)
        return Finding(self.role, param, kind, cause, message, "warning" if warning else "error", self.case)


def sizes_text(sizes: Mapping[str, Any]) -> str:
    """The bound axis sizes as messages print them: "N=7 D=5 M=3", and "...=2x3" for a rest."""
    shown = {
        axis: "x".join(map(str, size)) if isinstance(size, tuple) else size for axis, size in sizes.items()
    }
    return " ".join(f"{axis}={size}" for axis, size in shown.items() if size != "")


def judge_contract(
    context: Context, what: str, value: object, tokens: Tokens, shape: Sequence[int]
) -> Finding | None:
    """The finding for a value that is no float array of that shape, else None."""
    if value is None:
        step = words_for("not-attempted", what).step
        return context.finding(what, "not attempted", "not-attempted", f"{what} is None", step=step)
    if type(value) in (float, np.float64, np.float32):  # what a sum without an axis returns
        value = np.asarray(value)
    cause, words = read_array(value, shape)
    if not cause:
        return None
    expected = f"expected shape {_shape_text(tokens, shape)}"
    bound = sizes_text(context.sizes)
    if cause != "wrong-shape":
        said = words_for(cause, what)
        kind = {"not-an-array": "not an array", "wrong-dtype": "dtype", "not-finite": "not finite"}[cause]
        sentence, details = f"{what} cannot be used: {words}", [f"{expected}        {bound}".rstrip()]
        return context.finding(what, kind, cause, sentence, details, said.cause, said.step)
    assert isinstance(value, np.ndarray)
    slug = classify(tokens, value.shape, context.sizes) or "wrong-shape"
    said = words_for(slug, what)
    seen = explain(tokens, value.shape, context.sizes) or said.cause
    known = _known_shape_mistake(context, what, value)
    if known is not None and (known[0] == slug or slug == "wrong-shape" or known[0] not in CAUSES):
        slug, seen = known
        said = words_for(slug, what)
    if slug == "flattened" and value.shape == tuple(n for n in shape if n != 1):
        said = words_for("dropped-axis", what)
    if context.role == "forward":  # no gradient there
        said = words_for("wrong-shape", what)
    return context.finding(
        what,
        "shape",
        slug,
        f"{what} has shape {value.shape}, {expected}",
        [f"at {bound}"] if bound else [],
        seen,
        said.step,
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
                return mistake.cause, mistake.tell(what)
    return None


def judge_array(
    context: Context,
    what: str,
    value: object,
    truth: Array,
    tokens: Tokens,
    known: Sequence[tuple[str | None, str, Array]] = (),
) -> tuple[Finding | None, Status]:
    """Judge an array against the truth.

    `known` holds causes, None for one without a name, each with its sentence and the wrong value it gives.
    """
    finding = judge_contract(context, what, value, tokens, truth.shape)
    if finding is not None:
        return finding, "not attempted" if finding.cause == "not-attempted" else "wrong"
    assert isinstance(value, np.ndarray)
    single = value.dtype == np.float32
    if _none_wrong(value, truth, TOLERANCE["float32" if single else "float64"]):
        return None, "right"
    for cause, sentence, wrong in known:
        if wrong.shape == value.shape and np.allclose(wrong, value, rtol=1e-9):
            detail = [sizes_text(context.sizes)]
            return context.finding(
                what, "mistake", cause, f"{what} is wrong after the call", detail, sentence
            ), "wrong"
    return judge_value(context, what, value, truth, tokens, single)


def _none_wrong(value: Array, truth: Array, tolerance: float) -> bool:
    """Whether no entry is wrong; two sums of squares mostly show it, as no largest entry is below the root mean."""
    if norm(value - truth) * sqrt(truth.size) <= tolerance * norm(truth) < inf:
        return True
    return not wrong_entries(value, truth, tolerance).any()


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
    single = is_single(value)
    found = np.asarray(number)
    if not wrong_entries(found, np.asarray(truth), TOLERANCE["float32" if single else "float64"]).any():
        return None
    return judge_value(context, what, found, np.asarray(truth), (), single)[0]


def judge_value(
    context: Context,
    what: str,
    value: Array,
    truth: Array,
    tokens: Tokens,
    single: bool,
    tolerance: float | None = None,
) -> tuple[Finding, Status]:
    """The finding for an array of the right shape whose numbers are wrong, with the worst entry and the cause."""
    tolerance = tolerance or TOLERANCE["float32" if single else "float64"]
    own = context.own
    claim = Claim(
        role=context.judged_as or context.role,
        what=what,
        value=np.asarray(value, dtype=np.float64),
        truth=np.asarray(truth, dtype=np.float64),
        tolerance=tolerance,
        sizes=context.sizes,
        layer=context.layer,
        arguments=context.arguments,
        dout=context.dout,
        upstream=context.upstream,
        inputs=context.inputs,
        told={
            words: by[what.removeprefix("d")]
            for words, by in context.told.items()
            if what.removeprefix("d") in by
        },
        slips=lambda: context.slips(what.removeprefix("d")),
        own=None if own is None or not what.startswith("d") else lambda: own(what.removeprefix("d")),
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


def _shape_text(tokens: Tokens, shape: Sequence[int]) -> str:
    """The axes and their sizes, or the sizes alone where the axes have no names."""
    named = any(isinstance(token, str) for token in tokens)
    return f"{letters(tokens)} = {tuple(shape)}" if named else f"{tuple(shape)}"


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
        yours = float(claim.value) + 0.0  # no -0
        return [f"yours {yours:.4g}, tolerance {claim.tolerance:g} of its size        {bound}".rstrip()]
    worst = np.unravel_index(int(np.argmax(np.abs(claim.value - claim.truth))), claim.value.shape)
    index = ", ".join(str(int(i)) for i in worst)
    yours = float(claim.value[worst]) + 0.0
    return [
        f"shape {_shape_text(tokens, claim.value.shape)}: correct        {bound}".rstrip(),
        f"worst [{index}]: yours {yours:.4g}, tolerance {claim.tolerance:g} of the largest entry",
    ]
