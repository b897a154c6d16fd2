"""Random well-shaped programs of up to 15 operations: what is emitted agrees with an independent library."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handgrad.axes import Tokens, broadcast, product
from handgrad.derive import derive
from handgrad.errors import ShapeError
from tests.derive.independent import assert_agree

MOST = 15
# the same programs in every normal run; HANDGRAD_PROGRAMS=5000 tries as many new ones
FRESH = "HANDGRAD_PROGRAMS" in os.environ
COUNT = int(os.environ.get("HANDGRAD_PROGRAMS", "2000"))
INPUTS: tuple[tuple[str, Tokens], ...] = (
    ("X", ("N", "D")), ("W", ("D", "C")), ("b", ("C",)), ("v", ("D",)), ("r", ("N", 1)), ("s", ()), ("U", ("N", "D")),
    ("Q", ("C", "C")), ("T", ("B", "N", "D")), ("u", ("N",)),
)  # fmt: skip
UNARY = (
    "-{a}", "exp(tanh({a}))", "log(1 + {a} ** 2)", "sqrt(1 + {a} ** 2)", "abs({a})", "tanh({a})", "sigmoid({a})",
    "relu({a})", "softplus({a})", "gelu({a})", "sin({a})", "cos({a})", "{a} ** 2", "2 * {a} - 1", "{a} / 3",
    "({a} > 0) * {a}",
)  # fmt: skip
BINARY = ("{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / (1 + {b} ** 2)", "maximum({a}, {b})", "minimum({a}, {b})",
          "(1 + {a} ** 2) ** tanh({b})", "{a} * ({b} > 0)")  # fmt: skip
KINDS = (
    "unary",
    "binary",
    "binary",
    "product",
    "product",
    "reduce",
    "softmax",
    "T",
    "pick",
    "new",
    "permute",
)
REDUCTIONS = ("sum", "mean", "max", "var", "logsumexp")


def draw(rng: Random) -> str:
    """A program: each line applies one written operation to values that exist, until about 15 operations are used."""
    inputs = rng.sample(INPUTS, rng.randint(1, 4))
    known: dict[str, Tokens] = dict(inputs)
    lines = ["; ".join(f"{name}: {' '.join(map(str, axes))}" for name, axes in inputs)]
    left = rng.randint(1, MOST)
    labels = False
    while left > 0:
        name = f"H{len(known)}"
        found = one(rng, known)
        if found is None:
            continue
        text, tokens = found
        if len(tokens) > 3:
            continue
        labels = labels or "lab" in text
        lines.append(f"{name} = {text}")
        known[name] = tokens
        left -= 1 + text.count("(") // 2
    if labels:
        lines.insert(1, "lab: N int")
    return "\n".join(lines)


def one(rng: Random, known: dict[str, Tokens]) -> tuple[str, Tokens] | None:
    names = list(known)
    a = rng.choice([*names[-4:], rng.choice(names)])
    b = rng.choice(names)
    x, y = known[a], known[b]
    kind = rng.choice(
        (
            "unary",
            "binary",
            "binary",
            "product",
            "product",
            "reduce",
            "softmax",
            "T",
            "pick",
            "new",
            "permute",
        )
    )
    try:
        if kind == "unary":
            return rng.choice(UNARY).format(a=a), x
        if kind == "binary":
            return rng.choice(BINARY).format(a=a, b=b), broadcast(x, y)
        if kind == "product":
            left, right = (
                rng.choice(((f"{a}", x), (f"{a}.T", x[::-1]))),
                rng.choice(((f"{b}", y), (f"{b}.T", y[::-1]))),
            )
            return f"tanh({left[0]} @ {right[0]})", product(left[1], right[1])
        if kind == "T":
            return f"{a}.T", x[::-1]
        if kind == "pick" and x[:1] == ("N",) and len(x) == 2 and x[1] in ("C", "D"):
            return f"{a}[arange(N), lab]", ("N",)
        if kind == "new" and len(x) == 1:
            return f"{a}[:, None]", (*x, 1)
        if kind == "permute" and len(x) == 3:
            return f"transpose({a}, (1, 2, 0))", (x[1], x[2], x[0])
        if kind in {"reduce", "softmax"} and x:
            axis = rng.randrange(len(x))
            if kind == "softmax":
                return f"softmax({a}, axis={axis})", x
            function, keep = rng.choice(REDUCTIONS), rng.random() < 0.5
            kept = tuple(1 if i == axis else t for i, t in enumerate(x) if keep or i != axis)
            return f"{function}({a}, axis={axis}{', keepdims=True' if keep else ''})", kept
    except ShapeError:
        return None
    return None


def test_the_generator_reaches_every_kind_of_operation() -> None:
    texts = "\n".join(draw(Random(seed)) for seed in range(300))
    for piece in (
        "@",
        ".T",
        "softmax",
        "lab",
        "None",
        "transpose",
        "max(",
        "maximum",
        "var(",
        "logsumexp",
        "keepdims",
    ):
        assert piece in texts


def test_random_programs_agree_with_an_independent_library(
    record_property: Callable[[str, object], None],
) -> None:
    counts = {"programs": 0, "operations": 0}

    @settings(
        deadline=None, max_examples=COUNT, suppress_health_check=list(HealthCheck), derandomize=not FRESH
    )
    @given(st.randoms(use_true_random=False))
    def run(rng: Random) -> None:
        text = draw(rng)
        assert_agree(text, 1)
        counts["programs"] += 1
        counts["operations"] += len(derive(text).program.lines)

    run()
    record_property("tried", f"{counts['programs']} random programs, {counts['operations']} operations")
    assert counts["programs"] >= COUNT
