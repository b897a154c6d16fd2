"""From a wrong value to a named cause, or to "no known cause".

The steps are tried in order and the first that fits wins; each either proves its cause by numbers at
sizes where it cannot be a coincidence, or stays silent. None of them ever guesses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad import regions
from handgrad.axes import REST
from handgrad.causes import words_for
from handgrad.layers import Layer
from handgrad.probe import call, items

__all__ = ["Claim", "Diagnosis", "diagnose", "wrong_entries"]

Array = NDArray[np.float64]

FACTOR_TOLERANCE = 1e-7  # a fitted coefficient counts as 0, 1, −1, 2, 1/N or N within this


class Diagnosis(NamedTuple):
    """What a wrong value is: the step that found it, the slug, the cause and the next step in words."""

    kind: str
    cause: str | None
    words: str
    step: str


@dataclass(frozen=True)
class Claim:
    """All that the diagnosis may look at, at one case: the answer has the right shape and is finite.

    `arguments` makes fresh copies of what the reference function of this role takes; `own` gives the
    gradient of the student's own forward and its relative accuracy, where that forward is wrong; `slips` gives
    what the usual slips in the chain rule would have returned, by cause; `told` what mistakes that the caller
    knows of would have, by the sentence that tells them. `upstream` is what the upstream gradient `dout` is
    called where the answer comes from, "" where that is not known.
    """

    role: str
    what: str
    value: Array
    truth: Array
    tolerance: float
    sizes: Mapping[str, Any]
    layer: Layer | None = None
    arguments: Callable[[], tuple[Any, ...]] = tuple
    dout: Array | None = None
    upstream: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    own: Callable[[], tuple[Array, float] | None] | None = None
    slips: Callable[[], Mapping[str, Array]] = dict
    told: Mapping[str, Array] = field(default_factory=dict)


def diagnose(claim: Claim) -> Diagnosis:
    """The first step that explains the claim, else kind "unknown" with cause None."""
    for kind, step in _STEPS:
        found = step(claim)
        if found is not None:
            return Diagnosis(kind, *found)
    return Diagnosis("unknown", None, "no known cause fits", _advice(claim))


def _advice(claim: Claim) -> str:
    """What to try where no known cause fits."""
    if claim.own is not None and claim.role == "loss":
        return "next: your loss is wrong too; mend it first, then its gradient"
    if claim.own is not None:
        return "next: your forward is wrong, and backward works from what it cached; mend the forward first"
    if claim.value.ndim == 0 and claim.what == "loss":
        return "next: take one sample; calculate its loss by hand, and compare it with yours"
    if claim.value.ndim == 0:
        return "next: move this one number a little, and see how far the output goes"
    forward = claim.role == "forward"
    if claim.layer is not None and REST in claim.layer.spec.outputs.get("out", ()):
        what = "calculate out" if forward else "derive its gradient"
        return f"next: take a single number for x; {what} by hand, and compare it with yours"
    sizes = (claim.layer.smallest if claim.layer else "") or "the smallest sizes, one axis of 2 or 3"
    what = "calculate one entry by hand" if forward else "derive one entry with sums and indices"
    return f"next: take {sizes}; {what}, and compare it with yours"


_Found = tuple[str | None, str, str]


def _named(slug: str, claim: Claim, arg: str = "") -> _Found:
    words = words_for(slug, claim.what, arg, claim.upstream)
    return slug, words.cause, words.step


def _close(a: Array, b: Array, tolerance: float) -> bool:
    """Whether a and b agree entry by entry, to a share of the largest entry of b."""
    if a.shape != b.shape:
        return False
    scale = float(np.max(np.abs(b), initial=0.0))
    return scale > 0.0 and bool(np.all(np.abs(a - b) <= tolerance * scale))


def wrong_entries(value: Array, truth: Array, tolerance: float) -> NDArray[np.bool_]:
    """Which entries are off by more than `tolerance` of the largest true entry."""
    scale = float(np.max(np.abs(truth), initial=0.0)) or 1.0
    return np.abs(value - truth) > tolerance * scale


# ---------------------------------------------------------------- the steps


def _own_forward(claim: Claim) -> _Found | None:
    own = claim.own() if claim.own is not None else None
    if own is not None and claim.truth.any() and not own[0].any() and not claim.value.any():
        # Zeros prove no derivation, so that this is another cause than own-forward.
        return _named("unused-by-own-forward", claim, claim.what.removeprefix("d"))
    if own is None or _close(claim.truth, own[0], own[1]) or not _close(claim.value, own[0], own[1]):
        return None
    return _named("own-forward", claim)


def _told(claim: Claim) -> _Found | None:
    for sentence, wrong in claim.told.items():
        wrong = np.asarray(wrong, dtype=np.float64)
        if not _close(wrong, claim.truth, claim.tolerance) and _close(claim.value, wrong, claim.tolerance):
            return "told", sentence, ""
    return None


def _mistake(claim: Claim) -> _Found | None:
    layer = claim.layer
    if layer is None:
        return None
    for mistake in layer.mistakes:
        if mistake.role != claim.role or claim.what not in mistake.params:
            continue
        wrong = part_of(call(mistake.wrong, *claim.arguments()).value, claim.what, layer)
        if wrong is None or _close(wrong, claim.truth, claim.tolerance):
            continue
        if _close(claim.value, wrong, claim.tolerance):
            step = words_for(mistake.cause, claim.what, upstream=claim.upstream).step
            return mistake.cause, mistake.tell(claim.what), step
    return None


def part_of(returned: object, what: str, layer: Layer) -> Array | None:
    """One named part of what a layer's function returns, as an array."""
    if what in ("out", "loss"):
        pair = items(returned)
        part = pair[0] if pair else None
    else:
        pair = items(returned)
        if layer.is_loss:
            returned = pair[1] if pair and len(pair) == 2 else None
        single = len(layer.grads) == 1
        parts = [returned] if single else items(returned)
        index = layer.grad_names.index(what)
        part = parts[index] if parts is not None and index < len(parts) else None
    if part is None or not isinstance(part, np.ndarray | float | np.floating):
        return None
    return np.asarray(part, dtype=np.float64)


