"""What a typed answer is asked about is read from text or from a layer's name, labels and all."""

from __future__ import annotations

import pytest

from handgrad import check_formula
from handgrad.errors import FormulaError, UnknownNameError
from handgrad.question import from_layer, from_text

PICK = "s = S[arange(N), y]\nL = sum(s)"


def test_labels_are_whole_numbers_below_the_size_of_the_axis_they_pick_from() -> None:
    given = from_text(PICK, "S: N C, y: N int")
    assert given.labels == {"y": ("C",)}
    assert given.inputs == {"S": ("N", "C"), "y": ("N",)}
    assert from_text("L = sum(onehot(y, C) * S)", "S: N C, y: N int").labels == {"y": ("C",)}


def test_labels_that_pick_from_two_axes_fit_the_smaller_one() -> None:
    forward = "a = A[arange(N), y]\nb = B[arange(N), y]\nL = sum(a * b)"
    shapes = "A: N C, B: N D, y: N int"
    assert from_text(forward, shapes).labels == {"y": ("C", "D")}
    report = check_formula("onehot(y, C) * b[:, None]", "A", forward=forward, shapes=shapes)
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("forward", "shapes", "words"),
    [
        (
            PICK,
            "S: N C, y: N",
            [
                "formula, line 1, column 18: y is used as labels, and is not declared so",
                '  declare labels as "y: N int"',
            ],
        ),
        (
            PICK,
            "S: N C, y: int N",
            ["check_formula: y is (int, N)", '  declare labels by one axis and int: "y: N int"'],
        ),
        (PICK, "S: N C, y: int", ["check_formula: y is (int,)"]),
        (
            "L = sum(S)",
            "S: N C, y: N int",
            [
                "check_formula: the labels y pick nothing",
                "  pick with them: S[arange(N), y], or onehot(y, C)",
            ],
        ),
        ("", "S: N", ["check_formula: needs forward and shapes, or a layer"]),
    ],
)
def test_a_question_that_cannot_be_read_says_what_to_write(
    forward: str, shapes: str, words: list[str]
) -> None:
    with pytest.raises(FormulaError) as caught:
        from_text(forward, shapes)
    assert all(line in str(caught.value).splitlines() for line in words)


def test_a_layer_gives_its_own_axes_and_labels() -> None:
    given = from_layer("softmax")
    assert given.inputs == {"x": ("N", "C"), "y": ("N",)}
    assert given.labels == {"y": ("C",)}
    given = from_layer("temporal_softmax")
    assert given.inputs == {"x": ("N", "T", "C"), "y": ("N", "T"), "mask": ("N", "T")}
    assert given.labels == {"y": ("C",)}
    assert from_layer("affine").inputs["x"] == ("N", "D")
    with pytest.raises(UnknownNameError, match="no layer 'softmx'"):
        from_layer("softmx")
