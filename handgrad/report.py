"""What a check found: one plain object that renders as text, HTML and JSON."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from handgrad.errors import UnknownNameError, layout, nearest

__all__ = ["Finding", "Report", "Status", "Verdict"]

Verdict = Literal["correct", "incorrect", "not attempted", "error"]
Status = Literal["right", "wrong", "own forward", "not attempted", "raised", "not judged", "not checked"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong (`severity="error"`) or risky (`"warning"`).

    `role` is the function it is about, `param` the value it returns ("dw", or "" for the whole call),
    `kind` the step of the diagnosis that found it, `cause` the slug of a named mistake or None where
    no known cause fits, `message` the text for its author, `case` the sizes at which it showed.
    """

    role: str
    param: str
    kind: str
    cause: str | None
    message: str
    severity: Literal["error", "warning"] = "error"
    case: str = ""


@dataclass(frozen=True)
class Report:
    """The outcome of one check.

    `parts` holds a status for every value that the subject can return; `tried` one line a case.
    """

    subject: str
    parts: Mapping[str, Status]
    findings: tuple[Finding, ...] = ()
    tried: tuple[str, ...] = ()
    summary: str = field(default="")

    @property
    def verdict(self) -> Verdict:
        """One word for the whole: an exception or misuse is an error, not a wrong answer."""
        asked = [s for s in self.parts.values() if s != "not checked"]
        errors = [f for f in self.findings if f.severity == "error"]
        if asked and all(s in ("not attempted", "not judged") for s in asked):
            return "not attempted"
        if any(f.kind in ("raised", "call") for f in errors):
            return "error"
        return "correct" if asked and not errors and all(s == "right" for s in asked) else "incorrect"

    @property
    def ok(self) -> bool:
        """Whether the verdict is "correct"; warnings do not count against it."""
        return self.verdict == "correct"

    def points(self, weights: Mapping[str, float], own_forward: float = 0.0) -> float:
        """The sum of the weights of the parts that are right, as a plain float.

        A gradient that is right for the student's own wrong forward earns the share `own_forward` of its weight.
        Raises UnknownNameError for a part that this subject does not have.
        """
        unknown = [name for name in weights if name not in self.parts]
        if unknown and self.parts:
            known = nearest(unknown[0], self.parts)
            raise UnknownNameError(layout(f"{self.subject}.points", f"no part {unknown[0]!r}", step=known))
        shares: Mapping[Status | None, float] = {"right": 1.0, "own forward": own_forward}
        return float(sum(w * shares.get(self.parts.get(name), 0.0) for name, w in weights.items()))

    def and_also(self, other: Report) -> Report:
        """This report and one on the same subject at other sizes: a part is right where both say so.

        Of each part the first finding that speaks against it is kept, and every warning once. A finding of
        `other` about a part that was right here says where that was. Raises ValueError for another subject.
        """
        if self.subject != other.subject:
            raise ValueError(f"{self.subject}.and_also: a report on the same subject, got {other.subject}")
        if not self.parts or not other.parts:  # one of them is about a wrong call
            return other if self.parts else self
        was_right = {name for name, status in self.parts.items() if status in ("right", "not checked")}
        known = {(f.cause, f.role, f.param) for f in self.findings if f.severity == "warning"}
        added = [
            self._after(finding) if finding.severity == "error" else finding
            for finding in other.findings
            if (finding.param in was_right if finding.param else was_right)
            if finding.severity == "error" or (finding.cause, finding.role, finding.param) not in known
        ]
        parts = {name: other.parts.get(name, s) if name in was_right else s for name, s in self.parts.items()}
        tried = tuple(dict.fromkeys((*self.tried, *other.tried)))
        return replace(self, parts=parts, findings=(*self.findings, *added), tried=tried)

    def _after(self, finding: Finding) -> Finding:
        """A finding about what was right in this report, which says so; where a fixed size would do that, it asks."""
        if not self.tried:
            return finding
        fixed = finding.cause in (None, "raised", "wrong-shape")
        asks = "; is a size written as a number?" if fixed else ""
        since = f"right in the cases before it: {', '.join(self.tried)}{asks}"
        return replace(finding, message=f"{finding.message}\n  {since}")

    @property
    def headline(self) -> str:
        """The verdict in words; an answer that is right as far as it goes is unfinished rather than wrong."""
        errors = [f for f in self.findings if f.severity == "error"]
        if self.verdict == "incorrect" and errors and all(f.cause == "not-attempted" for f in errors):
            return "right so far, not finished yet"
        if self.parts and all(s == "not judged" for s in self.parts.values()):
            return "judged after you hand in"
        return _HEADLINE[self.verdict]

    def __str__(self) -> str:
        return "\n".join([f"{self.subject}: {self.headline}", *self._lines()])

    def __repr__(self) -> str:
        return str(self)

    def _lines(self) -> Iterable[str]:
        asked = {name: s for name, s in self.parts.items() if s != "not checked"}
        parts = ", ".join(f"{_MARK[s]} {name}" for name, s in asked.items())
        if len(asked) > 1 and self.verdict in ("incorrect", "error"):
            yield f"  {parts}"
        if self.summary and self.ok:
            yield f"  {self.summary}"
        for finding in self.findings:
            yield ""
            yield ("warning: " if finding.severity == "warning" else "") + finding.message

    def to_json(self) -> str:
        """The same as JSON text: subject, verdict, parts, findings, tried."""
        data = {
            "subject": self.subject,
            "verdict": self.verdict,
            "parts": dict(self.parts),
            "findings": [asdict(f) for f in self.findings],
            "tried": list(self.tried),
        }
        return json.dumps(data, indent=1, ensure_ascii=False)

    def _repr_html_(self) -> str:
        sign, colour = _HTML[self.verdict]
        parts = " · ".join(
            f"<span>{_MARK[s]} <code>{html.escape(name)}</code></span>"
            for name, s in self.parts.items()
            if s != "not checked"
        )
        rows = [
            f'<p style="margin:0"><strong>{sign} {html.escape(self.subject)}: '
            f"{html.escape(self.headline)}</strong> {parts}</p>"
        ]
        if self.summary and self.ok:
            rows.append(f'<p style="margin:.25em 0 0">{html.escape(self.summary)}</p>')
        rows += [
            f'<pre style="margin:.6em 0 0;padding:0;white-space:pre-wrap;background:none;color:inherit;border:0">'
            f"{_sign(f)} {html.escape(f.message)}</pre>"
            for f in self.findings
        ]
        style = f"border-left:.3em solid {colour};padding:.4em .8em;max-width:60em;overflow-x:auto"
        return f'<div class="handgrad-report" role="status" style="{style}">{"".join(rows)}</div>'


def _sign(finding: Finding) -> str:
    """The mark before a finding: wrong, not attempted, or a warning."""
    if finding.severity == "warning":
        return "!"
    return "–" if finding.cause == "not-attempted" else "✗"


_HEADLINE: Mapping[Verdict, str] = {
    "correct": "correct",
    "incorrect": "incorrect",
    "not attempted": "not attempted yet",
    "error": "could not be judged",
}
_MARK: Mapping[Status, str] = {
    "right": "✓",
    "wrong": "✗",
    "own forward": "~",
    "raised": "✗",
    "not attempted": "–",
    "not judged": "?",
    "not checked": "",
}
# Mid-tones with at least 3:1 contrast against both a white and a near-black page.
_HTML: Mapping[Verdict, tuple[str, str]] = {
    "correct": ("✓", "#2e8b57"),
    "incorrect": ("✗", "#d0453a"),
    "not attempted": ("–", "#808080"),
    "error": ("!", "#c77700"),
}
