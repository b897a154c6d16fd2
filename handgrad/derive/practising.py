"""Practice: a random forward pass as an exercise, checked and explained by the engine.

    exercise = practice(level=3, seed=7)
    print(exercise)                     # the forward pass; exercise.stub is code to paste
    exercise.check(backward)            # backward(dout, *inputs), yours
    print(exercise.hint())              # the derivation, one step at a time
    print(exercise.solution())          # all of it, as code

The same level and seed give the same exercise everywhere (see `handgrad.derive.passes`), so a teacher can give each
student a seed of their own. There is no key to keep: the answer is derived, not stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from handgrad.axes import Tokens, letters, shape_of
from handgrad.checking import check_gradient
from handgrad.derive.derivation import Derivation, Step, derive
from handgrad.derive.emit import emit
from handgrad.derive.passes import LEVELS, Draw, draw_pass, draw_sizes
from handgrad.derive.program import Program
from handgrad.errors import HandgradError, UnknownNameError, layout
from handgrad.expressions import Binary, Call, Number, Reduce, value
from handgrad.operations import Array
from handgrad.report import Finding, Report
from handgrad.shapes import parse as parse_spec

__all__ = ["Exercise", "practice"]

_MOST_PASSES, _MOST_DRAWS = 60, 30
# how far from a kink, a tie, a pole: no number that entries of two decimals, or their products, can be
MARGIN = 0.0503137
LARGEST, LEAST = 100.0, 0.02  # of all values and gradients, and of the largest entry of each gradient

# the sizes of the second case, at which an answer that holds the first one's numbers is found out
_OTHER = {4: 7, 7: 5, 5: 9, 9: 4}


@dataclass(frozen=True)
class Case:
    """Arrays for one check: what is given (labels included), by name and in order, and the upstream gradient."""

    sizes: Mapping[str, int]
    inputs: Mapping[str, Array]
    dout: Array


@dataclass(eq=False)
class Exercise:
    """A forward pass whose backward pass is to be written.

    program: its text. inputs: by name, labels included, in the order of `forward` and of `backward`. dout: the
    upstream gradient, of the output's shape (a number, and not 1, where the output is one).
    """

    level: int
    seed: int | str
    derivation: Derivation
    case: Case
    other: Case
    shown: int = field(default=0, repr=False)

    @property
    def program(self) -> str:
        """The text of the forward pass."""
        return self.derivation.program.text

    @property
    def sizes(self) -> Mapping[str, int]:
        """The size of every axis."""
        return self.case.sizes

    @property
    def inputs(self) -> Mapping[str, Array]:
        """What `forward` and `backward` are given, by name and in order."""
        return self.case.inputs

    @property
    def dout(self) -> Array:
        """The upstream gradient."""
        return self.case.dout

    def forward(self, *given: Any) -> Array:
        """The output, of arrays in the order of `inputs`, real or complex. Raises ShapeError if they do not fit."""
        program = self.derivation.program
        if len(given) != len(program.given):
            expected = ", ".join(program.given)
            raise HandgradError(layout("forward", f"got {len(given)} arrays, expected {expected}"))
        arrays = {name: np.asarray(a) for name, a in zip(program.given, given, strict=True)}
        sizes = parse_spec(_declared(program.types, program.given)).bind(arrays)
        return program.run(arrays, sizes)[program.out]

    @property
    def stub(self) -> str:
        """Code to paste: a backward that is not attempted yet."""
        program = self.derivation.program
        inputs = list(program.inputs)
        shapes = [f"{name} {_sized(program.types[name], self.sizes)}" for name in program.given]
        out = _sized(program.lines[-1].tokens, self.sizes)
        answers = ", ".join(f"d{name}" for name in inputs)
        rows = ["import numpy as np", "", "", f"def backward(dout, {', '.join(program.given)}):"]
        rows += [f'    """dout {out} is the gradient of the loss by {program.out}.', "", "    Given:"]
        rows += [f"        {shape}" for shape in shapes]
        rows += ["    The forward pass:"]
        rows += [f"        {line.target} = {line.expr}" for line in program.written]
        rows += [f'    Return {answers}, each of the shape of its array.\n    """']
        rows += [f"    d{name} = None" for name in inputs]
        rows += [f"    return {answers}"]
        return "\n".join(rows) + "\n"

    def check(self, backward: Callable[..., Any]) -> Report:
        """Diagnose `backward(dout, *inputs)`, at these sizes and then at others.

        Raises nothing but KeyboardInterrupt: misuse is a report with the verdict "error".
        """
        subject = f"practice {self.level}, seed {self.seed}"
        if not callable(backward):
            message = layout(
                subject, f"got a {type(backward).__name__}, expected your function", [self._signature]
            )
            return Report(subject, {}, (Finding("call", "", "call", None, message),))
        first = self._judge(backward, self.case, subject)
        if not first.ok:
            return first
        sizes = ", ".join(f"{axis} = {size}" for axis, size in self.other.sizes.items())
        second = self._judge(backward, self.other, f"{subject}, at other sizes: {sizes}")
        if second.ok:
            return replace(
                second, subject=subject, summary="right at two sets of sizes, along random directions"
            )
        return second

    @property
    def _signature(self) -> str:
        return f"check: exercise.check(backward) with backward(dout, {', '.join(self.inputs)})"

    def _judge(self, backward: Callable[..., Any], case: Case, subject: str) -> Report:
        program = self.derivation.program
        floats = {name: case.inputs[name] for name in program.inputs}

        def f(*arrays: Any) -> Array:
            given = {**case.inputs, **dict(zip(floats, arrays, strict=True))}
            return self.forward(*(given[name] for name in program.given))

        def claims() -> Any:
            return backward(case.dout.copy(), *(case.inputs[name].copy() for name in program.given))

        shapes = _declared(program.types, tuple(floats))
        report = check_gradient(f, floats, claims, dout=case.dout, shapes=shapes)
        return replace(report, subject=subject)

    @property
    def hints(self) -> tuple[str, ...]:
        """The derivation in parts, from the first step to the result."""
        return tuple(self._hints())

    def hint(self) -> str:
        """The next part of the derivation; after the last, the last again."""
        parts = self.hints
        self.shown = min(self.shown + 1, len(parts))
        return f"Hint {self.shown} of {len(parts)}\n{parts[self.shown - 1]}"

    def _hints(self) -> Iterator[str]:
        derivation = self.derivation
        program = derivation.program
        rows = [f"  {line!s:<40} {letters(line.tokens)}" for line in program.lines]
        yield "\n".join(
            [
                "Give every operation a line of its own:",
                *rows,
                f"Start from {derivation.upstream}: that is dout.",
            ]
        )
        for gradient in derivation.gradients:
            for step in gradient.parts:
                yield _step(step)
            if len(gradient.parts) > 1:
                yield f"{gradient.of} is used {len(gradient.parts)} times, so its gradients add up:\n  {gradient}"
        whole = [f"  {line.shown}" for line in derivation.simplified.lines]
        note = [f"  ({derivation.upstream} is taken as 1: multiply by dout)"] if program.scalar else []
        yield "\n".join(["The whole, simplified:", *whole, *note])

    def solution(self) -> str:
        """The engine's answer, as code: forward, backward, and `answer(dout, *inputs)` that `check` accepts."""
        names = ", ".join(self.inputs)
        rows = [
            f"def answer(dout, {names}):",
            f"    _, cache = forward({names})",
            "    return backward(dout, cache)",
        ]
        return emit(self.derivation) + "\n\n" + "\n".join(rows) + "\n"

    def __str__(self) -> str:
        sizes = ", ".join(f"{axis} = {size}" for axis, size in self.sizes.items())
        rows = [
            f"Practice, level {self.level}, seed {self.seed}",
            *(f"  {row}" for row in self.program.split("\n")),
        ]
        names = ", ".join(f"d{name}" for name in self.derivation.program.inputs)
        return "\n".join(
            [*rows, f"Here {sizes or 'all is scalar'}. Write backward(dout, …) that returns {names}."]
        )

    # That of a dataclass would show the derivation, which is the answer.
    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        first, *rest = str(self).split("\n")
        *program, last = rest
        return "\n".join([f"**{first}**", "", "```", *(row[2:] for row in program), "```", "", last])


