"""The chapter of preliminaries: its test lets out only who is right, and a wrong answer is told why.

Answers are put in the place of the stubs and judged by the chapter's own check cells.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests import chapters

CHAPTER = chapters.Chapter("00_preliminaries")
CELLS = {ident: cell.source for ident, cell in CHAPTER.cells.items()}
NEEDED = ("setup", "test-judge", "judges")

RIGHT = {
    1: "(7, 3)", 2: "43", 3: "'c'", 4: "'B '", 5: "(4, 4)", 6: "(3,)", 7: "[[3, 2, 0], [1, 0, 2]]", 8: "[13, 2, 20]"
}  # fmt: skip


@pytest.fixture(scope="module")
def chapter() -> dict[str, Any]:
    """The names that the check cells use."""
    names: dict[str, Any] = {}
    for ident in NEEDED:
        run(ident, names)
    return names


def run(ident: str, names: dict[str, Any]) -> str:
    """Run one cell; what it prints and what its last line shows, as text."""
    return chapters.run(CELLS[ident], names)[0]


def judged(chapter: dict[str, Any], exercise: str, answer: str = "") -> str:
    """What the check cells of an exercise say to an answer."""
    names = dict(chapter)
    run(f"{exercise}-stub", names)
    exec(answer, names)
    return "\n".join(run(i, names) for i in CELLS if i.startswith(f"{exercise}-check"))


def quizzed(chapter: dict[str, Any], **changed: str) -> str:
    """What the self-test says to the right answers, some of them changed: `q3="'a'"`."""
    answers = RIGHT | {int(key[1:]): value for key, value in changed.items()}
    return judged(chapter, "test", f"my_answers = {{{', '.join(f'{k}: {v}' for k, v in answers.items())}}}")


# ---- the test at the start -----------------------------------------------------------------------


def test_all_right_answers_let_the_reader_out(chapter: dict[str, Any]) -> None:
    assert quizzed(chapter).endswith("8 of 8\nYou can skip this chapter.\n")


def test_arrays_are_taken_for_lists(chapter: dict[str, Any]) -> None:
    said = quizzed(
        chapter, q7="np.array([[3, 2, 0], [1, 0, 2]])", q8="np.array([13.0, 2.0, 20.0])", q2="43.0"
    )
    assert "You can skip this chapter." in said


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("q7", "((3, 2, 0), (1, 0, 2))"),
        ("q7", "[(3, 2, 0), (1, 0, 2.0)]"),
        ("q8", "(13, 2, 20)"),
        ("q1", "[7, 3]"),
        ("q6", "np.ones((4, 3)).sum(axis=0).shape"),
        ("q3", "'(C)'"),
        ("q4", "'b.'"),
    ],
)
def test_a_right_answer_spelt_otherwise_is_correct(
    chapter: dict[str, Any], question: str, answer: str
) -> None:
    assert "You can skip this chapter." in quizzed(chapter, **{question: answer})


def test_a_number_for_a_shape_with_one_axis_is_told_how_to_write_it(chapter: dict[str, Any]) -> None:
    assert "6: incorrect: write a tuple, such as (2,) for one axis" in quizzed(chapter, q6="(3)")


WRONG_TEST = {
    1: ("(5, 5)", "A product, read four ways"),
    2: ("21", "that is entry by entry, A * B"),
    3: ("'a'", "sums over the first index of B"),
    4: ("'a'", "only one term of the sum holds x_3"),
    5: ("(4, 1)", "line the axes up from the right"),
    6: ("(4,)", "axis 0 goes, axis 1 stays"),
    7: ("[[3, 1], [2, 0], [0, 2]]", "transposed, one row for each input"),
    8: ("[5, 10]", "Two layouts, and one product"),
}
FORM = {
    1: ("(3, 7)", "the rows of A come first"),
    2: ("'43'", "write a number, without quotes"),
    3: ("'A @ B.T'", "write one letter, from a to d"),
    4: ("'2 x_3'", "write one letter, from a to d"),
    7: ("[3, 2, 0, 1, 0, 2]", "write rows, one list for each output"),
    8: ("[[13, 2, 20]]", "write one list of numbers"),
}


@pytest.mark.parametrize("number", WRONG_TEST)
def test_one_wrong_answer_keeps_the_reader_in(chapter: dict[str, Any], number: int) -> None:
    answer, reason = WRONG_TEST[number]
    said = quizzed(chapter, **{f"q{number}": answer})
    line = next(line for line in said.splitlines() if line.startswith(f"{number}: "))
    assert line.startswith(f"{number}: incorrect")
    assert reason in line
    assert "7 of 8" in said
    assert "skip" not in said


@pytest.mark.parametrize("number", FORM)
def test_an_answer_in_another_form_is_told_the_form(chapter: dict[str, Any], number: int) -> None:
    answer, form = FORM[number]
    assert f"{number}: incorrect: {form}" in quizzed(chapter, **{f"q{number}": answer})


@pytest.mark.parametrize(
    ("question", "letter", "reason"),
    [
        ("q3", "b", "A.T @ B sums over the first index of both"),
        ("q3", "d", "that is the transpose"),
        ("q4", "c", "the other four terms do not hold x_3"),
        ("q4", "d", "the other terms stay still, with the slope 0"),
    ],
)
def test_each_wrong_choice_has_its_own_reason(
    chapter: dict[str, Any], question: str, letter: str, reason: str
) -> None:
    assert f"{question[1]}: incorrect: {reason}" in quizzed(chapter, **{question: repr(letter)})


@pytest.mark.parametrize("number", RIGHT)
@pytest.mark.parametrize("answer", ["[[1, 2], [3]]", "'?'", "{}", "7", "[3, 7]", "True"])
def test_an_answer_of_another_kind_is_incorrect_and_does_not_raise(
    chapter: dict[str, Any], number: int, answer: str
) -> None:
    said = quizzed(chapter, **{f"q{number}": answer})
    assert f"{number}: incorrect" in said
    assert "7 of 8" in said


def test_every_section_that_the_test_names_is_a_heading(chapter: dict[str, Any]) -> None:
    headings = [line[3:] for c in CHAPTER.all for line in c.source.splitlines() if line.startswith("## ")]
    assert {section for _, section in chapter["TEST"].values()} <= set(headings)


# ---- the exercises -------------------------------------------------------------------------------


def shape(letter: str, answer: str) -> str:
    return f"my_shapes[{letter!r}] = {answer}"


def rows(body: str) -> str:
    return f"def product_by_rows(X, W):\n    return {body}"


def centre(body: str) -> str:
    return f"def centre_rows(X):\n    return {body}"


def loss(body: str) -> str:
    return f"def mended_loss(y, t):\n    return {body}"


def total(body: str) -> str:
    return f"def total_jacobian(x):\n    return {body}"


def nudge(body: str) -> str:
    return f"def my_jacobian(f, x):\n    return {body}"


def sides(other: str, step: float) -> str:
    return f"np.stack([(f(x + 1e-5 * e) - {other}) / {step} for e in np.eye(len(x))], axis=1)"


# exercise, answer, what the check must say
WRONG = {
    "a product not transposed": ("shapes", shape("B", "(6, 3)"), "B: incorrect: the axes are the other way"),
    "an axis kept": ("shapes", shape("C", "(6, 1)"), "C: incorrect: count the axes"),
    "the wrong axis summed": ("shapes", shape("C", "(4,)"), "C: incorrect: which axis goes"),
    "lined up from the left": ("shapes", shape("D", "(6, 4)"), "D: incorrect: line the shapes up"),
    "an error where none is": ("shapes", shape("E", "'error'"), "E: incorrect: this line runs"),
    "a number for a shape": ("shapes", shape("F", "6"), "F: incorrect: write a tuple"),
    "entry by entry": ("ex-rows", rows("X * W"), "that is X * W, entry by entry"),
    "the other order": ("ex-rows", rows("W @ X"), "that is W @ X"),
    "a transposed factor": ("ex-rows", rows("X @ W.T"), "that is X @ W.T"),
    "overwritten rows": ("ex-rows", rows("np.outer(X[:, -1], W[-1])"), "only the last d is left"),
    "a product transposed": ("ex-rows", rows("(X @ W).T"), "that is the transpose of X @ W"),
    "columns centred": ("centre", centre("X - X.mean(axis=0)"), "the mean of each column went"),
    "an axis lost": ("centre", centre("X - X.mean(axis=1)"), "keep the axis"),
    "one mean for all": ("centre", centre("X - X.mean()"), "one mean of all entries"),
    "a sum for a mean": ("centre", centre("X - X.sum(axis=1, keepdims=True)"), "the sum of the row"),
    "the sign turned": ("centre", centre("X.mean(axis=1, keepdims=True) - X"), "X was taken from the mean"),
    "the reverse thought diagonal": ("diagonal", "my_diagonal = 'ACDF'", "C: output 0 uses input 3"),
    "the mask overlooked": ("diagonal", "my_diagonal = 'ad'", "F: the mask looks at the same entry"),
    "letters in a list": ("diagonal", "my_diagonal = ['A', 'D', 'E']", "E: the mean uses every entry"),
    "a letter and no more": ("diagonal", "my_diagonal = 5", "write letters from A to F"),
    "other letters": ("diagonal", "my_diagonal = 'XY'", "write letters from A to F"),
    "a sum too many": ("bilinear", "formula_db = 'sum(M.T @ a)'", "expected (D, 1)"),
    "a matrix not transposed": ("bilinear", "formula_db = 'M @ a'", "the shapes do not fit in M @ a"),
    "a row for a column": ("bilinear", "formula_db = 'a.T @ M'", "looks transposed"),
    "an outer product turned": ("bilinear", "formula_dM = 'b @ a.T'", "looks transposed: its axes are (D, N)"),
    "nothing mended": ("mistake", loss("np.mean((y - t) ** 2)"), "still every prediction against every"),
    "a sum of squares": ("mistake", loss("np.sum((y[:, 0] - t) ** 2)"), "a sum, and a mean was asked for"),
    "no squares": ("mistake", loss("np.mean(y[:, 0] - t)"), "the square is missing"),
    "the delta forgotten": ("total", total("x[:, None] * np.ones(len(x))"), "the term with the delta"),
    "the sum held fixed": ("total", total("np.sum(x) * np.eye(len(x))"), "the derivative of the sum"),
    "inputs as rows": ("total", total("np.sum(x) * np.eye(len(x)) + x"), "transposed: J[i, j]"),
    "no delta": ("total", total("np.sum(x) + x[:, None] * np.ones(len(x))"), "where is the delta?"),
    "the other layout": ("nudge", nudge("numeric.jacobian(f, x).T"), "that is the denominator layout"),
    "outputs added up": ("nudge", nudge("numeric.jacobian(f, x).sum(axis=0)"), "keep one row for each"),
    "one nudge for all": ("nudge", nudge("(f(x + 1e-5) - f(x - 1e-5)) / 2e-5"), "all inputs were nudged at once"),
    "one side": ("nudge", nudge(sides("f(x)", 1e-5)), "nudged to one side only"),
    "the wrong step": ("nudge", nudge(sides("f(x - 1e-5 * e)", 1e-5)), "twice too large: the two points are 2h"),
    "an exception": ("nudge", nudge("f(x, 1)"), "it raised TypeError"),
    "words": ("total", total("'J'"), "it raised ValueError"),
}  # fmt: skip


def full(exercise: str) -> str:
    return exercise if exercise.startswith("ex-") else f"ex-{exercise}"


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_told_what_is_wrong(chapter: dict[str, Any], name: str) -> None:
    exercise, answer, message = WRONG[name]
    said = judged(chapter, full(exercise), answer)
    assert "incorrect" in said
    assert message in said


RIGHT_ANSWERS = {
    "shapes": "my_shapes = dict(A=(6, 3), B=(3, 6), C=(6,), D='error', E=(6, 6), F=(6, 1))",
    "rows": rows("np.einsum('nd,dc->nc', X, W)"),
    "centre": centre("(X.T - X.mean(axis=1)).T"),
    "diagonal": "my_diagonal = 'fad'",
    "bilinear": "formula_db, formula_dM = '(a.T @ M).T', '(b @ a.T).T'",
    "mistake": loss("np.mean((y - t[:, None]) ** 2)"),
    "total": total("np.diag(np.full(len(x), x.sum())) + np.outer(x, np.ones(len(x)))"),
    "nudge": nudge("np.stack([(f(x + 1e-4 * e) - f(x - 1e-4 * e)) / 2e-4 for e in np.eye(len(x))]).T"),
}


@pytest.mark.parametrize("exercise", RIGHT_ANSWERS)
def test_a_right_answer_in_other_words_is_correct(chapter: dict[str, Any], exercise: str) -> None:
    said = judged(chapter, full(exercise), RIGHT_ANSWERS[exercise])
    assert "incorrect" not in said
    assert "not attempted" not in said
    assert "correct" in said


@pytest.mark.parametrize(
    "letters", ["'A, D, F'", "'a d f'", "'A, D and F.'", "['F', 'D', 'A']", "{'A', 'D', 'F'}"]
)
def test_letters_are_read_in_any_sensible_spelling(chapter: dict[str, Any], letters: str) -> None:
    assert judged(chapter, "ex-diagonal", f"my_diagonal = {letters}") == "correct\n"


def test_a_shape_may_be_a_list_and_an_error_may_have_a_capital(chapter: dict[str, Any]) -> None:
    said = judged(chapter, "ex-shapes", "my_shapes.update(A=[6, 3], D='Error')")
    assert "A: correct" in said
    assert "D: correct" in said


def test_a_shape_may_be_an_array(chapter: dict[str, Any]) -> None:
    said = judged(chapter, "ex-shapes", "my_shapes.update(A=np.array([6, 3]), F=np.array(6))")
    assert "A: correct" in said
    assert "F: incorrect: count the axes" in said


def test_a_mended_loss_is_tried_at_as_many_sizes_as_the_check_says(chapter: dict[str, Any]) -> None:
    sizes = []

    def seen(y: Any, t: Any) -> Any:
        sizes.append(len(t))
        return ((y[:, 0] - t) ** 2).mean()

    assert chapter["judge_mended"](seen) == f"correct, at {len(set(sizes))} sizes"


def test_the_untransposed_product_is_refused_and_the_sum_is_called_one_too_many(
    chapter: dict[str, Any],
) -> None:
    names = dict(chapter)
    run("jacobian-square", names)
    assert "the chain rule wants the transpose of J" in run("pullback-refused", names)
    said = run("sum-refused", names)
    assert "expected (D,)" in said
    assert "give the sum its axis" not in said


@pytest.mark.parametrize("exercise", RIGHT_ANSWERS)
def test_a_stub_is_not_attempted(chapter: dict[str, Any], exercise: str) -> None:
    said = judged(chapter, full(exercise))
    assert "not attempted yet" in said
    assert "correct" not in said


def test_every_exercise_is_tried_here() -> None:
    stubs = {ident.removeprefix("ex-").removesuffix("-stub") for ident in CELLS if ident.endswith("-stub")}
    assert stubs == {"test", *RIGHT_ANSWERS}
    assert stubs - {"test"} == {full(e).removeprefix("ex-") for e, _, _ in WRONG.values()}
