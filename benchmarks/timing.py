"""Times several contestants in turn, so that a machine that slows down slows all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter

__all__ = ["interleave", "ratios"]

Samples = dict[str, list[float]]


def interleave(
    contestants: Mapping[str, Callable[[], object]], rounds: int, slice_seconds: float = 0.01
) -> tuple[Samples, dict[str, int]]:
    """Milliseconds a call by contestant and round, and the calls that each made in all.

    A round gives each contestant one slice: as many calls as fit into `slice_seconds`, one at least. One call
    beforehand warms it up, and one more tells how many fit.
    """
    calls = {}
    for name, run in contestants.items():
        run()
        once = _seconds(run, 1)
        calls[name] = max(1, int(slice_seconds / max(once, 1e-7)))
    samples: Samples = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            samples[name].append(1e3 * _seconds(run, calls[name]) / calls[name])
    return samples, {name: rounds * count for name, count in calls.items()}


def _seconds(run: Callable[[], object], calls: int) -> float:
    start = perf_counter()
    for _ in range(calls):
        run()
    return perf_counter() - start


def ratios(samples: Samples, ours: str) -> dict[str, float]:
    """By contestant, the median over rounds of its time divided by ours in the same round."""
    return {
        name: median(theirs / mine for theirs, mine in zip(times, samples[ours], strict=True))
        for name, times in samples.items()
    }
