"""The adversary's set is what it says: each wrong answer is wrong just there, each right one is right."""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from handgrad import layers
from handgrad.layers import Case, Layer
from tests.mutants import LAYERS, Correct, Mutant, all_correct, all_mutants
from tests.mutants.hostile import HOSTILE, RAISERS

ENTRIES = (*all_mutants(), *all_correct())
LEAST = {"affine": 18, "batchnorm": 18, "softmax": 14, "relu": 10, "svm": 8}
GENERAL = """
    not-attempted raised arity not-an-array permuted transposed unsummed-broadcast summed-too-much kept-axis
    flattened wrong-shape wrong-dtype not-finite sign divided-by-N multiplied-by-N doubled halved all-zero
    ignores-dout some-rows some-columns some-slices some-entries own-forward second-call-differs
"""
OF_LAYERS = """
    prediction-without-target target-without-prediction mean-of-features residual-broadcast
    input-for-output missing-one-minus activation-twice tanh-derivative missing-square sigmoid-derivative
    sign-of-input missing-one missing-output plus-for-minus
    no-mask mask-inverted mask-of-dout value-for-mask input-for-mask leaky absolute-value smaller-kept mask-for-value
    summed-over-wrong-axis output-for-input missing-bias bias-subtracted flattened-in-another-order
    label-not-subtracted not-normalised normalised-over-batch label-subtracted-everywhere argmax-for-label
    label-subtracted-from-columns softmax-as-element-wise averaged-over-classes loss-not-averaged
    row-sums-over-batch classes-for-samples
    correct-class-missing correct-class-minus-one margin-for-indicator correct-class-counted worst-class-only
    missing-gamma missing-beta missing-root dgamma-uses-x unbiased-variance eps-missing eps-outside-root
    normalised-over-features running-average-swapped not-updated test-mode-uses-batch
    running-variance-std updated-in-test-mode
    missing-path:direct missing-path:mean missing-path:variance doubled-path:mean doubled-path:variance
    sign-of-path:mean scaled-path:mean doubled-path:label sign-of-path:label
    last-step-alone steps-not-summed samples-not-summed divided-by-T divided-by-N-and-T summed-before-the-product
    multiplied-by-N-and-H-and-W
    mask-on-label-alone mask-on-row-sum-alone scores-masked steps-for-samples counted-for-samples
    normalised-over-steps normalised-over-steps-and-classes
    normalised-per-pixel normalised-per-picture normalised-over-channels normalised-per-sample normalised-together
    statistics-divided-by-N statistics-divided-by-pixels paths-over-samples-alone paths-over-pixels-alone
    channels-mixed averaged-over-batch averaged-over-pixels
"""
# Of causes that are as true as another, the one that goes first; the others are allowed beside it.
WITH_SPACES = {"missing-path:row sum", "doubled-path:row sum", "sign-of-path:correct class"}
CAUSES = {*GENERAL.split(), *OF_LAYERS.split(), *WITH_SPACES}
ALLOWED = CAUSES | {
    "missing-path:label",
    "missing-path:correct class",
    "statistics-as-constants",
    "running-variance-unbiased",
    "unused-by-own-forward",
    "averaged-over-own-steps",
}
WARNINGS = {"float32", "overflow", "mutates-dout", "mutates-cache", "mutates-input", "aliased"}


def label(entry: Mutant | Correct) -> str:
    return f"{entry.layer}-{entry.name}"