def _path(claim: Claim) -> _Found | None:
    layer, n = claim.layer, claim.sizes.get("N", 0)
    if layer is None or n < 5 or not np.any(claim.truth):
        return None
    paths = layer.paths.get(claim.what, {})
    columns = [np.asarray(path(*claim.arguments()), dtype=np.float64).ravel() for path in paths.values()]
    if len(columns) < 2:
        return None
    matrix = np.stack(columns, axis=1)
    norms = np.linalg.norm(matrix, axis=0)
    if not norms.all() or np.linalg.cond(matrix / norms) > 1e3:
        return None
    fit = np.linalg.lstsq(matrix, claim.value.ravel(), rcond=None)[0]
    if not _close(matrix @ fit, claim.value.ravel(), 1e-9) or np.ptp(fit) < FACTOR_TOLERANCE:
        return None
    named = {1.0: "", 0.0: "missing-path", 2.0: "doubled-path", -1.0: "sign-of-path"}
    stems = named | {float(n): "scaled-path", 1.0 / n: "scaled-path"}
    causes = []
    for name, coefficient in zip(paths, fit, strict=True):
        stem = next((s for c, s in stems.items() if abs(coefficient - c) < FACTOR_TOLERANCE), None)
        if stem is None:
            return None
        if stem:
            causes.append(f"{stem}:{name}")
    words = [words_for(cause, claim.what, upstream=claim.upstream) for cause in causes]
    return causes[0], "\n  ".join(w.cause for w in words), words[0].step


def _factor(claim: Claim) -> _Found | None:
    truth, value = claim.truth.ravel(), claim.value.ravel()
    norm = float(truth @ truth)
    if norm == 0.0:
        return None
    if not value.any():
        return _named("all-zero", claim)
    factor = float(value @ truth) / norm
    if truth.size < 2 or not _close(value, factor * truth, max(claim.tolerance, 1e-9)):
        return None
    for slug, constant in _constants(claim.sizes).items():
        if abs(factor - constant) <= FACTOR_TOLERANCE * abs(constant):
            return _named(slug, claim)
    return (
        None,
        f"every entry is {factor:.4g} times the right one; no known cause for that factor",
        "next: look for a constant in yours that the forward does not have",
    )


def _constants(sizes: Mapping[str, Any]) -> dict[str, float]:
    """The factors that have a name at these sizes: a size, or a product of sizes, that no others make as well."""
    known: dict[str, float] = {"sign": -1.0, "doubled": 2.0, "halved": 0.5}
    axes = {axis: size for axis, size in sizes.items() if isinstance(size, int) and size > 2}
    groups = [group for count in (1, 2, 3) for group in combinations(axes, count)]
    products = {group: math.prod(axes[axis] for axis in group) for group in groups}
    for group, product in products.items():
        rivals = [other for other, made in products.items() if made == product]
        if rivals == [group] or (
            len(group) == 1 and all(len(other) > 1 for other in rivals if other != group)
        ):
            name = "-and-".join(group)
            known[f"divided-by-{name}"] = 1.0 / product
            known[f"multiplied-by-{name}"] = float(product)
    return known


def _slip(claim: Claim) -> _Found | None:
    for cause, wrong in claim.slips().items():
        # Both sides carry the truth, for its scale: with ones upstream a normalised layer's gradient is rounding.
        value, wrong = claim.value + claim.truth, wrong + claim.truth
        told_apart = wrong_entries(wrong, 2 * claim.truth, claim.tolerance).any()
        if told_apart and not wrong_entries(value, wrong, claim.tolerance).any():
            return _named(cause, claim)
    return None


def _transposed(claim: Claim) -> _Found | None:
    square = claim.value.ndim == 2 and claim.value.shape[0] == claim.value.shape[1] > 1
    return (
        _named("transposed", claim)
        if square and _close(claim.value.T, claim.truth, claim.tolerance)
        else None
    )


def _region(claim: Claim) -> _Found | None:
    wrong = wrong_entries(claim.value, claim.truth, claim.tolerance)
    if wrong.all() or not wrong.any():
        return None
    upstream = claim.upstream or "the upstream gradient"
    arrays = {upstream: claim.dout, **claim.inputs} if claim.dout is not None else dict(claim.inputs)
    # Where truth and answer are both 0, as under a ReLU's mask, being right says nothing.
    region = regions.find(wrong, (claim.truth == 0) & (claim.value == 0), arrays)
    if region is not None:
        words = words_for(region.words, claim.what, region.where)
        return region.slug, words.cause, words.step
    return (
        None,
        f"{wrong.size - int(wrong.sum())} of {wrong.size} entries are right; no known cause fits the others",
        "next: print the right and the wrong entries' positions; what do the wrong ones share?",
    )


_STEPS: tuple[tuple[str, Callable[[Claim], _Found | None]], ...] = (
    ("own forward", _own_forward),
    ("mistake", _told),
    ("mistake", _mistake),
    ("path", _path),
    ("factor", _factor),
    ("slip", _slip),
    ("transposed", _transposed),
    ("region", _region),
)
