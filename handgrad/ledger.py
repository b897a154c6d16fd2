"""What one check has found so far: a status for every value, the first finding of each, warnings once."""

from __future__ import annotations

from handgrad.causes import words_for
from handgrad.judge import Context
from handgrad.report import Finding, Report, Status

__all__ = ["Ledger"]


class Ledger:
    """Findings in the making; `asked` are the values under judgement, `others` those left out."""

    def __init__(self, subject: str, asked: tuple[str, ...], others: tuple[str, ...] = ()) -> None:
        self.subject = subject
        self.parts: dict[str, Status] = dict.fromkeys(others, "not checked")
        self.parts.update(dict.fromkeys(asked, "right"))
        self.findings: list[Finding] = []
        self.tried: list[str] = []

    def right(self, part: str) -> bool:
        """Whether a value has been right so far."""
        return self.parts.get(part) == "right"

    def add(self, finding: Finding, parts: tuple[str, ...], status: Status = "wrong") -> None:
        """Keep a finding if it is the first about any of its values, and mark those."""
        fresh = [part for part in parts if self.right(part)]
        self.parts.update(dict.fromkeys(fresh, status))
        if fresh:
            self.findings.append(finding)

    def warn(self, context: Context, cause: str, what: str, param: str = "", arg: str = "") -> None:
        """Keep a warning, once for each function, value and cause."""
        if not any((f.cause, f.role, f.param) == (cause, context.role, param) for f in self.findings):
            words = words_for(cause, param or context.role, arg)
            finding = context.finding(
                param, "warning", cause, what, [], words.cause, words.step, warning=True
            )
            self.findings.append(finding)

    def report(self, summary: str = "") -> Report:
        """The report on all that was tried; warnings about a value that turned out wrong are dropped."""
        kept = [
            f for f in self.findings if f.severity == "error" or self.parts.get(f.param, "right") == "right"
        ]
        summary = summary or f"right in {len(self.tried)} cases: {', '.join(self.tried)}"
        return Report(self.subject, self.parts, tuple(kept), tuple(self.tried), summary)
