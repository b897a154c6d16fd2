"""What a grader makes of a loop that does not end, of memory without end, and of gradients taken numerically.

Each is one notebook, right but for one function, and graded by itself. The peers have no limit, or too high a one to
wait for, so what goes on too long or takes too much is ended from outside, and the words say so.
"""

from __future__ import annotations

from typing import Any

from benchmarks.grading_attacks import notebook
from benchmarks.grading_peers import Graded
from tests.submissions import FULL, generate
from tests.submissions.answers import HEADS, function
from tests.submissions.hostile import LIMITS

__all__ = ["MOST", "ROWS", "WAIT", "limits", "said"]

ROWS = ("a loop that does not end", "memory without end", "numerical differentiation as the answer")
WAIT = 60.0  # seconds after which what has not ended is ended from outside; nbgrader ends a cell by itself after 30
MOST = 4 << 30  # bytes at which the largest process is ended, as the system does when there is no more
STUDENT = "s"
PART = "twin-grade"  # of the function that does not end, or takes it all

# Up to 50 GB, each piece written to. The pauses let the watcher from outside see it in time.
_TAKES = (
    "import time\nkept = []\nfor _ in range(500):\n    kept.append(np.ones(12_500_000))\n    time.sleep(0.05)\n"
    "return x1, x2, w, b"
)


def notebooks() -> dict[str, bytes]:
    """The notebook of each row."""
    numerical = next(data for _, data, d in generate(20, 7, {"numerical": 1.0}) if d.bearable)
    return {
        ROWS[0]: notebook(dict(LIMITS["loop"].cells)),
        ROWS[1]: notebook({"twin-backward": function(HEADS["twin-backward"], _TAKES)}),
        ROWS[2]: numerical,
    }


def limits(contestants: dict[str, Any]) -> dict[str, Any]:
    """For each grader and row: seconds, what was kept of the points, and the words for the table."""
    found: dict[str, Any] = {}
    made = notebooks()
    for name, contestant in contestants.items():
        found[name] = {}
        for row in ROWS:
            contestant.put([(STUDENT, made[row])])
            contestant.limit, contestant.most = WAIT, MOST
            try:
                graded: Graded = contestant.run()
            finally:
                del contestant.limit, contestant.most  # of this one; the class's own stand again
            found[name][row] = {
                "seconds": round(graded.seconds, 1),
                "megabytes": graded.memory >> 20,
                "points": graded.points.get(STUDENT),
                "words": said(row, graded),
            }
    return found


def said(row: str, graded: Graded) -> str:
    """The words for the table."""
    points = graded.points.get(STUDENT)
    if row == ROWS[2]:
        got = (
            "no mark"
            if points is None
            else "full marks"
            if points == FULL
            else f"{sum(points.values()):g} of {sum(FULL.values()):g}"
        )
        return f"{got}, the teacher is told" if graded.told.get(STUDENT) else f"{got}, nobody is told"
    if STUDENT in graded.ended:
        how = f"not ended after {WAIT:.0f} s"
    elif STUDENT in graded.cut:
        how = f"not ended at {MOST >> 30} GB"
    else:
        how = f"ended after {graded.seconds:.0f} s"
        if row == ROWS[1]:
            how += f" and {graded.memory / 1e9:.1f} GB"
    if points is None or not any(points.values()):
        return f"{how}; all of it lost"
    others = {part: most for part, most in FULL.items() if part != PART}
    lost = sum(most - points.get(part, 0.0) for part, most in others.items())
    return (
        f"{how}; the rest counts"
        if lost == 0
        else f"{how}; {lost:g} of the rest's {sum(others.values()):g} lost"
    )
