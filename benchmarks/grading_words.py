"""The stored results of `benchmarks.grading` as the tables of the README.

python -m benchmarks.grading_words      put them between the marks <!-- grading --> and <!-- end of grading -->
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import grading_runs
from benchmarks.grading import GRADERS, OUTPUT, PARTS
from benchmarks.grading_attacks import ATTACKS, LOCKED, NOISES
from benchmarks.grading_limits import ROWS

__all__ = ["main", "words"]

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- grading -->", "<!-- end of grading -->"
MISSING = "not run"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def words(stored: dict[str, Any]) -> str:
    """The tables, in Markdown; first, whether all of it was measured in one run."""
    verdicts, normal, memory, hanging = (stored[part] for part in ("verdicts", "normal", "memory", "class"))
    lines = [
        grading_runs.words(stored, PARTS),
        "",
        f"**Verdicts.** {verdicts['as declared']:,} of {verdicts['submissions']:,} generated submissions got what they "
        "were declared to get: the points of every part, the cause of every mistake, the limit that was met. "
        + ", ".join(f"{number} {kind}" for kind, number in verdicts["kinds"].items())
        + ".",
        "",
        "**Speed and memory.**",
        "",
        _row(["", *GRADERS]),
        _row(["---", *["---:"] * len(GRADERS)]),
        _row(["seconds an ordinary submission, by round", *_each(normal, "seconds each")]),
        _row(
            ["the same as multiples of handgrad's (median of the rounds)", *_each(normal, "times handgrad's")]
        ),
        _row(["points as declared", *_each(normal, "points as declared")]),
        _row(["memory, the grader and all that it starts, MB", *_each(normal, "megabytes")]),
        _row(
            [
                f"seconds for a class of {hanging['submissions']}, "
                f"{hanging['hanging']} of which hang or kill the kernel",
                *_each(hanging, "seconds"),
            ]
        ),
        _row(["the same as multiples of handgrad's", *_times(hanging)]),
        _row(["of these with the points declared", *_each(hanging, "points as declared")]),
        _row(["ended from outside, after 30 s", *_each(hanging, "ended from outside")]),
        _row(["seconds for a release of the homework", *_each(stored.get("release", {}), "seconds")]),
        "",
        "handgrad's memory at 2 workers, by the size of the class: "
        + ", ".join(f"{size}: {memory[size]['megabytes']} MB" for size in memory if size.isdigit())
        + ".",
        "",
        "**What else a grader must bear.** Each row is one notebook; for an attack, what it gained.",
        "",
        _row(["", *GRADERS]),
        _row(["---"] * (1 + len(GRADERS))),
    ]
    for name in (*NOISES, *ATTACKS, *LOCKED):
        title = f"a right answer: {name}" if name in NOISES else name
        lines.append(
            _row([title, *(stored["table"].get(grader, {}).get(name, MISSING) for grader in GRADERS)])
        )
    for name in ROWS:
        found = (stored.get("limits", {}).get(grader, {}).get(name, {}) for grader in GRADERS)
        lines.append(_row([name, *(about.get("words", MISSING) for about in found)]))
    return "\n".join(lines)


def _times(part: dict[str, Any]) -> list[str]:
    """The seconds of each grader as multiples of the first one's."""
    seconds = [part.get(grader, {}).get("seconds") for grader in GRADERS]
    return [f"{value / seconds[0]:.1f}" if value and seconds[0] else MISSING for value in seconds]


def _each(part: dict[str, Any], key: str) -> list[str]:
    found = []
    for grader in GRADERS:
        value = part.get(grader, {}).get(key, MISSING)
        found.append(", ".join(f"{v:g}" for v in value) if isinstance(value, list) else str(value))
    return found


def main() -> int:
    """Write the README's part."""
    stored = json.loads(OUTPUT.read_text(encoding="utf-8"))
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{words(stored)}\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
