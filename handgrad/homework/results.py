"""What grading one submission gives: plain data, stored as JSON, from which every page and table is made."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from handgrad.errors import NotebookError, layout

__all__ = ["SCHEMA", "CellFailure", "PartResult", "Result", "Suspicion"]

SCHEMA = 1

State = Literal["graded", "unreadable"]
# How a part ended: its cell was judged; the student's code ran into a limit; nothing was there to judge.
PartState = Literal["judged", "stopped", "missing"]


@dataclass(frozen=True)
class PartResult:
    """One graded cell of the homework.

    `reports` are those of the checks, as `Report.to_json` gives them; `stopped` says which limit the student's
    code met and where; `see` is the page and section of the book, "05_affine#the-backward"; `code` the
    student's own, by grade_id of its cells.
    """

    grade_id: str
    title: str
    points: float
    max_points: float
    state: PartState = "judged"
    reports: tuple[Mapping[str, Any], ...] = ()
    stopped: str = ""
    see: str = ""
    code: Mapping[str, str] = field(default_factory=dict)

    @property
    def causes(self) -> Iterator[tuple[str, str]]:
        """The (parameter, cause) of every error found, without a cause as ("dW", "")."""
        for report in self.reports:
            for finding in report.get("findings", ()):
                if finding.get("severity") == "error":
                    yield str(finding.get("param", "")), str(finding.get("cause") or "")


@dataclass(frozen=True)
class CellFailure:
    """A cell of the submission that raised or met a limit; the rest went on. `cell` counts from 1."""

    cell: int
    grade_id: str
    words: str


@dataclass(frozen=True)
class Suspicion:
    """A hint to the teacher, never a change of marks: `function` may differentiate numerically, and why."""

    function: str
    words: str


@dataclass(frozen=True)
class Result:
    """The outcome of one submission.

    `file` is its path as given; `digest` the SHA-256 of its bytes; `reason` why it could not be read;
    `versions` those of the homework (its digest), handgrad, the sandbox and NumPy; `limits` and `seed`
    are what it takes to grade it again to the same marks; `used` the instructions spent.
    """

    student: str
    homework: str
    file: str
    digest: str
    state: State
    reason: str = ""
    parts: tuple[PartResult, ...] = ()
    failures: tuple[CellFailure, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    notes: tuple[str, ...] = ()
    seed: str = ""
    limits: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    used: Mapping[str, int] = field(default_factory=dict)

    @property
    def points(self) -> float:
        """The sum over the parts."""
        return float(sum(part.points for part in self.parts))

    @property
    def max_points(self) -> float:
        """The most that the parts could give."""
        return float(sum(part.max_points for part in self.parts))

    def to_json(self) -> str:
        """The result as JSON text, with the sums and the number of the format."""
        data = {"schema": SCHEMA, "points": self.points, "max_points": self.max_points}
        return json.dumps({**data, **dataclasses.asdict(self)}, indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, where: str) -> Result:
        """The result that `to_json` wrote. Raises NotebookError, naming `where`, for anything else."""
        try:
            data = json.loads(text)
            if data.pop("schema") != SCHEMA:
                raise ValueError("another version of the format")
            data.pop("points"), data.pop("max_points")
            data["parts"] = tuple(
                PartResult(**{**part, "reports": tuple(part["reports"])}) for part in data["parts"]
            )
            data["failures"] = tuple(CellFailure(**item) for item in data["failures"])
            data["suspicions"] = tuple(Suspicion(**item) for item in data["suspicions"])
            data["notes"] = tuple(data["notes"])
            return cls(**data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            step = "delete it: the submission is then graded again"
            raise NotebookError(layout(where, "is not a stored result", [str(error)], step=step)) from error
