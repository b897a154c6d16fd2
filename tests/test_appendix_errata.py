"""The appendix of errata: thirty entries, each with a statement that is refuted and one that passes.

Its cells are run here once more, with the two halves of every pair also exchanged: the appendix's own judge has
to say no both to a true statement in the place of a wrong one and to a wrong one in the place of a correction.
Every correction is also spoilt a little, and has to be refused; and all pairs hold with other random numbers.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad.homework import notebooks

APPENDIX = Path(__file__).resolve().parents[1] / "book" / "appendix_errata.ipynb"
CELLS = {cell.id: cell for cell in notebooks.read(APPENDIX).cells}
NUMBERS = range(1, 31)
SOURCES = {
    "dimension-analysis": range(1, 6),
    "higher-order": range(6, 14),
    "chain-rule": range(14, 22),
    "nobody-talks": range(22, 25),
    "trick": range(25, 31),
}


def pairs_in(number: int) -> Iterator[ast.Call]:
    """The calls of `pair` in an entry's cell; one in a loop is one call."""
    for node in ast.walk(ast.parse(CELLS[f"erratum-{number}"].source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "pair":
            yield node


def printed(number: int) -> str:
    return "".join(output.text for output in CELLS[f"erratum-{number}"].outputs)


def near_misses(answer: Any) -> Iterator[Any]:
    """Answers that are nearly this one, or have another shape: a test that means anything refuses each."""
    if isinstance(answer, dict):
        for name in answer:
            yield from ({**answer, name: wrong} for wrong in near_misses(answer[name]))
        return
    array = np.asarray(answer)
    if array.dtype.kind == "U":
        yield from ([], [*array[1:]], [*array, "X"])
        return
    if array.dtype.kind == "b":
        yield from (array ^ (np.arange(array.size) == i).reshape(array.shape) for i in range(array.size))
        return
    yield from (None, -array, 2 * array, array / 2, 1.001 * array, array[None], np.zeros(array.shape))
    for i in range(array.size):
        one = array.astype(float)
        one.flat[i] += 0.01 * (1 + abs(one.flat[i]))
        yield one


class Run:
    """The appendix, run from top to bottom, and every pair put to its judge a second time, exchanged.

    `later` is added to every seed of the appendix: its random numbers are then others.
    """

    def __init__(self, later: int = 0) -> None:
        self.names: dict[str, Any] = {}
        self.exchanged: dict[tuple[int, str], Any] = {}
        self.halves: list[tuple[int, str]] = []
        self.raised: dict[tuple[int, str], str] = {}
        self.spoilt: dict[tuple[int, str], list[bool]] = {}
        self.last = ""
        for ident, cell in CELLS.items():
            if cell.cell_type != "code":
                continue
            source = re.sub(
                r"default_rng\((\d+)\)", lambda m: f"default_rng({int(m[1]) + later})", cell.source
            )
            with contextlib.redirect_stdout(io.StringIO()) as said:
                exec(compile(source, ident, "exec"), self.names)
            self.last = said.getvalue()
            if ident == "judge":
                self.judge, self.names["pair"] = self.names["pair"], self.pair

    def pair(self, number: int, claim: str, *, source: Any, corrected: Any, test: Any) -> None:
        def noted(half: str, statement: Any) -> Any:
            def run() -> Any:
                self.halves.append((number, half))
                try:
                    return statement()
                except Exception as error:
                    self.raised[number, claim] = f"{type(error).__name__}: {error}"
                    raise

            return run

        halves = {"source": noted("source", source), "corrected": noted("corrected", corrected)}
        self.judge(number, claim, **halves, test=test)
        if number != "planted":
            self.judge("exchanged", claim, source=corrected, corrected=source, test=test)
            self.exchanged[number, claim] = self.names["BOOK"].pop("exchanged")[claim]
            # at once: in a loop the statements change with its variables
            self.spoilt[number, claim] = [test(wrong)[0] for wrong in near_misses(corrected())]


@pytest.fixture(scope="module")
def run() -> Run:
    return Run()


def test_there_are_exactly_thirty_entries_in_order() -> None:
    entries = [ident for ident in CELLS if ident.startswith(("about-", "erratum-"))]
    assert entries == [f"{kind}-{n}" for n in NUMBERS for kind in ("about", "erratum")]


@pytest.mark.parametrize("number", NUMBERS)
def test_an_entry_has_a_label_a_heading_its_source_and_a_chapter(number: int) -> None:
    text = CELLS[f"about-{number}"].source
    label, heading, *prose = [line for line in text.splitlines() if line]
    assert label == f"(sec-erratum-{number})="
    assert re.fullmatch(rf"### {number} · .+", heading)
    key = next(key for key, numbers in SOURCES.items() if number in numbers)
    assert f"{{cite:p}}`{key}`" in text
    assert re.search(r"\{ref\}`(ch|sec)-(?!erratum|errata)", text), "no link to a chapter"
    assert 20 <= len(" ".join(prose).split()) <= 130


@pytest.mark.parametrize("number", NUMBERS)
def test_the_prose_of_an_entry_types_no_measured_figure(number: int) -> None:
    assert not re.search(r"\d\.\d", CELLS[f"about-{number}"].source)


@pytest.mark.parametrize("number", NUMBERS)
def test_an_entry_has_both_halves_and_one_test_for_the_two(number: int) -> None:
    calls = list(pairs_in(number))
    assert calls
    for call in calls:
        assert isinstance(call.args[0], ast.Constant)
        assert call.args[0].value == number
        assert {keyword.arg for keyword in call.keywords} == {"source", "corrected", "test"}


@pytest.mark.parametrize("number", NUMBERS)
def test_the_stored_output_refutes_the_source_and_passes_the_correction(number: int) -> None:
    text = printed(number)
    verdicts = len(re.findall(rf"^{number}: .+$", text, re.M))
    assert verdicts >= len(list(pairs_in(number)))
    assert len(re.findall(r"^  source    refuted: \S+", text, re.M)) == verdicts
    assert len(re.findall(r"^  corrected passes$", text, re.M)) == verdicts


def test_every_half_of_every_pair_is_run(run: Run) -> None:
    book = run.names["BOOK"]
    assert sorted(book) == list(NUMBERS)
    for number in NUMBERS:
        for half in ("source", "corrected"):
            assert run.halves.count((number, half)) == len(book[number])


def test_every_source_is_refuted_in_words_and_every_correction_passes(run: Run) -> None:
    for number, claims in run.names["BOOK"].items():
        for claim, verdict in claims.items():
            assert verdict.refuted, (number, claim)
            assert verdict.passes, (number, claim)
            assert verdict.measured, (number, claim)


def test_the_judge_says_no_to_each_pair_exchanged(run: Run) -> None:
    assert len(run.exchanged) == sum(map(len, run.names["BOOK"].values()))
    for (number, claim), verdict in run.exchanged.items():
        assert not verdict.refuted, f"{number}, {claim}: a true statement is refuted"
        assert not verdict.passes, f"{number}, {claim}: a wrong statement passes"


def test_every_test_refuses_a_correction_that_is_spoilt_a_little(run: Run) -> None:
    assert run.spoilt.keys() == run.exchanged.keys()
    for key, verdicts in run.spoilt.items():
        assert verdicts, key
        assert not any(verdicts), key


@pytest.mark.parametrize("later", [100, 2000])
def test_the_pairs_and_what_is_printed_beside_them_hold_with_other_random_numbers(
    run: Run, later: int
) -> None:
    other = Run(later)
    assert {n: list(claims) for n, claims in other.names["BOOK"].items()} == {
        n: list(claims) for n, claims in run.names["BOOK"].items()
    }
    for number, claims in other.names["BOOK"].items():
        for claim, verdict in claims.items():
            assert verdict.refuted, (number, claim)
            assert verdict.passes, (number, claim)
    measured = [v.measured for claims in other.names["BOOK"].values() for v in claims.values()]
    assert measured != [v.measured for claims in run.names["BOOK"].values() for v in claims.values()]


# A statement that raises has to raise for the reason that its entry gives, and not for a slip in the cell.
REASONS = {
    (6, "ReLU of an array"): r"TypeError: only integer scalar arrays",
    (9, "dx, through the derivative of x by y"): r"LinAlgError: Singular matrix",
    (11, "into a column, and back"): r"ValueError: cannot reshape array of size 784 into shape \(28,\s*1\)",
    (14, "row sums as a column"): r"ValueError: shapes \(7,1\) and \(7,5\) not aligned",
    (15, "dW, with dH/dS as a matrix factor"): r"ValueError: matmul: .*size 4 is different from 2",
    (17, "dS"): r"ValueError: matmul: .*size 7 is different from 3",
    (17, "dW"): r"ValueError: matmul: .*size 5 is different from 3",
    (27, "Z over W"): r"ValueError: operands could not be broadcast .*\(7,4\) \(5,4\)",
    (30, "J(w, b) at theta"): r"TypeError: J_of_w_b\(\) missing 1 required positional argument: 'b'",
    (30, "d numbers or n + 1"): r"ValueError: matmul: .*size 5 is different from 4",
    (30, "the dots of the chain"): r"ValueError: matmul: .*size 7 is different from 3",
}


def test_a_statement_that_raises_does_so_for_the_reason_of_its_entry(run: Run) -> None:
    assert run.raised.keys() == REASONS.keys()
    for key, words in run.raised.items():
        assert re.match(REASONS[key], words), (key, words)


# What is printed beside the pairs is a claim of the prose, too.
BESIDE = {
    1: "N=4 D=4 C=4: 12 fit, 1 right",
    6: "np.max(0, 3): raises AxisError",
    7: "for ReLU both are the same: True",
    12: "W x + b, with b left out: right",
    13: "the sum of all outer products is G X.T: True",
    14: "one sample, keepdims=False: right",
    16: "exp: right",
    21: "with one class: right by accident",
    23: "dz/dW, laid out in order F: right",
    24: "the short form is the long one: True",
    25: "dW as printed, with relu: right",
    26: "as printed, with tanh in both layers: right",
    28: "ones, for the sum of all outputs: right",
    29: "seven samples give W2 back: True",
}


@pytest.mark.parametrize("number", BESIDE)
def test_what_is_said_beside_a_pair_is_what_the_cell_printed(number: int) -> None:
    assert BESIDE[number] in printed(number).splitlines()


@pytest.mark.parametrize("number", NUMBERS)
def test_nothing_is_printed_beside_a_pair_that_the_prose_denies(number: int) -> None:
    assert not re.search(r": (wrong|False)$", printed(number), re.M)


@pytest.mark.parametrize(("right", "verdict"), [([True], True), ([True, False], False), ([], False)])
def test_no_formula_that_fits_is_not_all_of_them_right(run: Run, right: list[bool], verdict: bool) -> None:
    assert run.names["all_right"](right)[0] is verdict


@pytest.mark.parametrize("number", NUMBERS)
def test_a_true_statement_in_the_place_of_a_wrong_one_changes_the_summary(run: Run, number: int) -> None:
    claim = next(claim for n, claim in run.exchanged if n == number)
    planted = {**run.names["BOOK"][number], claim: run.exchanged[number, claim]}
    rows, refuted, corrected = run.names["summary"]({**run.names["BOOK"], number: planted})
    assert (refuted, corrected) == (29, 29)
    row = next(row for row in rows if row[0] == str(number))
    assert row[2:4] == ["STANDS", "FAILS"]


def test_an_entry_that_was_not_run_is_neither_refuted_nor_corrected(run: Run) -> None:
    book = {number: claims for number, claims in run.names["BOOK"].items() if number != 17}
    assert run.names["summary"](book)[1:] == (29, 29)


def test_the_summary_counts_thirty_and_thirty(run: Run) -> None:
    assert run.last.splitlines()[-1] == "30 refuted, 30 corrected"
    assert run.names["summary"](run.names["BOOK"])[1:] == (30, 30)


def test_a_mistake_in_the_test_itself_is_no_refutation(run: Run) -> None:
    def broken(x: Any) -> Any:
        raise NameError("x")

    np = run.names["np"]
    test = run.names["gradient_of"](broken, np.ones(3))
    with pytest.raises(RuntimeError, match="NameError"):
        run.judge(1, "broken", source=lambda: np.ones(3), corrected=lambda: np.ones(3), test=test)


def test_an_exception_that_no_entry_speaks_of_is_no_refutation(run: Run) -> None:
    test = run.names["equals"](1.0)
    with pytest.raises(NameError):
        run.judge(1, "a typo", source=lambda: undefined, corrected=lambda: 1.0, test=test)  # noqa: F821


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([1.0, 2.0, 3.0], ""),
        ([1.0, 2.0, 3.5], "[1.0, 2.0, 3.5], true [1.0, 2.0, 3.0]"),
        ([[1.0, 2.0, 3.0]], "shape (1, 3), true (3,)"),
        ([1.0, 2.0, float("nan")], "not finite"),
        (None, "absent"),
    ],
)
def test_the_words_say_how_an_answer_differs(run: Run, answer: Any, words: str) -> None:
    assert run.names["equals"]([1.0, 2.0, 3.0])(answer) == (not words, words)
