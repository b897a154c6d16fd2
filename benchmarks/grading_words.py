"""The stored results of `benchmarks.grading` as the tables of the README.

python -m benchmarks.grading_words      put them between the marks <!-- grading --> and <!-- end of grading -->
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.grading import GRADERS, OUTPUT
from benchmarks.grading_attacks import ATTACKS, LOCKED, NOISES

__all__ = ["main", "words"]

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- grading -->", "<!-- end of grading -->"
MISSING = "not run"
# Measured on an earlier day on another homework, or read in the peers' code: too slow or too harmful to run again.
EARLIER = {
    "a loop that does not end": (
        "ended by its instructions, the rest counts",
        "30 s a cell",
        "no limit at all",
    ),
    "50 GB asked for": ("a MemoryError, the rest counts", "no limit, all of it lost", "the same"),
    "code run in the grader's own process": ("none: JSON comes back", "–", "yes, through its pickle"),
    "numerical differentiation as the answer": (
        "full marks, and the teacher is told",
        "not noticed",
        "not noticed",
    ),
}


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def words(stored: dict[str, Any]) -> str:
    """The tables, in Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in stored["versions"].items())
    verdicts, normal, memory = stored["verdicts"], stored["normal"], stored["memory"]
    lines = [
        f"{versions}; {verdicts['cores']} cores, Python {verdicts['python']}.",
        "",
        f"**Verdicts.** {verdicts['as declared']:,} of {verdicts['submissions']:,} generated submissions got what they "
        "were declared to get: the points of every part, the cause of every mistake, the limit that was met. "
        + ", ".join(f"{number} {kind}" for kind, number in verdicts["kinds"].items())
        + ".",
        "",
        f"**Speed and memory.** Load of the machine when the parts began: ordinary {normal['load']}, "
        f"class {stored['class']['load']}, memory {memory['load']}.",
        "",
        _row(["", *GRADERS]),
        _row(["---", *["---:"] * len(GRADERS)]),
        _row(["seconds an ordinary submission, by round", *_each(normal, "seconds each")]),
        _row(
            ["the same as multiples of handgrad's (median of the rounds)", *_each(normal, "times handgrad's")]
        ),
        _row(["points as declared", *_each(normal, "points as declared")]),
        _row(
            [
                f"seconds for a class of {stored['class']['submissions']}, "
                f"{stored['class']['hanging']} of which hang or kill the kernel",
                *_each(stored["class"], "seconds"),
            ]
        ),
        _row(["of these with the points declared", *_each(stored["class"], "points as declared")]),
        _row(["memory of everything together, MB", *_each(normal, "megabytes")]),
        "",
        "Memory at 2 workers, by the size of the class: "
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
    lines += [_row([f"{name} *", *cells]) for name, cells in EARLIER.items()]
    lines.append("\n\\* the peers' cells: as found earlier, on another homework; not run again.")
    return "\n".join(lines)


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
