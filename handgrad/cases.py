"""One case of a check: calls the student's functions at one set of sizes and judges what they return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.averages import wrong_weights
from handgrad.causes import words_for
from handgrad.judge import Context, judge_array, judge_contract, judge_scalar, judge_value, sizes_text
from handgrad.layers import Layer
from handgrad.ledger import Ledger
from handgrad.numeric import direction
from handgrad.probe import (
    Outcome,
    arrays_in,
    call_in_quiet,
    copy_arguments,
    has_shape,
    is_single,
    items,
    own_dicts,
    read_scalar,
    same,
)
from handgrad.report import Finding, Status
from handgrad.returns import not_a_pair, permuted, split
from handgrad.shapes import Tokens
from handgrad.truth import Truth, own_gradient

__all__ = ["CaseRun"]

Array = NDArray[Any]
Function = Callable[..., Any]


@dataclass
class CaseRun:
    """The student's functions at one case. `context` is rewritten for each role as the case goes on.

    For use inside `quiet()`.
    """

    ledger: Ledger
    layer: Layer
    given: Mapping[str, Function]
    context: Context
    inputs: dict[str, Any]
    rng: np.random.Generator

    # ------------------------------------------------------------ the two kinds of layer

    def pair(self, with_backward: bool) -> None:
        """A forward and a backward: the backward gets the student's own cache if there is one."""
        reference = self.layer.forward
        assert reference is not None
        updated = own_dicts(self.inputs)
        out = reference(*updated.values())[0]
        theirs = None
        if "forward" in self.given:
            theirs = self.forward(self.given["forward"], out, updated)
        if "backward" in self.given and with_backward:
            if theirs is None:  # the documented cache, of copies: a backward may change it
                cache = reference(*copy_arguments(self.inputs).values())[1]
                self.backward(cache, arrays_in(cache), False, out, False)
            else:
                cache, held, single = theirs
                self.backward(cache, held, True, out, single)

    def loss(self) -> None:
        """A loss with its gradients, called twice on fresh copies."""
        reference, names = self.layer.loss, self.layer.grad_names
        assert reference is not None
        function = self.given["loss"]
        self.context = self.context.but(role="loss")
        arguments = copy_arguments(self.inputs)
        got = call_in_quiet(function, *arguments.values())
        if self.nothing(got, ("loss", *names)):
            return
        pair = items(got.value)
        if pair is None or len(pair) != 2:
            several = names[0] if len(names) == 1 else f"({', '.join(names)})"
            self.ledger.add(not_a_pair(self.context, got.value, f"(loss, {several})"), ("loss", *names))
            return
        if pair[0] is None and pair[1] is None:
            self.nothing(Outcome(not_attempted=True), ("loss", *names))
            return
        if (
            len(names) == 1
            and read_scalar(pair[1])[0] is not None
            and has_shape(pair[0], self.inputs[names[0][1:]].shape)
        ):
            words = words_for("permuted", "", f"loss, {names[0]}")
            what = f"returned ({names[0]}, loss), expected (loss, {names[0]})"
            finding = self.context.finding("", "permuted", "permuted", what, [], words.cause, words.step)
            self.ledger.add(finding, ("loss", *names))
            return
        self.changed_inputs(arguments)
        again = items(call_in_quiet(function, *copy_arguments(self.inputs).values()).value)
        true_loss = float(reference(*own_dicts(self.inputs).values())[0])
        wrong = judge_scalar(self.context, "loss", pair[0], true_loss)
        if wrong is not None:
            self.ledger.add(wrong, ("loss",), "not attempted" if wrong.cause == "not-attempted" else "wrong")
        if not self.ledger.right("loss"):
            self.context = self.context.but(own=own_gradient(function, self.inputs, np.ones(())))
        values = split(self.context, pair[1], names)
        if isinstance(values, Finding):
            self.ledger.add(values, names)
            return
        second = split(self.context, again[1], names) if again is not None and len(again) == 2 else None
        if not self.differs(values, second, "is something kept between calls?"):
            single = is_single(pair[0])
            self.gradients(values, reference, np.ones(()), np.asarray(true_loss), single)

    # ------------------------------------------------------------ forward

    def forward(
        self, function: Function, out: Array, updated: Mapping[str, Any]
    ) -> tuple[Any, list[Array], bool] | None:
        """Judge out and the updated arguments; the cache, its arrays and whether any is float32, or None without."""
        self.context = self.context.but(role="forward")
        arguments = copy_arguments(self.inputs)
        got = call_in_quiet(function, *arguments.values())
        names = ("out", *self.layer.updates)
        if self.nothing(got, names):
            return None
        pair = items(got.value)
        if pair is None or len(pair) != 2:
            self.ledger.add(not_a_pair(self.context, got.value, "(out, cache)"), names)
            return None
        if pair[0] is None and pair[1] is None:
            self.nothing(Outcome(not_attempted=True), names)
            return None
        value, cache = pair
        single = is_single(value)
        finding, status = judge_array(self.context, "out", value, out, self.layer.spec.outputs["out"])
        if finding is not None:
            self.ledger.add(finding, ("out",), status)
        elif single:
            self.ledger.warn(self.context, "float32", "out is a float32 answer", "out")
        for name in self.layer.updates:
            self.updates(name, arguments[name], updated[name])
        self.changed_inputs(arguments)
        held = arrays_in(cache)
        return cache, held, single or any(is_single(a) for a in held)

    def changed_inputs(self, arguments: Mapping[str, Any]) -> None:
        """Warn of arrays that the call changed in place, where the layer does not document it."""
        for name, before in self.inputs.items():
            if isinstance(before, np.ndarray) and not same(before, arguments[name]):
                self.ledger.warn(self.context, "mutates-input", f"{name} was changed in place", arg=name)

    def updates(self, name: str, got: object, expected: Mapping[str, Any]) -> None:
        """Judge what the forward left in a dict argument, entry by entry."""
        for key, truth in expected.items():
            if not isinstance(truth, np.ndarray):
                continue
            value = got.get(key) if type(got) is dict else None
            tokens: Tokens = self.layer.spec.inputs[self.layer.grads[-1]]
            what = f"{name}[{key!r}]"
            if judge_array(self.context, what, value, truth, tokens)[0] is None:
                continue
            known = self.left_in(name, key)
            mixed = wrong_weights(value, self.inputs[name].get(key), truth)
            if mixed is not None:
                known.append((None, *mixed))
            finding, _ = judge_array(self.context, what, value, truth, tokens, known)
            if finding is not None:
                self.ledger.add(replace(finding, param=name), (name,))
                return

    def left_in(self, name: str, key: str) -> list[tuple[str | None, str, Array]]:
        """Wrong values of an updated entry that have a name: the cause, its sentence and the value."""
        known: list[tuple[str | None, str, Array]] = []
        for mistake in self.layer.mistakes:
            if mistake.role == "forward":
                arguments = copy_arguments(self.inputs)
                call_in_quiet(mistake.wrong, *arguments.values())
                if isinstance(arguments[name].get(key), np.ndarray):
                    known.append((mistake.cause, mistake.tell(key), arguments[name][key]))
        before = self.inputs[name].get(key)
        if isinstance(before, np.ndarray):
            known.append(
                ("not-updated", f"it was left as it was; write the new value back to {name}", before)
            )
        return known

    # ------------------------------------------------------------ backward

    def backward(self, cache: Any, held: list[Array], own_cache: bool, out: Array, single: bool) -> None:
        """Judge the gradients: two calls with the same cache, a fresh copy of dout each."""
        function, names, reference = self.given["backward"], self.layer.grad_names, self.layer.forward
        assert reference is not None
        dout = direction(out, self.rng, 1.0)
        self.context = self.context.but(
            role="backward",
            dout=dout,
            arguments=lambda: (dout.copy(), reference(*copy_arguments(self.inputs).values())[1]),
        )
        if "forward" in self.given and not self.ledger.right("out"):
            self.context = self.context.but(own=own_gradient(self.given["forward"], self.inputs, dout))
        before = [a.copy() for a in held]
        first_dout = dout.copy()
        first = call_in_quiet(function, first_dout, cache)
        hint = ""
        if not own_cache:
            hint = (
                f"the cache is the documented one, {self.layer.cache_doc}; give forward= too if yours differs"
            )
        if self.nothing(first, names, hint):
            return
        values = split(self.context, first.value, names)
        if isinstance(values, Finding):
            self.ledger.add(values, names)
            return
        if all(value is None for value in values.values()):
            self.nothing(Outcome(not_attempted=True), names)
            return
        values = {n: v.copy() if has_shape(v, self.inputs[n[1:]].shape) else v for n, v in values.items()}
        changed_dout = not same(first_dout, dout)
        changed_cache = not all(same(a, b) for a, b in zip(held, before, strict=True))
        again = call_in_quiet(function, dout.copy(), cache)
        second = None if again.raised else split(self.context, again.value, names)
        reason = (
            f"it raised {again.raised.splitlines()[0]}"
            if again.raised
            else "is something kept between calls?"
        )
        if changed_cache:
            reason = "the first call changed an array of the cache"
        if self.differs(values, second, reason):
            return
        self.gradients(values, reference, dout, out, single)
        if changed_dout:
            self.ledger.warn(self.context, "mutates-dout", "dout was changed in place")
        if changed_cache:
            self.ledger.warn(self.context, "mutates-cache", "an array of the cache was changed in place")

    def differs(
        self, first: Mapping[str, Any], second: Mapping[str, Any] | Finding | None, reason: str
    ) -> bool:
        """Whether a second call gave other values; the finding is added."""
        if isinstance(second, Mapping):
            differing = tuple(name for name in first if not same(first[name], second[name]))
        else:
            differing = tuple(first)
        if differing:
            words = words_for("second-call-differs", "", reason)
            what = f"a second call gave another {', '.join(differing)}"
            finding = self.context.finding(
                "", "second call", "second-call-differs", what, [], words.cause, words.step
            )
            self.ledger.add(finding, differing)
        return bool(differing)

    def nothing(self, got: Outcome, parts: tuple[str, ...], hint: str = "") -> bool:
        """Whether a call left nothing to judge; the finding is added."""
        if got.raised:
            shapes = ", ".join(f"{n} {v.shape}" for n, v in self.inputs.items() if isinstance(v, np.ndarray))
            lines = [got.raised, f"in this case {shapes}        {sizes_text(self.context.sizes)}"]
            finding = self.context.finding("", "raised", "raised", "raised an exception", lines, hint)
            self.ledger.add(finding, parts, "raised")
        elif got.not_attempted or got.value is None:
            step = words_for("not-attempted", "").step
            finding = self.context.finding(
                "", "not attempted", "not-attempted", "not attempted yet", step=step
            )
            self.ledger.add(finding, parts, "not attempted")
        else:
            return False
        return True

    # ------------------------------------------------------------ gradients

    def gradients(
        self, values: Mapping[str, Any], reference: Function, dout: Array, out: Array, single: bool
    ) -> None:
        """Judge gradients: contract, then random directions; entry by entry only where those fail."""
        truth = Truth(reference, self.inputs, dout, out, self.rng, self.layer.tangent)
        broken: dict[str, Finding | None] = {}
        for what, value in values.items():
            broken[what] = judge_contract(
                self.context, what, value, self.tokens(what), self.inputs[what[1:]].shape
            )
        sound = not any(broken.values()) and not single and not any(is_single(v) for v in values.values())
        if sound and truth.all_right({what[1:]: value for what, value in values.items()}):
            return
        self.context = self.context.but(slips=truth.slips)
        for what, finding in tuple(broken.items()):
            if finding is None:
                value = values[what]
                verdict = truth.verdict(what[1:], value, single or is_single(value))
                if verdict == "float32":
                    self.ledger.warn(self.context, "float32", f"{what} is a float32 answer", what)
                if verdict != "wrong":
                    del broken[what]
        if not broken:
            return
        entries = {what: truth.entries(what[1:]) for what in values}
        order = permuted(self.context, values, entries)
        if order is not None:
            self.ledger.add(order, tuple(values))
            return
        for what, finding in broken.items():
            if finding is not None:
                status: Status = "not attempted" if finding.cause == "not-attempted" else "wrong"
                self.ledger.add(finding, (what,), status)
            elif self.ledger.right(what):
                value = values[what]
                in_single = single or is_single(value)
                wrong, status = judge_value(
                    self.context, what, value, entries[what], self.tokens(what), in_single
                )
                self.ledger.add(wrong, (what,), status)

    def tokens(self, what: str) -> Tokens:
        """The axes of a gradient: those of its variable."""
        return self.layer.spec.inputs[what[1:]]