@contextmanager
def quietly() -> Iterator[None]:
    """Students' code may warn and divide by zero."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def same(answer: Any, expected: Any) -> bool:
    """Whether an answer has exactly the type, shape and dtype asked for and the expected values."""
    if np.ndim(expected) == 0:
        if isinstance(answer, bool) or not isinstance(answer, float | np.floating | np.ndarray):
            return False
    elif type(answer) is not np.ndarray:
        return False
    found = np.asarray(answer)
    if found.shape != np.shape(expected) or found.dtype not in (np.float64, np.float32):
        return False
    loose = 1e-4 if found.dtype == np.float32 else 1e-9
    if not np.isfinite(found).all():
        return False
    return bool(np.max(np.abs(found - expected)) <= loose * max(np.max(np.abs(expected)), 1e-300))


def call(function: Any, *args: Any) -> Any:
    """What the function returns; an exception, if it raises."""
    with quietly():
        try:
            return function(*args)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return error


def count_of(answer: Any) -> int:
    return len(answer) if isinstance(answer, tuple | list) else -1


class Trial:
    """One entry at one case: which of its parts are wrong, and what it changed in place."""

    def __init__(self, entry: Mutant | Correct, layer: Layer, case: Case) -> None:
        self.layer, self.case = layer, case
        rng = np.random.default_rng(20)
        self.inputs = layer.sample(rng, case.sizes, **case.options)
        self.wrong: set[str] = set()
        self.wrong_later: set[str] = set()
        self.changed: set[str] = set()
        self.own: Any = None
        if layer.loss is not None:
            self.run_loss(entry)
        else:
            self.dout = rng.standard_normal(layer.spec.shape_of("out", layer.spec.bind(self.arrays())))
            self.run_pair(entry)

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: value for name, value in self.inputs.items() if isinstance(value, np.ndarray)}

    def fresh(self) -> dict[str, Any]:
        return copy.deepcopy(self.inputs)

    def note_changes(self, used: dict[str, Any]) -> None:
        for name, value in self.arrays().items():
            if not np.array_equal(value, used[name]):
                self.changed.add("mutates-input")

    def judge(self, answer: Any, expected: Any, into: set[str]) -> None:
        names = (("loss",) if self.layer.loss else ()) + self.layer.grad_names
        if len(names) == 1 and isinstance(answer, np.ndarray):
            answer = (answer,)
        if len(names) == 1 and not isinstance(answer, tuple):
            answer = (answer,)
        if count_of(answer) != len(names):
            into.update(names)
            return
        self.own = answer
        into.update(n for n, a, e in zip(names, answer, expected, strict=True) if not same(a, e))
        if any(getattr(a, "dtype", None) == np.float32 for a in answer):
            self.changed.add("float32")

    def run_loss(self, entry: Mutant | Correct) -> None:
        loss, grads = call(self.layer.loss, *self.fresh().values())
        grads = grads if isinstance(grads, tuple) else (grads,)
        for into in (self.wrong, self.wrong_later):
            used = self.fresh()
            self.judge(call(entry.loss, *used.values()), (loss, *grads), into)
            self.note_changes(used)

    def run_pair(self, entry: Mutant | Correct) -> None:
        assert self.layer.forward is not None
        assert self.layer.backward is not None
        reference, used = self.fresh(), self.fresh()
        out, kept = self.layer.forward(*reference.values())
        answer = call(entry.forward, *used.values())
        if count_of(answer) != 2:
            self.wrong.add("out")
            return
        cache = answer[1]
        if not same(answer[0], out):
            self.wrong.add("out")
        if getattr(answer[0], "dtype", None) == np.float32:
            self.changed.add("float32")
        for name in self.layer.updates:
            for key, value in reference[name].items():
                if isinstance(value, np.ndarray) and not same(used[name].get(key), value):
                    self.wrong.add("out")
        self.note_changes(used)
        if entry.backward is None or not self.case.backward:
            return
        expected = self.layer.backward(self.dout.copy(), kept)
        expected = expected if isinstance(expected, tuple) else (expected,)
        before = [a.copy() for a in arrays_in(cache)]
        for into in (self.wrong, self.wrong_later):
            dout = self.dout.copy()
            self.judge(call(entry.backward, dout, cache), expected, into)
            if not np.array_equal(dout, self.dout):
                self.changed.add("mutates-dout")
        after = arrays_in(cache)
        if len(before) != len(after) or not all(
            np.array_equal(a, b) for a, b in zip(before, after, strict=True)
        ):
            self.changed.add("mutates-cache")


def arrays_in(cache: Any) -> list[np.ndarray]:
    if isinstance(cache, np.ndarray):
        return [cache]
    if isinstance(cache, dict):
        cache = list(cache.values())
    elif hasattr(cache, "__dict__") and not callable(cache):
        cache = list(vars(cache).values())
    return [a for part in cache for a in arrays_in(part)] if isinstance(cache, tuple | list) else []


def cases(layer: Layer, stress: bool = False) -> list[Case]:
    return [case for case in layer.cases if getattr(case, "stress", False) == stress]


def trials(entry: Mutant | Correct) -> list[Trial]:
    layer = layers.get(entry.layer)
    first, *others = cases(layer)
    if isinstance(entry, Mutant) and not entry.shows:
        return [Trial(entry, layer, first)]
    return [Trial(entry, layer, case) for case in (first, *others)]


def parametrized(entries: Any) -> Any:
    return pytest.mark.parametrize("entry", entries, ids=label)


@parametrized([m for m in all_mutants() if m.cause not in ("own-forward", "second-call-differs")])
def test_a_mutant_is_wrong_in_just_the_parts_it_declares(entry: Mutant) -> None:
    assert set().union(*(t.wrong for t in trials(entry))) == set(entry.params)


@parametrized([m for m in all_mutants() if m.cause == "second-call-differs"])
def test_a_mutant_of_the_second_call_is_right_in_its_first(entry: Mutant) -> None:
    (trial,) = trials(entry)
    assert trial.wrong == set()
    assert trial.wrong_later == set(entry.params)


@parametrized([m for m in all_mutants() if m.cause == "own-forward"])
def test_a_gradient_of_a_wrong_forward_is_right_for_that_forward(entry: Mutant) -> None:
    (trial,) = trials(entry)
    assert set(entry.params) < trial.wrong, "the forward and some gradient differ from the right ones"
    slots = (1 if trial.layer.loss else 0) + np.arange(len(trial.layer.grads))
    for slot, name in zip(slots, trial.layer.grads, strict=True):
        numeric = by_differences(entry, trial, name)
        analytic = trial.own[slot]
        assert np.max(np.abs(numeric - analytic)) <= 1e-6 * max(1.0, np.max(np.abs(analytic))), name


def by_differences(entry: Mutant, trial: Trial, name: str) -> np.ndarray:
    """The derivative of the entry's own loss, or of sum(dout * out), by central differences."""

    def value(inputs: dict[str, Any]) -> float:
        with quietly():
            if entry.loss is not None:
                return float(entry.loss(*inputs.values())[0])
            assert entry.forward is not None
            return float(np.sum(trial.dout * entry.forward(*inputs.values())[0]))

    numeric = np.zeros(trial.inputs[name].shape)
    for index in np.ndindex(*numeric.shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = trial.fresh()
            moved[name][index] += step
            ends.append(value(moved))
        numeric[index] = (ends[0] - ends[1]) / 2e-5
    return numeric


@parametrized(all_correct())
def test_a_correct_variant_agrees_in_every_case_and_both_calls(entry: Correct) -> None:
    for trial in trials(entry):
        assert trial.wrong | trial.wrong_later == set(), trial.case.name


@parametrized(all_correct())
def test_a_correct_variant_earns_its_warnings_and_no_others(entry: Correct) -> None:
    seen = set().union(*(trial.changed for trial in trials(entry)))
    assert seen - set(entry.may_warn) == set(entry.warnings) - {"overflow"}


@parametrized([c for c in all_correct() if c.layer == "softmax"])
def test_a_softmax_without_an_overflow_warning_is_right_at_large_scores(entry: Correct) -> None:
    layer = layers.get(entry.layer)
    wrong = set().union(*(Trial(entry, layer, case).wrong for case in cases(layer, stress=True)))
    if "overflow" in entry.warnings:
        assert wrong
    elif "overflow" not in entry.may_warn:
        assert wrong == set()


def test_a_right_answer_passed_off_as_a_mutant_would_be_noticed() -> None:
    plain = next(c for c in all_correct() if label(c) == "affine-plain")
    mislabelled = Mutant("plain", "affine", "", "sign", ("dx",), plain.forward, plain.backward)
    assert trials(mislabelled)[0].wrong == set()


def test_a_wrong_answer_passed_off_as_correct_would_be_noticed() -> None:
    wrong = next(m for m in all_mutants() if label(m) == "affine-db-keepdims")
    passed_off = Correct("wrong", "affine", "", wrong.forward, wrong.backward)
    assert trials(passed_off)[0].wrong == {"db"}


def test_names_are_unique_within_a_layer() -> None:
    for entries in (all_mutants(), all_correct()):
        assert [n for n, count in Counter(map(label, entries)).items() if count > 1] == []


def test_entries_name_roles_and_parts_of_their_layer() -> None:
    for entry in ENTRIES:
        layer = layers.get(entry.layer)
        assert entry.says
        assert (entry.loss is not None) == layer.is_loss, label(entry)
        assert layer.is_loss or entry.forward is not None, label(entry)
        if isinstance(entry, Mutant):
            forward = {"loss"} if layer.is_loss else {"out"}
            assert entry.params, label(entry)
            assert set(entry.params) <= forward | set(layer.grad_names), label(entry)


def test_causes_and_warnings_are_from_the_vocabulary() -> None:
    for entry in ENTRIES:
        if isinstance(entry, Mutant):
            assert {entry.cause, *entry.also} - {None} <= ALLOWED, label(entry)
            assert entry.cause not in entry.also
        else:
            assert {*entry.warnings, *entry.may_warn} <= WARNINGS, label(entry)


def test_every_cause_is_expected_of_some_mutant() -> None:
    expected = {m.cause for m in all_mutants()}
    assert CAUSES - expected == set()


def test_the_set_is_as_large_and_as_spread_as_a_kill_matrix_needs() -> None:
    mutants = Counter(m.layer for m in all_mutants())
    assert set(mutants) == set(LAYERS) == set(layers.names())
    assert all(mutants[slug] >= LEAST.get(slug, 6) for slug in LAYERS)
    assert sum(mutants.values()) >= 90
    assert sum(m.cause is None for m in all_mutants()) >= 12
    assert len(all_correct()) >= 45
    assert min(Counter(c.layer for c in all_correct()).values()) >= 5


def test_every_raiser_raises_something_other_than_an_interrupt() -> None:
    for name, function in RAISERS:
        with quietly(), pytest.raises(BaseException) as caught:  # noqa: PT011 - any exception will do
            function(np.zeros(3), None)
        assert not isinstance(caught.value, KeyboardInterrupt), name


def test_hostile_objects_can_be_made_and_have_unique_names() -> None:
    assert len({name for name, _ in HOSTILE}) == len(HOSTILE) >= 100
    assert len({name for name, _ in RAISERS}) == len(RAISERS) >= 25
    kinds = {type(make()) for _, make in HOSTILE}
    assert len(kinds) >= 60


def test_a_hostile_object_is_made_afresh_each_time() -> None:
    makers = dict(HOSTILE)
    for name in ("self-list", "infinite-generator", "read-only", "object-nones", "tuple-subclass"):
        assert makers[name]() is not makers[name](), name
