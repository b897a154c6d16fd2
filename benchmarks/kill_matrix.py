"""The kill matrix: every wrong answer that we know, and whether the checker refuses and names it.

    python -m benchmarks.kill_matrix            write benchmarks/results/kill_matrix.json, print the table
    python -m benchmarks.kill_matrix --check    write nothing; exit 1 if the file is out of date

Three populations: the MISTAKES of the layer files, the general mutants of tests/mutants (written without
sight of the diagnosis), and right answers in many styles, which must all be accepted.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handgrad import check, layers
from handgrad.report import Report
from tests.mutants import all_correct, all_mutants

OUTPUT = Path(__file__).parent / "results" / "kill_matrix.json"


def verdict(slug: str, **functions: Any) -> Report:
    """The report on one answer, with what its author prints kept off the terminal."""
    with contextlib.redirect_stdout(io.StringIO()):
        return check(slug, **functions)


def causes(report: Report, gradients: bool = False) -> list[str | None]:
    """The causes of all errors, in the order found; of the gradients alone if asked."""
    errors = [finding for finding in report.findings if finding.severity == "error"]
    return [f.cause for f in errors if not gradients or f.param.startswith("d")]


def row(
    kind: str, slug: str, name: str, says: str, expected: Sequence[str | None], report: Report
) -> dict[str, Any]:
    """One line of the matrix. `named` is true if every cause found is expected; None means "no known cause"."""
    found = causes(report)
    # Of an answer that matches its own wrong forward, what is said of the forward is not the question.
    asked = causes(report, gradients=True) if expected[0] == "own-forward" else found
    return {
        "kind": kind,
        "layer": slug,
        "name": name,
        "says": says,
        "expected": expected[0],
        "found": found,
        "verdict": report.verdict,
        "killed": not report.ok,
        "named": bool(asked) and set(asked) <= set(expected),
    }


def mistakes() -> list[dict[str, Any]]:
    """Every entry of MISTAKES, given to the checker as a student's function."""
    rows = []
    for slug in layers.names():
        layer = layers.get(slug)
        for mistake in layer.mistakes:
            report = verdict(slug, **{mistake.role: mistake.wrong})
            # A wrong loss with the gradient that belongs to it is both.
            expected = [mistake.cause, *(["own-forward"] if "loss" in mistake.params else [])]
            rows.append(row("mistake", slug, mistake.name, mistake.feedback, expected, report))
    return rows


def mutants() -> list[dict[str, Any]]:
    """Every general mutant."""
    rows = []
    for m in all_mutants():
        functions = {r: f for r in ("forward", "backward", "loss") if (f := getattr(m, r)) is not None}
        rows.append(row("mutant", m.layer, m.name, m.says, [m.cause, *m.also], verdict(m.layer, **functions)))
    return rows


def correct() -> list[dict[str, Any]]:
    """Every right answer; `named` is whether its warnings are those declared."""
    rows = []
    for c in all_correct():
        functions = {r: f for r in ("forward", "backward", "loss") if (f := getattr(c, r)) is not None}
        report = verdict(c.layer, **functions)
        line = row("correct", c.layer, c.name, c.says, [None], report)
        warned = {f.cause for f in report.findings if f.severity == "warning"}
        line["named"] = set(c.warnings) <= warned <= {*c.warnings, *c.may_warn}
        line["warnings"] = sorted(w for w in warned if w)
        rows.append(line)
    return rows


def matrix() -> list[dict[str, Any]]:
    """All rows."""
    return [*mistakes(), *mutants(), *correct()]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Counts by layer and population."""
    lines = [
        f"{'layer':18} {'mistakes':>17} {'mutants':>17} {'correct':>17}",
        f"{'':18}" + f" {'killed':>8} {'named':>8}" * 2 + f" {'accepted':>17}",
    ]
    for slug in [*layers.names(), "all"]:
        cells = [f"{slug:18}"]
        for kind in ("mistake", "mutant"):
            some = [r for r in rows if r["kind"] == kind and slug in (r["layer"], "all")]
            cells.append(
                f"{sum(r['killed'] for r in some):>4}/{len(some):<3} {sum(r['named'] for r in some):>4}/{len(some):<3}"
            )
        some = [r for r in rows if r["kind"] == "correct" and slug in (r["layer"], "all")]
        cells.append(f"{sum(not r['killed'] for r in some):>12}/{len(some):<3}")
        lines.append(" ".join(cells))
    return "\n".join(lines)


def main() -> int:
    """Run the matrix and write or compare it."""
    parser = argparse.ArgumentParser(
        description="Run every known wrong and right answer through the checker."
    )
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed result, write nothing"
    )
    args = parser.parse_args()
    rows = matrix()
    text = json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    print(table(rows))
    if args.check:
        return int(not OUTPUT.is_file() or OUTPUT.read_text(encoding="utf-8") != text)
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
