"""An answer derived on paper: `check_formula("X.T @ dS", "W", …)`: first its shape, then its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import combinations
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad import numeric
from handgrad.axes import REST, Tokens, classify, explain, letters, shape_of
from handgrad.causes import words_for
from handgrad.draws import generator
from handgrad.errors import FormulaError, HandgradError, UnknownNameError, layout, nearest
from handgrad.formula import OPERATIONS, Assignment, Call, Expr, evaluate_program, infer_program, parse
from handgrad.judge import Context, judge_array, sizes_text
from handgrad.ledger import Ledger
from handgrad.probe import call, copy_arguments, described
from handgrad.question import Given, from_layer, from_text
from handgrad.reductions import mended_reductions, spread
from handgrad.report import Finding, Report
from handgrad.truth import slips

__all__ = ["check_formula"]

Array = NDArray[Any]

# What to do about a wrong shape on paper, where the general words speak of lines of code.
_STEPS = {
    "wrong-shape": "check: write the axes under every factor; which of them are left at the end?",
    "kept-axis": "check: leave out keepdims=True",
    "flattened": "check: write the axes under every factor; a sum with keepdims=True keeps its axis, as 1",
}


def check_formula(
    formula: str | Callable[[], str],
    wrt: str,
    *,
    forward: str = "",
    shapes: str = "",
    layer: str = "",
    mistakes: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Report:
    """Judge a formula for the gradient of a scalar loss with respect to `wrt`.

    Either `forward`, lines of assignments such as "S = X @ W + b", with the `shapes` of its inputs,
    "X: N D, W: D C, b: C", where "y: N int" declares labels; or the name of a `layer`, whose arrays and `dout`
    the formula then uses, and the values in between as `handgrad.question` writes them. The last line's result
    is what the upstream gradient belongs to: "dS" (also for any intermediate), of its shape, random. If that
    result is a scalar it is the loss itself.

    `mistakes`, {"a sentence": "a wrong formula"}, are recognised by their numbers and told in those words.

    Shapes are compared by axis names, then numbers at different, coprime sizes. A formula that is blank, None or
    "..." is not attempted yet; a function of no arguments may return it. Raises nothing: an answer that is no
    text, and an unreadable formula or question, are findings.
    """
    part = f"d{wrt}"
    answer: object = formula
    if callable(answer):
        got = call(answer)
        if got.raised:
            finding = Context(part, "formula", {}).finding(part, "raised", "raised", got.raised)
            return Report(part, {part: "raised"}, (finding,))
        answer = got.value
    if type(answer) is not str or not answer.strip(" .…\n"):
        return _without_formula(part, None if type(answer) is str or answer is ... else answer)
    try:
        question = _question(from_layer(layer) if layer else from_text(forward, shapes), wrt, mistakes or {})
    except HandgradError as error:
        return Report("check_formula", {}, (Finding("call", "", "call", None, str(error)),))
    ledger = Ledger(f"{part} = {' '.join(answer.split())[:60]}", (part,))
    try:
        expr = parse(answer)
    except FormulaError as error:
        ledger.add(Finding("formula", part, "call", None, str(error)), (part,))
        return ledger.report()
    found = question.shape(expr, part)
    with numeric.quiet():
        for trial in range(2):
            found = found or question.numbers(expr, part, generator(seed, trial), ledger)
        found = found or question.elsewhere(expr, part, generator(seed, 2))
    if found is not None:
        ledger.add(found, (part,))
    ledger.tried += [sizes_text(question.sizes)] * 2
    where = f"axes {letters(question.known[wrt])}, and right on random numbers at {ledger.tried[0]}, twice"
    return ledger.report(where if question.sizes else "right on random numbers, twice")


def _without_formula(part: str, answer: object) -> Report:
    """The report on None, which stands for a blank answer too, and on what is no text."""
    ledger, context = Ledger(part, (part,)), Context(part, "formula", {})
    if answer is None:
        step = "write it between the quotes, then run this check again"
        finding = context.finding(part, "not attempted", "not-attempted", "not attempted yet", step=step)
        ledger.add(finding, (part,), "not attempted")
    else:
        what = f"the answer is {described(answer)}, expected a formula in quotes"
        finding = context.finding(part, "not text", "not-text", what, step=words_for("not-text", part).step)
        ledger.add(finding, (part,))
    return ledger.report()


@dataclass(frozen=True)
class _Question:
    """What the formula may use (`types`), and how to get the true gradient of `wrt` from numbers."""

    wrt: str
    given: Given
    mistakes: Mapping[str, Expr]

    @property
    def sizes(self) -> Mapping[str, int]:
        return self.given.sizes

    @property
    def program(self) -> tuple[Assignment, ...]:
        return self.given.program

    @cached_property
    def known(self) -> dict[str, Tokens]:
        return infer_program(self.program, self.given.inputs)

    @property
    def out(self) -> str:
        return self.program[-1].target

    @cached_property
    def types(self) -> dict[str, Tokens]:
        """The axes of every name that a formula may use: values, and the gradients of what comes after wrt."""
        position = {line.target: i for i, line in enumerate(self.program)}
        after = position.get(self.wrt, -1)
        gradients = {f"d{name}": self.known[name] for name, i in position.items() if i > after}
        return {**self.known, **gradients}

    def context(self) -> Context:
        return Context(f"d{self.wrt}", "formula", self.sizes)

    def shape(self, expr: Expr, part: str) -> Finding | None:
        """The finding for a formula whose axes do not fit, naming the sizes at which it would."""
        want = self.known[self.wrt]
        unknown = [name for name in expr.names if name not in self.types and name not in self.sizes]
        if unknown:
            step = nearest(unknown[0], {*self.types, *self.sizes})
            return self.context().finding(
                part, "names", None, f"{unknown[0]} cannot be used here, it is not given", step=step
            )
        try:
            got = expr.infer(self.types)
        except FormulaError as error:
            said = (str(error), self.impostor(expr), self.mended_sum(expr, want))
            message = "\n  ".join(words for words in said if words)
            return Finding("formula", part, "shape", "wrong-shape", message)
        if got == want:
            return None
        shape = shape_of(got, self.sizes)
        slug = classify(want, shape, self.sizes) or "wrong-shape"
        words = explain(want, shape, self.sizes) or words_for(slug, part).cause
        details = [f"at {sizes_text(self.sizes)}"]
        sentence = f"it has the axes {letters(got)}, expected {letters(want)}"
        if slug == "unsummed-broadcast" and not self.lacks_a_sum(expr, shape):
            slug, words = "wrong-shape", spread(expr, self.types)
        cause = "\n  ".join(w for w in (words, self.impostor(expr)) if w)
        step = self.mended_sum(expr, want) or _STEPS.get(slug) or words_for(slug, part).step
        told = self.told_by_shape(expr, got)
        if told:
            return self.context().finding(part, "mistake", "told", sentence, details, told)
        return self.context().finding(part, "shape", slug, sentence, details, cause, step)

    def told_by_shape(self, expr: Expr, got: Tokens) -> str:
        """The sentence of a mistake with the same axes and the same numbers as a formula of the wrong shape."""
        alike = {s: wrong for s, wrong in self.mistakes.items() if wrong.infer(self.types) == got}
        if not alike:
            return ""
        with numeric.quiet():
            arrays = self.arrays(*self.truth(np.random.default_rng(0)))
            value = expr.evaluate(arrays, self.sizes, self.types)
            told = {s: wrong.evaluate(arrays, self.sizes, self.types) for s, wrong in alike.items()}
        return next((s for s, wrong in told.items() if np.allclose(wrong, value, rtol=1e-9)), "")

    def arrays(self, values: Mapping[str, Array], gradients: Mapping[str, Array]) -> dict[str, Array]:
        """What a formula may use, by name."""
        named = {**values, **{f"d{name}": g for name, g in gradients.items()}}
        del named[f"d{self.wrt}"]
        return named

    def mended_sum(self, expr: Expr, want: Tokens) -> str:
        """The next step where a sum that keeps its axis, or is left out, makes the numbers right but for a factor."""
        fitting = [(step, other) for step, other in mended_reductions(expr, want) if self.fits(other, want)]
        if not fitting:
            return ""
        with numeric.quiet():
            values, gradients = self.truth(np.random.default_rng(0))
            arrays, truth = self.arrays(values, gradients), gradients[self.wrt]
            for step, other in fitting:
                if _proportional(np.asarray(other.evaluate(arrays, self.sizes, self.types)), truth):
                    return f"check: {step}"
        return ""

    def lacks_a_sum(self, expr: Expr, shape: tuple[int, ...]) -> bool:
        """Whether a sum over the axes that are too many makes the numbers right but for a factor."""
        if prod(shape) > 10**6:
            return False
        with numeric.quiet():
            values, gradients = self.truth(np.random.default_rng(0))
            truth = gradients[self.wrt]
            value = np.asarray(expr.evaluate(self.arrays(values, gradients), self.sizes, self.types))
            kept = value.ndim == truth.ndim  # then an axis of size 1 is expected for each that was not summed
            count = sum(n != 1 for n in value.shape) - sum(n != 1 for n in truth.shape)
            sums = (
                value.sum(axis=over, keepdims=kept)
                for over in combinations(range(value.ndim), count if kept else value.ndim - truth.ndim)
            )
            return any(total.shape == truth.shape and _proportional(total, truth) for total in sums)

    def fits(self, expr: Expr, want: Tokens) -> bool:
        """Whether a formula can be computed and has these axes."""
        try:
            return expr.infer(self.types) == want
        except FormulaError:
            return False

    def impostor(self, expr: Expr) -> str:
        """Words for a formula that fits only where two axes have the same size by chance."""
        for a, b in combinations(self.sizes, 2):
            merged = {name: tuple(a if t == b else t for t in tokens) for name, tokens in self.types.items()}
            try:
                fits = expr.infer(merged) == merged[self.wrt]
            except FormulaError:
                continue
            if fits:
                return f"an impostor: its shape fits only where {a} = {b}, and a fit by chance proves nothing"
        return ""

    def numbers(self, expr: Expr, part: str, rng: np.random.Generator, ledger: Ledger) -> Finding | None:
        """The finding for a formula of the right shape whose numbers are wrong."""
        values, gradients = self.truth(rng)
        arrays = self.arrays(values, gradients)
        truth = gradients[self.wrt]
        claimed = expr.evaluate(arrays, self.sizes, self.types)
        told = {
            sentence: {self.wrt: wrong.evaluate(arrays, self.sizes, self.types)}
            for sentence, wrong in self.mistakes.items()
            if wrong.infer(self.types) == self.known[self.wrt]
        }
        context = replace(self.context(), told=told)
        upstream = gradients[self.out]
        if np.max(np.abs(truth), initial=0.0) <= 1e-13 * np.sum(np.abs(upstream * values[self.out])):
            truth = np.zeros_like(truth)  # what is left of it is rounding
            ledger.warn(
                context, "zero-gradient", f"the true {part} is zero: this question proves nothing", part
            )
        if upstream.ndim:
            context = replace(context, dout=upstream, upstream=f"d{self.out}", inputs=values)
        context = replace(context, slips=lambda _: self.slips(values, gradients))
        if self.given.layer is not None:
            context = replace(context, **self.layer_context(values, upstream))
        return judge_array(context, part, np.asarray(claimed), truth, self.known[self.wrt])[0]

    def elsewhere(self, expr: Expr, part: str, rng: np.random.Generator) -> Finding | None:
        """The finding for a formula that is right at these sizes, and wrong at others: it holds one as a number."""
        sizes = _other_sizes(self.sizes)
        other = replace(self, given=replace(self.given, sizes=sizes))
        if not sizes or other.numbers(expr, part, rng, Ledger(part, (part,))) is None:
            return None
        what = f"{part} is right at {sizes_text(self.sizes)}, and wrong at {sizes_text(sizes)}"
        said = words_for("fixed-size", part)
        return self.context().finding(part, "sizes", "fixed-size", what, (), said.cause, said.step)

    def slips(self, values: Mapping[str, Array], gradients: Mapping[str, Array]) -> dict[str, Array]:
        """What the usual slips in the chain rule give: with the upstream gradient, and with the slope of a function.

        Slopes are those of lines such as "H = tanh(S)" that come after `wrt`.
        """
        at, upstream, truth = values[self.wrt], gradients[self.out], gradients[self.wrt]
        wrong = slips(partial(self.tail, self.wrt, values), at, upstream) if upstream.ndim else {}
        for line in self.program:
            applied = line.expr
            late = line.target in gradients and line.target != self.wrt
            if not (late and isinstance(applied, Call) and len(applied.arguments) == 1):
                continue
            inner = applied.arguments[0]
            s = np.asarray(inner.evaluate(values, self.sizes, self.known))
            slope = numeric.directional(OPERATIONS[applied.function].numbers, s, np.ones_like(s)).value
            back = partial(
                numeric.vjp, partial(self.tail, self.wrt, values, end=inner, before=line.target), at
            )
            factors = {
                "output-for-slope": values[line.target],
                "input-for-slope": s,
                "missing-slope": np.ones_like(s),
            }
            for cause, factor in factors.items():
                wrong[f"{cause}:{applied.function}"] = truth + back(gradients[line.target] * (factor - slope))
        return {cause: array for cause, array in wrong.items() if np.isfinite(array).all()}

    def truth(self, rng: np.random.Generator) -> tuple[dict[str, Array], dict[str, Array]]:
        """Random values of everything, and the gradient of everything that can be asked for or used."""
        for attempt in range(3):
            inputs = self.sample(rng, positive=attempt > 0)  # a logarithm or a root wants positive numbers
            values = {**inputs, **evaluate_program(self.program, inputs, self.sizes, self.given.inputs)}
            if all(np.isfinite(value).all() for value in values.values()):
                break
        out = values[self.out]
        upstream = rng.standard_normal(out.shape) if out.ndim else np.ones(())
        gradients = {self.out: upstream}
        wanted = [
            n[1:] for n in self.types if n.startswith("d") and n[1:] in self.known and n[1:] != self.out
        ]
        for name in dict.fromkeys((*wanted, self.wrt)):
            gradients[name] = numeric.vjp(partial(self.tail, name, values), values[name], upstream)
        return values, gradients

    def sample(self, rng: np.random.Generator, positive: bool) -> dict[str, Array]:
        """Random arrays that are given: a layer's own, else normal numbers, and labels below their axis's size."""
        layer, sizes = self.given.layer, self.sizes
        if layer is not None:
            drawn = layer.sample(rng, {REST: (sizes.get("D", 1),), **sizes}, **layer.cases[0].options)
            return {name: drawn[name] for name in self.given.inputs}
        inputs: dict[str, Array] = {}
        for name, tokens in self.given.inputs.items():
            shape = shape_of(tokens, sizes)
            if name in self.given.labels:
                inputs[name] = rng.integers(0, min(shape_of(self.given.labels[name], sizes)), shape)
            else:
                normal = rng.standard_normal(shape)
                inputs[name] = 0.5 + np.abs(normal) if positive else normal
        return inputs

    def layer_context(self, values: Mapping[str, Array], upstream: Array) -> dict[str, Any]:
        """What lets the layer's own mistakes be recognised in a formula."""
        layer = self.given.layer
        assert layer is not None
        inputs: dict[str, Any] = {name: values[name] for name in self.given.inputs}
        if layer.updates:
            inputs["bn_param"] = {"mode": "train"}

        def arguments() -> tuple[Any, ...]:
            if layer.forward is None:
                return tuple(copy_arguments(inputs).values())
            return upstream.copy(), layer.forward(*copy_arguments(inputs).values())[1]

        return {"layer": layer, "arguments": arguments, "judged_as": "loss" if layer.is_loss else "backward"}

    def tail(
        self, name: str, values: Mapping[str, Array], value: Array, end: Expr | None = None, before: str = ""
    ) -> Array:
        """The result of the program with one value replaced, and all that depends on it computed anew.

        Or else the value of the formula `end`, as it stands in the line of `before`.
        """
        env: dict[str, Any] = {**values, name: value}
        for line in self.program:
            if end is not None and line.target == before:
                return end.evaluate(env, self.sizes, self.known)
            if line.target != name:
                env[line.target] = line.expr.evaluate(env, self.sizes, self.known)
        return np.asarray(env[self.out])


