"""Practice: the same exercise everywhere, well-posed, with right answers accepted and wrong ones diagnosed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from handgrad.derive import render
from handgrad.derive.passes import LEVELS, Draw
from handgrad.derive.practising import LEAST, MARGIN, Exercise, practice
from handgrad.errors import HandgradError, ShapeError, UnknownNameError

SEEDS = range(60)  # at each of five levels

# The text of some exercises, and three entries of each: these change only if the promise of one seed, one exercise
# is broken for everyone who has given seeds out.
GOLDEN: dict[tuple[int, int | str], tuple[str, tuple[float, ...]]] = {
    (1, 0): (
        "a: N D;  b: N D;  c: N D\nu = exp(b) / (1 + exp(a)) + tanh(c)\nz = u**2",
        (0.38, -1.08, 1.37, -0.47),
    ),
    (2, 0): (
        "X: D N;  W: D M;  b: M 1\nS = W.T @ X + b\nY = 2 * sin(S)",
        (-0.91, 0.33, -0.89, -0.38),
    ),
    (3, 7): (
        "X: N D;  g: D;  b: N 1\nS = g * X + b\nA = sigmoid(S)\nr = mean(A, axis=N)",
        (-0.28, -1.44, -0.21, 1.08),
    ),
    (4, 1): (
        "X: D N;  W: D C\nS = X.T @ W\nP = softmax(S, axis=0)\nY = P + tanh(S)",
        (0.51, -1.35, -1.12, 1.3),
    ),
    (5, 2): (
        "X: N D;  gamma: D;  beta: D\n"
        "m = mean(X, axis=D, keepdims=True)\n"
        "Z = X - m\n"
        "v = mean(Z**2, axis=D, keepdims=True)\n"
        "U = Z / sqrt(v + 0.001)\n"
        "Y = sigmoid(gamma * U + beta)",
        (-0.17, 0.96, -0.43, 1.41),
    ),
    (4, "ada"): (
        "X: N D;  W: D C;  y: N int\n"
        "S = X @ W\n"
        "L = mean(logsumexp(S, axis=1) - S[arange(N), y]) + 0.5 * sum(W**2)",
        (-1.09, -0.82, 0.85, 1.25),
    ),
}
FIRST_DRAWS = [76, 79, 86, 5, 93, 40]


def answer(exercise: Exercise) -> Any:
    """The engine's emitted answer, as the function that a reader would write."""
    names: dict[str, Any] = {}
    exec(exercise.solution(), names)
    return names["answer"]


def gradients(exercise: Exercise, *given: Any) -> list[Any]:
    got = answer(exercise)(*given)
    return list(got) if isinstance(got, tuple) else [got]


# ---- well-posed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_every_exercise_is_well_posed_and_takes_the_engines_answer(level: int) -> None:
    for seed in SEEDS:
        exercise = practice(level, seed)
        report = exercise.check(answer(exercise))
        assert report.verdict == "correct", f"{exercise}\n{report}"
        assert report.findings == (), f"{exercise}\n{report}"
        for case in (exercise.case, exercise.other):
            out = exercise.forward(*case.inputs.values())
            assert np.isfinite(out).all()
            assert out.shape == case.dout.shape
            assert not np.all(case.dout == 1.0)
            for got in gradients(exercise, case.dout, *case.inputs.values()):
                assert np.abs(got).max() >= LEAST, str(exercise)
        sizes = [*exercise.sizes.values()]
        assert len(set(sizes)) == len(sizes)
        assert all(exercise.other.sizes[axis] != size for axis, size in exercise.sizes.items())


MUTATIONS: tuple[Any, ...] = (
    np.negative,
    lambda g: 2 * g,
    lambda g: g * 1.001,
    np.zeros_like,
    lambda g: g + 0.01,
)


def mutated(right: Any, which: int, mutate: Any) -> Any:
    """An answer of which one gradient is wrong."""

    def wrong(*given: Any) -> Any:
        got = right(*given)
        if not isinstance(got, tuple):
            return mutate(got)
        return tuple(mutate(g) if k == which else g for k, g in enumerate(got))

    return wrong