def practice(level: int, seed: int | str = 0) -> Exercise:
    """A random exercise: level 1 (entry by entry) to 5 (normalisations), the same for the same seed everywhere.

    seed: a whole number, or text such as a student's number. Every exercise is well-posed: all values finite, no
    gradient zero by construction, no entry near a kink, a tie or a pole. Raises UnknownNameError for another level.
    """
    if type(level) is not int or level not in LEVELS:
        known = ", ".join(map(str, LEVELS))
        raise UnknownNameError(layout("practice", f"no level {level!r}", step=f"known: {known}"))
    if type(seed) not in (int, str):
        raise UnknownNameError(
            layout("practice", f"the seed is a {type(seed).__name__}, expected a whole number or text")
        )
    draw = Draw(level, seed)
    for _ in range(_MOST_PASSES):
        derivation = derive(draw_pass(level, draw))
        sizes = draw_sizes(draw, derivation.program.axes)
        other = {axis: _OTHER[size] for axis, size in sizes.items()}
        first, second = _case(derivation, sizes, draw), _case(derivation, other, draw)
        if first is not None and second is not None:
            return Exercise(level, seed, derivation, first, second)
    raise HandgradError(layout("practice", f"no well-posed exercise found for level {level}, seed {seed}"))


def _case(derivation: Derivation, sizes: Mapping[str, int], draw: Draw) -> Case | None:
    """Random arrays at which the pass is well-posed; None where none are found."""
    program = derivation.program
    for _ in range(_MOST_DRAWS):
        inputs: dict[str, Array] = {}
        for name in program.given:
            shape = shape_of(program.types[name], sizes)
            count = int(np.prod(shape, dtype=int))
            if name in program.labels:
                classes = min(shape_of(program.label_range(name), sizes))
                inputs[name] = np.array([draw.below(classes) for _ in range(count)]).reshape(shape)
            else:
                inputs[name] = np.array([draw.entry() for _ in range(count)]).reshape(shape)
        shape = shape_of(program.lines[-1].tokens, sizes)
        # one number must not be 1, so that an answer that forgets dout is found out
        entries = (
            [draw.entry() for _ in range(int(np.prod(shape, dtype=int)))] if shape else draw.number(1.1, 1.9)
        )
        dout = np.array(entries).reshape(shape)
        if _well_posed(derivation, inputs, dout, sizes):
            return Case(sizes, inputs, dout)
    return None


