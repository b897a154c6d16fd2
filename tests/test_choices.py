"""Choices and shapes: every spelling of the right answer counts, every wrong one is told why."""

from __future__ import annotations

import numpy as np
import pytest

from handgrad import check_choice, check_shape
from handgrad.choices import judged_later, veiled

OPTIONS = {"a": "it has the wrong sign", "b": "", "c": "the batch is not summed"}


@pytest.mark.parametrize("answer", ["b", "B", " (b) ", "'b'", "b.", "option b", "Answer: (b)", lambda: "b"])
def test_every_spelling_of_the_right_letter_is_right(answer):
    assert check_choice(answer, OPTIONS).points({"choice": 2}) == 2


@pytest.mark.parametrize(
    ("answer", "cause", "words"),
    [
        ("a", "chose:a", "not a: it has the wrong sign"),
        ("C", "chose:c", "the batch is not summed"),
        ("d", "not-a-choice", "'d' is none of a, b, c"),
        ("bb", "not-a-choice", "none of a, b, c"),
        ("option", "not-a-choice", "none of a, b, c"),
        ("optionb", "not-a-choice", "none of a, b, c"),
        (7, "not-a-choice", "of type int, expected one of a, b, c"),
        ("b" * 1000, "not-a-choice", "expected one of"),
    ],
)
def test_a_wrong_choice_is_told_its_reason(answer, cause, words):
    report = check_choice(answer, OPTIONS)
    assert not report.ok
    assert report.findings[0].cause == cause
    assert words in report.findings[0].message
    assert report.points({"choice": 2}) == 0


@pytest.mark.parametrize("judge", [lambda a: check_choice(a, OPTIONS), lambda a: check_shape(a, "D M")])
def test_nothing_and_exceptions_are_no_answers(judge):
    def raising():
        raise ValueError("later")

    for nothing in (None, "", "...", lambda: None):
        assert judge(nothing).verdict == "not attempted"
    assert judge(raising).verdict == "error"
    assert "ValueError: later" in str(judge(raising))


SPELT = ["D M", "(D, M)", "[D, M]", "D x M", "D×M", ("D", "M"), ["D", "M"], "D,M", (5, 3), lambda: (5, 3)]


@pytest.mark.parametrize("answer", [*SPELT, (np.int64(5), 3), np.array([5, 3])])
def test_a_shape_may_be_written_in_letters_or_numbers(answer):
    assert check_shape(answer, "D M", sizes={"D": 5, "M": 3}).ok


@pytest.mark.parametrize(
    ("answer", "cause", "words"),
    [
        ("M D", "transposed", "in another order"),
        ("N M", "wrong-shape", "(N, M) is not the shape"),
        ((3, 5), "wrong-shape", "transposed"),
        ((7, 5, 3), "wrong-shape", "(7, 5, 3)"),
        (7, "not-a-shape", "a value of type int is no shape"),
        ("d m", "wrong-shape", "check: axes are named by capitals, such as N"),
        (np.ones((5, 3)), "not-a-shape", "a value of type ndarray is no shape"),
        (np.array([5.0, 3.0]), "not-a-shape", "a value of type ndarray is no shape"),
        ({"D": 1}, "not-a-shape", "a value of type dict is no shape"),
    ],
)
def test_a_wrong_shape_is_told_why(answer, cause, words):
    report = check_shape(answer, "D M", sizes={"N": 7, "D": 5, "M": 3})
    assert (report.ok, report.findings[0].cause) == (False, cause)
    assert words in str(report)


@pytest.mark.parametrize("answer", [(3, 5), (7, 5, 3), (5,), (7, 3), (1, 5, 3), "N M", "M D"])
def test_a_wrong_shape_is_not_told_the_right_one(answer):
    said = str(check_shape(answer, "D M", sizes={"N": 7, "D": 5, "M": 3}))
    assert "(D, M)" not in said
    assert "(5, 3)" not in said


def test_numbers_are_refused_where_letters_are_asked():
    assert "by their letters" in str(check_shape((5, 3), "D M"))


def test_the_shape_of_a_scalar_is_empty():
    assert check_shape((), "").ok
    assert not check_shape((1,), "").ok


REASONED = {"a": "the sign", "b": "which axis is first?", "c": "the batch is not summed"}


@pytest.mark.parametrize(
    ("answer", "cause"), [("b", []), (" (B) ", []), ("a", ["chose:a"]), ("c", ["chose:c"])]
)
def test_the_right_option_may_be_veiled_behind_a_reason_like_the_others(answer, cause):
    report = check_choice(answer, REASONED, right=veiled("sign", "b"), part="sign")
    assert [finding.cause for finding in report.findings] == cause
    assert report.points({"sign": 1}) == float(not cause)


def test_the_same_letter_is_veiled_otherwise_in_another_part():
    assert veiled("first", "b") != veiled("second", "b") != veiled("second", "a")


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("N H", []),
        (("N", "H"), []),
        ("H N", ["transposed"]),
        ("N", ["wrong-shape"]),
        ("A B C D E F G H", ["wrong-shape"]),
    ],
)
def test_a_shape_may_be_veiled_too(answer, cause):
    report = check_shape(answer, right=veiled("dS", "N H"), part="dS")
    assert [finding.cause for finding in report.findings] == cause
    assert report.points({"dS": 1}) == float(not cause)


def test_a_choice_can_be_kept_until_the_work_is_handed_in():
    report = judged_later("sizes")
    assert str(report) == "sizes: judged after you hand in"
    assert report.points({"sizes": 2}) == 0.0
    assert not report.ok