@pytest.mark.parametrize("level", LEVELS)
def test_a_mutated_answer_is_incorrect(level: int) -> None:
    for seed in SEEDS:
        exercise = practice(level, seed)
        count = len(exercise.derivation.program.inputs)
        mutate = MUTATIONS[seed % len(MUTATIONS)]
        report = exercise.check(mutated(answer(exercise), seed // len(MUTATIONS) % count, mutate))
        assert report.verdict == "incorrect", f"{exercise}\n{report}"


def test_an_answer_that_forgets_one_use_of_a_value_is_incorrect() -> None:
    forgotten = 0
    for level in (4, 5):
        for seed in range(20):
            exercise = practice(level, seed)
            derivation, case = exercise.derivation, exercise.case
            program = derivation.program
            values = program.run(case.inputs, case.sizes)
            right = derivation.run_steps(values, case.dout, case.sizes)
            for used in (g for g in derivation.gradients if len(g.parts) > 1):
                kept = used.parts[1:]
                if len(kept) == 1:  # an only part is the gradient, under its name
                    kept = (replace(kept[0], target=used.name),)
                less = [replace(g, parts=kept) if g is used else g for g in derivation.gradients]
                forgetful = replace(derivation, gradients=tuple(less))
                known = forgetful.run_steps(values, case.dout, case.sizes)
                got = tuple(known[f"d{name}"] for name in program.inputs)
                if all(np.allclose(g, right[f"d{n}"]) for g, n in zip(got, program.inputs, strict=True)):
                    continue
                forgotten += 1
                assert exercise.check(lambda *given, got=got: got).verdict == "incorrect"
    assert forgotten > 40


def test_no_input_stands_near_a_kink() -> None:
    for seed in SEEDS:
        for level in LEVELS:
            exercise = practice(level, seed)
            program = exercise.derivation.program
            for case in (exercise.case, exercise.other):
                values = program.run(case.inputs, case.sizes)
                for line in program.lines:
                    if str(line.expr).startswith("relu("):
                        assert np.abs(values[str(line.operands[0])]).min() >= MARGIN


def test_an_answer_that_forgets_dout_or_holds_the_sizes_is_found_out() -> None:
    exercise = next(
        e for e in (practice(3, s) for s in SEEDS) if "mean(" in e.program and "axis=N" in e.program
    )
    right = answer(exercise)
    ones = exercise.check(lambda dout, *given: right(np.ones_like(dout), *given))
    assert not ones.ok
    n = exercise.sizes["N"]

    def fixed(dout: Any, *given: Any) -> Any:
        size = given[0].shape[0]
        got = right(dout, *given)
        return tuple(g * size / n for g in got)

    report = exercise.check(fixed)
    assert not report.ok
    assert f"at other sizes: N = {exercise.other.sizes['N']}" in report.subject


# ---- the same everywhere -------------------------------------------------------------------------


@pytest.mark.parametrize("key", GOLDEN)
def test_a_seed_gives_the_exercise_that_it_has_always_given(key: tuple[int, int | str]) -> None:
    exercise = practice(*key)
    text, numbers = GOLDEN[key]
    assert exercise.program == text
    first = next(iter(exercise.inputs.values())).ravel()
    assert (*first[:3], float(exercise.dout.ravel()[0])) == numbers


def test_an_exercise_depends_on_nothing_but_level_and_seed() -> None:
    script = (
        "import sys, random, numpy as np; random.seed(int(sys.argv[1])); np.random.seed(int(sys.argv[1]))\n"
        "from handgrad.derive.practising import practice\n"
        "for level in range(1, 6):\n"
        "    for seed in (0, 1, 'ada'):\n"
        "        e = practice(level, seed)\n"
        "        print(e.program, e.stub, [a.tolist() for a in e.inputs.values()], e.dout.tolist(), e.hints)\n"
    )
    outs = [
        subprocess.run(
            [sys.executable, "-c", script, str(k)],
            capture_output=True,
            text=True,
            check=True,
            encoding="utf-8",
            env={"PYTHONHASHSEED": str(k), "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for k in (1, 2)
    ]
    assert outs[0] == outs[1]
    assert len(outs[0]) > 5_000


def test_the_draws_use_the_one_method_that_python_keeps() -> None:
    draw = Draw(1, 0)
    assert [draw.below(100) for _ in range(6)] == FIRST_DRAWS


def test_a_number_and_its_text_are_the_same_seed_and_others_differ() -> None:
    assert practice(2, 5).program == practice(2, "5").program
    texts = {str([a.tolist() for a in practice(2, seed).inputs.values()]) for seed in SEEDS}
    assert len(texts) == len(SEEDS)


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_has_many_different_passes(level: int) -> None:
    assert len({practice(level, seed).program for seed in SEEDS}) >= 40


# ---- what the reader meets -----------------------------------------------------------------------


def test_the_stub_is_not_attempted_yet() -> None:
    for level in LEVELS:
        exercise = practice(level, 3)
        names: dict[str, Any] = {}
        exec(exercise.stub, names)
        report = exercise.check(names["backward"])
        assert report.verdict == "not attempted", str(report)


def test_a_transposed_or_raising_answer_is_diagnosed() -> None:
    exercise = next(e for e in (practice(2, s) for s in SEEDS) if e.program.startswith("X: N D;  W: D"))
    right = answer(exercise)

    def transposed(*given: Any) -> Any:
        first, weight, *rest = right(*given)
        return first, weight.T, *rest

    report = exercise.check(transposed)
    assert [f.cause for f in report.findings] == ["transposed"]
    assert "W" in report.findings[0].param

    def raising(*given: Any) -> Any:
        raise ValueError("not yet")

    assert "not yet" in str(exercise.check(raising))


def test_what_is_no_function_is_told() -> None:
    exercise = practice(2, 1)
    report = exercise.check(3)  # type: ignore[arg-type]
    assert report.verdict == "error"
    assert "got a int, expected your function" in str(report)


def test_hints_reveal_the_derivation_a_step_at_a_time_and_then_the_whole() -> None:
    exercise = practice(5, 2)
    said = [exercise.hint() for _ in range(len(exercise.hints) + 1)]
    assert said[0].startswith(f"Hint 1 of {len(exercise.hints)}\nGive every operation a line of its own:")
    assert said[-1] == said[-2]
    assert "The whole, simplified:" in said[-1]
    for k, step in enumerate(exercise.derivation.steps):
        where = [n for n, text in enumerate(said) if f"so        {step}" in text]
        assert len(where) == 1
        assert k < where[0]
    assert all(str(step) in render(exercise.derivation) for step in exercise.derivation.steps)


def test_the_hints_of_a_loss_say_what_becomes_of_dout() -> None:
    exercise = next(e for e in (practice(4, s) for s in SEEDS) if e.derivation.program.scalar)
    assert "is taken as 1: multiply by dout" in exercise.hints[-1]


def test_an_exercise_shows_itself_as_text_and_markdown() -> None:
    exercise = practice(3, 7)
    assert str(exercise).startswith("Practice, level 3, seed 7\n  ")
    assert str(exercise).endswith(
        f"that returns {', '.join('d' + n for n in exercise.derivation.program.inputs)}."
    )
    assert "```" in exercise._repr_markdown_()
    assert exercise.program in exercise._repr_markdown_()


def test_what_cannot_be_asked_for_is_told() -> None:
    with pytest.raises(UnknownNameError, match="no level 6\n  known: 1, 2, 3, 4, 5"):
        practice(6)
    with pytest.raises(UnknownNameError, match="the seed is a float"):
        practice(1, 0.5)  # type: ignore[arg-type]
    exercise = practice(2, 1)
    with pytest.raises(HandgradError, match="got 0 arrays, expected X"):
        exercise.forward()
    with pytest.raises(ShapeError):
        exercise.forward(*(a.T for a in exercise.inputs.values()))


def test_an_exercise_shown_in_a_terminal_or_in_a_list_keeps_its_answer() -> None:
    exercise = practice(level=2, seed="book")
    assert repr(exercise) == str(exercise)
    for line in exercise.derivation.simplified.lines:
        assert str(line) not in repr([exercise])