def _other_sizes(sizes: Mapping[str, int]) -> dict[str, int]:
    """Another size for every axis; four axes or more hand theirs around, lest the arrays grow too large.

    No product of sizes stays what it was: one of them grows a little on its way.
    """
    given = list(sizes.values())
    others = [size + 4 for size in given] if len(given) < 4 else [*given[1:], given[0] + 1]
    return dict(zip(sizes, others, strict=True))


def _proportional(value: Array, truth: Array) -> bool:
    """Whether one is the other times a constant, neither being zero; of single numbers that says nothing."""
    if truth.size < 2:
        return bool(np.allclose(value, truth, rtol=1e-9, atol=0.0))
    size, true_size = np.linalg.norm(value), np.linalg.norm(truth)
    along = abs(float(np.sum(value * truth)))
    return bool(0.0 < size * true_size < np.inf and along >= (1.0 - 1e-12) * size * true_size)


def _question(given: Given, wrt: str, mistakes: Mapping[str, str]) -> _Question:
    if not isinstance(mistakes, Mapping):
        step = 'check: mistakes={"a sentence": "a wrong formula"}'
        raise FormulaError(
            layout("check_formula", f"mistakes is a {type(mistakes).__name__}, expected a dict", step=step)
        )
    question = _Question(wrt, given, {sentence: parse(text) for sentence, text in mistakes.items()})
    known = {*question.known} - {question.out, *given.labels}
    if given.layer is not None:
        known = {*given.layer.grads}
    if wrt not in known:
        raise UnknownNameError(
            layout("check_formula", f"no gradient of {wrt!r}", step=nearest(str(wrt), known))
        )
    for wrong in question.mistakes.values():
        wrong.infer(question.types)  # raises for a mistake that could never be made
    return question
