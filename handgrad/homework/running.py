"""A submission's cells in a sandbox that is begun again after one of them, or an answer, has ended it."""

from __future__ import annotations

from collections.abc import Callable

from handgrad.homework.answers import Answers, Spent, words
from handgrad.homework.results import CellFailure
from handgrad.homework.sandbox import ENDINGS, Ended, Limits, Sandbox
from handgrad.homework.source import Homework
from handgrad.homework.submission import Cell
from handgrad.homework.watched import Clock, Watched

__all__ = ["Running"]


class Running:
    """The sandbox of one submission, what it has used, and the cells that failed in it.

    `failures` are by the place of the cell; `calls` those of its answers that nobody has looked at yet.
    """

    def __init__(
        self, homework: Homework, cells: list[Cell], limits: Limits, fresh: Callable[[], Sandbox]
    ) -> None:
        self.homework, self.cells, self.limits, self._fresh = homework, cells, limits, fresh
        self.failures: dict[int, CellFailure] = {}
        self.calls: list[Spent] = []
        self.total = 0
        self.clock = Clock(limits)  # what sleeps uses no instructions
        self._deadly: set[int] = set()  # positions of cells that ended a sandbox: never run again
        self._starts = 0
        self._singly = False  # whether cells are run one by one, to see which of them ends the sandbox
        self._gone = False  # a cell has just ended the sandbox
        self._sandbox: Sandbox | None = None
        self._answers: Answers | None = None

    def _ready(self) -> Answers:
        """A sandbox in which every cell has run that can."""
        while self._answers is None:
            self._spend(0)
            if self._starts >= self.limits.starts:
                raise Ended("total")
            self._starts += 1
            self._sandbox = Watched(self._fresh, self.clock)
            answers = Answers(self._sandbox, self.homework.names, self._spend)
            answers.calls = self.calls
            if self._load(answers):
                self._answers = answers
                self.clock.next_part()
            else:
                self._drop()
        return self._answers

    def _load(self, answers: Answers) -> bool:
        """Run the cells; False if one ended the sandbox, which is then left out of the next attempt."""
        again: list[int] = []
        self._gone = False
        together = None if self._singly else self._together(answers)
        if self._gone:
            return False
        for place, cell in enumerate(self.cells if together is None else ()):
            if place not in self._deadly and not self._cell(answers, place, cell):
                again.append(place)
            if self._gone:
                return False
            if not self._keep(answers, place, cell):
                return False
        for place in again if together is None else together:  # a cell may have stood above what it needs
            self._cell(answers, place, self.cells[place])
            if self._gone:
                self._singly = True
                return False
        return True

    def _together(self, answers: Answers) -> list[int]:
        """Run all cells in one request: quicker. The places of those that raised.

        If that ends the sandbox, then from now on each runs by itself, and this one attempt does not count.
        """
        cells = [
            {"source": cell.source, "name": f"<cell {cell.number}>", "keep": cell.keep} for cell in self.cells
        ]
        before = self.total
        try:
            raised = answers.ask(op="cells", cells=cells).get("raised")
            if type(raised) is not list or len(raised) != len(cells):
                raise Ended("protocol")
            said = [words(text) for text in raised]
        except Ended:
            self._gone = self._singly = True
            self._starts -= 1
            self.total = before
            return []
        failed = [place for place, text in enumerate(said) if text]
        for place in failed:
            self._fail(place, self.cells[place], said[place])
        return failed

    def _cell(self, answers: Answers, place: int, cell: Cell) -> bool:
        """Run one cell, and return whether it ran."""
        self.clock.next_part()
        name = f"<cell {cell.number}>"
        try:
            raised = answers.ask(op="cell", source=cell.source, name=name).get("raised")
            said = words(raised) if raised else ""
        except Ended as stop:
            self._trapped(stop)
            self._deadly.add(place)
            self._gone = True
            self._fail(place, cell, ENDINGS[stop.ending])
            return False
        if said:
            self._fail(place, cell, said)
            return False
        self.failures.pop(place, None)
        return True

    def _keep(self, answers: Answers, place: int, cell: Cell) -> bool:
        """Keep the answers that stand now, if any, and return whether the cell has left the sandbox whole."""
        try:
            answers.ask(op="keep", parts=list(cell.keep))
        except Ended as stop:  # nothing of the student's is called here
            self._trapped(stop)
            self._deadly.add(place)
            self._fail(place, cell, ENDINGS[stop.ending])
            self._gone = True
            return False
        return True

    def _fail(self, place: int, cell: Cell, words: str) -> None:
        if cell.grade_id not in self.homework.given:
            self.failures[place] = CellFailure(cell.number, cell.grade_id, words)

    def _spend(self, instructions: int) -> None:
        self.total += instructions
        if self.total > self.limits.total:
            raise Ended("total")
        self.clock.check()

    def _trapped(self, stop: BaseException) -> None:
        """What ran out of instructions has used them all."""
        if getattr(stop, "ending", "") == "instructions":
            self.total += self.limits.instructions

    def _drop(self) -> None:
        if self._sandbox is not None:
            self._sandbox.close()
        self._sandbox = self._answers = None