def _well_posed(
    derivation: Derivation, inputs: Mapping[str, Array], dout: Array, sizes: Mapping[str, int]
) -> bool:
    program = derivation.program
    values = program.run(inputs, sizes)
    if derivation.unused or not _moderate(program, values, sizes):
        return False
    gradients = derivation.run_steps(values, dout, sizes)
    wanted = [gradients[f"d{name}"] for name in program.inputs]
    return all(bool(np.isfinite(g).all()) and LEAST <= np.abs(g).max() <= LARGEST for g in wanted)


def _moderate(program: Program, values: Mapping[str, Array], sizes: Mapping[str, int]) -> bool:
    """Whether all values are finite and not large, and every operation is away from its kinks and poles."""
    if not all(np.isfinite(a).all() and np.abs(a).max() <= LARGEST for a in values.values()):
        return False
    for line in program.lines:
        expr = line.expr
        of = [np.asarray(value(child, values, sizes, program.types)) for child in line.operands]
        if isinstance(expr, Call) and expr.function in {"relu", "abs", "log", "sqrt"}:
            far = np.abs(of[0]).min()
        elif isinstance(expr, Call) and expr.function in {"maximum", "minimum"}:
            far = np.abs(of[0] - of[1]).min()
        elif isinstance(expr, Binary) and expr.op == "/":
            far = np.abs(of[1]).min()
        elif isinstance(expr, Reduce) and expr.function == "max":
            far = _lead(of[0], expr.positions(line.operands[0].infer(program.types)))
        else:
            continue
        if not isinstance(line.operands[-1], Number) and far < MARGIN:
            return False
    return True


def _lead(a: Array, axes: tuple[int, ...]) -> float:
    """How far the largest entries are above the second largest."""
    flat = np.moveaxis(a, axes, range(-len(axes), 0)).reshape(*(np.delete(a.shape, axes)), -1)
    top = np.sort(flat, axis=-1)
    return float((top[..., -1] - top[..., -2]).min()) if flat.shape[-1] > 1 else np.inf


def _step(step: Step) -> str:
    path = f", through {step.line.target}" if step.uses > 1 else ""
    rows = [
        f"{step.line}: the gradient of {step.name}, {letters(step.tokens)}{path}",
        f"  upstream  {step.upstream}, {letters(step.line.tokens)}",
        f"  scalar    {step.scalar}",
        f"  because   {step.says}",
    ]
    if step.copied:
        rows.append(
            f"  copies    {step.name} was copied along {', '.join(map(str, step.copied))}: sum over the copies"
        )
    return "\n".join([*rows, f"  so        {step}"])


def _declared(types: Mapping[str, Tokens], names: tuple[str, ...]) -> str:
    return "; ".join(f"{name}: {' '.join(map(str, types[name]))}" for name in names)


def _sized(tokens: Tokens, sizes: Mapping[str, int]) -> str:
    shape = shape_of(tokens, sizes)
    return f"{letters(tokens)} = {shape}" if tokens else "(a number)"
