"""Signs that an answer differentiates numerically: for the teacher's eyes, and never for the marks.

Counted are instructions, which are the same in every run. Differentiating numerically takes at least one
evaluation of the forward for each number of the gradient; deriving it takes a loop's step at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from handgrad import layers
from handgrad.draws import generator
from handgrad.homework.answers import Spent
from handgrad.homework.results import Suspicion

__all__ = ["by_counting", "by_growth"]

# Measured: a call that does nothing 0.9 million, each array that crosses about 0.2 million; a gradient's number
# takes 5,000 to 50,000 instructions in loops, 100,000 and more by complex steps or differences.
CALL = 2_500_000
EACH = 90_000
FLOOR = 400_000  # of growth; below it lies the noise of a derived, vectorised answer
TIMES = 32  # how much larger N is in the second probe: less, and steps taken all at once look derived
STEEPER = (
    1.6  # than N itself: a derived gradient's work grows with N, a perturbed one's with N and its entries
)


def by_counting(calls: Sequence[Spent], work: bool = True) -> dict[str, Suspicion]:
    """What single calls suggest: other answers called for every number or, with `work`, as many instructions."""
    found: dict[str, Suspicion] = {}
    for call in calls:
        if call.others >= max(8, call.returned // 4):
            words = f"one call of it calls other answers {call.others} times, for {call.returned} numbers"
        elif (
            work
            and call.returned
            and call.instructions - CALL > EACH * call.returned * (2 if call.others else 1)
        ):
            each = (call.instructions - CALL) // call.returned
            words = (
                f"it takes {each:,} instructions for each of {call.returned} numbers: enough to run a forward"
            )
        else:
            continue
        found.setdefault(call.name, Suspicion(call.name, words))
    return found


def by_growth(slug: str, roles: Mapping[str, Any], calls: list[Spent]) -> Iterator[tuple[str, Suspicion]]:
    """Call the functions that `check` was given at two sizes, and compare the growth. Raises Ended."""
    if slug not in layers.names() or "N" not in layers.get(slug).cases[0].sizes:
        return
    function = roles.get("loss") or roles.get("backward")
    if function is None or (roles.get("forward") is None and not roles.get("loss")):
        return
    small, big = (_spent(slug, roles, factor, calls) for factor in (1, TIMES))
    if small is None or big is None:
        return
    over, each = max(small[0], FLOOR), small[0] / max(small[1], 1)
    if each > EACH:
        words = f"at N=2 it takes {int(each):,} instructions for each of {small[1]} numbers: enough to run a forward"
    elif big[0] > STEEPER * TIMES * over:
        words = f"with {TIMES} times the samples it takes {big[0] / over:.0f} times the instructions"
    else:
        return
    name = getattr(function, "__name__", slug)
    yield name, Suspicion(name, words)


def _spent(slug: str, roles: Mapping[str, Any], factor: int, calls: list[Spent]) -> tuple[int, int] | None:
    """The instructions of a gradient beyond those of its forward, and how many numbers it has."""
    layer = layers.get(slug)
    case = layer.cases[0]
    inputs = layer.sample(generator(97, factor), {**case.sizes, "N": 2 * factor}, **case.options)
    calls.clear()
    try:
        if "loss" in roles:
            roles["loss"](*inputs.values())
            return calls[-1].instructions - CALL, calls[-1].returned
        out, cache = roles["forward"](*inputs.values())
        roles["backward"](generator(98).uniform(-1, 1, out.shape), cache)
        forward, backward = calls  # one of them may be the homework's own
    except Exception:  # a wrong answer has been told of elsewhere
        return None
    return backward.instructions - forward.instructions, backward.returned
